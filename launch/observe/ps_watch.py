"""``ruth ps --watch``: what there is, and from then on one line for each change of an agent.

It reads what there is once a second and compares: nothing is announced to it, and what came and went between
two readings is not seen. It reads no memory and no CPU time, which change all the time.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from launch.observe.liveness import read_sighting
from launch.observe.ps import state_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

INTERVAL_S: Final = 1.0


class CameraState(NamedTuple):
    """What is compared of one camera; as :class:`launch.observe.agent_view.AgentView` has it."""

    camera_id: str
    pid: int | None
    state: str
    death: str | None
    death_cause: str | None

    @property
    def text(self) -> str:
        """The state as tables have it, with the process."""
        process = "" if self.pid is None else f", pid {self.pid}"
        return f"{state_text(self.state, self.death, self.death_cause)}{process}"


class Change(NamedTuple):
    """One camera that is not as it was; ``before`` is None of one that was not there."""

    now: CameraState
    before: CameraState | None

    def line(self, clock: str) -> str:
        """``"14:03:21  yard: dead: SIGKILL (was running, pid 31696)"``.

        Args:
            clock: The time, as it is to be shown.

        """
        before = "new" if self.before is None else f"was {self.before.text}"
        return f"{clock}  {self.now.camera_id}: {self.now.text} ({before})\n"

    def as_json(self, time_ns: int) -> str:
        """The object that ``--json`` prints, one line.

        Args:
            time_ns: Nanoseconds since the epoch.

        """
        before = None if self.before is None else self.before.state
        return json.dumps({"time_ns": time_ns, **self.now._asdict(), "before": before}) + "\n"


def states_now(state_root: str, cameras: Sequence[str]) -> dict[str, CameraState]:
    """Of each camera what is compared, by id, in the order of ``cameras``."""
    found = {}
    for camera_id in cameras:
        sighting = read_sighting(state_root, camera_id)
        state = sighting.state(sighting.age_s(time.monotonic_ns()))
        found[camera_id] = CameraState(camera_id, sighting.pid, state, *sighting.death[:2])
    return found


def changes_between(before: dict[str, CameraState], now: dict[str, CameraState]) -> list[Change]:
    """Those of ``now`` that are not as ``before``, in its order.

    A camera that is no longer listed is none: its folder was removed by hand.
    """
    return [Change(state, before.get(name)) for name, state in now.items() if before.get(name) != state]


def watch(
    state_root: str, cameras: Callable[[], Sequence[str]], *, first: dict[str, CameraState] | None = None
) -> Iterator[list[Change]]:
    """What has changed, reading after reading, without end.

    Args:
        state_root: Folder of all agents' states.
        cameras: The cameras that are meant, as they are at each reading.
        first: What has been shown already; None to begin with all that there is.

    """
    before = first or {}
    while True:
        now = states_now(state_root, cameras())
        yield changes_between(before, now)
        before = now
        time.sleep(INTERVAL_S)

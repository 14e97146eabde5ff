"""What is read of every camera at one moment, cheaply enough to be read of a thousand each second.

A process's private memory is not cheap: the kernel walks its page tables, some 0.35 ms for an agent. So after
the first time it is read of some processes in each refresh, in turns, within a budget of CPU time.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

from launch.observe.agent_view import cpu_time_ns, private_bytes
from launch.observe.liveness import read_sighting
from launch.roots import known_cameras
from ruth.agent.rhythm import longest_gap_ns
from ruth.units import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch.observe.liveness import Sighting

PRIVATE_BUDGET: Final = 0.02  # of a core


class ModelReading(NamedTuple):
    """One subscription at one moment.

    Attributes:
        allowed: Frames allowed so far.
        last_session: The session that the last allowed frame was in; None before the first.
        last_timestamp_ns: Its frame time; None likewise.

    """

    model_id: str
    max_fps: float | None
    active: bool
    allowed: int
    last_session: int | None = None
    last_timestamp_ns: int | None = None


class Reading(NamedTuple):
    """One camera at one moment.

    Attributes:
        camera_id: The camera.
        pid: As :attr:`launch.observe.liveness.Sighting.pid`.
        started_ns: CLOCK_MONOTONIC when its agent started: tells an agent from the camera's next one.
        state: As :meth:`launch.observe.liveness.Sighting.state` has it.
        death: How it died, ``"SIGKILL"``, or None.
        stopped: Whether it is stopped (SIGSTOP).
        frames: Frames observed since the agent started.
        missed: Frames of the exports that it never saw.
        arrivals: Times that frames came, alone or several at once.
        gap_ns: Longest time without a frame in the last 64 to 127 frames; 0 before the second.
        observed_ns: CLOCK_MONOTONIC when the newest frame was observed; None before the first.
        age_s: Seconds since then.
        cpu_ns: CPU time used since the process started; None if it does not live.
        private_bytes: Memory that is its alone, as last read; None if it was not read yet.
        problem: Why not all of this could be told, or None.
        models: Each subscription.
        death_cause: One of :data:`launch.observe.death.CAUSES`, or None.
        dead_s: Seconds since it died; None if it lives, or if it is not known when.

    """

    camera_id: str
    pid: int | None
    started_ns: int
    state: str
    death: str | None
    stopped: bool
    frames: int
    missed: int
    observed_ns: int | None
    age_s: float | None
    cpu_ns: int | None
    private_bytes: int | None
    problem: str | None = None
    models: tuple[ModelReading, ...] = ()
    arrivals: int = 0
    gap_ns: int = 0
    death_cause: str | None = None
    dead_s: float | None = None


class Moment(NamedTuple):
    """All cameras at one moment, sorted by id; ``at_ns`` is CLOCK_MONOTONIC."""

    at_ns: int
    readings: tuple[Reading, ...]


class Reader:
    """Reads all cameras, again and again.

    Args:
        state_root: Folder of all agents' states; also an attribute.
        configured: Cameras to list also if they were never started.
        interval_s: Seconds between two readings, for the budget of what is dear.

    """

    __slots__ = ("_budget_ns", "_configured", "_private", "_turn", "state_root")

    def __init__(self, state_root: str, configured: Sequence[str], interval_s: float) -> None:
        self.state_root = state_root
        self._configured = configured
        self._private: dict[int, tuple[int, int | None]] = {}  # by pid: started_ns, bytes
        self._turn = 0
        self._budget_ns = interval_s * PRIVATE_BUDGET * NANOSECONDS

    def read(self) -> Moment:
        """Reads them now.

        Raises:
            OSError: The state root cannot be read.

        """
        cameras = sorted({*known_cameras(self.state_root), *self._configured})
        at_ns = time.monotonic_ns()
        sightings = [read_sighting(self.state_root, camera_id) for camera_id in cameras]
        self._read_private(sightings)
        return Moment(at_ns, tuple(self._reading(sighting) for sighting in sightings))

    def _reading(self, sighting: Sighting) -> Reading:
        record, pid = sighting.record, sighting.pid
        if record is None:
            state, problem = sighting.state(None), sighting.problem
            return Reading(
                sighting.camera_id, None, 0, state, None, False, 0, 0, None, None, None, None, problem
            )
        # By the clock now: of cameras read late, a frame may have been observed after the refresh began.
        age_s = sighting.age_s(time.monotonic_ns())
        return Reading(
            camera_id=sighting.camera_id,
            pid=pid,
            started_ns=record.started_ns,
            state=sighting.state(age_s),
            death=sighting.death.word,
            stopped=sighting.stopped,
            frames=record.frames,
            missed=record.missed,
            observed_ns=record.observed_ns,
            age_s=age_s,
            cpu_ns=None if pid is None else cpu_time_ns(pid),
            private_bytes=None if pid is None else self._private.get(pid, (0, None))[1],
            problem=sighting.problem,
            models=tuple(
                ModelReading(
                    model.model_id,
                    model.max_fps,
                    model.active,
                    model.allowed,
                    model.last_session,
                    model.last_timestamp_ns,
                )
                for model in record.models
            ),
            arrivals=record.arrivals,
            gap_ns=longest_gap_ns(record),
            death_cause=sighting.death.cause,
            dead_s=sighting.dead_s(time.monotonic_ns()),
        )

    def _read_private(self, sightings: Sequence[Sighting]) -> None:
        """Takes up where the last refresh left off, those never read first, until the budget is used up."""
        living = {one.pid: one.record.started_ns for one in sightings if one.pid and one.record}
        known = self._private
        everything = not known  # the first time, every camera has its turn
        self._private = {
            pid: known[pid] for pid, started_ns in living.items() if known.get(pid, (None,))[0] == started_ns
        }
        pids = list(living)
        start = self._turn % max(1, len(pids))
        in_turn = pids[start:] + pids[:start]
        in_turn.sort(key=lambda pid: pid in self._private)  # stable: the new ones first
        deadline_ns = time.thread_time_ns() + self._budget_ns
        for pid in in_turn:
            self._turn += pid in self._private
            self._private[pid] = living[pid], private_bytes(pid)
            if not everything and time.thread_time_ns() > deadline_ns:
                break

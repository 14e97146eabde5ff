"""Which camera needs a hand first: the order of states, for what shows many cameras. Pure.

| | state | why in this place |
|---|---|---|
| 0 | `dead` | it decides nothing, and nothing will launch it again |
| 1 | `dead`, told to end | the same, and it was meant |
| 2 | `unknown` | its record is refused: nothing is known of it |
| 4 | `absent` | configured, and no launch has taken it up |
| 6 | `unseen` | alive, and no more can be told from here |
| 8 | `stopped` | alive, and held up by a signal or a debugger |
| 10 | `idle`, after frames | starved: frames came and have ceased |
| 11 | `idle`, before the first | no export yet |
| 12 | `running`, frames missed | it was too slow, or held up, at some time |
| 13 | `running` | the rest |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

RUNNING: Final = "running"
STATES: Final = ("dead", "unknown", "absent", "unseen", "stopped", "idle", RUNNING)
"""All words for a state (:meth:`launch.observe.liveness.Sighting.state`), those first that need a hand."""


def attention(state: str, *, had_frames: bool, missed: int, ended: bool = False) -> int:
    """The place of a camera in the order above; the least comes first.

    Args:
        state: One of :data:`STATES`.
        had_frames: Whether its agent has observed a frame.
        missed: Frames that its agent never saw, since it started.
        ended: Whether its agent was told to end.

    """
    less_urgent = {"dead": ended, "idle": not had_frames, RUNNING: not missed}
    return 2 * STATES.index(state) + less_urgent.get(state, False)


def summary(states: Iterable[str]) -> str:
    """``"cameras: 200 (1 dead, 2 idle, 197 running)"``.

    Args:
        states: Of each camera, one of :data:`STATES`.

    """
    listed = list(states)
    counted = ", ".join(f"{listed.count(state)} {state}" for state in STATES if state in listed)
    return f"cameras: {len(listed)} ({counted or 'none'})"

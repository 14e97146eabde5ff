"""Which camera needs a hand first: the order of states, for what shows many cameras. Pure.

| | state | why in this place |
|---|---|---|
| 0 | `dead` | it decides nothing, and nothing will launch it again |
| 1 | `unknown` | its record is refused: nothing is known of it |
| 2 | `absent` | configured, and no launch has taken it up |
| 3 | `unseen` | alive, and no more can be told from here |
| 4 | `stopped` | alive, and held up by a signal or a debugger |
| 5 | `idle`, after frames | starved: frames came and have ceased |
| 6 | `idle`, before the first | no export yet |
| 7 | `running`, frames missed | it was too slow, or held up, at some time |
| 8 | `running` | the rest |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

RUNNING: Final = "running"
STATES: Final = ("dead", "unknown", "absent", "unseen", "stopped", "idle", RUNNING)
"""All words for a state (:meth:`launch.observe.liveness.Sighting.state`), those first that need a hand."""


def attention(state: str, *, had_frames: bool, missed: int) -> int:
    """The place of a camera in the order above; the least comes first.

    Args:
        state: One of :data:`STATES`.
        had_frames: Whether its agent has observed a frame.
        missed: Frames that its agent never saw, since it started.

    """
    place = STATES.index(state)
    if state == "idle":
        return place if had_frames else place + 1
    if state == RUNNING:
        return place + 1 if missed else place + 2
    return place


def summary(states: Iterable[str]) -> str:
    """``"cameras: 200 (1 dead, 2 idle, 197 running)"``.

    Args:
        states: Of each camera, one of :data:`STATES`.

    """
    listed = list(states)
    counted = ", ".join(f"{listed.count(state)} {state}" for state in STATES if state in listed)
    return f"cameras: {len(listed)} ({counted or 'none'})"

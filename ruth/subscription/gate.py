"""The gate (docs/specification.md, phase 3.3 and "Gate rules"): is a frame eligible for one subscription.

A total function of integers. It must not know: frames, shared memory, clocks, other subscriptions, whether
a model is listening. Nothing here has a timer, a queue, a log or any I/O, and nothing raises for data.

| in this order                                           | decision           | new anchor |
|---------------------------------------------------------|--------------------|------------|
| the subscription is not active                          | SKIP_INACTIVE      |            |
| the id is not above the last dispatched one             | SKIP_SEEN          |            |
| there is no cap                                         | ALLOW              | this frame |
| the cap is invalid                                      | SKIP_INVALID_CAP   |            |
| nothing was dispatched before                           | ALLOW              | this frame |
| the interval has passed since the anchor                | ALLOW              | this frame |
| the timestamp lies before the anchor                    | SKIP_BACKWARDS     | this time  |
| else                                                    | SKIP_INTERVAL      |            |

Nothing else is about clocks. So a step back costs at most one interval and yields no extra frame, and a step
forward lets at most one frame through early.

Two more decisions are the agent's: SKIP_STOPPED, when it does not run and asks no gate, and SKIP_FAULT, when
judging a subscription raised. NONE is in a record before the first decision.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from ruth.units import NANOSECONDS

NO_FRAME: Final = -1  # below every frame id: nothing was dispatched in this export
INVALID_INTERVAL: Final = -1  # below every interval


class Decision(IntEnum):
    """What was decided about one frame for one subscription. The values are part of ``agent.state``."""

    NONE = 0
    ALLOW = 1
    SKIP_INTERVAL = 2
    SKIP_BACKWARDS = 3
    SKIP_SEEN = 4
    SKIP_INACTIVE = 5
    SKIP_INVALID_CAP = 6
    SKIP_STOPPED = 7
    SKIP_FAULT = 8


# Members as globals: an attribute look-up on an enum class costs more than the whole decision.
_ALLOW: Final = Decision.ALLOW
_SKIP_INTERVAL: Final = Decision.SKIP_INTERVAL
_SKIP_BACKWARDS: Final = Decision.SKIP_BACKWARDS
_SKIP_SEEN: Final = Decision.SKIP_SEEN
_SKIP_INACTIVE: Final = Decision.SKIP_INACTIVE
_SKIP_INVALID_CAP: Final = Decision.SKIP_INVALID_CAP


def interval_ns(max_fps: object) -> int | None:
    """The least distance of two eligible frames, in whole nanoseconds.

    Args:
        max_fps: A finite number above 0, or None for no cap.

    Returns:
        1/max_fps rounded *down*, so that a source at exactly the cap passes; None without a cap;
        :data:`INVALID_INTERVAL` for anything else. Exact: no float is divided.

    """
    if max_fps is None:
        return None
    if isinstance(max_fps, bool) or not isinstance(max_fps, int | float):
        return INVALID_INTERVAL
    try:
        numerator, denominator = max_fps.as_integer_ratio()
    except (OverflowError, ValueError):  # infinite, not a number
        return INVALID_INTERVAL
    if numerator <= 0:
        return INVALID_INTERVAL
    return NANOSECONDS * denominator // numerator


def decide(
    frame_id: int,
    timestamp_ns: int,
    last_frame_id: int,
    anchor_ns: int | None,
    interval: int | None,
    active: bool = True,
) -> Decision:
    """Judges one frame for one subscription, by the table above.

    Args:
        frame_id: The frame's id, 0 to 2^64 - 1.
        timestamp_ns: The frame's timestamp, 0 to 2^64 - 1, of any clock.
        last_frame_id: Id last dispatched in this export, or :data:`NO_FRAME`.
        anchor_ns: What the interval is counted from: the timestamp last dispatched, or one found since
            then to run backwards; None if nothing was dispatched yet.
        interval: From :func:`interval_ns`.
        active: Whether the subscription takes frames at all.

    """
    if not active:
        return _SKIP_INACTIVE
    if frame_id <= last_frame_id:
        return _SKIP_SEEN
    if interval is None:
        return _ALLOW
    if interval < 0:
        return _SKIP_INVALID_CAP
    if anchor_ns is None:
        return _ALLOW
    elapsed = timestamp_ns - anchor_ns
    if elapsed >= interval:
        return _ALLOW
    return _SKIP_BACKWARDS if elapsed < 0 else _SKIP_INTERVAL

"""When to look next for a frame that nobody announces: version 1, or a writer that does not wake.

Every look costs a wake-up, and a wake-up costs more than the look. So this follows the camera's rhythm: the
next look comes a little before the next frame is due, and short looks follow until it is there. Each frame
found at the first look moves the next one 1/64 of an interval earlier, until one comes too early; that
keeps the looks within 1/8 of an interval behind the frames, for about 1.1 looks a frame. Pure: it knows
no clock, only what the looks found.
"""

from __future__ import annotations

from typing import Final

SHORT_LOOK_NS: Final = 10_000_000  # at the most between looks for a frame that is due
QUIET_LOOK_NS: Final = 980_000_000  # between looks once no frame has come for a second
QUIET_AFTER_NS: Final = 1_000_000_000
_SHORTEST_NS: Final = 500_000
_INTERVAL_MIN_NS: Final = 1_000_000
_INTERVAL_MAX_NS: Final = 1_000_000_000


class Pace:
    """One camera's rhythm, as its frames showed it.

    Attributes:
        interval_ns: Mean distance of its frames, by their timestamps; 0 while unknown.

    """

    __slots__ = ("_frame_id", "_timestamp_ns", "_waited_ns", "interval_ns")

    def __init__(self) -> None:
        self.interval_ns = 0
        self._frame_id = self._timestamp_ns = 0
        self._waited_ns = QUIET_AFTER_NS

    def after_frame(self, frame_id: int, timestamp_ns: int) -> int:
        """How long to wait after a look that found a frame, in nanoseconds.

        Args:
            frame_id: The frame's id.
            timestamp_ns: Its timestamp; a step of its clock is not taken for an interval.

        """
        frames = frame_id - self._frame_id
        if frames > 0 and self._waited_ns < QUIET_AFTER_NS:  # a pause is no interval
            interval_ns = (timestamp_ns - self._timestamp_ns) // frames
            if _INTERVAL_MIN_NS <= interval_ns <= _INTERVAL_MAX_NS:
                known = self.interval_ns
                if known == 0 or interval_ns < known // 2:
                    known = interval_ns  # the first one, or the known one was too long: frames were missed
                self.interval_ns = known + (interval_ns - known) // 8
        self._frame_id, self._timestamp_ns = frame_id, timestamp_ns
        self._waited_ns = 0
        return self._waiting(self.interval_ns * 63 // 64 or SHORT_LOOK_NS)

    def after_nothing(self) -> int:
        """How long to wait after a look that found no frame, in nanoseconds."""
        if self._waited_ns >= QUIET_AFTER_NS:
            return QUIET_LOOK_NS
        return self._waiting(max(_SHORTEST_NS, min(self.interval_ns // 8 or SHORT_LOOK_NS, SHORT_LOOK_NS)))

    def _waiting(self, nanoseconds: int) -> int:
        self._waited_ns += nanoseconds
        return nanoseconds

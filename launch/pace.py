"""When to look next for a frame that nobody announces: version 1, or a writer that does not wake.

Every look costs a wake-up, and a wake-up costs more than the look. So this follows the camera's rhythm: the
next look comes an eighth of an interval after the next frame is due, and short looks follow until it is
there. When a frame was put in place, its file says (version 1) or its timestamp does (version 2), so each
frame found sets the rhythm right again, however late it was noticed; nothing drifts. Pure: it knows no clock.
"""

from __future__ import annotations

from typing import Final

SHORT_LOOK_NS: Final = 10_000_000  # between looks for a frame of a camera whose rhythm is unknown
QUIET_LOOK_NS: Final = 980_000_000  # between looks once no frame has come for a second
QUIET_AFTER_NS: Final = 1_000_000_000
# After so many wake-ups in a row that brought no frame, a pause bounds what a writer gone wild can cost.
EMPTY_WAKES: Final = 4
# How long to wait for the next frame, after one that was found when a wait had run out: it may have come just
# then, or nobody wakes.
AFTER_LATE_NS: Final = 100_000_000
SHORTEST_NS: Final = 500_000
INTERVAL_MIN_NS: Final = 1_000_000
_INTERVAL_MAX_NS: Final = 10_000_000_000
_ODD_MAX: Final = 3  # intervals in a row that agree with each other and not with the pace: a new rate


class Pace:
    """One camera's rhythm, as its frames showed it.

    Attributes:
        interval_ns: Distance of its frames, averaged; 0 while unknown.

    """

    __slots__ = (
        "_empty",
        "_frame_id",
        "_odd",
        "_odd_ns",
        "_remaining_ns",
        "_waited_ns",
        "_written_ns",
        "interval_ns",
    )

    def __init__(self) -> None:
        self.interval_ns = 0
        self._frame_id = self._written_ns = 0
        self._odd = self._odd_ns = 0
        self._empty = 0
        self._remaining_ns = 0
        self._waited_ns = QUIET_AFTER_NS

    def after_frame(self, frame_id: int, written_ns: int, now_ns: int) -> int:
        """How long to wait after a look that found a frame, in nanoseconds.

        Args:
            frame_id: The frame's id.
            written_ns: When it was put in place, by any clock. A step of that clock is not taken for an
                interval, nor for lateness.
            now_ns: The same clock now.

        """
        frames = frame_id - self._frame_id
        if frames > 0:
            self._learn((written_ns - self._written_ns) // frames, frames)
        self._frame_id, self._written_ns = frame_id, written_ns
        self._waited_ns = self._empty = self._remaining_ns = 0
        interval_ns = self.interval_ns
        if interval_ns == 0:
            return self._waiting(SHORT_LOOK_NS)
        late_ns = now_ns - written_ns
        if not 0 <= late_ns < interval_ns:
            # The clock has stepped, or the frame is an old one: no more is known than that it was found now.
            late_ns = interval_ns // 8
        return self._waiting_long(interval_ns + interval_ns // 8 - late_ns)

    def resume(self, frame_id: int, written_ns: int, interval_ns: int, waited_ns: int) -> None:
        """Takes over from whoever followed the camera for a while at its pace (:mod:`launch.native`).

        Args:
            frame_id: Of the last frame found.
            written_ns: When it was put in place.
            interval_ns: As :attr:`interval_ns`, after that frame.
            waited_ns: For how long the next one has been waited for.

        """
        self.interval_ns, self._frame_id, self._written_ns = interval_ns, frame_id, written_ns
        self._odd = self._empty = self._remaining_ns = 0
        self._waited_ns = waited_ns

    def after_nothing(self) -> int:
        """How long to wait after a look that found no frame, in nanoseconds."""
        if self._remaining_ns > 0:
            return self._waiting_long(self._remaining_ns)
        if self._waited_ns >= QUIET_AFTER_NS + self.interval_ns:
            return QUIET_LOOK_NS
        if self.interval_ns == 0:
            return self._waiting(SHORT_LOOK_NS)
        # Twice as long each time: an interval learnt much too short must not cost a thousand looks.
        short_ns = self.interval_ns // 8
        self._empty += 1
        longest_ns = max(SHORT_LOOK_NS, short_ns)
        return self._waiting(max(SHORTEST_NS, min(short_ns << min(self._empty - 1, 8), longest_ns)))

    def _learn(self, interval_ns: int, frames: int) -> None:
        """Averages in one interval; what does not fit counts only if several in a row agree.

        Where frames were missed, ``interval_ns`` is the mean of several: a camera that got faster is followed
        with the first look at it, not with the third, which for one of 1 fps would come three seconds later.
        """
        known = self.interval_ns
        if not INTERVAL_MIN_NS <= interval_ns <= _INTERVAL_MAX_NS:
            return
        if known == 0 and self._waited_ns < QUIET_AFTER_NS:  # after a longer pause it may be no interval
            self.interval_ns = interval_ns
        elif _fits(interval_ns, known):
            self._odd = 0
            self.interval_ns = known + (interval_ns - known) // 8
        else:
            self._odd = self._odd + 1 if _fits(interval_ns, self._odd_ns) else 1
            self._odd_ns = interval_ns
            if self._odd >= _ODD_MAX or (frames >= _ODD_MAX and interval_ns < known):
                self._odd = 0
                self.interval_ns = interval_ns

    def _waiting_long(self, nanoseconds: int) -> int:
        """No wait is longer than a look at a quiet camera: the export may have been replaced."""
        wait_ns = self._waiting(max(SHORTEST_NS, min(nanoseconds, QUIET_LOOK_NS)))
        self._remaining_ns = max(0, nanoseconds - wait_ns)
        return wait_ns

    def _waiting(self, nanoseconds: int) -> int:
        self._waited_ns += nanoseconds
        return nanoseconds


def _fits(interval_ns: int, known_ns: int) -> bool:
    return known_ns // 2 <= interval_ns <= known_ns * 3 // 2

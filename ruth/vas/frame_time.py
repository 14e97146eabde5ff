"""When a frame was captured, as far as its writer can know (docs/specification.md, "Frame time").

A decoder knows two times of a frame: its presentation time, which follows the camera's rhythm on a clock of
the camera's own, and its arrival, which is of this host's clock and carries every delay of network and
decoder. The frame time is the presentation time, placed on this host's clock by an offset::

    delay      = arrival - presentation time
    frame time = presentation time + offset        offset <= delay: never later than the arrival

The offset is the least delay, that of the frame which came soonest. It changes in steps and is constant in
between, because every step down moves a frame closer to the one before, and a model that is capped loses one:

| what comes                                        | the offset                                             |
|---------------------------------------------------|--------------------------------------------------------|
| the first frame                                   | its delay                                              |
| a frame sooner than the offset says               | its delay, less some headroom for those to come        |
| the least delay of the last spans, 2 ms above it  | up to that, less the headroom                          |
| a jump (below)                                    | begun again, with this frame's delay                   |
| no presentation time                              | none: the frame time is the arrival                    |

The camera's clock drifts against this host's, so that delays shrink or grow for ever: at 100 ppm by 6 ms a
minute. Headroom makes few steps of many small ones: 1 ms at first, doubled while steps follow each other
within a minute, up to 8 ms, and halved again while none comes.

A jump is a presentation time that does not advance, or comes over a second sooner or over 30 s later than the
offset says. Nothing here reads a clock; times are arguments.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from ruth.units import NANOSECONDS

_MILLISECOND: Final = NANOSECONDS // 1000

ADVANCE_NS: Final = _MILLISECOND // 2
"""From one presentation time to the next at least. FFmpeg makes tiny advances of times that run backwards."""
EARLY_NS: Final = NANOSECONDS
LATE_NS: Final = 30 * NANOSECONDS
"""Beyond the offset, in either direction: a jump. HLS delivers up to 10 s of frames at once."""
SPAN_NS: Final = 8 * NANOSECONDS
SPANS: Final = 6
"""The least delay is looked for in so many spans of at least that long, which are the last minute or so."""
RISE_NS: Final = 2 * _MILLISECOND
"""The least delay must lie so far above the offset for a step up."""
HEADROOM_NS: Final = (_MILLISECOND, 8 * _MILLISECOND)
STEADY_NS: Final = 60 * NANOSECONDS
"""A step within so long of the one before doubles the headroom; without one for so long it is halved."""


class FrameTime:
    """Places the presentation times of one stream on the clock that its arrivals are of."""

    __slots__ = (
        "_headroom",
        "_last",
        "_least",
        "_offset",
        "_span_begin",
        "_spans",
        "_stepped_at",
    )

    def __init__(self) -> None:
        self._offset: int | None = None
        self._last = 0  # presentation time
        self._least = 0  # delay of the present span
        self._span_begin = 0
        self._spans: deque[int] = deque(maxlen=SPANS)  # least delays of the spans before
        self._headroom = 0
        self._stepped_at = 0

    def place(self, presentation_ns: int | None, arrival_ns: int) -> int:
        """The time of the frame that has just come.

        Args:
            presentation_ns: Its presentation time in nanoseconds, from any zero; None if it has none.
            arrival_ns: When it was whole, 0 or more; never earlier than the frame before.

        Returns:
            Nanoseconds of the arrivals' clock, from 0 to ``arrival_ns``. Only a step or a jump makes it
            earlier than that of the frame before.

        """
        if presentation_ns is None:
            self._offset = None
            return arrival_ns
        delay = arrival_ns - presentation_ns
        offset = self._offset
        if (
            offset is None
            or presentation_ns - self._last < ADVANCE_NS
            or not -EARLY_NS <= delay - offset <= LATE_NS
        ):
            self._set_origin(presentation_ns, arrival_ns)
            return arrival_ns
        self._last = presentation_ns
        span_is_over = arrival_ns - self._span_begin >= SPAN_NS
        if span_is_over:
            self._spans.append(self._least)
            self._span_begin, self._least = arrival_ns, delay
            if arrival_ns - self._stepped_at >= STEADY_NS:
                self._headroom //= 2
        elif delay < self._least:
            self._least = delay
        if delay < offset:
            offset = delay - self._step_down(arrival_ns)
        elif span_is_over and len(self._spans) == SPANS:
            least = min(delay, *self._spans) - self._headroom
            if least >= offset + RISE_NS:
                offset = least
        self._offset = offset
        return max(0, presentation_ns + offset)

    def _set_origin(self, presentation_ns: int, arrival_ns: int) -> None:
        self._offset = self._least = arrival_ns - presentation_ns
        self._last, self._span_begin = presentation_ns, arrival_ns
        self._spans.clear()
        self._headroom = 0

    def _step_down(self, arrival_ns: int) -> int:
        """The headroom that a step takes."""
        least, most = HEADROOM_NS
        soon = arrival_ns - self._stepped_at < STEADY_NS
        self._headroom = min(most, max(least, self._headroom * (2 if soon else 1)))
        self._stepped_at = arrival_ns
        return self._headroom

"""A camera's frames as they are expected to come: timestamps at a rate, and how many arrive together."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

from ruth.export.layout import SLOT_COUNT_DEFAULT
from ruth.units import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

_BEGIN_NS = 3600 * NANOSECONDS  # any time: only distances count
_SEED = 25


class Source(NamedTuple):
    """How a camera's frames come.

    Attributes:
        fps: Frames a second, above 0.
        jitter_ns: How much earlier or later than due a frame is stamped at most, 0 or more; 0 where frame
            times are made of presentation times (docs/specification.md, "Frame time").
        burst: Frames that arrive together, as one network packet or one stall lets them; their timestamps are
            those of the camera.
        slots: Frames that the ring of its export holds.

    """

    fps: float
    jitter_ns: int
    burst: int = 1
    slots: int = SLOT_COUNT_DEFAULT

    @property
    def period_ns(self) -> float:
        """From one frame to the next, on average."""
        return NANOSECONDS / self.fps

    @property
    def seen_share(self) -> float:
        """Of all frames, those that an agent can see: it looks when all of a burst have arrived."""
        return min(self.burst, self.slots) / self.burst

    def seen(self) -> Iterator[tuple[int, int]]:
        """Ids and timestamps of the frames that the ring still holds when its agent looks, without end.

        A ring holds the newest ``slots`` frames, and an agent decides on each that it holds
        (docs/specification.md, "Gate rules"). It is assumed to come when the whole burst is there, which is
        the worst case.
        """
        gone = max(0, self.burst - self.slots)
        return (frame for frame in enumerate(self.timestamps()) if frame[0] % self.burst >= gone)

    def timestamps(self) -> Iterator[int]:
        """When the frames come, in nanoseconds, without end; the same ones every time.

        Every deviation from -jitter to +jitter is equally likely, whatever the frame before had. Time never
        runs backwards: a frame that would overtake the one before it comes together with it, as with the
        monotonic clock of an export.
        """
        drawn = random.Random(_SEED)
        numerator, denominator = self.fps.as_integer_ratio()
        span = 2 * self.jitter_ns + 1
        number = before = 0
        while True:
            due = _BEGIN_NS + number * NANOSECONDS * denominator // numerator
            before = max(before, due - self.jitter_ns + int(drawn.random() * span))
            yield before
            number += 1

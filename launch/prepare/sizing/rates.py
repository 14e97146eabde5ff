"""The rate that a cap really gives, by simulation with the gate itself, not by formula.

A subscription is shown the frames of a source, one after the other, as an agent would show them. What comes
out is below the cap where the interval is not a whole number of frames (10 of 25 fps gives 8.33), and where a
frame that is due just when the interval ends is stamped slightly early (docs/gate.md).
"""

from __future__ import annotations

from itertools import islice, pairwise
from math import ceil, floor, inf, log10
from typing import TYPE_CHECKING, Final, NamedTuple

from ruth.subscription.gate import Decision, interval_ns
from ruth.subscription.subscription import Subscription
from ruth.units import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from launch.prepare.sizing.source import Source

SIMULATED_S: Final = 600
INTERVALS_MIN: Final = 20  # a cap of one frame an hour needs more than ten minutes
FRAMES_MAX: Final = 200_000
_TOLERANCE: Final = 0.01  # what is less than a hundredth beside it is not worth a warning


class Rate(NamedTuple):
    """What a cap gives.

    Attributes:
        fps: Frames a second allowed, on average.
        closest: Frames from one that is allowed to the next, at least; 1 is every frame. 0 if too few were
            allowed to tell.
        widest: The same, at most.

    """

    fps: float
    closest: int
    widest: int


class Forecast(NamedTuple):
    """What one cap comes to with one source.

    Attributes:
        rate: What it gives.
        wanted: n, where it is meant to let every n-th frame pass and skips some of them; 0 where it skips
            none.
        better: A cap that gives exactly those, as the simulation shows; None if there is none, or no need.

    """

    rate: Rate
    wanted: int = 0
    better: float | None = None


def forecast(source: Source, max_fps: float | None) -> Forecast:
    """What a cap comes to, and a better one where frames are skipped that come slightly early.

    Args:
        source: How the frames come.
        max_fps: The cap; None for every frame.

    Raises:
        InvalidCapError: ``max_fps`` is not a finite number above 0.

    """
    rate = rate_of(source, max_fps)
    if max_fps is None or source.seen_share < 1:  # no cap brings back what the ring has lost
        return Forecast(rate)
    wanted = max(1, round(source.fps / max_fps))
    meant = source.fps / wanted
    if rate.fps >= meant * (1 - _TOLERANCE) or meant > max_fps * (1 + _TOLERANCE):
        return Forecast(rate)
    return Forecast(rate, wanted, _better_cap(source, wanted))


def rate_of(source: Source, max_fps: float | None) -> Rate:
    """What a cap gives: as much of the source is simulated as it takes (:data:`SIMULATED_S`, at least).

    Raises:
        InvalidCapError: ``max_fps`` is not a finite number above 0.

    """
    interval_s = (interval_ns(max_fps) or 0) / NANOSECONDS
    frames = ceil(source.fps * max(SIMULATED_S, INTERVALS_MIN * interval_s))
    return simulate(max_fps, islice(source.seen(), round(min(frames, FRAMES_MAX) * source.seen_share)))


def simulate(max_fps: float | None, frames: Iterable[tuple[int, int]]) -> Rate:
    """What a subscription with this cap is allowed of these frames: ids, and timestamps in nanoseconds.

    Where fewer than two are allowed, the cap itself is the rate: next to so long an interval one frame more
    or less is nothing.

    Raises:
        InvalidCapError: ``max_fps`` is not a finite number above 0.

    """
    judge = Subscription("plan", "plan", max_fps).judge
    allowed = [
        (frame_id, timestamp_ns)
        for frame_id, timestamp_ns in frames
        if judge(frame_id, timestamp_ns) is Decision.ALLOW
    ]
    gaps = [later[0] - earlier[0] for earlier, later in pairwise(allowed)]
    elapsed_ns = allowed[-1][1] - allowed[0][1] if allowed else 0
    if elapsed_ns == 0:
        return Rate(max_fps or 0.0, 0, 0)
    return Rate(len(gaps) * NANOSECONDS / elapsed_ns, min(gaps), max(gaps))


def _better_cap(source: Source, wanted: int) -> float | None:
    """A round cap that gives exactly every ``wanted``-th frame; with room for twice the jitter if it can."""
    period = source.period_ns
    fewer_ns = (wanted - 1) * period + 2 * source.jitter_ns
    most = NANOSECONDS / fewer_ns if fewer_ns else inf
    for room in (4, 2):
        interval = wanted * period - room * source.jitter_ns
        if interval <= 0:
            continue
        least = NANOSECONDS / interval
        for digits in (2, 3, 4):
            cap = _rounded_up(least, digits)
            if cap < most:
                rate = rate_of(source, cap)
                if rate.closest == rate.widest == wanted:
                    return cap
    return None


def _rounded_up(number: float, digits: int) -> float:
    """The next number above with so many significant digits."""
    places = digits - 1 - floor(log10(number))
    step = 10.0**-places
    return round((floor(number / step) + 1) * step, max(0, places))

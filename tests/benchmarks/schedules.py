"""When frames come, as cameras and networks let them come. Pure; the same seed gives the same moments.

25 frames per second on average, but for stalls, in which nothing comes, and rates that change.
"""

from __future__ import annotations

import random
from functools import partial
from itertools import count, cycle, takewhile
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

INTERVAL_S: Final = 0.04
SHORTEST_S: Final = 0.001  # with jitter
TOGETHER_S: Final = 0.003  # between frames of a pair or a triple
BURST: Final = 12
STALL_S: Final = 1.2
STALL_EVERY_S: Final = 3.0
RATES: Final = (30, 10, 15, 5)


def moments(name: str, seconds: float, seed: int = 0) -> list[float]:
    """Seconds from the start at which frames come, ascending, below ``seconds``.

    Args:
        name: One of :data:`RHYTHMS`.
        seconds: How long, above 0.
        seed: For what is random in it.

    """
    return list(takewhile(lambda moment: moment < seconds, RHYTHMS[name](random.Random(seed))))


def stamps(name: str, found: Sequence[float]) -> list[float]:
    """When frames were captured, in seconds from the same start: evenly, also those that come together.

    So a writer that knows presentation times stamps them: none later than it comes, and one at that moment.

    Args:
        name: Of the rhythm.
        found: When they come (:func:`moments`).

    """
    if not isinstance(RHYTHMS[name], partial) or RHYTHMS[name].func is not _groups:
        return list(found)
    first = min((moment - number * INTERVAL_S for number, moment in enumerate(found)), default=0.0)
    return [first + number * INTERVAL_S for number in range(len(found))]


def _steady(_: random.Random) -> Iterator[float]:
    return (number * INTERVAL_S for number in count())


def _jitter(deviation_s: float, chance: random.Random) -> Iterator[float]:
    """Intervals with a normal deviation, none below a millisecond."""
    moment = 0.0
    while True:
        yield moment
        moment += max(SHORTEST_S, chance.gauss(INTERVAL_S, deviation_s))


def _groups(frames: int, apart_s: float, _: random.Random) -> Iterator[float]:
    for group in count():
        for number in range(frames):
            yield group * frames * INTERVAL_S + number * apart_s


def _stalls(chance: random.Random) -> Iterator[float]:
    return (moment for moment in _steady(chance) if moment % STALL_EVERY_S < STALL_EVERY_S - STALL_S)


def _changing(_: random.Random) -> Iterator[float]:
    for second, rate in zip(count(), cycle(RATES), strict=False):
        for number in range(rate):
            yield second + number / rate


RHYTHMS: Final[Mapping[str, Callable[[random.Random], Iterator[float]]]] = {
    "steady": _steady,
    **{f"jitter {ms} ms": partial(_jitter, ms / 1000) for ms in (3, 8, 15)},
    "pairs": partial(_groups, 2, TOGETHER_S),
    "triples": partial(_groups, 3, TOGETHER_S),
    "stalls of 1.2 s": _stalls,
    "30, 10, 15, 5 fps": _changing,
    **{f"{BURST} at once, {ms:g} ms apart": partial(_groups, BURST, ms / 1000) for ms in (0, 0.1, 2, 8)},
}

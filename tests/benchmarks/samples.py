"""Numbers out of samples: medians, percentiles, ratios within rounds. Pure.

What is compared runs in rounds, every arm once a round, in an order that changes. A ratio is taken within
each round and the median of the rounds counts: what disturbs a round disturbs all of its arms.
"""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

T = TypeVar("T")


class Summary(NamedTuple):
    """What samples come to, in their own unit."""

    count: int
    median: float
    p99: float
    worst: float


def summary_of(samples: Iterable[float]) -> Summary:
    """Count, median, 99th percentile and maximum. Raises ValueError if there is no sample."""
    ordered = sorted(samples)
    if not ordered:
        raise ValueError("no samples")
    return Summary(len(ordered), percentile(ordered, 50), percentile(ordered, 99), ordered[-1])


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The smallest sample that at least ``percent`` of all do not exceed (nearest rank).

    Args:
        ordered: At least one, ascending.
        percent: Above 0, at most 100.

    """
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def ratio_by_round(rounds: Sequence[Sequence[float]], base: Sequence[Sequence[float]]) -> float:
    """How many times the base an arm is: the median, over the rounds, of the ratio of medians.

    Args:
        rounds: Samples of the arm, by round; rounds without a sample on either side do not count.
        base: Samples of what it is compared with, by the same rounds.

    Raises:
        ValueError: No round has samples of both.

    """
    ratios = [
        statistics.median(own) / statistics.median(other)
        for own, other in zip(rounds, base, strict=True)
        if len(own) and len(other)
    ]
    if not ratios:
        raise ValueError("no round has samples of both")
    return statistics.median(ratios)


def order_of(arms: Sequence[T], number: int) -> list[T]:
    """The arms in the order of round ``number`` (from 0): each round begins with another, odd ones go back.

    So no arm always follows the same other one, nor is always first.
    """
    start = number % len(arms) if arms else 0
    turned = [*arms[start:], *arms[:start]]
    return turned[::-1] if number % 2 else turned

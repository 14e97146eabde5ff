from __future__ import annotations

import pytest

from benchmarks.samples import Summary, order_of, percentile, ratio_by_round, summary_of


def test_summary() -> None:
    """A summary has the count, the median, the 99th percentile and the worst, whatever the order."""
    assert summary_of([3.0, 1.0, 2.0]) == Summary(3, 2.0, 3.0, 3.0)
    assert summary_of(range(1000, 0, -1)) == Summary(1000, 500, 990, 1000)


def test_a_summary_of_nothing_is_refused() -> None:
    """No sample has no median."""
    with pytest.raises(ValueError, match="no samples"):
        summary_of([])


@pytest.mark.parametrize(
    ("percent", "expected"), [(0.1, 10), (25, 10), (26, 20), (50, 20), (75, 30), (99, 40), (100, 40)]
)
def test_percentile_is_a_sample(percent: float, expected: int) -> None:
    """A percentile is the smallest sample that this share of all does not exceed, and never in between."""
    assert percentile([10, 20, 30, 40], percent) == expected


def test_a_disturbed_round_does_not_move_the_ratio() -> None:
    """The ratio is taken within each round: a round in which everything was slow says the same as others."""
    base = [[10.0, 10.0], [1000.0, 1000.0], [10.0, 10.0]]
    own = [[20.0, 20.0], [2000.0, 2000.0], [20.0, 20.0]]
    assert ratio_by_round(own, base) == 2.0


def test_one_odd_round_does_not_move_the_ratio() -> None:
    """The median of the rounds counts: one in which a single arm was disturbed does not."""
    assert ratio_by_round([[20.0], [900.0], [20.0]], [[10.0], [10.0], [10.0]]) == 2.0


def test_rounds_without_samples_do_not_count() -> None:
    """A round in which an arm has no sample is left out, and none at all is refused."""
    assert ratio_by_round([[], [30.0]], [[10.0], [10.0]]) == 3.0
    with pytest.raises(ValueError, match="no round"):
        ratio_by_round([[]], [[10.0]])


def test_every_arm_runs_once_a_round() -> None:
    """Each round has every arm once."""
    for number in range(10):
        assert sorted(order_of("abcd", number)) == list("abcd")


def test_no_arm_is_always_first() -> None:
    """Over as many rounds as there are arms at least half of them are first, and neighbours change sides."""
    orders = [order_of("abcd", number) for number in range(4)]
    assert len({order[0] for order in orders}) >= 2
    followers = {order[order.index("b") - 1] for order in orders}
    assert len(followers) >= 2
    assert order_of([], 3) == []

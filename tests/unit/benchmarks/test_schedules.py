from __future__ import annotations

import itertools

import pytest

from benchmarks.schedules import BURST, INTERVAL_S, RHYTHMS, SHORTEST_S, STALL_S, moments, stamps

EVEN_IN_THE_MEAN = [name for name in RHYTHMS if "stalls" not in name and "fps" not in name]


@pytest.mark.parametrize("name", RHYTHMS)
def test_moments_ascend_and_are_the_same_each_time(name: str) -> None:
    """A rhythm's moments ascend, end in time, and are the same for the same seed."""
    found = moments(name, 9.0, seed=3)
    assert found == sorted(found) == moments(name, 9.0, seed=3)
    assert 0 <= found[0] <= found[-1] < 9.0


@pytest.mark.parametrize("name", EVEN_IN_THE_MEAN)
def test_the_mean_is_25_a_second(name: str) -> None:
    """However frames come, 25 of them come in a second, but for a group that the end cuts off."""
    assert abs(len(moments(name, 48.0)) - 48 / INTERVAL_S) <= 48 / INTERVAL_S * 0.05 + BURST


def test_what_makes_each_rhythm() -> None:
    """Pairs are 3 ms apart, bursts begin each 480 ms, a stall lasts 1.2 s, jitter leaves a millisecond."""
    pairs = moments("pairs", 1.0)
    assert [round(pairs[1] - pairs[0], 6), round(pairs[2] - pairs[1], 6)] == [0.003, 0.077]
    bursts = moments("12 at once, 0 ms apart", 1.0)
    assert (bursts[BURST - 1], bursts[BURST]) == (0.0, 0.48)
    stalls = moments("stalls of 1.2 s", 7.0)
    gaps = [after - before for before, after in itertools.pairwise(stalls)]
    assert max(gaps) == pytest.approx(STALL_S + INTERVAL_S, abs=INTERVAL_S)
    assert [
        sum(second <= moment < second + 1 for moment in moments("30, 10, 15, 5 fps", 4.0))
        for second in range(4)
    ] == [30, 10, 15, 5]
    jitter = moments("jitter 15 ms", 60.0)
    assert min(b - a for a, b in itertools.pairwise(jitter)) >= SHORTEST_S * 0.999


def test_frames_that_come_together_were_captured_one_after_the_other() -> None:
    """Stamps of a burst are 40 ms apart, none after its frame has come; of other rhythms, when it comes."""
    bursts = moments("12 at once, 2 ms apart", 2.0)
    captured = stamps("12 at once, 2 ms apart", bursts)
    steps = [round(after - before, 6) for before, after in itertools.pairwise(captured)]
    assert set(steps) == {INTERVAL_S}
    late = [moment - stamp for moment, stamp in zip(bursts, captured, strict=True)]
    assert min(late) == pytest.approx(0.0, abs=1e-9)
    jitter = moments("jitter 8 ms", 2.0)
    assert stamps("jitter 8 ms", jitter) == jitter

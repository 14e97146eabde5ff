from __future__ import annotations

from itertools import islice, pairwise

import pytest

from launch.prepare.sizing.source import Source

MS = 1_000_000


@pytest.mark.parametrize("fps", [25.0, 30.0, 29.97, 0.5, 1000.0])
def test_without_jitter_frames_come_when_they_are_due(fps: float) -> None:
    """Without jitter every distance is the period, to the nanosecond, and they add up."""
    stamps = list(islice(Source(fps, 0).timestamps(), 1000))
    assert all(abs(later - earlier - 1e9 / fps) < 1 for earlier, later in pairwise(stamps))
    assert abs(stamps[-1] - stamps[0] - 999e9 / fps) < 1000


def test_jitter_is_within_its_bounds_and_reaches_them() -> None:
    """Frames come up to so much too early or too late, both about as often."""
    due = list(islice(Source(25, 0).timestamps(), 5000))
    off = [stamp - when for stamp, when in zip(Source(25, 3 * MS).timestamps(), due, strict=False)]
    assert -3 * MS <= min(off) < -2.9 * MS
    assert 2.9 * MS < max(off) <= 3 * MS
    assert abs(sum(off) / len(off)) < 0.2 * MS


def test_time_does_not_run_backwards() -> None:
    """However large the jitter is, no frame comes before the one before it."""
    stamps = list(islice(Source(25, 200 * MS).timestamps(), 5000))
    assert stamps == sorted(stamps)


def test_the_same_frames_come_every_time() -> None:
    """Two plans of the same source are one: nothing of it is left to chance."""
    source = Source(25, 3 * MS)
    assert list(islice(source.timestamps(), 100)) == list(islice(source.timestamps(), 100))


@pytest.mark.parametrize(
    ("burst", "slots", "ids"),
    [
        (1, 4, [0, 1, 2, 3]),
        (4, 4, [0, 1, 2, 3]),
        (5, 4, [1, 2, 3, 4, 6, 7]),
        (12, 2, [10, 11, 22, 23]),
    ],
)
def test_a_ring_holds_the_last_of_a_burst(burst: int, slots: int, ids: list[int]) -> None:
    """An agent sees of a burst what the ring holds when all of it has come, with its own timestamps."""
    source = Source(25, MS, burst, slots)
    stamps = list(islice(source.timestamps(), 30))
    assert list(islice(source.seen(), len(ids))) == [(number, stamps[number]) for number in ids]

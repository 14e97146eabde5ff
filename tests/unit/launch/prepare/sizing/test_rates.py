from __future__ import annotations

from itertools import count

import pytest

from launch.prepare.sizing.rates import Forecast, Rate, forecast, rate_of, simulate
from launch.prepare.sizing.source import Source
from ruth.errors import InvalidCapError

MS = 1_000_000
EXACT, JITTERED = Source(25, 0), Source(25, MS)


@pytest.mark.parametrize(
    ("cap", "fps", "nth"),
    [(None, 25, 1), (30, 25, 1), (25, 25, 1), (12.5, 12.5, 2), (10, 25 / 3, 3), (8, 6.25, 4), (5, 5, 5)],
)
def test_an_exact_source(cap: float | None, fps: float, nth: int) -> None:
    """Of an exact 25 fps, a cap gives the first whole number of frames that fills its interval."""
    assert rate_of(EXACT, cap) == Rate(pytest.approx(fps), nth, nth)


def test_ten_of_twenty_five_keeps_its_rate_with_jitter() -> None:
    """10 of 25 fps is 8.33, jitter or none, and is no reason for a warning."""
    assert forecast(JITTERED, 10) == Forecast(Rate(pytest.approx(25 / 3, rel=1e-4), 3, 3))


def test_a_cap_at_a_divisor_loses_frames_to_jitter() -> None:
    """5 of 25 fps with jitter: a fifth frame that comes early is skipped, so that the sixth passes."""
    rate = forecast(JITTERED, 5).rate
    assert (rate.closest, rate.widest) == (5, 6)
    assert 4.2 < rate.fps < 4.8


@pytest.mark.parametrize("fps", [25.0, 30.0, 29.97, 12.0, 50.0])
@pytest.mark.parametrize("nth", [1, 2, 3, 5, 10, 25])
def test_the_better_cap_gives_exactly_every_nth(fps: float, nth: int) -> None:
    """The setting that a warning names gives every n-th frame, and is a little above the cap."""
    source = Source(fps, MS)
    cap = fps / nth
    found = forecast(source, cap)
    assert found.wanted == nth
    assert found.better is not None
    assert cap < found.better <= cap * 1.3
    assert rate_of(source, found.better) == Rate(pytest.approx(cap, rel=1e-3), nth, nth)


def test_the_example_of_the_documents() -> None:
    """For 5 of 25 fps and a jitter of 1 ms it is 5.2."""
    assert forecast(JITTERED, 5).better == 5.2


def test_where_jitter_is_too_large_there_is_no_better_cap() -> None:
    """With a jitter of 15 ms no cap tells the fifth frame of 25 a second from the sixth: none is named."""
    found = forecast(Source(25, 15 * MS), 5)
    assert (found.wanted, found.better) == (5, None)


def test_a_cap_just_below_a_divisor_is_warned_about_without_jitter() -> None:
    """4.99 of an exact 25 fps is every sixth frame: 4.17. A hair more gives 5."""
    found = forecast(EXACT, 4.99)
    assert found.rate == Rate(pytest.approx(25 / 6), 6, 6)
    assert found.wanted == 5
    assert found.better is not None
    assert rate_of(EXACT, found.better).fps == pytest.approx(5)


def test_nothing_is_wrong_with_an_exact_source_at_its_cap() -> None:
    """A source at exactly the cap passes whole, and there is nothing to warn about."""
    assert forecast(EXACT, 5) == Forecast(Rate(pytest.approx(5.0), 5, 5))


def test_a_cap_of_hours_is_its_own_rate() -> None:
    """Where an interval is longer than what is simulated, the rate is that of the cap."""
    assert forecast(EXACT, 0.00001) == Forecast(Rate(0.00001, 0, 0))


def test_a_rare_frame_is_measured_over_many_intervals() -> None:
    """One frame a minute is simulated for 20 minutes, not for 10 intervals of it."""
    assert rate_of(EXACT, 1 / 60).fps == pytest.approx(1 / 60, rel=1e-3)


@pytest.mark.parametrize("frames", [0, 1])
def test_too_few_frames_tell_nothing(frames: int) -> None:
    """Of no frame, or of one, no rate can be taken."""
    assert simulate(5, enumerate(range(frames))) == Rate(5, 0, 0)


def test_frames_of_one_moment_tell_nothing() -> None:
    """Frames that all bear the same time have no rate."""
    assert simulate(None, enumerate([7, 7, 7])) == Rate(0.0, 0, 0)


@pytest.mark.parametrize("slots", [12, 13, 62])
def test_a_ring_that_holds_a_burst_changes_nothing(slots: int) -> None:
    """Twelve frames at once, with the camera's own timestamps, give what frames that come evenly give."""
    assert forecast(Source(25, MS, 12, slots), 5) == forecast(JITTERED, 5)


def test_of_a_burst_that_is_too_large_the_ring_holds_the_last() -> None:
    """Of 12 frames at once a ring of 4 holds 4, 40 ms apart: a cap of 5 gives one of them, each 480 ms."""
    found = forecast(Source(25, 0, 12, 4), 5)
    assert found == Forecast(Rate(pytest.approx(25 / 12), 12, 12))
    assert rate_of(Source(25, 0, 12, 4), None).fps == pytest.approx(25 / 3, rel=1e-3)


def test_an_invalid_cap_is_refused() -> None:
    """What is not a cap for the gate is none here."""
    with pytest.raises(InvalidCapError):
        simulate(-1, enumerate(count()))

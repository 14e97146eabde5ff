"""The pace at which an agent looks for frames that nobody announces: few looks, and no frame missed."""

from __future__ import annotations

import bisect
import random
from typing import TYPE_CHECKING, NamedTuple

import pytest

from launch.pace import QUIET_AFTER_NS, QUIET_LOOK_NS, SHORT_LOOK_NS, Pace

if TYPE_CHECKING:
    from collections.abc import Callable

MS = 1_000_000


class Followed(NamedTuple):
    """What came of following a camera: frames seen, looks taken, longest delay of a frame."""

    seen: int
    looks: int
    longest_ns: int


def follow(arrivals: list[int], overhead_ns: int = 0, clock: Callable[[int], int] = int) -> Followed:
    """Looks at frames that arrive at these times.

    Args:
        arrivals: In nanoseconds, growing.
        overhead_ns: What a wake-up and a look take beyond the wait.
        clock: What the clock of the frames shows at a time.

    """
    pace, now, seen, looks, longest, last = Pace(), 0, 0, 0, 0, -1
    while now < arrivals[-1] + 10 * MS:
        looks += 1
        newest = bisect.bisect_right(arrivals, now) - 1
        if newest > last:
            seen, last, longest = seen + 1, newest, max(longest, now - arrivals[newest])
            now += pace.after_frame(newest, clock(arrivals[newest]), clock(now))
        else:
            now += pace.after_nothing()
        now += overhead_ns
    return Followed(seen, looks, longest)


@pytest.mark.parametrize("overhead_ns", [0, 200_000, 1_000_000])
@pytest.mark.parametrize("fps", [0.97, 1, 5, 12.5, 25, 30, 60, 120])
def test_a_steady_camera(fps: float, overhead_ns: int) -> None:
    """Every frame of a steady camera is seen, soon, at about one look a frame, whatever a look costs."""
    arrivals = [int(n * 1e9 / fps) for n in range(300)]
    followed = follow(arrivals, overhead_ns)
    learning = 250  # looks at SHORT_LOOK until the first interval, or the first two that agree, are known
    assert followed.seen >= 298
    assert followed.looks <= 300 * (1.1 if fps > 1 else 2.1) + learning


@pytest.mark.parametrize("fps", [5, 12.5, 25, 30, 60])
def test_a_frame_is_noticed_soon(fps: float) -> None:
    """Once the pace is known, a steady camera's frame is noticed within a fifth of an interval."""
    arrivals = [int(n * 1e9 / fps) for n in range(300)]
    assert follow(arrivals, 200_000).longest_ns <= max(1e9 / fps / 5, SHORT_LOOK_NS + 200_000)


@pytest.mark.parametrize("seed", range(5))
def test_a_jittery_camera(seed: int) -> None:
    """Frames that come up to a third of an interval early or late are all seen."""
    generator = random.Random(seed)
    arrivals = [0, *(40 * MS * n + generator.randint(-13 * MS, 13 * MS) for n in range(1, 500))]
    followed = follow(arrivals, 200_000)
    assert followed.seen >= 498
    assert followed.looks <= 3 * 500


@pytest.mark.parametrize("stall_ms", [60, 200, 900, 5000])
def test_a_stall_is_not_taken_for_the_pace(stall_ms: int) -> None:
    """A camera that stalls now and then loses no frame after the stall."""
    arrivals = [40 * MS * n + stall_ms * MS * (n // 100) for n in range(1000)]
    assert follow(arrivals, 200_000).seen >= 999 - (10 * 25 if stall_ms > 1000 else 0)


@pytest.mark.parametrize("short_ms", [2, 10])
def test_an_uneven_camera_costs_few_looks(short_ms: int) -> None:
    """Frames that come in pairs cost at most a dozen looks a pair, however close together they are."""
    arrivals = [80 * MS * (n // 2) + short_ms * MS * (n % 2) for n in range(1000)]
    assert follow(arrivals).looks <= 12 * 500


@pytest.mark.parametrize("wrong", ["frozen", "too slow", "steps"])
def test_a_wrong_clock_costs_little(wrong: str) -> None:
    """Where the clock of the frames is wrong, most frames are seen all the same, at a few looks each."""
    clocks: dict[str, Callable[[int], int]] = {
        "frozen": lambda _: 10**15,
        "too slow": lambda now: now // 40,
        "steps": lambda now: now + (3600 * 10**9 if now // 10**9 % 2 else 0),
    }
    arrivals = [40 * MS * n for n in range(1000)]
    followed = follow(arrivals, 100_000, clocks[wrong])
    assert followed.seen >= 990
    assert followed.looks <= 11 * 1000


def test_a_new_rate_is_learnt() -> None:
    """After four frames at another rate the pace is the new one."""
    arrivals = [40 * MS * n for n in range(100)]
    arrivals += [arrivals[-1] + 10 * MS * n for n in range(1, 500)]
    followed = follow(arrivals)
    assert followed.seen >= 585


@pytest.mark.parametrize("slow_fps", [1, 2, 5])
def test_a_camera_that_gets_faster(slow_fps: int) -> None:
    """A camera that goes from a slow rate to 25 fps loses one and a half of its slow intervals, not more."""
    slow = [n * 1_000 * MS // slow_fps for n in range(20)]
    fast = [slow[-1] + n * 40 * MS for n in range(1, 201)]
    missed = len(slow + fast) - follow(slow + fast).seen
    assert missed <= 1.5 * 25 / slow_fps + 2


def test_a_pause_is_not_taken_for_the_pace() -> None:
    """A pause between the first frames is forgotten with the next one."""
    arrivals = [0, *(1200 * MS + 40 * MS * n for n in range(100))]
    seen, _, _ = follow(arrivals)
    assert seen >= 75


def test_a_clock_that_steps_changes_no_pace() -> None:
    """Timestamps that step by an hour leave the pace where it was."""
    pace = Pace()
    for frame in range(50):
        pace.after_frame(frame, 10**15 + 40 * MS * frame, 10**15 + 40 * MS * frame)
    assert pace.interval_ns == 40 * MS
    pace.after_frame(50, 10**15 + 3600 * 10**9, 10**15)
    pace.after_frame(51, 10**15, 10**15)
    pace.after_frame(52, 10**15 + 40 * MS, 0)
    assert pace.interval_ns == 40 * MS


def test_a_silent_camera_costs_little() -> None:
    """Once no frame has come for a second, looks are a second apart."""
    pace = Pace()
    pace.after_frame(0, 0, 0)
    pace.after_frame(1, 40 * MS, 40 * MS)
    waited = 0
    while (wait := pace.after_nothing()) < QUIET_LOOK_NS:
        waited += wait
    assert QUIET_AFTER_NS - 50 * MS <= waited <= QUIET_AFTER_NS + 50 * MS
    assert pace.after_nothing() == QUIET_LOOK_NS


@pytest.mark.parametrize("timestamp", [0, 2**63, 2**64 - 1])
@pytest.mark.parametrize("frame_id", [0, 1, 2**64 - 1])
@pytest.mark.parametrize("now_ns", [0, 81 * MS, 2**64 - 1])
def test_hostile_numbers(frame_id: int, timestamp: int, now_ns: int) -> None:
    """Whatever ids and timestamps say, a wait lies between half a millisecond and a second."""
    pace = Pace()
    for found in ((5, 40 * MS), (6, 80 * MS), (frame_id, timestamp), (frame_id, timestamp), (7, 0)):
        assert MS // 2 <= pace.after_frame(*found, now_ns) <= 1_000 * MS
        assert MS // 2 <= pace.after_nothing() <= 1_000 * MS


def test_a_pace_taken_over_goes_on_as_if_it_had_been_followed_here() -> None:
    """After a frame that was found elsewhere, a pace is what it would be had it been found here."""
    here, elsewhere = Pace(), Pace()
    for frame_id in range(5):
        for pace in (here, elsewhere):
            pace.after_frame(frame_id, frame_id * 40 * MS, frame_id * 40 * MS + MS)
    elsewhere.after_nothing()
    waited = here.after_frame(5, 202 * MS, 203 * MS)
    elsewhere.resume(5, 202 * MS, here.interval_ns, waited)
    for name in Pace.__slots__:
        if name != "_odd_ns":  # says nothing while nothing is odd
            assert getattr(elsewhere, name) == getattr(here, name), name
    assert [here.after_nothing() for _ in range(60)] == [elsewhere.after_nothing() for _ in range(60)]

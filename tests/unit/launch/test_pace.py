"""The pace at which an agent looks for frames that nobody announces: few looks, and no frame missed."""

from __future__ import annotations

import random

import pytest

from launch.pace import QUIET_AFTER_NS, QUIET_LOOK_NS, SHORT_LOOK_NS, Pace

MS = 1_000_000


def follow(arrivals: list[int], timestamps: list[int] | None = None) -> tuple[int, int, int]:
    """Looks at frames that arrive at these times; frames seen, looks taken, longest delay of a frame."""
    pace, now, seen, looks, longest, last = Pace(), 0, 0, 0, 0, -1
    while now < arrivals[-1] + 10 * MS:
        looks += 1
        newest = sum(arrival <= now for arrival in arrivals) - 1
        if newest > last:
            seen, last, longest = seen + 1, newest, max(longest, now - arrivals[newest])
            now += pace.after_frame(newest, (timestamps or arrivals)[newest])
        else:
            now += pace.after_nothing()
    return seen, looks, longest


@pytest.mark.parametrize("fps", [5, 12.5, 25, 30, 60])
def test_a_steady_camera(fps: float) -> None:
    """Every frame of a steady camera is seen, soon, at less than 1.6 looks a frame once the pace is known."""
    arrivals = [int(n * 1e9 / fps) for n in range(200)]
    seen, looks, _ = follow(arrivals)
    quiet = 3_000_000_000 // QUIET_LOOK_NS + 1
    assert seen >= 199
    assert looks - quiet <= 200 * (1.6 if fps >= 25 else 1e9 / fps / 8 / SHORT_LOOK_NS + 1.6)


@pytest.mark.parametrize("seed", range(5))
def test_a_jittery_camera(seed: int) -> None:
    """Frames that come up to a third of an interval early or late are all seen."""
    generator = random.Random(seed)
    arrivals = [0, *(40 * MS * n + generator.randint(-13 * MS, 13 * MS) for n in range(1, 500))]
    seen, _, _ = follow(arrivals)
    assert seen >= 498


def test_a_pause_is_not_taken_for_the_pace() -> None:
    """A pause between the first frames is forgotten with the next one."""
    arrivals = [0, *(1200 * MS + 40 * MS * n for n in range(100))]
    seen, _, _ = follow(arrivals)
    assert seen >= 75


def test_a_clock_that_steps_changes_no_pace() -> None:
    """Timestamps that step by an hour leave the pace where it was."""
    pace = Pace()
    for frame in range(50):
        pace.after_frame(frame, 10**15 + 40 * MS * frame)
    assert pace.interval_ns == 40 * MS
    pace.after_frame(50, 10**15 + 3600 * 10**9)
    pace.after_frame(51, 10**15)
    pace.after_frame(52, 10**15 + 40 * MS)
    assert pace.interval_ns == 40 * MS


def test_a_silent_camera_costs_little() -> None:
    """Once no frame has come for a second, looks are a second apart."""
    pace = Pace()
    pace.after_frame(0, 0)
    pace.after_frame(1, 40 * MS)
    waited = 0
    while (wait := pace.after_nothing()) < QUIET_LOOK_NS:
        waited += wait
    assert QUIET_AFTER_NS - 50 * MS <= waited <= QUIET_AFTER_NS
    assert pace.after_nothing() == QUIET_LOOK_NS


@pytest.mark.parametrize("timestamp", [0, 2**63, 2**64 - 1])
@pytest.mark.parametrize("frame_id", [0, 1, 2**64 - 1])
def test_hostile_numbers(frame_id: int, timestamp: int) -> None:
    """Whatever ids and timestamps say, a wait lies between half a millisecond and a second."""
    pace = Pace()
    for found in ((5, 40 * MS), (6, 80 * MS), (frame_id, timestamp), (frame_id, timestamp), (7, 0)):
        assert MS // 2 <= pace.after_frame(*found) <= 1_000 * MS
        assert MS // 2 <= pace.after_nothing() <= 1_000 * MS

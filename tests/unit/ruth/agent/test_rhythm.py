from __future__ import annotations

import pytest

from ruth.agent.agent import StreamAgent
from ruth.agent.idle import IDLE_AFTER_S, idle_after_s
from ruth.agent.rhythm import WINDOW_FRAMES, frames_together, slots_needed
from ruth.agent.state import STATE_SIZE, AgentRecord, parse_state
from ruth.agent.state_writer import AgentIdentity, StateWriter
from ruth.units import NANOSECONDS


def record_after(gaps_s: list[float]) -> AgentRecord:
    """The record of an agent that has observed a frame, and one more after each of these gaps."""
    agent = StreamAgent("front-door")
    memory = memoryview(bytearray(STATE_SIZE))
    writer = StateWriter(agent).initialise(memory, AgentIdentity(1, 2, 3, 4))
    agent.start()
    now_ns = 1000 * NANOSECONDS
    for number, gap_s in enumerate([0.0, *gaps_s]):
        now_ns += round(gap_s * NANOSECONDS)
        agent.observe(number, now_ns)
        writer.write_frame(now_ns)
    record = parse_state(bytes(memory))
    assert record is not None
    return record


@pytest.mark.parametrize(
    ("gaps_s", "idle_s"),
    [
        ([], 2.0),
        ([0.04] * 100, 2.0),
        ([5.0], 12.5),
        ([5.0] * 20, 12.5),
        ([0.04] * 10_000 + [5.0], 12.5),
        ([0.003, 1.2] * 50, 3.0),
        ([3600.0], 60.0),
        ([5.0] + [0.04] * 2 * WINDOW_FRAMES, 2.0),
    ],
    ids=["one", "25 fps", "two", "0.2 fps", "night falls", "bursts", "an hour off", "day breaks"],
)
def test_idle_follows_the_longest_gap(gaps_s: list[float], idle_s: float) -> None:
    """An agent is idle after two and a half of its longest recent gaps, 2 s at least and a minute at most."""
    assert idle_after_s(record_after(gaps_s)) == pytest.approx(idle_s)
    assert IDLE_AFTER_S == 2.0


def test_a_camera_of_five_seconds_is_idle_once() -> None:
    """At 0.2 fps, looked at all the time, an agent is idle before its second frame and never again."""
    gaps = [5.0] * 19
    flips = sum(idle_after_s(record_after(gaps[:number])) < 5.0 for number in range(len(gaps)))
    assert flips == 1


@pytest.mark.parametrize(
    ("frames", "missed", "arrivals", "slots", "needed"),
    [
        (1000, 0, 1000, 4, None),  # evenly
        (1200, 0, 100, 12, None),  # twelve at once, which the ring holds
        (400, 800, 100, 4, 13),  # twelve at once, of which it holds four
        (9000, 1000, 9000, 4, None),  # an agent that was stopped
        (100, 10**6, 100, 4, None),  # no ring has as many
        (0, 0, 0, 4, None),
    ],
)
def test_too_few_slots(frames: int, missed: int, arrivals: int, slots: int, needed: int | None) -> None:
    """Slots are too few where frames are missed and more come at once than the ring holds."""
    assert slots_needed(frames, missed, arrivals, slots) == needed


def test_frames_together_is_the_mean() -> None:
    """So many frames an arrival, those that were missed among them."""
    assert [frames_together(24, 0, 2), frames_together(8, 16, 2), frames_together(0, 0, 0)] == [12, 12, 0]

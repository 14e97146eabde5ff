from __future__ import annotations

import pytest

from launch.demo.summary import camera_outcome
from ruth.agent.agent import StreamAgent
from ruth.agent.state import STATE_SIZE, AgentRecord, parse_state
from ruth.agent.state_writer import AgentIdentity, StateWriter
from ruth.subscription.subscription import Subscription

PERIOD = 40_000_000


class Watched:
    """An agent with a cap of 5 and one without, and its record."""

    def __init__(self) -> None:
        self.agent = StreamAgent("front-door")
        for model_id, max_fps in (("person", 5.0), ("audit", None)):
            self.agent.subscribe(Subscription("front-door", model_id, max_fps))
        self.agent.start()
        self.memory = bytearray(STATE_SIZE)
        self.writer = StateWriter(self.agent).initialise(memoryview(self.memory), AgentIdentity(1, 2, 3, 4))
        self.writer.write_export(2, 1, 12, 34)

    def observe(self, *frame_ids: int) -> None:
        """Observes frames of 25 a second."""
        for frame_id in frame_ids:
            self.agent.observe(frame_id, 10**12 + frame_id * PERIOD)
            self.writer.write_frame(1000)

    def record(self) -> AgentRecord:
        """The record as it is now."""
        record = parse_state(bytes(self.memory))
        assert record is not None
        return record


def test_counted_from_the_record_before() -> None:
    """Counted is from what an agent had published when counting began, rates between two allowed frames."""
    watched = Watched()
    watched.observe(*range(3, 20))
    before = watched.record()
    watched.observe(*range(20, 120))
    seen = watched.record()
    watched.observe(120)
    outcome = camera_outcome(before, seen, watched.record(), published=123)
    assert (outcome.published, outcome.observed, outcome.missed) == (103, 101, 2)
    person, audit = outcome.models
    assert (person.allowed, person.rate) == (20, 5.0)
    assert (audit.allowed, audit.rate) == (101, 25.0)


def test_frames_that_were_missed_count_against_the_rate() -> None:
    """A rate is of frame time: what an agent did not see is missing in it."""
    watched = Watched()
    watched.observe(0)
    before = watched.record()
    watched.observe(*range(5, 50, 5), *range(60, 101, 5))
    outcome = camera_outcome(before, watched.record(), watched.record(), published=101)
    assert outcome.missed == 82
    assert outcome.models[0].rate == pytest.approx(18 / 4)


def test_nothing_observed() -> None:
    """Of an agent that observed nothing all frames are missed, and no model has a rate."""
    record = Watched().record()
    outcome = camera_outcome(record, record, record, published=30)
    assert (outcome.published, outcome.observed, outcome.missed) == (30, 0, 30)
    assert [(model.allowed, model.rate) for model in outcome.models] == [(0, None), (0, None)]

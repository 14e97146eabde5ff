from __future__ import annotations

from launch.observe.follow.changes import (
    AgentMissed,
    ExportSeen,
    FrameSeen,
    Gap,
    GapModel,
    changes,
    same_agent,
)
from ruth.agent.agent import StreamAgent
from ruth.agent.state import STATE_SIZE, AgentRecord, parse_state
from ruth.agent.state_writer import AgentIdentity, StateWriter
from ruth.subscription.gate import Decision
from ruth.subscription.subscription import Subscription

MS = 1_000_000


class Recorder:
    """A real agent with one capped and one free subscription, and its record as it goes on."""

    def __init__(self, pid: int = 1) -> None:
        self.agent = StreamAgent("a")
        self.agent.subscribe(Subscription("a", "person", 5))
        self.agent.subscribe(Subscription("a", "audit", None))
        self.memory = bytearray(STATE_SIZE)
        self.writer = StateWriter(self.agent).initialise(memoryview(self.memory), AgentIdentity(pid, 2, 3, 4))
        self.agent.start()

    def record(self) -> AgentRecord:
        """As any process would read it now."""
        found = parse_state(bytes(self.memory))
        assert found is not None
        return found

    def bind(self, version: int, session: int) -> AgentRecord:
        """The record with another export."""
        self.writer.write_export(version, session)
        return self.record()

    def observe(self, *frames: int) -> AgentRecord:
        """The record after these frames, 40 ms apart by their ids."""
        for frame in frames:
            assert self.agent.observe(frame, frame * 40 * MS % 2**64)
            self.writer.write_frame(1000 + frame % 1000)
        return self.record()


def test_nothing_has_happened() -> None:
    """A record that has not changed is not a change."""
    record = Recorder().observe(0, 1)
    assert changes(record, record) == []


def test_a_frame() -> None:
    """The next frame is shown with its numbers and what was decided for each model."""
    recorder = Recorder()
    before = recorder.observe(0)
    (frame,) = changes(before, recorder.observe(1))
    assert isinstance(frame, FrameSeen)
    assert (frame.frame_id, frame.timestamp_ns, frame.decided_ns) == (1, 40 * MS, 1001)
    assert [(model.model_id, model.last_decision) for model in frame.models] == [
        ("person", Decision.SKIP_INTERVAL),
        ("audit", Decision.ALLOW),
    ]


def test_a_gap() -> None:
    """Frames that came between two polls are counted, with what became of them; the newest is shown."""
    recorder = Recorder()
    before = recorder.observe(0)
    gap, frame = changes(before, recorder.observe(1, 2, 3, 4, 5, 6))
    assert gap == Gap(5, (GapModel("person", 1, 4), GapModel("audit", 5, 0)))
    assert isinstance(frame, FrameSeen)
    assert frame.frame_id == 6


def test_a_gap_is_exact_whatever_the_newest_frame_was() -> None:
    """The newest frame's own decision is not counted in the gap, be it allowed or skipped."""
    recorder = Recorder()
    before = recorder.observe(0)
    for frames in ((1, 2, 3, 4, 5), (6, 7), (8, 9, 10)):
        after = recorder.observe(*frames)
        gap = changes(before, after)[0]
        assert isinstance(gap, Gap)
        assert gap.frames == len(frames) - 1
        assert {model.allowed + model.skipped for model in gap.models} == {len(frames) - 1}
        before = after


def test_frames_that_the_agent_missed() -> None:
    """What the agent itself has never seen is told from what was not seen here."""
    recorder = Recorder()
    before = recorder.observe(0)
    missed, frame = changes(before, recorder.observe(10))
    assert missed == AgentMissed(9)
    assert isinstance(frame, FrameSeen)


def test_an_export_found_and_lost() -> None:
    """Each export that the agent binds or loses is shown, before the frames that come of it."""
    recorder = Recorder()
    start = recorder.record()
    bound = recorder.bind(2, 1)
    assert changes(start, bound) == [ExportSeen(2, 1)]
    lost = recorder.bind(0, 1)
    assert changes(bound, lost) == [ExportSeen(0, 1)]
    recorder.bind(2, 2)
    found = changes(lost, recorder.observe(0))
    assert [type(change) for change in found] == [ExportSeen, FrameSeen]


def test_a_new_agent() -> None:
    """Of an agent that was not known, all frames so far count, and its export is shown in any case."""
    old, new = Recorder(pid=1), Recorder(pid=2)
    before, after = old.observe(0, 1, 2, 3), new.observe(8, 9)
    assert not same_agent(before, after)
    for known in (before, None):
        found = changes(known, after)
        assert [type(change) for change in found] == [ExportSeen, Gap, FrameSeen]
        assert found[1] == Gap(1, (GapModel("person", 1, 0), GapModel("audit", 1, 0)))


def test_a_new_agent_without_a_frame() -> None:
    """An agent that has observed nothing yet has only its export, or that it has none."""
    assert changes(None, Recorder().record()) == [ExportSeen(0, 0)]


def test_hostile_ids_do_not_raise() -> None:
    """Ids that jump by nearly 2^64, twice, are counted modulo 2^64, as the record does."""
    recorder = Recorder()
    before = recorder.observe(2**64 - 3)
    recorder.agent.start_export()
    recorder.bind(2, 2)
    after = recorder.observe(0, 2**64 - 1)
    assert [type(change) for change in changes(before, after)] == [ExportSeen, AgentMissed, Gap, FrameSeen]

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

import ruth
from conftest import open_roots
from doubles.stepped_agent import CAMERA, MODEL, MS, SteppedAgent, counts, publish
from harness.published import exporter_of
from ruth.agent.state import KEPT_FRAMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Roots
    from ruth.runtime.stream import Stream
    from ruth.vas.exporter import FrameExporter

    Attach = Callable[..., Stream]


def test_a_frame_is_the_one_that_was_allowed(
    agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """Each eligible frame is given once, in order, with its own pixels, id and time."""
    stream = attach()
    for frame_id in range(9):
        publish(exporter, agent)
        frame = next(stream)
        assert (frame.frame_id, frame.timestamp_ns) == (frame_id, (frame_id + 1) * 40 * MS)
        assert set(frame.nv12.flat) == {frame_id}
        assert frame.intact
        assert stream.next_frame(0) is None
    assert counts(stream) == (9, 0, 0)


def test_a_newer_frame_is_not_given_in_its_place(
    roots: Roots, exporter: FrameExporter, attach: Attach
) -> None:
    """The frame is the one decided on, also when the ring already holds newer ones that were not allowed."""
    with SteppedAgent(roots, {MODEL: 5}) as agent:
        stream = attach()
        publish(exporter, agent, frames=2)  # the second one comes too early for the cap
        publish(exporter)  # and no process has decided on the third
        frame = next(stream)
        assert frame.frame_id == 0
        assert set(frame.nv12.flat) == {0}
        assert stream.next_frame(0) is None


def test_an_overwritten_frame_is_lost(agent: SteppedAgent, exporter: FrameExporter, attach: Attach) -> None:
    """A frame whose slot holds another one is skipped, counted as lost, and never replaced by that one."""
    stream = attach()
    publish(exporter, agent)
    publish(exporter, frames=4)
    assert stream.next_frame(0) is None
    assert counts(stream) == (0, 1, 0)
    assert agent.step()  # it decides on all four that the ring holds, and all of them are given
    assert [next(stream).frame_id for _ in range(4)] == [1, 2, 3, 4]
    assert counts(stream) == (4, 1, 0)


def test_a_frame_being_overwritten_is_lost(
    agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """A frame whose slot the writer has begun to fill again is gone from that moment."""
    stream = attach()
    publish(exporter, agent)
    publish(exporter, frames=3)
    assert exporter.begin_frame() is not None
    assert stream.next_frame(0) is None
    assert counts(stream) == (0, 1, 0)


def test_frames_that_came_and_went_are_dropped(
    agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """With newest_only, one of several frames allowed since the last poll is given, the others dropped."""
    stream = attach(newest_only=True)
    publish(exporter, agent, frames=7)
    assert next(stream).frame_id == 6
    assert counts(stream) == (1, 0, 6)


def test_all_of_a_burst_that_stands_is_given(
    agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """Frames allowed since the last poll are given in order; those that the ring has lost are counted."""
    stream = attach()
    publish(exporter, agent, frames=7)
    assert [next(stream).frame_id for _ in range(4)] == [3, 4, 5, 6]
    assert stream.next_frame(0) is None
    assert counts(stream) == (4, 3, 0)
    publish(exporter, agent, frames=3)
    assert [next(stream).frame_id for _ in range(3)] == [7, 8, 9]
    assert counts(stream) == (7, 3, 0)


def test_more_frames_than_a_record_keeps_are_dropped(
    agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """Frames no longer in the record are dropped; those in the record and not in the ring are lost."""
    stream = attach()
    publish(exporter, agent, frames=KEPT_FRAMES + 9)
    assert next(stream).frame_id == KEPT_FRAMES + 5
    assert counts(stream) == (1, KEPT_FRAMES - 4, 9)


def test_who_is_too_slow_gets_the_newest_until_it_has_caught_up(
    agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """A frame overwritten while it was used is followed by the newest one, until a poll finds nothing new."""
    stream = attach()
    publish(exporter, agent)
    assert next(stream).frame_id == 0
    publish(exporter, agent, frames=5)  # meanwhile
    assert next(stream).frame_id == 5
    publish(exporter, agent, frames=2)
    assert next(stream).frame_id == 7
    assert counts(stream) == (3, 0, 5)
    assert stream.next_frame(0) is None  # it has caught up
    publish(exporter, agent, frames=3)
    assert [next(stream).frame_id for _ in range(3)] == [8, 9, 10]
    assert counts(stream) == (6, 0, 5)


def test_a_wait_between_bursts_is_not_slowness(
    agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """Who had all of a burst and waited gets all of the next, though that has overwritten the first."""
    stream = attach()
    for burst in range(3):
        publish(exporter, agent, frames=4)
        assert [next(stream).frame_id for _ in range(4)] == list(range(4 * burst, 4 * burst + 4))
        assert stream.next_frame(0) is None
    assert counts(stream) == (12, 0, 0)


class Reference:
    """What a stream's counters mean, over lists: every frame that was allowed, and the ring's last ones."""

    def __init__(self, slots: int, *, newest_only: bool) -> None:
        self.slots = slots
        self.newest_only = newest_only
        self.published = 0
        self.allowed: list[int] = []
        self.handled = self.given = 0  # numbers of frames, from 1 on
        self.behind = False
        self.counts = (0, 0, 0)

    def is_intact(self, number: int) -> bool:
        """Whether the ring holds it still."""
        return self.allowed[number - 1] >= self.published - self.slots

    def next_frame(self, *, newest: bool = False) -> int | None:
        """Id of the frame that comes next, or that latest() gives where there is something new."""
        received, lost, dropped = self.counts
        pending = range(self.handled + 1, len(self.allowed) + 1)
        if not pending:
            self.given, self.behind = 0, False
            return None
        if len(pending) > 1 and self.given and not self.is_intact(self.given):
            self.behind = True
        only_last = newest or self.newest_only or self.behind
        looked = pending[-1:] if only_last else pending[-KEPT_FRAMES:]
        dropped += len(pending) - len(looked)
        found = None
        for number in looked:
            self.handled = number
            if self.is_intact(number):
                found = self.given = number
                break
            lost += 1
        self.counts = (received + (found is not None), lost, dropped)
        return None if found is None else self.allowed[found - 1]


@settings(derandomize=True, max_examples=60, deadline=None)
@given(
    slots=st.integers(2, 20),
    newest_only=st.booleans(),
    steps=st.lists(st.tuples(st.integers(0, 22), st.booleans()), max_size=30),
)
def test_counters_are_exact(slots: int, newest_only: bool, steps: list[tuple[int, bool]]) -> None:
    """However frames come and are taken: each one allowed is received, lost or dropped, as the page says."""
    with open_roots() as roots, SteppedAgent(roots) as agent:
        exporter = exporter_of(roots, CAMERA, slot_count=slots)
        reference = Reference(slots, newest_only=newest_only)
        attached = ruth.attach(
            CAMERA, MODEL, export_root=str(roots.export), state_root=str(roots.state), newest_only=newest_only
        )
        with attached as stream:
            for frames, latest in steps:
                for _ in range(frames):
                    publish(exporter, agent)
                    reference.allowed.append(reference.published)
                    reference.published += 1
                newest = latest and len(reference.allowed) > reference.handled  # else it repeats one
                frame = stream.latest() if newest else stream.next_frame(0)
                expected = reference.next_frame(newest=newest)
                assert (None if frame is None else frame.frame_id) == expected
                assert counts(stream) == reference.counts
        exporter.close()


def test_every_allowed_frame_is_counted_once(
    agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """Received, lost and dropped add up to what the agent allowed since the runtime attached."""
    publish(exporter, agent, frames=5)
    stream = attach(newest_only=True)
    assert next(stream).frame_id == 4  # standing when it came
    for looked in range(1, 40):
        publish(exporter, agent, frames=looked % 4)
        publish(exporter, frames=looked % 5)
        stream.next_frame(0)
        agent.step()
    stream.next_frame(0)
    allowed = agent.agent.subscriptions[0].allowed
    assert sum(counts(stream)) == allowed - 5 + 1
    assert min(counts(stream)) > 0


def test_a_standing_frame_is_given(agent: SteppedAgent, exporter: FrameExporter, attach: Attach) -> None:
    """A new stream gets the newest eligible frame, if it is there, once; older ones are not dropped."""
    publish(exporter, agent, frames=3)
    stream = attach()
    assert next(stream).frame_id == 2
    assert stream.next_frame(0) is None
    assert counts(stream) == (1, 0, 0)


def test_a_frame_gone_before_is_no_loss(agent: SteppedAgent, exporter: FrameExporter, attach: Attach) -> None:
    """A frame that was overwritten before the runtime attached is not counted as lost."""
    publish(exporter, agent)
    publish(exporter, frames=4)
    stream = attach()
    assert stream.next_frame(0) is None
    assert counts(stream) == (0, 0, 0)


def test_latest_repeats(agent: SteppedAgent, exporter: FrameExporter, attach: Attach) -> None:
    """latest() gives the newest eligible frame again and again, and counts it once; iteration skips it."""
    stream = attach()
    assert stream.latest() is None
    publish(exporter, agent, frames=2)
    assert [frame.frame_id for _ in range(3) if (frame := stream.latest())] == [1, 1, 1]
    assert stream.next_frame(0) is None
    publish(exporter, frames=4)
    assert stream.latest() is None  # overwritten; it was given before, so it is not lost
    assert counts(stream) == (1, 0, 1)


def test_streams_of_one_subscription_are_apart(
    agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """Any number of runtimes may attach to one subscription; each gets every frame that it looks for."""
    streams = [attach() for _ in range(5)]
    for frame_id in range(3):
        publish(exporter, agent)
        assert [next(stream).frame_id for stream in streams] == [frame_id] * 5


def test_each_model_gets_its_own_frames(roots: Roots, exporter: FrameExporter, attach: Attach) -> None:
    """Two models of one camera get what each was allowed, whichever place they have in the record."""
    with SteppedAgent(roots, {"slow": 5, "audit": None}) as agent:
        streams = {model: attach(model_id=model) for model in ("audit", "slow")}
        given: dict[str, list[int]] = {"audit": [], "slow": []}
        for _ in range(11):
            publish(exporter, agent)
            for model, stream in streams.items():
                frame = stream.next_frame(0)
                given[model] += [] if frame is None else [frame.frame_id]
    assert given == {"audit": list(range(11)), "slow": [0, 5, 10]}

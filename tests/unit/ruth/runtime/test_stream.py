from __future__ import annotations

from typing import TYPE_CHECKING

from stepped import MODEL, MS, SteppedAgent, counts, publish

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
        publish(exporter)  # and nobody has decided on the third
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
    assert agent.step()
    assert next(stream).frame_id == 4
    assert counts(stream) == (1, 1, 0)


def test_a_frame_being_overwritten_is_lost(
    agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """A frame whose slot the writer has begun to fill anew is gone from that moment."""
    stream = attach()
    publish(exporter, agent)
    publish(exporter, frames=3)
    assert exporter.begin() is not None
    assert stream.next_frame(0) is None
    assert counts(stream) == (0, 1, 0)


def test_frames_that_came_and_went_are_dropped(
    agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """Of several frames allowed since the last look only the newest is given; the others are counted."""
    stream = attach()
    publish(exporter, agent, frames=7)
    assert next(stream).frame_id == 6
    assert counts(stream) == (1, 0, 6)


def test_every_allowed_frame_is_counted_once(
    agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """Received, lost and dropped add up to what the agent allowed since the runtime attached."""
    publish(exporter, agent, frames=5)
    stream = attach()
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
    """Who attaches gets the newest eligible frame if it is still there, once; what was before is no drop."""
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

from __future__ import annotations

import gc
import os
import shutil
import signal
import threading
import time
from itertools import islice
from typing import TYPE_CHECKING

import pytest

import ruth
from held import left_of
from published import FRAME, exporter_of
from ruth.errors import InvalidIdError
from ruth.runtime.stream import LOOK_NS
from stepped import CAMERA, MODEL, SteppedAgent
from waiting import wait_until, within

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Roots
    from ruth.runtime.stream import Stream
    from ruth.vas.exporter import FrameExporter

    Attach = Callable[..., Stream]

MS = 1_000_000


def publish(exporter: FrameExporter, agent: SteppedAgent | None = None, frames: int = 1) -> None:
    """Publishes frames whose every byte is their id, 40 ms apart, and lets the agent decide on each."""
    for _ in range(frames):
        frame_id = exporter.published
        assert exporter.publish(bytes([frame_id % 256]) * len(FRAME), (frame_id + 1) * 40 * MS)
        if agent is not None:
            assert agent.step()


def counts(stream: Stream) -> tuple[int, int, int]:
    """Received, lost, dropped."""
    return stream.received, stream.lost, stream.dropped


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


def test_a_new_export_is_followed(roots: Roots, agent: SteppedAgent, attach: Attach) -> None:
    """After a restart of the video server frames come from the new export, with ids from 0."""
    stream = attach()
    for _ in range(3):
        exporter = exporter_of(roots, CAMERA)
        publish(exporter, agent)
        assert next(stream).frame_id == 0
        exporter.close()
        assert not agent.step()
        assert stream.next_frame(0) is None
    assert counts(stream) == (3, 0, 0)


@pytest.mark.parametrize("decided_in", ["old", "new"])
def test_an_id_of_another_export_is_not_matched(
    roots: Roots, agent: SteppedAgent, attach: Attach, decided_in: str
) -> None:
    """A frame of the same id and the same time in another export is not the frame that was allowed."""
    stream = attach()
    old = exporter_of(roots, CAMERA)
    publish(old, agent)
    if decided_in == "new":
        assert next(stream).frame_id == 0  # the runtime is bound to the old one
    new = exporter_of(roots, CAMERA)
    publish(new)
    if decided_in == "new":
        wait_until(agent.step, "the agent has found the new export")
        assert set(next(stream).nv12.flat) == {0}
        assert counts(stream) == (2, 0, 0)
    else:
        assert stream.next_frame(0) is None
        assert counts(stream) == (0, 1, 0)
    old.close()
    new.close()


def test_the_old_exports_frame_is_not_looked_for_in_the_new_one(
    roots: Roots, exporter: FrameExporter, attach: Attach
) -> None:
    """While a new export's frames are not allowed yet, the last allowed id belongs to none of its frames."""
    with SteppedAgent(roots, {MODEL: 5}) as agent:
        stream = attach()
        publish(exporter, agent)
        assert next(stream).frame_id == 0
        new = exporter_of(roots, CAMERA)
        assert new.publish(FRAME, 40 * MS)  # the same id, the same time: too early for the cap
        wait_until(agent.step, "the agent has found the new export")
        assert stream.latest() is None
        assert counts(stream) == (1, 0, 0)
        new.close()


def test_an_export_let_go_is_let_go(
    roots: Roots, agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """When the agent has lost its export, a runtime that looks holds nothing of it either."""
    stream = attach()
    publish(exporter, agent)
    assert next(stream).intact
    gc.collect()
    assert left_of(roots.export / CAMERA / "frame.data")
    exporter.close()
    assert not agent.step()
    held = left_of(roots.export / CAMERA)
    assert stream.next_frame(0) is None
    assert len(left_of(roots.export / CAMERA)) < len(held)


def test_the_agents_death_is_waited_out(
    roots: Roots, agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """A new agent in the same file is followed, and what it allowed is counted from its own start."""
    stream = attach()
    publish(exporter, agent, frames=3)
    assert next(stream).frame_id == 2
    agent.die()
    assert stream.next_frame(0) is None
    with SteppedAgent(roots, {"other": None, MODEL: None}) as successor:  # at another place in the record
        publish(exporter, successor, frames=2)
        assert next(stream).frame_id == 4
    assert counts(stream) == (2, 0, 3)


def test_a_record_under_change_for_ever_is_waited_out(
    roots: Roots, agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """An agent killed within a change gives no frame and costs no time, and its successor is followed."""
    stream = attach()
    publish(exporter, agent)
    agent.memory[8:16] = (int.from_bytes(agent.memory[8:16], "little") | 1).to_bytes(8, "little")
    agent.die()
    before = time.process_time_ns()
    assert stream.next_frame(0.2) is None
    assert time.process_time_ns() - before < 100 * MS
    with SteppedAgent(roots) as successor:
        publish(exporter, successor)
        assert next(stream).frame_id == 1


def test_a_state_that_comes_later_is_found(roots: Roots, exporter: FrameExporter, attach: Attach) -> None:
    """Who attaches before there is any agent gets the frames of the first one, all of them counted."""
    stream = attach()
    assert stream.next_frame(0) is None
    with SteppedAgent(roots) as agent:
        publish(exporter, agent, frames=2)
        with within(3):
            assert next(stream).frame_id == 1
    assert counts(stream) == (1, 0, 1)


def test_a_state_made_anew_is_found(
    roots: Roots, agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """An agent whose state is another file at the same path is found within a second, after a wait."""
    stream = attach()
    publish(exporter, agent)
    assert next(stream).frame_id == 0
    agent.die()
    shutil.rmtree(roots.state)
    with SteppedAgent(roots) as successor:
        publish(exporter, successor)
        with within(3):
            assert next(stream).frame_id == 1


def test_a_model_that_comes_later_is_found(
    roots: Roots, agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """Who attaches for a model that the agent does not have waits for an agent that has it."""
    stream = attach(model_id="plate")
    publish(exporter, agent)
    assert stream.next_frame(0) is None
    agent.die()
    with SteppedAgent(roots, {"plate": None}) as successor:
        publish(exporter, successor)
        assert next(stream).frame_id == 1


@pytest.mark.parametrize("size", [0, 100, 300, 5000])
def test_a_state_cut_short_is_no_end(
    roots: Roots, agent: SteppedAgent, exporter: FrameExporter, attach: Attach, size: int
) -> None:
    """A state file that somebody cuts gives no signal and no busy loop, and the next one is followed."""
    stream = attach()
    publish(exporter, agent)
    assert next(stream).frame_id == 0
    path = roots.state / CAMERA / "agent.state"
    agent.die()
    os.truncate(path, size)
    before = time.process_time_ns()
    assert stream.next_frame(0.2) is None
    assert time.process_time_ns() - before < 100 * MS
    path.unlink()
    with SteppedAgent(roots) as successor:
        publish(exporter, successor)
        with within(3):
            assert next(stream).frame_id == 1


def test_a_timeout_ends_iteration_and_not_the_stream(
    agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """Iteration ends when no frame came for that long, no earlier, and may be begun again."""
    stream = attach(timeout=0.05)
    began = time.monotonic()
    assert list(stream) == []
    assert time.monotonic() - began >= 0.05
    publish(exporter, agent)
    assert [frame.frame_id for frame in stream] == [0]


@pytest.mark.parametrize("timeout", [-1, -1e-9, float("nan"), float("inf")])
def test_a_timeout_is_seconds(attach: Attach, timeout: float) -> None:
    """A timeout below 0, infinite or no number is refused when it is given."""
    with pytest.raises(ValueError, match=r"timeout .*: a number of seconds from 0, or None"):
        attach(timeout=timeout)
    with pytest.raises(ValueError, match="timeout"):
        attach().next_frame(timeout)


@pytest.mark.parametrize("names", [("..", MODEL), (CAMERA, "a/b"), ("", MODEL), (CAMERA, "")])
def test_ids_are_checked(attach: Attach, names: tuple[str, str]) -> None:
    """A path is never built from what is no id."""
    with pytest.raises(InvalidIdError):
        attach(*names)


def test_a_wait_ends_when_a_frame_is_allowed(
    agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """A frame that is allowed while a runtime waits ends that wait: it is not found by time."""
    stream = attach()
    given: list[tuple[int, float]] = []

    def take() -> None:
        given.extend((frame.frame_id, time.monotonic()) for frame in islice(stream, 20))

    taker = threading.Thread(target=take)
    taker.start()
    published = []
    for frame_id in range(20):
        published.append(time.monotonic())
        publish(exporter, agent)
        wait_until(lambda frame_id=frame_id: len(given) > frame_id, "the frame is given", LOOK_NS / 2e9)
    taker.join()
    assert [frame_id for frame_id, _ in given] == list(range(20))


@pytest.mark.parametrize("waits_for", ["a frame", "a state"])
def test_close_from_another_thread_ends_iteration(roots: Roots, attach: Attach, waits_for: str) -> None:
    """close() ends a wait at once, not when its time is over, and nothing is held afterwards."""
    agent = SteppedAgent(roots) if waits_for == "a frame" else None
    for _ in range(20):
        stream = attach(timeout=None)
        ended: list[int] = []
        taker = threading.Thread(target=lambda stream=stream, ended=ended: ended.append(len(list(stream))))
        taker.start()
        wait_until(lambda stream=stream: stream._inside, "it waits")
        began = time.monotonic()
        stream.close()
        taker.join()
        assert time.monotonic() - began < LOOK_NS / 4e9
        assert ended == [0]
        assert stream.closed
    if agent is not None:
        agent.die()
        agent._view.release()
        del agent
        gc.collect()
    assert [name for name in left_of(roots.state) if name.endswith("agent.state")] == []


def test_close_from_a_signal_handler_ends_iteration(agent: SteppedAgent, attach: Attach) -> None:
    """close() in a handler ends the wait that the signal interrupted."""
    stream = attach(timeout=None)
    before = signal.signal(signal.SIGUSR1, lambda *_: stream.close())
    killer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1))
    try:
        killer.start()
        with within(5):
            assert list(stream) == []
    finally:
        killer.join()
        signal.signal(signal.SIGUSR1, before)
    assert stream.closed


def test_an_exception_from_a_signal_handler_gets_through(
    agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """KeyboardInterrupt ends a wait, and the stream can be used or closed afterwards."""
    stream = attach(timeout=None)
    killer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
    killer.start()
    with within(5), pytest.raises(KeyboardInterrupt):
        next(stream)
    killer.join()
    publish(exporter, agent)
    assert next(stream).frame_id == 0


def test_after_close_there_is_nothing(agent: SteppedAgent, exporter: FrameExporter, attach: Attach) -> None:
    """A closed stream gives no frame, by whatever way it is asked, and can be closed again."""
    stream = attach()
    publish(exporter, agent)
    frame = next(stream)
    stream.close()
    stream.close()
    publish(exporter, agent)
    assert (stream.next_frame(), stream.latest(), list(stream)) == (None, None, [])
    assert not frame.intact
    assert set(frame.nv12.flat) == {0}  # still there to be looked at


def test_nothing_is_held_after_with(
    roots: Roots, agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """When the block ends, no descriptor and no mapping of the runtime is left."""
    publish(exporter, agent)
    held = (left_of(roots.export), left_of(roots.state))
    with attach() as stream:
        assert next(stream).intact
        assert (len(left_of(roots.export)), len(left_of(roots.state))) > (len(held[0]), len(held[1]))
    gc.collect()
    assert (left_of(roots.export), left_of(roots.state)) == held


def test_a_forgotten_stream_lets_go(roots: Roots, agent: SteppedAgent, exporter: FrameExporter) -> None:
    """A stream that nobody closed lets go of everything when it is collected."""
    publish(exporter, agent)
    held = (left_of(roots.export), left_of(roots.state))
    latest = ruth.attach(CAMERA, MODEL, export_root=str(roots.export), state_root=str(roots.state)).latest()
    assert latest is not None
    del latest
    gc.collect()
    assert (left_of(roots.export), left_of(roots.state)) == held


def test_the_environment_names_the_roots(
    roots: Roots, agent: SteppedAgent, exporter: FrameExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without roots, attach() takes those of the environment."""
    for name, value in roots.environ().items():
        monkeypatch.setenv(name, value)
    publish(exporter, agent)
    with ruth.attach(CAMERA, MODEL) as stream:
        assert next(stream).frame_id == 0


def test_a_machine_without_futexes_is_refused(attach: Attach, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody knows how to wait, attach() says so instead of looking without end."""
    monkeypatch.setattr("ruth.runtime.stream.available", lambda: False)
    with pytest.raises(OSError, match="no futex is known for"):
        attach()


def test_a_stream_shows_what_it_is(agent: SteppedAgent, exporter: FrameExporter, attach: Attach) -> None:
    """The repr tells subscription, state and counters."""
    stream = attach()
    publish(exporter, agent, frames=3)
    next(stream)
    assert repr(stream) == "Stream('front-door', 'person', open, received=1, lost=0, dropped=2)"
    stream.close()
    assert repr(stream).startswith("Stream('front-door', 'person', closed,")

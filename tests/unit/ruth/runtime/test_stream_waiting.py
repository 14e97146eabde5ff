from __future__ import annotations

import gc
import os
import signal
import threading
import time
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

import ruth
from doubles.stepped_agent import CAMERA, MODEL, SteppedAgent, publish
from harness.open_descriptors import left_of
from harness.waiting import wait_until, within
from ruth.errors import InvalidIdError
from ruth.runtime.timeout import POLL_NS

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Roots
    from ruth.runtime.stream import Stream
    from ruth.vas.exporter import FrameExporter

    Attach = Callable[..., Stream]


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


@pytest.mark.parametrize("timeout", [-1, -1e-9, float("nan"), float("inf"), "2", [2]])
def test_a_timeout_is_seconds(attach: Attach, timeout: Any) -> None:
    """A timeout below 0, infinite or no number is refused when it is given."""
    with pytest.raises(ValueError, match=r"timeout .*: a number of seconds from 0, or None"):
        attach(timeout=timeout)
    with pytest.raises(ValueError, match="timeout"):
        attach().next_frame(timeout)


def test_a_timeout_may_be_as_long_as_one_likes(attach: Attach) -> None:
    """A timeout beyond what a clock counts is a wait that another thread can end, as any other."""
    stream = attach(timeout=1e300)
    closer = threading.Timer(0.05, stream.close)
    closer.start()
    with within(30):
        assert list(stream) == []
    closer.join()


@pytest.mark.parametrize("names", [("..", MODEL), (CAMERA, "a/b"), ("", MODEL), (CAMERA, "")])
def test_ids_are_checked(attach: Attach, names: tuple[str, str]) -> None:
    """A path is never built from what is not a valid id."""
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
        wait_until(lambda frame_id=frame_id: len(given) > frame_id, "the frame is given", POLL_NS / 2e9)
    taker.join()
    assert [frame_id for frame_id, _ in given] == list(range(20))


@pytest.mark.parametrize("waits_for", ["a frame", "a state"])
@pytest.mark.alone
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
        assert time.monotonic() - began < POLL_NS / 4e9
        assert ended == [0]
        assert stream.closed
    if agent is not None:
        agent.die()
        agent.view.release()
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
        with within(30):
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
    with within(30), pytest.raises(KeyboardInterrupt):
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
    """A stream that was not closed releases everything when it is collected."""
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
    """Where waiting is not possible, attach() says so instead of polling without end."""
    monkeypatch.setattr("ruth.runtime.stream.available", lambda: False)
    with pytest.raises(OSError, match="no futex is known for"):
        attach()


def test_a_stream_shows_what_it_is(agent: SteppedAgent, exporter: FrameExporter, attach: Attach) -> None:
    """The repr tells subscription, state and counters."""
    stream = attach(newest_only=True)
    publish(exporter, agent, frames=3)
    next(stream)
    assert repr(stream) == "Stream('front-door', 'person', open, received=1, lost=0, dropped=2)"
    stream.close()
    assert repr(stream).startswith("Stream('front-door', 'person', closed,")

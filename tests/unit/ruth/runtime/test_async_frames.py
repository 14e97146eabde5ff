from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

import pytest

from harness.published import FRAME
from harness.waiting import wait_until, within
from ruth.runtime.stream import POLL_NS

if TYPE_CHECKING:
    from collections.abc import Callable

    from doubles.stepped_agent import SteppedAgent
    from ruth.runtime.stream import Stream
    from ruth.vas.exporter import FrameExporter

    Attach = Callable[..., Stream]


def test_frames_come_as_in_a_for_loop(agent: SteppedAgent, exporter: FrameExporter, attach: Attach) -> None:
    """``async for`` gives the frames that were allowed, each once, while the loop serves other tasks."""
    stream = attach()
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0.001)

    async def publish() -> None:
        for frame_id in range(10):
            await asyncio.sleep(0.01)
            exporter.publish(FRAME, frame_id + 1)
            agent.step()

    async def take() -> list[int]:
        ticking, publishing = asyncio.create_task(tick()), asyncio.create_task(publish())
        taken = []
        async for frame in stream:
            taken.append(frame.frame_id)
            if frame.frame_id == 9:
                break
        await publishing
        ticking.cancel()
        return taken

    with within(30):
        taken = asyncio.run(take())
    assert taken == sorted(set(taken))
    assert taken[-1] == 9
    assert stream.received + stream.dropped == 10
    assert ticks > 20


def test_it_ends_when_the_stream_is_closed(agent: SteppedAgent, attach: Attach) -> None:
    """close() ends the iteration at once."""
    stream = attach(timeout=None)

    async def take() -> list[object]:
        asyncio.get_running_loop().call_later(0.05, stream.close)
        return [frame async for frame in stream]

    began = time.monotonic()
    with within(30):
        assert asyncio.run(take()) == []
    assert time.monotonic() - began < POLL_NS / 2e9


def test_it_ends_after_its_timeout(agent: SteppedAgent, attach: Attach) -> None:
    """A stream's timeout ends the asynchronous iteration too, and not before."""

    async def take() -> list[object]:
        return [frame async for frame in attach(timeout=0.05)]

    began = time.monotonic()
    with within(30):
        assert asyncio.run(take()) == []
    assert 0.05 <= time.monotonic() - began < POLL_NS / 2e9


def test_a_cancelled_wait_leaves_no_thread_waiting(
    agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """Cancelling a task that waits for a frame ends its wait in the executor too; the stream goes on."""
    stream = attach(timeout=None)

    async def take() -> int:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(aiter(stream)), 0.05)
        began = time.monotonic()
        while stream._inside:  # noqa: ASYNC110 - what is waited for is a thread that the task has given up
            await asyncio.sleep(0.001)
        assert time.monotonic() - began < POLL_NS / 4e9
        exporter.publish(FRAME, 1)
        agent.step()
        return (await anext(aiter(stream))).frame_id

    with within(30):
        assert asyncio.run(take()) == 0


def test_waiting_does_not_poll(agent: SteppedAgent, attach: Attach) -> None:
    """A task that waits costs next to no CPU."""
    stream = attach(timeout=1.5)

    async def take() -> int:
        before = time.process_time_ns()
        assert [frame async for frame in stream] == []
        return time.process_time_ns() - before

    assert asyncio.run(take()) < 100_000_000


def test_another_thread_may_close(agent: SteppedAgent, attach: Attach) -> None:
    """close() from outside the loop ends a wait inside it."""
    stream = attach(timeout=None)

    async def take() -> list[object]:
        return [frame async for frame in stream]

    taken: list[list[object]] = []
    thread = threading.Thread(target=lambda: taken.append(asyncio.run(take())))
    thread.start()
    wait_until(lambda: stream._inside, "it waits")
    stream.close()
    thread.join(5)
    assert taken == [[]]


def test_an_iterator_is_iterated_as_well(
    agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """What ``aiter()`` gives can be handed on, and is taken up where it was left."""
    stream = attach()

    async def take() -> list[int]:
        frames, taken = aiter(stream), []
        for frame_id in range(2):
            exporter.publish(FRAME, frame_id + 1)
            agent.step()
            async for frame in frames:
                taken.append(frame.frame_id)
                break
        return taken

    with within(30):
        assert asyncio.run(take()) == [0, 1]


def test_a_closed_stream_is_not_waited_for(agent: SteppedAgent, attach: Attach) -> None:
    """A wait that begins after the stream was closed, in a thread that came late, ends at once."""
    stream = attach()
    stream.close()
    began = time.monotonic_ns()
    stream.wait_for_change(POLL_NS)
    assert time.monotonic_ns() - began < POLL_NS // 2

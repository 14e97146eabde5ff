from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

import ruth
from doubles.stepped_agent import MODEL, SteppedAgent, publish
from harness.published import FRAME, exporter_of
from harness.waiting import wait_until, within
from ruth.runtime.timeout import POLL_NS

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Roots
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


@pytest.mark.alone
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


@pytest.mark.alone
def test_it_ends_after_its_timeout(agent: SteppedAgent, attach: Attach) -> None:
    """A stream's timeout ends the asynchronous iteration too, and not before."""

    async def take() -> list[object]:
        return [frame async for frame in attach(timeout=0.05)]

    began = time.monotonic()
    with within(30):
        assert asyncio.run(take()) == []
    assert 0.05 <= time.monotonic() - began < POLL_NS / 2e9


@pytest.mark.alone
def test_a_cancelled_wait_leaves_nothing_behind(
    agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """Cancelling a task that waits for a frame ends its wait; the stream goes on."""
    stream = attach(timeout=None)

    async def take() -> int:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(aiter(stream)), 0.05)
        began = time.monotonic()
        assert not stream._inside
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


def test_no_thread_is_made_and_one_descriptor_is_shared(
    agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """Streams that wait in one loop do so without threads, and with one inotify instance for all."""
    streams = [attach(timeout=None) for _ in range(40)]

    def instances() -> int:
        links = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
        return sum(os.path.lexists(link) and "inotify" in os.readlink(link) for link in links)

    async def take() -> list[int]:
        threads, before = threading.active_count(), instances()
        taking = [asyncio.create_task(anext(aiter(stream))) for stream in streams]
        await asyncio.sleep(0.05)
        assert threading.active_count() == threads
        assert instances() == before + 1
        exporter.publish(FRAME, 1)
        agent.step()
        return [(await task).frame_id for task in taking]

    before = instances()
    with within(20):
        assert asyncio.run(take()) == [0] * 40
    gc.collect()
    assert instances() == before


def test_frames_of_many_cameras_come_in_one_task(roots: Roots) -> None:
    """``async for`` over a many-camera stream and over its batches; close() ends both at once."""
    cameras = [f"camera-{number}" for number in range(5)]
    with ExitStack() as stack:
        agents = [stack.enter_context(SteppedAgent(roots, camera_id=camera)) for camera in cameras]
        exporters = [exporter_of(roots, camera) for camera in cameras]
        for exporter in exporters:
            stack.callback(exporter.close)
        streams = stack.enter_context(
            ruth.attach_all(MODEL, export_root=str(roots.export), state_root=str(roots.state))
        )

        def publish_all() -> None:
            for exporter, agent in zip(exporters, agents, strict=True):
                publish(exporter, agent)

        async def take() -> tuple[list[str], list[list[str]], list[object]]:
            loop = asyncio.get_running_loop()
            loop.call_later(0.02, publish_all)
            single = [(await anext(aiter(streams))).camera_id for _ in cameras]
            loop.call_later(0.02, publish_all)
            batches = aiter(streams.batches(3, wait=0.2))
            batched = [[frame.camera_id for frame in await anext(batches)] for _ in range(2)]
            loop.call_later(0.02, streams.close)
            return single, batched, [frame async for frame in streams]

        began = time.monotonic()
        with within(20):
            assert asyncio.run(take()) == (cameras, [cameras[:3], cameras[3:]], [])
        assert time.monotonic() - began < POLL_NS / 1e9


def test_another_file_at_the_path_is_found(roots: Roots, exporter: FrameExporter, attach: Attach) -> None:
    """A stream that waits in a loop gets the frames of an agent whose folder is made while it waits."""
    stream = attach(timeout=5)

    async def take() -> int:
        taking = asyncio.create_task(anext(aiter(stream)))
        await asyncio.sleep(0.02)
        with SteppedAgent(roots) as agent:
            publish(exporter, agent)
            began = time.monotonic()
            frame = await taking
            assert time.monotonic() - began < POLL_NS / 2e9
            return frame.frame_id

    with within(20):
        assert asyncio.run(take()) == 0

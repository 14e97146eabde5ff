from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from camera_events import RING_EVENTS
from conftest import open_roots
from handwritten import Event, HandwrittenRing, wake_word
from ruth.agent.state import SESSION_OFFSET
from ruth.identity import META_NAME
from stepped import CAMERA, FollowedAgent, WatchingAgent
from twins import CAPS, MS, Twins
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from launch.native.library import Native


def test_exports_are_waited_for_and_followed(native: Native) -> None:
    """It takes the frames of an export that comes late, is closed, and is followed by another one."""
    with open_roots() as roots, FollowedAgent(native, roots, CAPS) as agent:
        camera = HandwrittenRing(roots.export / CAMERA)
        camera.vanish()
        with watching(agent, camera, look_ns=MS, timeout_ns=10**10, timeouts=10**5) as waiting:
            camera.replace(epoch=77, frame_id=5)
            wait_until(lambda: agent.observed_id == 5, "the first frame is taken")
            with wake_word(camera) as word:
                for _ in range(20):
                    camera.frame(40 * MS)
                    word.wake()
                    wait_until(lambda: agent.observed_id == camera.record.frame_id, "the frame is taken")
                camera.close()
                word.wake()
            wait_until(lambda: agent.export_version == 0, "it is let go")
            camera.replace(epoch=78, frame_id=1)
            wait_until(lambda: agent.observed_id == 1, "the first frame of the other one is taken")
            assert not waiting.done()
        assert (agent.met, agent.agent.frames) == (22, 22)


def end(waiting: Future[None], camera: HandwrittenRing) -> None:
    """Ends a watch: what stands at the path is no folder, for Python to look at."""
    with wake_word(camera) as word:
        camera.vanish()
        camera.place.write_bytes(b"")
        word.wake()
        waiting.result(10)


@contextmanager
def watching(agent: FollowedAgent, camera: HandwrittenRing, **times: int) -> Iterator[Future[None]]:
    """An agent that watches meanwhile in a thread of its own."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(agent.begin, **times)
        try:
            yield waiting
        finally:
            if not waiting.done():
                end(waiting, camera)


def test_exports_that_replace_each_other_at_once_are_left_to_python(native: Native) -> None:
    """A writer gone wild: after five exports in a row that did not last as long as a look takes."""
    with open_roots() as roots, FollowedAgent(native, roots, CAPS) as agent:
        camera = HandwrittenRing(roots.export / CAMERA)
        with watching(agent, camera, look_ns=10**10, timeout_ns=10**10, timeouts=1) as waiting:
            for epoch in range(78, 83):
                wait_until(lambda: agent.observed_id == camera.record.frame_id, "its frame is taken")
                assert not waiting.done()
                with wake_word(camera) as word:
                    camera.replace(epoch, frame_id=epoch)
                    word.wake()
            waiting.result(10)
        assert agent.agent.frames == 5


def test_two_exports_at_once_are_forgotten_in_time(native: Native) -> None:
    """A successor that came quickly, and was then followed for longer than a look, is no writer gone wild."""
    with open_roots() as roots, FollowedAgent(native, roots, CAPS) as agent:
        camera = HandwrittenRing(roots.export / CAMERA)
        with watching(agent, camera, look_ns=50 * MS, timeout_ns=10**10, timeouts=1) as waiting:
            for epoch in range(78, 90):
                wait_until(lambda: agent.observed_id == camera.record.frame_id, "its frame is taken")
                if epoch % 4 == 0:
                    due = time.monotonic() + 0.1
                    wait_until(lambda due=due: time.monotonic() > due, "it is followed for a while")
                with wake_word(camera) as word:
                    camera.replace(epoch, frame_id=epoch)
                    word.wake()
            wait_until(lambda: agent.observed_id == 89, "the last one is met")
            assert not waiting.done()
        assert agent.agent.frames == 13


def test_a_frame_that_came_as_the_wait_ran_out_is_taken(native: Native) -> None:
    """The first of them as any other; before a second in a row Python begins to look when frames are due."""
    with open_roots() as roots, FollowedAgent(native, roots, CAPS) as agent:
        camera = HandwrittenRing(roots.export / CAMERA)
        with watching(agent, camera, look_ns=MS, timeout_ns=20 * MS, timeouts=10**5) as waiting:
            for woken in (False, True, False, True):
                wait_until(lambda: agent.observed_id == camera.record.frame_id, "the frame is taken")
                with wake_word(camera) as word:
                    if woken:
                        camera.frame(40 * MS)
                        word.wake()
                    else:
                        unannounced(camera)
            wait_until(lambda: agent.observed_id == camera.record.frame_id, "the frame is taken")
            assert not waiting.done()
            for _ in range(2):
                unannounced(camera)
                due = time.monotonic() + 0.15
                wait_until(lambda due=due: waiting.done() or time.monotonic() > due, "a wait has run out")
            waiting.result(10)
        assert agent.unwoken
        assert agent.agent.frames == 6
        assert agent.step()


def unannounced(camera: HandwrittenRing) -> None:
    """One more frame, without a change of the wake word."""
    wake = camera.ring.wake
    camera.ring = camera.ring._replace(wake=(wake - 1) % 2**32)
    camera.frame(40 * MS)


@pytest.mark.parametrize("parked", ["", "plate"])
def test_exports_that_come_and_go_need_no_python(native: Native, parked: str) -> None:
    """Closed, gone, replaced, found again: records, books and decisions are those of Python all the while."""
    with Twins(native, HandwrittenRing, CAPS, parked, kind=WatchingAgent) as twins:
        agent, camera = twins.followed, twins.camera
        assert isinstance(agent, WatchingAgent)
        for event in (
            ("frame", 40 * MS),
            ("close",),
            ("vanish",),
            ("replace", 78, 0),
            ("frame", 40 * MS, 3),
            ("vanish",),
            ("replace", 78, 7),
            ("replace", 79, 2**40),
            ("frame", 400 * MS),
            ("close",),
            ("replace", 80, 0),
        ):
            camera.act(event)
            twins.step()
            twins.step()
        assert agent.in_c
        assert (agent.agent.frames, int(agent.record[SESSION_OFFSET])) == (8, 5)


@settings(derandomize=True, max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    # Of a file that grows while it is bound nothing is said; here it is bound anew in each turn, and refused.
    stream=st.lists(RING_EVENTS.filter(lambda event: event != ("cut", META_NAME, 16384)), max_size=20),
    parked=st.sampled_from(["", "audit", "plate"]),
)
def test_an_agent_in_c_is_the_agent_in_python(native: Native, stream: list[Event], parked: str) -> None:
    """Whatever a camera does: the same frames are observed, with the same decisions, books and record."""
    with Twins(native, HandwrittenRing, CAPS, parked, kind=WatchingAgent) as twins:
        for event in stream:
            twins.camera.act(event)
            twins.step()

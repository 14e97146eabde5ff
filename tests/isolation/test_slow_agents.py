"""An agent that gets no core for a while, or too little of one: what the ring still holds, and no burst."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import deque
from typing import TYPE_CHECKING

import pytest

from doubles.video_server import FRAME_INTERVAL_NS
from harness.agents import launched, record, view_agent, wait_observed
from harness.published import FRAME, Feed, exporter_of
from harness.streams import Follower, judged_alone
from harness.waiting import wait_until
from ruth.export.layout import SLOT_COUNT_DEFAULT

if TYPE_CHECKING:
    from conftest import Processes, Roots

pytestmark = pytest.mark.usefixtures("both_ways")


MINUTES = 5


def test_an_agent_paused_for_minutes(roots: Roots, processes: Processes) -> None:
    """Minutes of frame time pass while it is stopped: then it gets what the ring holds, and no burst."""
    exporter = exporter_of(roots, "a")
    pid = launched(roots, processes, "a")["a"]
    times = iter(range(0, 10**15, FRAME_INTERVAL_NS))
    held: deque[tuple[int, int]] = deque(maxlen=SLOT_COUNT_DEFAULT)
    with Follower(roots, "a") as follower:
        exporter.publish(FRAME, next(times))
        follower.wait_for(0)
        before = record(roots, "a")
        os.kill(pid, signal.SIGSTOP)
        passed = MINUTES * 60 * 25
        for frame_id in range(1, passed + 1):
            exporter.publish(FRAME, newest := next(times))
            held.append((frame_id, newest))
        os.kill(pid, signal.SIGCONT)
        stream, frames = [follower.wait_for(passed)], list(held)
        for frame_id in range(passed + 1, passed + 50):
            exporter.publish(FRAME, newest := next(times))
            frames.append((frame_id, newest))
            stream.append(follower.wait_for(frame_id))
    assert stream == judged_alone(before, frames)[SLOT_COUNT_DEFAULT - 1 :]
    assert stream[-1].missed == passed - SLOT_COUNT_DEFAULT
    exporter.close()


def test_an_agent_on_a_busy_core(roots: Roots, processes: Processes) -> None:
    """Sharing one core with a program that never rests, an agent skips what it is late for, and goes on."""
    exporter = exporter_of(roots, "a")
    pid = launched(roots, processes, "a")["a"]
    core = min(os.sched_getaffinity(0))
    os.sched_setaffinity(pid, {core})
    busy = processes.start(sys.executable, "-c", "while True: pass", start_new_session=True)
    os.sched_setaffinity(busy.pid, {core})
    wait_until(lambda: view_agent(roots, "a").export == "v2", "the agent is bound")
    observed: dict[int, int] = {}
    with Follower(roots, "a") as follower, Feed({"a": exporter}, fps=50_000) as feed:
        until = time.monotonic() + 3
        while time.monotonic() < until:
            wake_word = follower.wake_word()
            found = follower.newest()
            if found is not None and found.frame_id is not None and found.timestamp_ns is not None:
                assert found.frames + found.missed + (found.first_frame_id or 0) == found.frame_id + 1
                observed[found.frame_id] = found.timestamp_ns
            follower.wait(wake_word)
        feed.stop()
    published = feed.published["a"]
    wait_observed(roots, "a", len(published) - 1)
    found = record(roots, "a")
    assert found.missed > 0
    assert found.frames + found.missed + (found.first_frame_id or 0) == len(published)
    assert observed.items() <= dict(published).items()
    span_s = (published[-1][1] - published[0][1]) / 1e9
    for model in found.models:
        assert model.max_fps is None or model.allowed <= span_s * model.max_fps + 1
    assert view_agent(roots, "a").pid == pid
    exporter.close()

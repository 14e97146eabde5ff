"""The video server is frozen, killed, replaced, out of memory: real processes on both sides."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import subprocess
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from doubles.frozen_vas import Version1Writer
from doubles.small_tmpfs import MIB, fill, free_bytes, small_tmpfs
from harness.agents import configure, launched, record, view_agent, wait_observed, wake_ups
from harness.exports import both_versions
from harness.lives import Recorder, Server
from harness.published import FRAME, HEIGHT, WIDTH, Messages, exporter_of
from harness.scene import CAMERAS
from harness.streams import Follower, Seen, judged_alone
from harness.waiting import wait_until
from ruth.vas.exporter import open_exporter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Processes, Roots
    from harness.scene import Scene, Streams
    from ruth.agent.state import AgentRecord

pytestmark = pytest.mark.usefixtures("both_ways")


HOUR_NS = 3_600_000_000_000
FRAME_NS = 40_000_000


def pause(seconds: float) -> None:
    """Lets time pass."""
    until = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= until, "time has passed", seconds + 10)


def test_a_stopped_server(roots: Roots, processes: Processes) -> None:
    """While the server is stopped its agents idle, a poll per second; then they go on with the next frame."""
    cameras = ("a", "b")
    server = Server(processes, roots, cameras)
    pids = launched(roots, processes, *cameras)
    with Recorder(roots, cameras) as recorder:
        lives = [recorder.life(camera, pid) for camera, pid in pids.items()]
        os.kill(server.process.pid, signal.SIGSTOP)
        for camera in cameras:
            wait_until(lambda camera=camera: view_agent(roots, camera).state == "idle", f"{camera} is idle")
        decided = [record(roots, camera).frames for camera in cameras]
        woken = [wake_ups(pid) for pid in pids.values()]
        pause(3)
        assert [record(roots, camera).frames for camera in cameras] == decided
        assert all(wake_ups(pid) - before <= 4 for pid, before in zip(pids.values(), woken, strict=True))
        os.kill(server.process.pid, signal.SIGCONT)
        pause(1)
        published, spoiled = server.end()
        for life in lives:
            wait_until(lambda life=life: life.moments[-1].seen.frame_id == published - 1, f"{life} goes on")
    assert spoiled == 0
    for life in lives:
        life.assert_right(published)


@pytest.mark.soak
def test_a_server_killed_at_any_moment(roots: Roots, processes: Processes, soaking: bool) -> None:
    """Killed while it writes as fast as it can, again and again: the same agents take up the next one."""
    cameras = ("a", "b")
    rng = random.Random(1)
    pids = launched(roots, processes, *cameras)
    deaths = 200 if soaking else 15
    for _ in range(deaths):
        server = Server(processes, roots, cameras, fps=0)
        pause(rng.uniform(0, 0.05))
        server.process.kill()
        server.process.wait(timeout=60)
    server = Server(processes, roots, cameras, frames=50)
    for camera in cameras:
        wait_until(lambda camera=camera: view_agent(roots, camera).frame_id == 49, f"{camera} goes on")
    for camera, pid in pids.items():
        found = record(roots, camera)
        assert found.pid == pid
        assert 2 <= found.session <= deaths + 1
    server.wait()


def test_memory_of_an_unlinked_export(roots: Roots, processes: Processes) -> None:
    """A server is killed and its files removed: once the agent has released them, the memory is free."""
    with small_tmpfs(roots.export, 16 * MIB):
        before = free_bytes(roots.export)
        server = Server(processes, roots, ("a",))
        pid = launched(roots, processes, "a")["a"]
        wait_until(lambda: record(roots, "a").frames >= 3, "frames are observed")
        server.process.kill()
        server.process.wait(timeout=60)
        shutil.rmtree(roots.export / "a")
        assert free_bytes(roots.export) < before
        wait_until(lambda: free_bytes(roots.export) == before, "the memory is returned", 2)
        assert view_agent(roots, "a").pid == pid


def test_nothing_of_the_old_session(roots: Roots, processes: Processes) -> None:
    """A server goes on writing after it was replaced: none of its frames is decided after a new one."""
    launched(roots, processes, "a")
    old = exporter_of(roots, "a")
    old.publish(FRAME, 0)
    wait_observed(roots, "a", 0)
    (roots.export / "a").rename(roots.export / "old")  # so that its successor tells its readers nothing
    new = exporter_of(roots, "a")
    new.publish(FRAME, HOUR_NS)
    seen = []
    with Follower(roots, "a") as follower:
        deadline = time.monotonic() + 10
        for number in itertools.count(1):
            assert time.monotonic() < deadline, "the successor is not found"
            old.publish(FRAME, number)
            new.publish(FRAME, HOUR_NS + number)
            word = follower.wake_word()
            found = record(roots, "a")
            seen.append((found.session, (found.timestamp_ns or 0) >= HOUR_NS))
            follower.wait(word)
            if len(seen) > 50 and seen[-50:] == [(2, True)] * 50:
                break
    assert set(seen[seen.index((2, True)) :]) == {(2, True)}
    for exporter in (old, new):
        exporter.close()


@pytest.fixture
def full(roots: Roots) -> Iterator[Path]:
    """Exports and states lie on a tmpfs of their own, which a test may fill."""
    with small_tmpfs(roots.state.parent, 4 * MIB) as path:
        yield path


def test_shared_memory_is_full(
    full: Path, scene: Scene, undisturbed: Streams, roots: Roots, processes: Processes
) -> None:
    """No running process notices; a new export and a new agent are refused, with one message each."""
    config = configure(roots, *CAMERAS, "late")
    scene.publish(20, *CAMERAS)
    fill(full)
    scene.publish(20, *CAMERAS)
    messages = Messages()
    late = open_exporter("late", WIDTH, HEIGHT, environ=roots.environ(), report=messages)
    assert not late.enabled
    assert len(messages) == 1
    up = processes.ruth("up", config, env=roots.environ(), stderr=subprocess.PIPE, text=True)
    _, said = up.communicate(timeout=60)
    assert up.returncode == 1
    assert [line for line in said.splitlines() if "left alone" not in line] == [
        "ruth: late: agent.state: No space left on device"
    ]
    scene.publish(20, *CAMERAS)
    scene.assert_unnoticed(undisturbed, *CAMERAS)


FRAMES = 60
AT_EASE = 5  # frames before those, of one timestamp
# Timestamps of a camera's frames, by what is the matter with its clock.
CLOCKS = {
    "equal": [5] * FRAMES,
    "zero": [0] * FRAMES,
    "half-of-64-bits": [2**63 + FRAME_NS * (n - FRAMES // 2) for n in range(FRAMES)],
    "end-of-64-bits": [2**64 - 1 - FRAME_NS * n for n in reversed(range(FRAMES))],
    "both-ends": [(0, 2**64 - 1)[n % 2] for n in range(FRAMES)],
    "falling": [FRAME_NS * n for n in reversed(range(FRAMES))],
    "hour-back-and-forth": [2 * HOUR_NS + FRAME_NS * n - HOUR_NS * (n % 2) for n in range(FRAMES)],
    "hour-back": [2 * HOUR_NS + FRAME_NS * n - HOUR_NS * (n >= FRAMES // 2) for n in range(FRAMES)],
    "hour-forth": [2 * HOUR_NS + FRAME_NS * n + HOUR_NS * (n >= FRAMES // 2) for n in range(FRAMES)],
}


@both_versions
def test_any_clock(roots: Roots, processes: Processes, version: int) -> None:
    """Whatever timestamps say, agents live, decide every frame as the gate does, and keep to the cap.

    A clock that steps by an hour costs no model more than an interval, and lets at most one frame early each
    time that it steps forth.
    """
    publish: dict[str, Callable[[int, int], object]] = {}
    for camera in CLOCKS:
        if version == 1:
            (roots.export / camera).mkdir(parents=True)
            publish[camera] = Version1Writer(roots.export / camera).write
        else:
            exporter = exporter_of(roots, camera)
            publish[camera] = lambda _, timestamp, exporter=exporter: exporter.publish(FRAME, timestamp)
    pids = launched(roots, processes, *CLOCKS)
    before: dict[str, AgentRecord] = {}
    streams: dict[str, list[Seen]] = {camera: [] for camera in CLOCKS}
    with ExitStack() as stack:
        followers = {camera: stack.enter_context(Follower(roots, camera)) for camera in CLOCKS}
        for frame_id in range(AT_EASE + FRAMES):
            due = time.monotonic() + FRAME_NS / 1e9
            for camera, timestamps in CLOCKS.items():
                publish[camera](frame_id, timestamps[max(0, frame_id - AT_EASE)])
            for camera, follower in followers.items() if frame_id >= AT_EASE - 1 else ():
                seen = follower.wait_for(frame_id)
                if frame_id == AT_EASE - 1:
                    before[camera] = record(roots, camera)
                else:
                    streams[camera].append(seen)
            wait_until(lambda due=due: time.monotonic() >= due, "the next frame is due")
    for camera, timestamps in CLOCKS.items():
        frames = list(enumerate(timestamps, start=AT_EASE))
        assert view_agent(roots, camera).pid == pids[camera]
        assert streams[camera] == judged_alone(before[camera], frames), camera
    for camera, early in (("hour-back-and-forth", FRAMES // 2), ("hour-back", 0), ("hour-forth", 1)):
        for model, earlier in zip(record(roots, camera).models, before[camera].models, strict=True):
            if model.max_fps is not None:
                most = int(FRAMES * FRAME_NS * model.max_fps / 1e9) + 1
                assert most / 2 - 1 <= model.allowed - earlier.allowed <= most + early, camera

"""A model runtime in its own process: what it gets, and what its faults do to others (docs/faults.md)."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import ruth
from conftest import PROJECT
from doubles.stepped_agent import CAMERA
from harness.agents import configure, launched, pid_of, record, view_agent, wait_dead
from harness.published import Feed, expected, exporter_of
from harness.runtimes import CAP, HEIGHT, MODEL, RING_BYTES, WIDTH, Runtime, Server
from harness.waiting import wait_until
from ruth.subscription.subscription import Subscription

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Processes, Roots
    from ruth.vas.exporter import FrameExporter

NOBODY = 65534


@pytest.fixture
def exporter(roots: Roots) -> Iterator[FrameExporter]:
    """The camera's 1080p exporter."""
    made = exporter_of(roots, CAMERA, WIDTH, HEIGHT)
    yield made
    made.close()


def allowed(frames: list[tuple[int, int]], cap: float | None) -> set[int]:
    """Which of these frames the gate allows, judged here."""
    subscription = Subscription(CAMERA, MODEL, cap)
    return {
        frame_id
        for frame_id, timestamp_ns in frames
        if subscription.judge(frame_id, timestamp_ns).name == "ALLOW"
    }


def assert_undisturbed(roots: Roots, pid: int, server: Server) -> None:
    """The agent has observed every frame, and decided as the gate does on the whole stream."""
    last = server.published[-1][0]
    wait_until(lambda: record(roots, CAMERA).frame_id == last, "the last frame is observed")
    found = record(roots, CAMERA)
    assert (found.pid, found.missed, found.frames) == (pid, 0, len(server.published))
    for model in found.models:
        oracle = expected(model.max_fps, server.published)
        assert (model.allowed, model.skipped) == (oracle.allowed, oracle.skipped)


@pytest.mark.soak
def test_every_frame_is_an_allowed_one_byte_for_byte(
    roots: Roots,
    processes: Processes,
    exporter: FrameExporter,
    soaking: bool,
    record_property: Callable[[str, object], None],
) -> None:
    """At cap 5 of 25 fps, 1080p: each frame got is one that was allowed, and the very bytes published."""
    pid = launched(roots, processes, CAMERA)[CAMERA]
    runtime = Runtime(roots, processes)
    with Server(exporter) as server:
        server.publish(60 * 25 if soaking else 4 * 25)
    assert_undisturbed(roots, pid, server)
    eligible = allowed(server.published, CAP)
    # A frame that it looked for in vain is counted in the line of the next one only.
    wait_until(lambda: sum(runtime.got[-1][5:]) >= len(eligible) - 1, "it has looked for the last one")
    got = runtime.end()
    assert {frame.frame_id for frame in got} <= eligible
    assert [frame.frame_id for frame in got] == sorted({frame.frame_id for frame in got})
    assert len(got) == got[-1].received >= 0.9 * len(eligible)
    times = dict(server.published)
    for frame in got:
        assert frame.timestamp_ns == times[frame.frame_id]
        assert not frame.intact or frame.digest == server.digest(frame.frame_id)
    assert sum(frame.intact for frame in got) >= 0.9 * len(got)
    median_ms = statistics.median(frame.latency_ns for frame in got) / 1e6
    record_property("publish_to_array_median_ms", round(median_ms, 3))
    record_property("received_lost_dropped", got[-1][5:])
    if soaking:
        assert median_ms < 1


@pytest.mark.soak
def test_troubled_runtimes_trouble_nobody(
    roots: Roots,
    processes: Processes,
    exporter: FrameExporter,
    soaking: bool,
    record_property: Callable[[str, object], None],
) -> None:
    """Runtimes that are killed, stopped or hold every view for ever change nothing for agent and exporter."""
    frames = 25 * (20 if soaking else 3)
    pid = launched(roots, processes, CAMERA)[CAMERA]
    with Server(exporter) as server:
        server.publish(frames)  # alone
        troubled = {
            name: Runtime(roots, processes, "all", "audit") for name in ("killed", "stopped", "holds")
        }
        for runtime in troubled.values():
            wait_until(lambda runtime=runtime: len(runtime.got) > 5, "it gets frames")
        troubled["killed"].process.kill()
        troubled["stopped"].process.send_signal(signal.SIGSTOP)
        begun = len(server.published)
        server.publish(frames)
        held = troubled["holds"]
        shared = held.shared_bytes()
        got = len(held.got)
        troubled["stopped"].process.send_signal(signal.SIGCONT)
        before = len(troubled["stopped"].got)
        wait_until(lambda: len(troubled["stopped"].got) > before + 1, "what was stopped goes on")
        server.publish(5)
    assert_undisturbed(roots, pid, server)
    assert troubled["killed"].process.wait() == -signal.SIGKILL
    assert got > frames // 2  # it did hold so many
    assert shared <= RING_BYTES + 2**20  # the whole ring once, and what Python itself shares
    assert (
        sum(file.stat().st_blocks for file in (roots.export / CAMERA).iterdir()) * 512 <= RING_BYTES + 2**20
    )
    stopped = troubled["stopped"].end()
    assert all(frame.digest == server.digest(frame.frame_id) for frame in stopped if frame.intact)
    alone, beside = (
        statistics.median(server.took_ns[5:frames]),
        statistics.median(server.took_ns[begun : begun + frames]),
    )
    record_property("publish_ms_alone_and_beside", (round(alone / 1e6, 3), round(beside / 1e6, 3)))
    assert len(server.published) >= begun + frames  # all, while one reader was stopped: no process waits


def test_it_outlives_agents_and_servers(roots: Roots, processes: Processes) -> None:
    """A runtime gets frames again once another agent is launched, and once VAS has begun again."""
    first = launched(roots, processes, CAMERA)[CAMERA]
    runtime = Runtime(roots, processes, model_id="audit")
    exporter = exporter_of(roots, CAMERA, WIDTH, HEIGHT)
    with Server(exporter) as server:
        wait_until(lambda: len(runtime.got) > 3, "it gets frames")
        os.kill(first, signal.SIGKILL)
        wait_dead(roots, CAMERA)
        reached = server.published[-1][0]
        processes.ruth("up", configure(roots, CAMERA), env=roots.environ())
        assert pid_of(roots, CAMERA) != first
        wait_until(lambda: runtime.got[-1].frame_id > reached + 5, "it gets the new agent's frames")
    exporter.close()
    wait_until(lambda: view_agent(roots, CAMERA).export is None, "the export is gone")
    begun_ns = time.monotonic_ns()
    again = exporter_of(roots, CAMERA, WIDTH, HEIGHT)
    with Server(again) as second_server:
        wait_until(
            lambda: [frame.timestamp_ns > begun_ns for frame in runtime.got].count(True) > 3,
            "it gets the new server's frames",
        )
    got = runtime.end()
    count = [frame.timestamp_ns > begun_ns for frame in got].index(True)
    assert [frame.frame_id for frame in got[count:]] == sorted(frame.frame_id for frame in got[count:])
    for frames, source in ((got[:count], server), (got[count:], second_server)):
        assert all(frame.digest == source.digest(frame.frame_id) for frame in frames if frame.intact)
        assert any(frame.intact for frame in frames)
    again.close()


@pytest.mark.parametrize("agent_lives", [True, False])
@pytest.mark.alone
def test_ctrl_c_ends_a_runtime_that_waits(roots: Roots, processes: Processes, agent_lives: bool) -> None:
    """SIGINT ends a runtime out of its wait, for a frame as for an agent, and not when the wait is over."""
    if agent_lives:
        launched(roots, processes, CAMERA)
    runtime = Runtime(roots, processes)
    stat = Path(f"/proc/{runtime.process.pid}/stat")
    wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "S", "it waits")
    began = time.monotonic()
    assert runtime.end() == []
    assert time.monotonic() - began < 0.9
    assert runtime.process.stderr is not None
    assert "KeyboardInterrupt" in runtime.process.stderr.read()


def test_a_waiting_runtime_costs_next_to_nothing(roots: Roots, processes: Processes) -> None:
    """A runtime for which nothing comes wakes about once a second."""
    launched(roots, processes, CAMERA)
    runtime = Runtime(roots, processes)
    status = Path(f"/proc/{runtime.process.pid}/status")

    def wake_ups() -> int:
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("voluntary_ctxt"))
        return int(line.split()[1])

    stat = Path(f"/proc/{runtime.process.pid}/stat")
    wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "S", "it waits")
    before, began = wake_ups(), time.monotonic()
    wait_until(lambda: time.monotonic() - began >= 3, "three seconds have passed")
    assert wake_ups() - before <= 5
    runtime.end()


# Gives up every right to write before it attaches: its mounts are read-only and it is another user.
AS_NOBODY = f"""
import ctypes, os, sys
import ruth
attach = ruth.attach  # loaded while this may still read wherever Python lies
libc = ctypes.CDLL(None, use_errno=True)
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE, CLONE_NEWNS = 1, 32, 4096, 16384, 1 << 18, 0x20000
def mount(source, target, flags):
    if libc.mount(source.encode(), target.encode(), None, flags, None):
        raise OSError(ctypes.get_errno(), target)
if libc.unshare(CLONE_NEWNS):
    raise OSError(ctypes.get_errno(), "unshare")
mount("none", "/", MS_REC | MS_PRIVATE)
roots = os.environ["VAS_EXPORT_ROOT"], os.environ["RUTH_STATE_ROOT"]
for root in roots:
    mount(root, root, MS_BIND)
    mount("none", root, MS_REMOUNT | MS_BIND | MS_RDONLY)
def open_for_writing():
    for path in (roots[0] + "/{CAMERA}/frame.data", roots[1] + "/{CAMERA}/agent.state"):
        try:
            os.open(path, os.O_RDWR)
        except OSError as error:
            print(error.strerror, flush=True)
open_for_writing()
os.setgroups([])
os.setgid({NOBODY})
os.setuid({NOBODY})
open_for_writing()
with attach("{CAMERA}", "audit", timeout=10) as stream:
    for frame in stream:
        print(frame.frame_id % 251 == frame.nv12[0, 0] == frame.uv[-1, -1, -1], frame.intact, flush=True)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another uid and mounts, so root")
def test_another_user_with_read_only_mounts(roots: Roots, processes: Processes) -> None:
    """A runtime needs no right to write: another user, whose mounts are read-only, gets its frames."""
    roots.export.parent.chmod(0o755)
    launched(roots, processes, CAMERA)
    exporter = exporter_of(roots, CAMERA)
    runtime = processes.start(
        sys.executable, "-c", AS_NOBODY, env=roots.environ(), stdout=subprocess.PIPE, cwd=PROJECT, text=True
    )
    assert runtime.stdout is not None
    refused = ["Read-only file system\n"] * 2 + ["Permission denied\n"] * 2
    assert [runtime.stdout.readline() for _ in range(4)] == refused
    with Feed({CAMERA: exporter}, picture=lambda number: bytes([number % 251]) * (64 * 48 * 3 // 2)):
        assert [runtime.stdout.readline() for _ in range(10)] == ["True True\n"] * 10
    exporter.close()


def test_several_runtimes_get_the_same_frames(
    roots: Roots, processes: Processes, exporter: FrameExporter
) -> None:
    """Runtimes that attach to one subscription each get its frames, and do not take them from each other."""
    launched(roots, processes, CAMERA)
    runtimes = [Runtime(roots, processes) for _ in range(3)]
    with Server(exporter) as server:
        server.publish(50)
    eligible = allowed(server.published, CAP)
    for runtime in runtimes:
        wait_until(lambda runtime=runtime: sum(runtime.got[-1][5:]) >= len(eligible) - 1, "it has seen all")
        got = runtime.end()
        assert {frame.frame_id for frame in got} <= eligible
        assert len(got) >= 0.7 * len(eligible)


# Says that it has a frame, and looks at every byte of it when told to.
LOOKS_LATE = f"""
import sys
import ruth
stream = ruth.attach({CAMERA!r}, "audit")
frame = next(stream)
print("found", flush=True)
sys.stdin.readline()
print(int(frame.nv12.max()), flush=True)
"""


def test_pixels_cut_away_end_the_runtime_that_looks_at_them_alone(
    roots: Roots, processes: Processes, exporter: FrameExporter
) -> None:
    """A process that shortens frame.data kills runtimes that look at the lost part, and no other process."""
    pid = launched(roots, processes, CAMERA)[CAMERA]
    runtime = processes.start(
        sys.executable,
        "-c",
        LOOKS_LATE,
        env=roots.environ(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    waiting = Runtime(roots, processes)
    with Server(exporter) as server:
        assert runtime.stdout is not None
        assert runtime.stdout.readline() == "found\n"
        server.publish(5)
    os.truncate(roots.export / CAMERA / "frame.data", 0)
    runtime.communicate("look\n", timeout=60)
    assert runtime.returncode == -signal.SIGBUS
    wait_until(lambda: view_agent(roots, CAMERA).export is None, "the agent has released")
    assert view_agent(roots, CAMERA).pid == pid
    assert waiting.end()


def test_one_process_serves_all_cameras(roots: Roots, processes: Processes) -> None:
    """One wait gives frames of every camera; an agent that is killed, launched again or added is followed."""
    cameras = ("a", "b", "c")
    options = {"export_root": str(roots.export), "state_root": str(roots.state)}
    with ruth.attach_all("audit", timeout=30, **options) as streams:  # before there is any agent
        pids = launched(roots, processes, *cameras)
        exporters = {camera: exporter_of(roots, camera) for camera in (*cameras, "d")}
        with Feed(exporters, fps=10):
            got: dict[str, int] = {}
            for frame in streams:
                got[frame.camera_id] = got.get(frame.camera_id, 0) + 1
                if len(got) == len(cameras) and min(got.values()) >= 5:
                    break
            os.kill(pids["b"], signal.SIGKILL)
            wait_dead(roots, "b")
            launched(roots, processes, *cameras, "d")
            frames = (frame.camera_id for frame in streams)
            found = set()
            while not found >= {"a", "b", "c", "d"}:
                found.add(next(frames))
        for exporter in exporters.values():
            exporter.close()
        assert set(streams.cameras) == {*cameras, "d"}

"""One agent's process against what happens to its camera's export (docs/faults.md)."""

from __future__ import annotations

import mmap
import os
import re
import shutil
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from doubles.frozen_vas import Version1Writer
from harness.agents import (
    CAPS,
    configure,
    launched,
    open_files,
    pid_of,
    record,
    view_agent,
    wait_dead,
    wait_observed,
    wake_ups,
)
from harness.published import FRAME, HEIGHT, WIDTH, Expected, Feed, expected, exporter_of, kill
from harness.waiting import wait_until
from launch.agent.waiting import EMPTY_WAKE_PAUSE_NS
from launch.observe.agent_view import cpu_time_ns
from ruth.export.layout import WAKE_OFFSET, unpack_ring
from ruth.futex import FutexWord

if TYPE_CHECKING:
    from conftest import Processes, Roots
    from ruth.agent.state import AgentRecord

pytestmark = pytest.mark.usefixtures("both_ways")


def decided(found: AgentRecord) -> dict[str, Expected]:
    """What an agent's record says of each model."""
    return {m.model_id: Expected(m.allowed, m.skipped, m.last_frame_id) for m in found.models}


def oracle(frames: list[tuple[int, int]]) -> dict[str, Expected]:
    """What each model must have come to after these frames."""
    return {model: expected(max_fps, frames) for model, max_fps in CAPS.items()}


@pytest.mark.alone
def test_every_frame_is_decided_as_the_gate_says(roots: Roots, processes: Processes) -> None:
    """At 25 fps an agent observes every frame, and decides for each model as the gate does."""
    exporter = exporter_of(roots, "a")
    launched(roots, processes, "a")
    wait_until(lambda: view_agent(roots, "a").export == "v2", "the agent is bound")
    with Feed({"a": exporter}) as feed:
        wait_until(lambda: len(feed.published["a"]) == 75, "75 frames are published")
        feed.stop()
    wait_observed(roots, "a", 74)
    found = record(roots, "a")
    assert (found.frames, found.missed, found.first_frame_id) == (75, 0, 0)
    assert decided(found) == oracle(feed.published["a"])


def test_export_absent_at_start(roots: Roots, processes: Processes) -> None:
    """An agent whose export is not there yet is alive and idle, and binds by itself when it appears."""
    launched(roots, processes, "a")
    before = view_agent(roots, "a")
    assert (before.state, before.export, before.frames) == ("idle", None, 0)
    exporter = exporter_of(roots, "a")
    exporter.publish(FRAME, time.monotonic_ns())
    wait_observed(roots, "a", 0)
    exporter.close()


def test_flag_off_idles(roots: Roots, processes: Processes) -> None:
    """Without an export an agent polls about once a second, and makes nothing under the export root."""
    pid = launched(roots, processes, "a")["a"]
    before, started = wake_ups(pid), time.monotonic()
    wait_until(lambda: time.monotonic() - started >= 3, "three seconds have passed")
    assert wake_ups(pid) - before <= 4
    assert not roots.export.exists()


def test_frozen_writer(roots: Roots, processes: Processes) -> None:
    """While the writer is frozen its agent idles, wakes about once a second, and decides nothing twice."""
    exporter = exporter_of(roots, "a")
    pid = launched(roots, processes, "a")["a"]
    exporter.publish(FRAME, time.monotonic_ns())
    wait_observed(roots, "a", 0)
    before, started = wake_ups(pid), time.monotonic()
    wait_until(lambda: view_agent(roots, "a").state == "idle", "the agent is idle")
    wait_until(lambda: time.monotonic() - started >= 3, "three seconds have passed")
    assert wake_ups(pid) - before <= 4
    assert record(roots, "a").frames == 1
    exporter.close()


def test_unlinked_export_is_let_go(roots: Roots, processes: Processes) -> None:
    """When the files are unlinked the agent releases descriptors and mappings, and its memory returns."""
    exporter = exporter_of(roots, "a")
    pid = launched(roots, processes, "a")["a"]
    exporter.publish(FRAME, time.monotonic_ns())
    wait_observed(roots, "a", 0)
    assert any("frame.meta" in file for file in open_files(pid))
    shutil.rmtree(roots.export / "a")  # as when VAS is killed and its folder cleaned: no process is told

    def released() -> bool:
        maps = Path(f"/proc/{pid}/maps").read_text()
        return "frame." not in maps and not any("frame." in file for file in open_files(pid))

    wait_until(released, "the agent has released", deadline_s=2)
    assert view_agent(roots, "a").pid == pid


def test_mappings_are_read_only(roots: Roots, processes: Processes) -> None:
    """An agent maps both files of its export, shared and read-only, and no other camera's."""
    exporters = [exporter_of(roots, camera) for camera in ("a", "b")]
    pid = launched(roots, processes, "a", "b")["a"]
    wait_until(lambda: view_agent(roots, "a").export == "v2", "the agent is bound")
    lines = [line for line in Path(f"/proc/{pid}/maps").read_text().splitlines() if str(roots.export) in line]
    assert {line.split()[-1] for line in lines} == {
        str(roots.export / "a" / name) for name in ("frame.meta", "frame.data")
    }
    assert {line.split()[1] for line in lines} == {"r--s"}
    for exporter in exporters:
        exporter.close()


def test_restarted_writer(roots: Roots, processes: Processes) -> None:
    """A VAS that was killed and started again is found within a second; ids from 0 are no obstacle."""
    launched(roots, processes, "a")
    first = exporter_of(roots, "a")
    for frame_id in range(5):
        first.publish(FRAME, time.monotonic_ns() + frame_id)
    wait_observed(roots, "a", 4)
    shutil.rmtree(roots.export / "a")  # the old writer is never told: it was killed
    second = exporter_of(roots, "a")
    second.publish(FRAME, time.monotonic_ns())
    wait_until(lambda: record(roots, "a").session == 2, "the new export is bound", deadline_s=1.5)
    wait_observed(roots, "a", 0)
    second.close()


def test_the_export_on_record_is_the_one_at_the_path(roots: Roots, processes: Processes) -> None:
    """The record names inode and epoch of the export that the agent is bound to, and none once it is gone."""
    launched(roots, processes, "a")
    for _ in range(2):
        exporter = exporter_of(roots, "a")
        exporter.publish(FRAME, time.monotonic_ns())
        meta = roots.export / "a" / "frame.meta"
        expected = (meta.stat().st_ino, unpack_ring(meta.read_bytes()).epoch)
        wait_until(
            lambda expected=expected: (
                (record(roots, "a").export_inode, record(roots, "a").export_epoch) == expected
            ),
            "the export is on record",
        )
        exporter.close()
        wait_until(lambda: record(roots, "a").export_inode == 0, "the export is off the record")


def test_restart_brings_no_burst(roots: Roots, processes: Processes) -> None:
    """A cap holds across a restart of VAS: the new session's first frame waits for its turn."""
    launched(roots, processes, "a")
    now = time.monotonic_ns()
    first = exporter_of(roots, "a")
    first.publish(FRAME, now)
    wait_observed(roots, "a", 0)
    kill(first)
    second = exporter_of(roots, "a")  # retires the first, so that it is found at once
    second.publish(FRAME, now + 100_000_000)
    wait_until(lambda: record(roots, "a").session == 2, "the new export is bound")
    wait_until(lambda: record(roots, "a").frames == 2, "its frame is observed")
    decisions = {model.model_id: model.last_decision.name for model in record(roots, "a").models}
    assert decisions == {"person": "SKIP_INTERVAL", "plate": "SKIP_INTERVAL", "audit": "ALLOW"}
    second.close()


def test_resolution_change(roots: Roots, processes: Processes) -> None:
    """New geometry in new files: the next decision is about a frame of those."""
    launched(roots, processes, "a")
    small = exporter_of(roots, "a")
    small.publish(FRAME, time.monotonic_ns())
    wait_observed(roots, "a", 0)
    small.close()
    large = exporter_of(roots, "a", WIDTH * 2, HEIGHT * 2)
    large.publish(bytes(len(FRAME) * 4), time.monotonic_ns())
    wait_until(lambda: record(roots, "a").session == 2, "the new export is bound")
    wait_observed(roots, "a", 0)
    large.close()


def test_truncated_file(roots: Roots, processes: Processes) -> None:
    """A file cut to any length under a bound agent leaves it alive and idle; a new export is taken up."""
    cuts = {
        f"{name}.{length}": (name, length)
        for name in ("frame.meta", "frame.data")
        for length in (0, 1, 63, 64, 127, 4095)
    }
    for camera in cuts:
        exporter_of(roots, camera).publish(FRAME, time.monotonic_ns())
    pids = launched(roots, processes, *cuts)
    for camera in cuts:
        wait_observed(roots, camera, 0)
    for camera, (name, length) in cuts.items():
        os.truncate(roots.export / camera / name, length)
    for camera in cuts:
        wait_until(lambda camera=camera: view_agent(roots, camera).export is None, f"{camera} is released")
        # Our own exporter would meet SIGBUS in a file that was cut; what was cut makes way first.
        os.rename(roots.export / camera, roots.export / f"broken-{camera}")
        exporter_of(roots, camera).publish(FRAME, time.monotonic_ns())
    for camera, pid in pids.items():
        wait_until(lambda camera=camera: record(roots, camera).frames == 2, f"{camera} goes on")
        assert view_agent(roots, camera).pid == pid


def test_stopped_agent_goes_on_without_a_burst(roots: Roots, processes: Processes) -> None:
    """An agent that was stopped decides on what the ring still holds when it goes on, and the caps hold."""
    exporter = exporter_of(roots, "a")
    pid = launched(roots, processes, "a")["a"]
    wait_until(lambda: view_agent(roots, "a").export == "v2", "the agent is bound")
    with Feed({"a": exporter}) as feed:
        wait_until(lambda: record(roots, "a").frames >= 5, "frames are observed")
        os.kill(pid, signal.SIGSTOP)
        stopped_at = len(feed.published["a"])
        wait_until(lambda: len(feed.published["a"]) >= stopped_at + 25, "a second of frames has passed")
        os.kill(pid, signal.SIGCONT)
        wait_until(lambda: len(feed.published["a"]) >= stopped_at + 30, "more frames have passed")
        feed.stop()
    wait_observed(roots, "a", len(feed.published["a"]) - 1)
    found = record(roots, "a")
    assert found.missed >= 20
    assert found.frames + found.missed == len(feed.published["a"])
    span_s = (feed.published["a"][-1][1] - feed.published["a"][0][1]) / 1e9
    for model in found.models:
        if model.max_fps is not None:
            assert model.allowed <= span_s * model.max_fps + 1
    exporter.close()


class _Silent:
    """A futex word that never wakes any process: a writer whose wake-ups are lost."""

    def wake(self) -> None:
        """Wakes none."""


@pytest.mark.alone
def test_missing_wake_ups(roots: Roots, processes: Processes) -> None:
    """When a writer says that it wakes and does not, polling begins, and frames are observed."""
    exporter = exporter_of(roots, "a")
    assert exporter._ring is not None
    exporter._ring._futex = _Silent()  # type: ignore[assignment]
    launched(roots, processes, "a")
    wait_until(lambda: view_agent(roots, "a").export == "v2", "the agent is bound")
    with Feed({"a": exporter}) as feed:
        wait_until(lambda: record(roots, "a").frames >= 2, "the agent has noticed")
        begun = record(roots, "a")
        wait_until(lambda: len(feed.published["a"]) >= (begun.frame_id or 0) + 50, "50 frames later")
        feed.stop()
    wait_observed(roots, "a", len(feed.published["a"]) - 1)
    assert record(roots, "a").missed - begun.missed <= 2  # polling, on cores that others use as well


def test_spurious_wake_ups(roots: Roots, processes: Processes) -> None:
    """Ten thousand wake-ups per second without a frame cost an agent at most a thousand looks per second."""
    exporter = exporter_of(roots, "a")
    pid = launched(roots, processes, "a")["a"]
    wait_until(lambda: view_agent(roots, "a").export == "v2", "the agent is bound")
    assert exporter._ring is not None
    word = FutexWord(exporter._ring._meta_map, WAKE_OFFSET)
    before, started = wake_ups(pid), time.monotonic()
    while (elapsed := time.monotonic() - started) < 1:
        word.wake()
        time.sleep(0.0001)  # the rate that is tried, not a wait for anything
    assert wake_ups(pid) - before <= 2 * elapsed * 1e9 / EMPTY_WAKE_PAUSE_NS + 10
    exporter.publish(FRAME, time.monotonic_ns())
    wait_observed(roots, "a", 0)
    exporter.close()


@pytest.mark.parametrize("fps", [2, 25])
def test_an_old_writer_that_goes_on_does_not_hide_its_successor(
    roots: Roots, processes: Processes, fps: int
) -> None:
    """While an old writer goes on, its successor is found within a second and a frame."""
    old = exporter_of(roots, "a")
    launched(roots, processes, "a")
    wait_until(lambda: view_agent(roots, "a").export == "v2", "the agent is bound")
    with Feed({"a": old}, fps=fps):
        wait_until(lambda: record(roots, "a").frames >= 2, "frames are observed")
        (roots.export / "a").rename(roots.export / "old")  # so that the successor does not wake its readers
        new = exporter_of(roots, "a")
        new.publish(FRAME, time.monotonic_ns())
        # A second more than that, for a host without a core to spare.
        wait_until(lambda: record(roots, "a").session == 2, "the successor is bound", 2 + 1 / fps)
    new.close()


def test_frames_that_are_not_decided_on_do_not_hide_a_successor(roots: Roots, processes: Processes) -> None:
    """While an old writer goes on with an id that has been decided on, its successor is found as well."""
    old = exporter_of(roots, "a")
    ring = old._ring
    assert ring is not None

    def same_id_again(_number: int) -> bytes:
        ring.frame_id = 0
        return FRAME

    launched(roots, processes, "a")
    wait_until(lambda: view_agent(roots, "a").export == "v2", "the agent is bound")
    with Feed({"a": old}, picture=same_id_again) as feed:
        wait_until(lambda: len(feed.published["a"]) >= 25, "the id has come again for a second")
        assert record(roots, "a").frames == 1
        (roots.export / "a").rename(roots.export / "old")  # so that the successor does not wake its readers
        new = exporter_of(roots, "a")
        new.publish(FRAME, time.monotonic_ns())
        wait_until(lambda: record(roots, "a").session == 2, "the successor is bound", 2)
    new.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS])
def test_a_crash_is_one_cameras(roots: Roots, processes: Processes, number: signal.Signals) -> None:
    """When one agent dies, the others observe every frame and decide as without it."""
    exporters = {camera: exporter_of(roots, camera) for camera in ("a", "b", "c")}
    pids = launched(roots, processes, *exporters)
    for camera in exporters:
        wait_until(lambda camera=camera: view_agent(roots, camera).export == "v2", "the agent is bound")
    with Feed(exporters, fps=10) as feed:  # an agent that waits for a core misses none
        wait_until(lambda: len(feed.published["a"]) >= 10, "a second of frames")
        os.kill(pids["b"], number)
        wait_dead(roots, "b")
        wait_until(lambda: len(feed.published["a"]) >= 20, "another second of frames")
        feed.stop()
    assert view_agent(roots, "b").death == number.name
    for camera in ("a", "c"):
        wait_observed(roots, camera, len(feed.published[camera]) - 1)
        found = record(roots, camera)
        assert (found.pid, found.missed) == (pids[camera], 0)
        assert decided(found) == oracle(feed.published[camera])
    for exporter in exporters.values():
        exporter.close()


def test_agent_killed_at_any_moment_is_described(roots: Roots, processes: Processes) -> None:
    """However an agent was killed, in the middle of a change or not, its record can still be read."""
    exporter = exporter_of(roots, "a")
    config = configure(roots, "a")
    with Feed({"a": exporter}, fps=2000):
        for _ in range(10):
            launcher = processes.ruth("up", config, env=roots.environ())
            pid = pid_of(roots, "a")
            wait_until(lambda: record(roots, "a").frames >= 3, "frames are observed")
            os.kill(pid, signal.SIGKILL)
            wait_dead(roots, "a")
            dead = view_agent(roots, "a")
            assert (dead.state, dead.death, len(dead.models)) == ("dead", "SIGKILL", 3)
            launcher.kill()
            launcher.wait(timeout=60)


def test_memory_does_not_grow(roots: Roots, processes: Processes) -> None:
    """Thousands of frames, and looks at nothing, leave an agent's memory where it was."""
    exporter = exporter_of(roots, "a")
    pid = launched(roots, processes, "a")["a"]
    with Feed({"a": exporter}, fps=2000):
        wait_until(lambda: record(roots, "a").frames >= 1000, "1,000 frames are observed")
        before = _anonymous_pages(pid)
        wait_until(lambda: record(roots, "a").frames >= 6000, "5,000 more are observed")
        after = _anonymous_pages(pid)
    assert after - before <= 8


@pytest.mark.parametrize(("version", "frame_id"), [("v1", 41), ("v2", 5), ("v2-picture", 5)])
def test_vectors_are_observed(
    roots: Roots, processes: Processes, vectors: Path, version: str, frame_id: int
) -> None:
    """An agent observes the newest frame of the example exports, and says which version they are."""
    shutil.copytree(vectors / version, roots.export)
    launched(roots, processes, "front-door")
    wait_observed(roots, "front-door", frame_id)
    assert view_agent(roots, "front-door").export == version[:2]


@pytest.mark.alone
def test_version_1_is_followed(roots: Roots, processes: Processes) -> None:
    """An agent follows the renames of version 1 at 25 fps and goes on when ids begin again from 0."""
    launched(roots, processes, "a")
    folder = roots.export / "a"
    folder.mkdir(parents=True)
    writer = Version1Writer(folder, WIDTH, HEIGHT)
    frames = 0
    for session in (1, 2):
        for frame_id in range(25):
            writer.write(frame_id, time.time_ns())
            frames += 1
            wait_until(lambda seen=frames: record(roots, "a").frames == seen, "the frame is observed")
        found = record(roots, "a")
        assert (found.session, found.missed, found.frame_id) == (session, 0, 24)


def _anonymous_pages(pid: int) -> int:
    """Pages of a process that no file has: code that runs for the first time counts as resident, not here."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    found = re.search(r"^Anonymous: +(\d+) kB$", rollup, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024 // mmap.PAGESIZE


def test_cpu_time_is_read_from_schedstat(roots: Roots, processes: Processes) -> None:
    """An agent's CPU time can be read, and grows with what it does."""
    exporter = exporter_of(roots, "a")
    pid = launched(roots, processes, "a")["a"]
    before = cpu_time_ns(pid)
    with Feed({"a": exporter}, fps=500):
        wait_until(lambda: record(roots, "a").frames >= 200, "200 frames are observed")
    after = cpu_time_ns(pid)
    assert before is not None
    assert after is not None
    assert after > before

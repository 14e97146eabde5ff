"""Agents against the frozen VAS's own export, written by the stand-in (docs/frame-export.md, section 6)."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Self

import pytest

from doubles.frozen_vas import Version1Writer
from harness.agents import launched, record, view_agent, wait_observed, wake_ups
from harness.waiting import wait_until
from launch.observe.agent_view import cpu_time_ns
from launch.vas.version1 import Version1Exporter
from ruth.export.layout import NO_FRAME_EVER
from ruth.export.outcome import Absent, Fresh
from ruth.export.source import ExportSource

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Processes, Roots

SECONDS = 12


@pytest.mark.alone
@pytest.mark.usefixtures("both_ways")
def test_a_decoded_camera_is_followed(
    roots: Roots, processes: Processes, record_property: Callable[[str, object], None]
) -> None:
    """An agent follows what ``ruth vas --export-version 1`` decodes and writes at 25 fps, and says v1."""
    pid = launched(roots, processes, "a")["a"]
    vas = processes.ruth(
        "vas", "a=test", "--export-version", "1", "--json", env=roots.environ(), stdout=subprocess.PIPE
    )
    wait_until(lambda: record(roots, "a").frames >= 25, "frames are observed", 60)
    begun, cpu_ns, started = record(roots, "a"), cpu_time_ns(pid), time.monotonic()
    wait_until(lambda: record(roots, "a").frames >= begun.frames + SECONDS * 25, "seconds later", 5 * SECONDS)
    ended = record(roots, "a")
    assert view_agent(roots, "a").export == "v1"
    # FFmpeg, the stand-in and this test share the processors with the agent, which comes last.
    assert ended.missed - begun.missed <= SECONDS * 25 // 50
    assert cpu_ns is not None
    spent_ns = (cpu_time_ns(pid) or 0) - cpu_ns
    record_property("cpu_percent", round(spent_ns / (time.monotonic() - started) / 1e7, 2))
    vas.terminate()
    vas.communicate(timeout=60)
    wait_until(lambda: view_agent(roots, "a").export is None, "the export is gone")


class Feed:
    """Writes version 1 frames at 25 fps from a thread, each byte the frame's id, as long as it is entered."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self._writer = Version1Writer(folder, 640, 360)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.written = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            self._writer.write(self.written, time.time_ns())
            self.written += 1
            # Two at once, to make up for a late one, would be one frame for any reader of version 1.
            due = max(due + 0.04, time.monotonic() + 0.036)


def read_pixels(source: ExportSource, until: Callable[[], bool]) -> int:
    """Reads the pixels of every new frame as a runtime would; how many were not the header's own."""
    mispaired = 0
    while not until():
        outcome = source.try_read()
        pixels = source.pixels(outcome) if isinstance(outcome, Fresh) else None
        if pixels is not None:
            found = set(pixels.memory[:: pixels.record.width])
            mispaired += found != {pixels.record.frame_id % 256}
            pixels.close()
        else:
            time.sleep(0.005)
    return mispaired


@pytest.mark.usefixtures("both_ways")
@pytest.mark.soak
@pytest.mark.alone
def test_an_export_written_removed_and_made_again(
    roots: Roots, processes: Processes, soaking: bool, record_property: Callable[[str, object], None]
) -> None:
    """An agent observes 99.9% of the frames of each life of an export, and no pixels are another frame's."""
    frames = 25 * (60 if soaking else 4)
    pid = launched(roots, processes, "a")["a"]
    begun = record(roots, "a")
    for session in (1, 2):
        with ExportSource(str(roots.export), "a") as source:
            with Feed(roots.export / "a") as feed:
                assert read_pixels(source, lambda feed=feed: feed.written >= frames) == 0
            wait_observed(roots, "a", feed.written - 1)
        ended = record(roots, "a")
        observed = ended.frames - begun.frames
        record_property(f"observed_{session}", f"{observed} of {feed.written}")
        missed = ended.missed - begun.missed
        assert observed + missed + (ended.first_frame_id or 0) == feed.written  # before its first, it slept
        assert missed <= max(1, feed.written // 1000)
        assert ended.session == session
        shutil.rmtree(roots.export / "a")
        wait_until(lambda: view_agent(roots, "a").export is None, "the agent has released")
        begun = ended
    assert view_agent(roots, "a").pid == pid


@pytest.mark.usefixtures("both_ways")
def test_a_frozen_version_1_writer(roots: Roots, processes: Processes) -> None:
    """While a version 1 writer is frozen its agent wakes about once a second, and decides nothing twice."""
    pid = launched(roots, processes, "a")["a"]
    folder = roots.export / "a"
    folder.mkdir(parents=True)
    Version1Writer(folder).write(0, time.time_ns())
    wait_until(lambda: record(roots, "a").frames == 1, "the frame is observed")
    wait_until(lambda: view_agent(roots, "a").state == "idle", "the agent is idle")
    before, started = wake_ups(pid), time.monotonic()
    wait_until(lambda: time.monotonic() - started >= 3, "three seconds have passed")
    assert wake_ups(pid) - before <= 4
    assert record(roots, "a").frames == 1


def stand_in(roots: Roots, report: Callable[[str], None] = lambda _: None) -> Version1Exporter:
    """The stand-in, of camera "a", 64 x 48 pixels."""
    return Version1Exporter(str(roots.export), "a", 64, 48, report)


def publish(exporter: Version1Exporter, frame_id: int) -> bool:
    """One frame whose every byte is its id."""
    buffer = exporter.begin_frame()
    assert buffer is not None
    buffer[:] = bytes([frame_id]) * (64 * 72)
    return exporter.commit(0)


def paired(source: ExportSource, frame_id: int) -> bool:
    """Whether the newest frame is that one, and its pixels are its own."""
    outcome = source.try_read()
    assert isinstance(outcome, Fresh)
    pixels = source.pixels(outcome)
    assert pixels is not None
    with pixels:
        return (outcome.record.frame_id, set(pixels.memory[:])) == (frame_id, {frame_id})


def test_the_stand_in_writes_what_the_document_says(roots: Roots) -> None:
    """The stand-in's files are one record and one frame, and its pixels are paired with its headers."""
    exporter = stand_in(roots)
    with ExportSource(str(roots.export), "a") as source:
        for frame_id in range(3):
            assert publish(exporter, frame_id)
            assert paired(source, frame_id)
    assert {path.name: path.stat().st_size for path in (roots.export / "a").iterdir()} == {
        "frame.meta": 64,
        "frame.data": 64 * 72,
    }
    exporter.close()
    assert list(roots.export.iterdir()) == []


def test_the_stand_in_starts_with_two_empty_files(roots: Roots) -> None:
    """Until the first frame two empty files are there, which no reader takes for a frame."""
    exporter = stand_in(roots)
    assert {path.stat().st_size for path in (roots.export / "a").iterdir()} == {0}
    with ExportSource(str(roots.export), "a") as source:
        outcome = source.try_read()
        assert isinstance(outcome, Absent)
        assert outcome.reason == NO_FRAME_EVER
        assert publish(exporter, 0)
        assert paired(source, 0)
    exporter.close()


def test_what_a_killed_stand_in_left_is_written_into(roots: Roots) -> None:
    """A half-written frame.tmp is opened again and becomes the next frame's data, whole and paired."""
    folder = roots.export / "a"
    folder.mkdir(parents=True)
    left = folder / "frame.tmp"
    left.write_bytes(b"half" * 64 * 72)
    inode = left.stat().st_ino
    exporter = stand_in(roots)
    with ExportSource(str(roots.export), "a") as source:
        assert publish(exporter, 5)
        assert (folder / "frame.data").stat().st_ino == inode
        outcome = source.try_read()
        assert isinstance(outcome, Fresh)
        pixels = source.pixels(outcome)
        assert pixels is not None
        with pixels:
            assert set(pixels.memory[:]) == {5}
    exporter.close()


def test_a_temporary_file_that_is_left_keeps_the_folder(roots: Roots) -> None:
    """At the end both files go; a frame.tmp that could not be written whole stays, as VAS leaves it."""
    exporter = stand_in(roots)
    (roots.export / "a" / "frame.tmp").write_bytes(b"half")
    exporter.close()
    assert [path.name for path in (roots.export / "a").iterdir()] == ["frame.tmp"]


def test_a_fifo_in_place_of_the_temporary_file_blocks_nothing(roots: Roots) -> None:
    """Who would wait for a reader of a FIFO gives the frame up instead."""
    said: list[str] = []
    exporter = stand_in(roots, said.append)
    os.mkfifo(roots.export / "a" / "frame.tmp")
    assert not publish(exporter, 0)
    assert len(said) == 1
    exporter.close()


@pytest.mark.parametrize("umask", [0o077, 0o022])
def test_the_stand_ins_files_follow_the_umask(roots: Roots, umask: int) -> None:
    """The empty files have mode 0644, those of frames what the umask leaves of 0666, the folder 0755."""
    before = os.umask(umask)
    try:
        exporter = stand_in(roots)
        folder = roots.export / "a"
        modes = [{path.stat().st_mode & 0o777 for path in folder.iterdir()}]
        assert publish(exporter, 0)
        modes.append({path.stat().st_mode & 0o777 for path in folder.iterdir()})
        assert folder.stat().st_mode & 0o777 == 0o755
        exporter.close()
    finally:
        os.umask(before)
    assert modes == [{0o644}, {0o666 & ~umask}]


def test_a_stand_in_that_cannot_write_says_so_once(roots: Roots) -> None:
    """Where nothing can be written, the stand-in of version 1 leaves one message and goes on."""
    roots.export.write_text("not a folder")
    said: list[str] = []
    exporter = Version1Exporter(str(roots.export), "a", 64, 48, said.append)
    for _ in range(3):
        exporter.begin_frame()
        assert not exporter.commit(0)
    assert len(said) == 1
    assert exporter.published == 0
    exporter.close()

"""One writer per camera, held to it by a lock (docs/specification.md, phase 2; docs/decisions/0028)."""

from __future__ import annotations

import copy
import errno
import gc
import os
import pickle
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from doubles.small_tmpfs import MIB, small_tmpfs
from harness.exports import newest
from harness.open_descriptors import left_of
from harness.published import exporter_of, kill
from ruth.errors import SharedMemoryError
from ruth.export.layout import FrameRecord, pack_record
from ruth.export.outcome import Absent, Fresh
from ruth.export.source import ExportSource
from ruth.vas.exporter import FrameExporter, open_exporter
from ruth.vas.files import ExportDirectory
from ruth.vas.holder import describe_holder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Processes, Roots
    from harness.published import Messages

CAMERA = "front-door"
WIDTH, HEIGHT = 64, 48
FRAME_SIZE = WIDTH * HEIGHT * 3 // 2
FRAME, OTHER = bytes([1]) * FRAME_SIZE, bytes([2]) * FRAME_SIZE
LARGE: Final = (480, 270)  # a ring of 4 slots takes 777,600 bytes: one fits into a MiB, two do not
PR_SET_NAME: Final = 15

# Exports a frame, says so, and waits to be killed.
WRITER = f"""
import ctypes, os, sys
from ruth.vas.exporter import open_exporter
ctypes.CDLL(None).prctl({PR_SET_NAME}, os.fsencode(sys.argv[1]), 0, 0, 0)
exporter = open_exporter("{CAMERA}", *map(int, sys.argv[2:4]))
exporter.publish(bytes(exporter.begin_frame()), 1)
print("exports", flush=True)
if sys.argv[4:] and os.fork():
    os._exit(0)
sys.stdin.read()
"""


@pytest.fixture(name="small_tmpfs")
def fixture_small_tmpfs(roots: Roots) -> Iterator[Path]:
    """The export root as a tmpfs of 1 MiB, unmounted afterwards."""
    with small_tmpfs(roots.export, MIB) as path:
        yield path


def started(
    processes: Processes,
    roots: Roots,
    name: str = "decoder",
    size: tuple[int, int] = (WIDTH, HEIGHT),
    *more: str,
) -> subprocess.Popen[str]:
    """A writer in another process, which exports."""
    process = processes.start(
        *(sys.executable, "-c", WRITER, name, *map(str, size), *more),
        env=roots.environ(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "exports\n"
    return process


def opened(roots: Roots, messages: Messages, size: tuple[int, int] = (WIDTH, HEIGHT)) -> FrameExporter:
    """What a decoder gets that opens the camera now."""
    exporter = open_exporter(CAMERA, *size, environ=roots.environ(), report=messages)
    assert isinstance(exporter, FrameExporter)
    return exporter


def test_a_second_writer_in_the_same_process_is_refused(roots: Roots, messages: Messages) -> None:
    """It gets a closed exporter and one message; the first one's export goes on untouched."""
    first = opened(roots, messages)
    second = opened(roots, messages, (32, 32))
    assert (second.enabled, second.begin_frame(), second.publish(FRAME, 9)) == (False, None, False)
    second.close()
    assert len(messages) == 1
    assert "this process exports this camera already" in messages[0]
    assert first.publish(FRAME, 7)
    assert newest(roots.export / CAMERA) == (0, 7, FRAME)
    first.close()


def test_a_second_writer_in_another_process_is_refused(
    roots: Roots, messages: Messages, processes: Processes
) -> None:
    """Its message names the process that exports, by pid and command; the export stays."""
    holder = started(processes, roots)
    meta = roots.export / CAMERA / "frame.meta"
    before = meta.stat().st_ino, meta.read_bytes()
    refused = opened(roots, messages)
    assert not refused.enabled
    assert messages == [
        f"{roots.export}/{CAMERA}: cannot export: process {holder.pid} (decoder) exports this camera already"
    ]
    refused.close()
    assert (meta.stat().st_ino, meta.read_bytes()) == before


def test_the_name_of_the_other_process_is_data(
    roots: Roots, messages: Messages, processes: Processes
) -> None:
    """No control byte of a process's name reaches the message."""
    started(processes, roots, "\x1b]0;X\x07\nok")
    assert not opened(roots, messages).enabled
    assert messages[0].isprintable()
    assert r"(\u001B]0;X\u0007\nok)" in messages[0]


def test_a_dead_writers_lock_is_free(roots: Roots, messages: Messages, processes: Processes) -> None:
    """After kill -9 the next writer replaces the files."""
    holder = started(processes, roots)
    holder.kill()
    holder.wait(timeout=60)
    exporter = opened(roots, messages)
    assert exporter.publish(OTHER, 5)
    assert newest(roots.export / CAMERA) == (0, 5, OTHER)
    assert messages == []
    exporter.close()


def test_a_fork_that_kept_the_lock_is_told_of(roots: Roots, messages: Messages, processes: Processes) -> None:
    """Where a process was forked by the writer and outlived it, the camera is still held, and why is said."""
    holder = started(processes, roots, "decoder", (WIDTH, HEIGHT), "and fork")
    holder.wait(timeout=60)
    assert not opened(roots, messages).enabled
    assert f"forked by process {holder.pid}, which has ended, exports this camera already" in messages[0]


def test_an_exporter_that_was_dropped_holds_nothing(roots: Roots, messages: Messages) -> None:
    """A decoder that forgets its exporter without closing it can open the camera again."""
    exporter = opened(roots, messages)
    del exporter
    gc.collect()
    again = opened(roots, messages)
    assert again.enabled
    again.close()


def test_a_closed_export_can_be_opened_again(roots: Roots, messages: Messages) -> None:
    """As after a change of resolution: closed, then opened with another size, by the same process."""
    opened(roots, messages).close()
    again = opened(roots, messages, (32, 16))
    assert again.enabled
    again.close()


def test_a_refusal_leaves_nothing_open(roots: Roots, messages: Messages) -> None:
    """No descriptor stays behind a second writer that was refused, a thousand times."""
    first = opened(roots, messages)
    held = left_of(roots.export)
    for _ in range(1000):
        assert not opened(roots, messages).enabled
    assert left_of(roots.export) == held
    first.close()


def test_a_folder_moved_away_does_not_hold_its_successor(roots: Roots, messages: Messages) -> None:
    """The lock is on the folder: a new one at the path is another writer's to have."""
    first = opened(roots, messages)
    (roots.export / CAMERA).rename(roots.export / "elsewhere")
    second = opened(roots, messages)
    assert second.enabled
    first.close()
    second.close()


def test_a_holder_that_cannot_be_seen_is_said_to_be_so(tmp_path: Path) -> None:
    """Where /proc/locks does not show who holds a lock, no process is named."""
    assert describe_holder(tmp_path.stat()) == "another process, which cannot be seen from here,"


# --- a killed writer where there is room for its ring once --------------------------------------------------


def test_a_dead_ring_is_taken_over_where_room_is_short(
    small_tmpfs: Path, roots: Roots, messages: Messages, processes: Processes
) -> None:
    """On a tmpfs that fits a ring once the next writer exports at once, with readers bound to the old one."""
    holder = started(processes, roots, "decoder", LARGE)
    with ExportSource(str(roots.export), CAMERA) as source:
        outcome = source.try_read()
        assert isinstance(outcome, Fresh)
        pixels = source.pixels(outcome)
        assert pixels is not None
        assert pixels.intact()
        holder.kill()
        holder.wait(timeout=60)
        for stamp in range(2, 5):  # again and again
            exporter = opened(roots, messages, LARGE)
            assert exporter.enabled, messages
            assert exporter.publish(bytes([stamp]) * (LARGE[0] * LARGE[1] * 3 // 2), stamp)
            assert not pixels.intact()
            outcome = source.try_read()
            if isinstance(outcome, Absent):
                outcome = source.try_read()
            assert isinstance(outcome, Fresh)
            assert (outcome.record.frame_id, outcome.record.timestamp_ns) == (0, stamp)
            kill(exporter)
    assert messages == []


def test_no_old_frame_is_found_in_a_ring_taken_over(
    small_tmpfs: Path, roots: Roots, messages: Messages, processes: Processes
) -> None:
    """A reader bound to the dead ring finds none of its frames from the moment that its memory is reused."""
    holder = started(processes, roots, "decoder", LARGE)
    with ExportSource(str(roots.export), CAMERA) as source:
        assert isinstance(source.try_read(), Fresh)
        ring = source.ring
        assert ring is not None
        assert ring.find(0, 1) is not None
        holder.kill()
        holder.wait(timeout=60)
        exporter = opened(roots, messages, LARGE)
        assert ring.find(0, 1) is None
        exporter.close()


@pytest.mark.parametrize("size", [(320, 180), (512, 320)], ids=["smaller", "larger"])
def test_a_dead_ring_of_another_size_is_taken_over(
    small_tmpfs: Path, roots: Roots, messages: Messages, processes: Processes, size: tuple[int, int]
) -> None:
    """A new resolution after a kill exports as well: the old memory is used, and grown where too small."""
    holder = started(processes, roots, "decoder", LARGE)
    holder.kill()
    holder.wait(timeout=60)
    with (small_tmpfs / "filler").open("wb") as filler:
        free = os.statvfs(small_tmpfs)
        spare = 60 * 4096  # what the larger one needs more, and less than the smaller one needs in all
        os.posix_fallocate(filler.fileno(), 0, free.f_bavail * free.f_frsize - spare)
    exporter = opened(roots, messages, size)
    assert exporter.enabled, messages
    assert exporter.publish(bytes(size[0] * size[1] * 3 // 2), 3)
    assert newest(roots.export / CAMERA)[:2] == (0, 3)
    exporter.close()
    assert os.listdir(roots.export / CAMERA) == []


def test_what_is_no_ring_of_ours_is_removed_where_room_is_short(
    small_tmpfs: Path, roots: Roots, messages: Messages
) -> None:
    """A dead version 1 export, and what a writer was killed while making, give way likewise."""
    camera = roots.export / CAMERA
    camera.mkdir()
    record = FrameRecord(1, 0, 3, 4, 16, 8, 0, 16, 192, 0, 0)
    (camera / "frame.meta").write_bytes(pack_record(record))
    for name in ("frame.data", "frame.data.tmp", "frame.tmp"):
        (camera / name).write_bytes(bytes(MIB // 4))
    exporter = opened(roots, messages, LARGE)
    assert exporter.publish(bytes(LARGE[0] * LARGE[1] * 3 // 2), 1)
    assert sorted(os.listdir(camera)) == ["frame.data", "frame.meta"]
    exporter.close()


def test_a_live_writers_files_are_never_taken(
    small_tmpfs: Path, roots: Roots, messages: Messages, processes: Processes
) -> None:
    """Short of room, a second writer beside a live one touches nothing."""
    started(processes, roots, "decoder", LARGE)
    meta = (roots.export / CAMERA / "frame.meta").read_bytes()
    assert not opened(roots, messages, LARGE).enabled
    assert (roots.export / CAMERA / "frame.meta").read_bytes() == meta


def test_a_linked_file_is_not_taken_over(small_tmpfs: Path, roots: Roots, messages: Messages) -> None:
    """A second name of frame.data, which others may read under, is not written through."""
    exporter = exporter_of(roots, CAMERA, *LARGE)
    kill(exporter)
    os.link(roots.export / CAMERA / "frame.data", small_tmpfs / "kept")
    assert not opened(roots, messages, LARGE).enabled
    assert "No space left" in messages[0]


def test_a_lock_is_given_to_one_of_many(roots: Roots) -> None:
    """Of threads or tasks that open a directory, one has it until it is closed."""
    path = str(roots.export / CAMERA)
    first = ExportDirectory(path)
    with pytest.raises(BlockingIOError) as refused:
        ExportDirectory(path)
    assert refused.value.errno == errno.EAGAIN
    first.close()
    ExportDirectory(path).close()


def test_a_killed_writer_is_found_dead_at_once(
    roots: Roots, messages: Messages, processes: Processes
) -> None:
    """A writer stopped for ever still holds its camera; killed, it does not."""
    holder = started(processes, roots)
    holder.send_signal(signal.SIGSTOP)
    assert not opened(roots, messages).enabled
    holder.kill()
    holder.wait(timeout=60)
    exporter = opened(roots, messages)
    assert exporter.enabled
    exporter.close()


def test_an_exporter_is_not_copied(roots: Roots, messages: Messages) -> None:
    """A copy would be a second writer of the same memory: copying and pickling are refused in words."""
    exporter = opened(roots, messages)
    for attempt in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(SharedMemoryError, match="one writer"):
            attempt(exporter)
    assert exporter.publish(FRAME, 1)
    exporter.close()


def test_a_ring_that_no_agent_could_map_is_not_made(roots: Roots, messages: Messages) -> None:
    """More than 4 GiB are refused with the number of bytes, before any memory is taken."""
    exporter = open_exporter(CAMERA, 16384, 16384, slot_count=62, environ=roots.environ(), report=messages)
    assert not exporter.enabled
    assert "a ring of 24964497408 bytes, at most 4294967296: fewer slots" in messages[0]

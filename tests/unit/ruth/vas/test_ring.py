from __future__ import annotations

import ctypes
import os
import struct
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from harness.exports import read_meta
from harness.open_descriptors import descriptors_of
from harness.rings import FRAME_SIZE, HEIGHT, SLOT_SIZE, SLOTS, STRIDE, WIDTH, kill, publish
from ruth.errors import ExportError
from ruth.export.layout import (
    META_SIZE_V2,
    SLOT_COUNT_DEFAULT,
    FrameRecord,
    pack_record,
    slot_record_offset,
    unpack_record,
    unpack_ring,
)
from ruth.export.validity import ring_problem
from ruth.futex import CHANGED, FutexWord
from ruth.vas.ring import FrameRing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Roots

# inotify(7): what happens to the names of a directory, in order.
IN_CREATE, IN_DELETE, IN_MOVED_FROM, IN_MOVED_TO = 0x100, 0x200, 0x40, 0x80
EVENT_NAMES = {IN_CREATE: "made", IN_DELETE: "removed", IN_MOVED_FROM: "from", IN_MOVED_TO: "to"}
EVENT = struct.Struct("iIII")


@contextmanager
def watched(directory: Path) -> Iterator[Callable[[], list[tuple[str, str]]]]:
    """Gives a function that returns what happened to names in a directory since the block began."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    assert descriptor >= 0, os.strerror(ctypes.get_errno())
    try:
        assert libc.inotify_add_watch(descriptor, os.fsencode(directory), sum(EVENT_NAMES)) >= 0

        def events() -> list[tuple[str, str]]:
            content, found, position = os.read(descriptor, 65536), [], 0
            while position < len(content):
                _, mask, _, length = EVENT.unpack_from(content, position)
                position += EVENT.size
                name = content[position : position + length].rstrip(b"\0").decode()
                position += length
                found.append((EVENT_NAMES[mask], name))
            return found

        yield events
    finally:
        os.close(descriptor)


def mappings_of(path: Path) -> list[str]:
    """The lines of /proc/self/maps that name something below a path."""
    with open("/proc/self/maps") as maps:
        return [line for line in maps if f"{path}/" in line]


# --- how an export comes into being -----------------------------------------------------------------------


def test_files_are_renamed_into_place_data_first(camera: Path, make: Callable[..., FrameRing]) -> None:
    """Both files are made whole under other names before either appears; then frame.data, then frame.meta."""
    camera.mkdir(parents=True)
    with watched(camera) as events:
        make()
        assert events() == [
            ("made", "frame.data.tmp"),
            ("made", "frame.meta.tmp"),
            ("from", "frame.data.tmp"),
            ("to", "frame.data"),
            ("from", "frame.meta.tmp"),
            ("to", "frame.meta"),
        ]


def test_a_new_export_is_whole_and_holds_no_frame(camera: Path, make: Callable[..., FrameRing]) -> None:
    """The first frame.meta that is describes its frame.data, an open ring and no frame."""
    before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    make()
    meta, data = read_meta(camera), (camera / "frame.data").stat()
    ring = unpack_ring(meta)
    assert len(meta) == META_SIZE_V2
    assert ring_problem(ring, data.st_size, data.st_ino) is None
    assert (ring.wake, ring.slot_count, ring.slot_size, ring.data_inode) == (0, SLOTS, 4096, data.st_ino)
    assert before <= ring.epoch <= time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    assert (ring.wakes, ring.closed) == (True, False)
    empty = FrameRecord(2, 0, 0, 0, WIDTH, HEIGHT, 0, STRIDE, FRAME_SIZE, 0, 0)
    assert unpack_record(meta) == empty
    for slot in range(SLOTS):
        assert unpack_record(meta, slot_record_offset(slot)) == empty._replace(data_offset=slot * 4096)
    assert not any(meta[slot_record_offset(SLOTS) :])


@pytest.mark.parametrize("slots", [2, 3, SLOT_COUNT_DEFAULT, 62])
def test_a_ring_has_as_many_slots_as_asked_for(
    camera: Path, make: Callable[..., FrameRing], slots: int
) -> None:
    """The files have the size of 2 to 62 slots, and every page of them is reserved."""
    make(slots=slots)
    status = (camera / "frame.data").stat()
    assert status.st_size == status.st_blocks * 512 == slots * SLOT_SIZE
    assert (camera / "frame.meta").stat().st_blocks * 512 == META_SIZE_V2


@pytest.mark.parametrize(
    ("width", "height", "stride", "slot_size"),
    [(2, 2, 2, 4096), (64, 42, 65, 4096), (64, 44, 64, 8192), (1920, 1080, 1920, 3112960)],
)
def test_a_slot_is_whole_pages_and_a_buffer_is_one_frame(
    camera: Path, make: Callable[..., FrameRing], width: int, height: int, stride: int, slot_size: int
) -> None:
    """A slot is a frame rounded up to pages; the buffer given is the frame alone, writable bytes."""
    ring = make(width, height, stride)
    buffer = ring.begin_frame()
    assert unpack_ring(read_meta(camera)).slot_size == slot_size
    assert len(buffer) == ring.frame_size == stride * height * 3 // 2
    assert (buffer.format, buffer.readonly, buffer.contiguous) == ("B", False, True)


@pytest.mark.parametrize(
    ("geometry", "problem"),
    [
        ((0, 8, 16, 3), "NV12 needs even numbers above 0"),
        ((16, 0, 16, 3), "NV12 needs even numbers above 0"),
        ((15, 8, 16, 3), "NV12 needs even numbers above 0"),
        ((16, 7, 16, 3), "NV12 needs even numbers above 0"),
        ((16, 8, 14, 3), "stride 14 below width 16"),
        ((-16, 8, 16, 3), "width -16"),
        ((16, -8, 16, 3), "height -8"),
        ((-16, 8, -16, 3), "width -16"),
        ((16, 8, 2**32, 3), "stride 4294967296"),
        ((2**64, 8, 2**64, 3), "width 18446744073709551616"),
        ((16, 8, 16, 1), "slot_count 1, allowed 2 to 62"),
        ((16, 8, 16, 63), "slot_count 63, allowed 2 to 62"),
        ((16, 8, 16, -2), "slot_count -2"),
        ((16.0, 8, 16, 3), "width 16.0"),
        ((16, "8", 16, 3), "height '8'"),
        ((16, 8, None, 3), "stride None"),
        ((16, 8, 16, "3"), "slot_count '3'"),
    ],
)
def test_a_geometry_that_is_none_is_refused(
    camera: Path, make: Callable[..., FrameRing], geometry: tuple[int, int, int, int], problem: str
) -> None:
    """A geometry that no header can carry is an ExportError that says so, before anything is made."""
    with pytest.raises(ExportError) as raised:
        make(*geometry)
    assert problem in str(raised.value)
    assert raised.value.directory == str(camera)
    assert not camera.parent.exists()


@pytest.mark.parametrize("size", [2**30, 2**31, 2**32 - 2])
def test_more_memory_than_there_is_is_refused(
    camera: Path, make: Callable[..., FrameRing], size: int
) -> None:
    """A frame that no machine can hold, up to the largest of the header, is an ExportError; no file stays."""
    with pytest.raises(ExportError, match=r"a ring of \d+ bytes, at most 4294967296: fewer slots"):
        make(size, size, size)
    assert not camera.exists()


@pytest.mark.parametrize("name", ["frame.data", "frame.meta"])
def test_a_directory_in_place_of_a_file_is_refused(
    camera: Path, make: Callable[..., FrameRing], name: str
) -> None:
    """When a file cannot be put in place, nothing of the new export is left: no file, descriptor, mapping."""
    (camera / name).mkdir(parents=True)
    with pytest.raises(ExportError, match="cannot export: Is a directory"):
        make()
    assert os.listdir(camera) == [name]
    assert descriptors_of(camera) == []
    assert mappings_of(camera) == []


def test_a_refused_export_leaves_the_one_that_stands(camera: Path, make: Callable[..., FrameRing]) -> None:
    """When a new export cannot be made, the earlier one stays open, unchanged and at its place."""
    ring = make()
    publish(ring, 5)
    meta = read_meta(camera)
    with pytest.raises(ExportError):
        make(2**31, 2**31, 2**31)
    assert read_meta(camera) == meta
    assert sorted(os.listdir(camera)) == ["frame.data", "frame.meta"]


def test_leftovers_of_a_killed_writer_do_not_matter(camera: Path, make: Callable[..., FrameRing]) -> None:
    """Files that a killed writer left unfinished are replaced, and none is left beside the export."""
    camera.mkdir(parents=True)
    for name in ("frame.data.tmp", "frame.meta.tmp"):
        (camera / name).write_bytes(b"unfinished")
    make()
    assert sorted(os.listdir(camera)) == ["frame.data", "frame.meta"]


# --- the end ----------------------------------------------------------------------------------------------


def test_closing_tells_readers_and_removes_the_files(camera: Path, make: Callable[..., FrameRing]) -> None:
    """A closed ring has its flag set and its word moved; both files are gone, the directory stays."""
    ring = make()
    publish(ring, 1)
    with (camera / "frame.meta").open("rb") as meta:
        ring.close()
        found = unpack_ring(meta.read())
    assert (found.closed, found.wakes, found.wake) == (True, True, 2)
    assert os.listdir(camera) == []


def test_closing_wakes_only_when_the_files_are_gone(camera: Path, make: Callable[..., FrameRing]) -> None:
    """A process that is woken by the end of an export and polls again does not find its files any more."""
    ring = make()
    found: list[list[str]] = []

    class LookingFutex:
        def wake(self) -> None:
            found.append(os.listdir(camera))

    ring._futex = LookingFutex()  # type: ignore[assignment]
    ring.close()
    assert found == [[]]


def test_closing_lets_go_of_everything(camera: Path, make: Callable[..., FrameRing]) -> None:
    """A closed ring that no process uses holds no descriptor and, once it is gone, no mapping."""
    ring = FrameRing(str(camera), WIDTH, HEIGHT, STRIDE, SLOTS)
    publish(ring, 1)
    ring.close()
    del ring
    assert descriptors_of(camera) == []
    assert mappings_of(camera) == []


def test_a_buffer_outlives_its_ring(camera: Path, make: Callable[..., FrameRing]) -> None:
    """A decoder that still writes into its buffer when the export ends writes into memory still."""
    ring = FrameRing(str(camera), WIDTH, HEIGHT, STRIDE, SLOTS)
    buffer = ring.begin_frame()
    ring.close()
    del ring
    buffer[:] = b"z" * FRAME_SIZE
    assert bytes(buffer) == b"z" * FRAME_SIZE
    del buffer
    assert mappings_of(camera) == []


def test_a_closed_ring_leaves_its_successors_files(camera: Path, make: Callable[..., FrameRing]) -> None:
    """A ring that was replaced removes nothing when it ends: the files that stand are not its own."""
    old = make()
    kill(old)
    new = make()
    publish(new, 1)
    standing = read_meta(camera)
    old.close()
    assert read_meta(camera) == standing
    assert sorted(os.listdir(camera)) == ["frame.data", "frame.meta"]


def test_a_successor_retires_what_it_replaces(camera: Path, make: Callable[..., FrameRing]) -> None:
    """A waiter on a replaced frame.meta finds it closed and its wake word moved, once the new one exists."""
    old = make()
    publish(old, 1)
    with (camera / "frame.meta").open("rb") as meta:
        waited_for = unpack_ring(meta.read()).wake
        kill(old)
        new = make()
        meta.seek(0)
        retired = unpack_ring(meta.read())
    assert (retired.closed, retired.wake) == (True, waited_for + 1)
    assert FutexWord(old._meta_map, 64).wait(waited_for, 30_000_000_000) == CHANGED
    standing = unpack_ring(read_meta(camera))
    assert (standing.closed, standing.data_inode) == (False, new._inodes[1])
    assert standing.epoch > retired.epoch


def test_a_successor_of_version_1_leaves_its_old_header_alone(
    camera: Path, make: Callable[..., FrameRing]
) -> None:
    """A version 1 export is replaced like any other file: its frame.meta is frozen, not written to."""
    camera.mkdir(parents=True)
    record = pack_record(FrameRecord(1, 0, 3, 4, WIDTH, HEIGHT, 0, WIDTH, 192, 0, 0))
    (camera / "frame.meta").write_bytes(record)
    (camera / "frame.data").write_bytes(bytes(192))
    with (camera / "frame.meta").open("rb") as old:
        make()
        assert old.read() == record
    assert unpack_record(read_meta(camera)).version == 2


def test_the_writer_needs_no_numpy(roots: Roots) -> None:
    """Writing an export imports no numpy: the decoder's process does not pay for it."""
    assert (
        "numpy"
        not in os.popen(  # noqa: S605 - no input from outside
            f"{sys.executable} -c 'import sys, ruth.vas.ring; print(*sys.modules)'"
        )
        .read()
        .split()
    )

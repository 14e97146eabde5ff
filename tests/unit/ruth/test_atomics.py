"""The shared words of a ring through libruth: the same bytes as Python's, and nothing torn."""

from __future__ import annotations

import ctypes
import errno
import os
from mmap import mmap
from typing import TYPE_CHECKING

import pytest

from harness.published import exporter_of
from launch.agent.native.build import build_libruth
from ruth import atomics
from ruth.export.layout import (
    META_SIZE_V2,
    RECORD_SIZE,
    SLOT_RECORDS_OFFSET,
    unpack_record,
    unpack_ring,
)
from ruth.futex import address_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Roots
    from ruth.atomics import Atomics

SLOTS = 3
PICTURE = 0x0202
DAMAGED = 0x10000


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Atomics:
    """The functions, of the source as it is."""
    library = str(tmp_path_factory.mktemp("libruth") / "libruth.so")
    assert build_libruth(library, "-Wall", "-Wextra", "-Wconversion", "-Werror") is None
    found = atomics.load(library)
    assert found is not None
    return found


@pytest.fixture
def page(roots: Roots, tmp_path: Path) -> Iterator[mmap]:
    """A ``frame.meta`` without a frame, in a file of this test's own."""
    exporter = exporter_of(roots, "twin", pixel_range="full", matrix="bt709", slot_count=SLOTS)
    file = tmp_path / "frame.meta"
    file.write_bytes((roots.export / "twin" / "frame.meta").read_bytes())
    exporter.close()
    with file.open("r+b") as opened, mmap(opened.fileno(), META_SIZE_V2) as mapped:
        yield mapped


def head_of(functions: Atomics, page: mmap) -> bytes | None:
    """The head as ``newest`` takes it; None if it is under change."""
    head = ctypes.create_string_buffer(SLOT_RECORDS_OFFSET)
    return head.raw if functions.newest(address_of(page, 0), head) else None


def test_it_stores_what_python_stores(functions: Atomics, page: mmap, roots: Roots) -> None:
    """After each step of each frame ``frame.meta`` is as Python writes it, but for inode and epoch."""
    exporter = exporter_of(roots, "front-door", pixel_range="full", matrix="bt709", slot_count=SLOTS)
    theirs = roots.export / "front-door" / "frame.meta"

    def same() -> bool:
        return page[:80] + page[96:] == theirs.read_bytes()[:80] + theirs.read_bytes()[96:]

    for frame_id in range(2 * SLOTS + 1):
        damaged = frame_id == 4
        for _ in range(1 + frame_id % 2):  # also: a frame that is given up, and begun again
            exporter.begin_frame()
            functions.begin(address_of(page, 0), frame_id % SLOTS)
            assert same()
        exporter.commit(1000 + frame_id, damaged)
        picture = PICTURE | DAMAGED if damaged else PICTURE
        functions.commit(address_of(page, 0), frame_id % SLOTS, frame_id, 1000 + frame_id, picture)
        assert same()
    exporter.close()
    functions.close(address_of(page, 0))
    ring = unpack_ring(page[:SLOT_RECORDS_OFFSET])
    assert (ring.closed, ring.wakes, ring.wake) == (True, True, 2 * SLOTS + 2)


def test_a_record_under_change_is_not_taken(functions: Atomics, page: mmap) -> None:
    """While a slot is filled its record is refused, and the newest one stays; then both are the new one."""
    meta = address_of(page, 0)
    record = ctypes.create_string_buffer(RECORD_SIZE)
    functions.begin(meta, 0)
    functions.commit(meta, 0, 0, 7, PICTURE)
    functions.begin(meta, 1)
    assert functions.slot(meta, 1, record) == 0
    head = head_of(functions, page)
    assert head is not None
    assert unpack_record(head).frame_id == 0
    functions.commit(meta, 1, 1, 8, PICTURE)
    assert functions.slot(meta, 1, record) == 1
    assert unpack_record(record.raw).timestamp_ns == 8
    head = head_of(functions, page)
    assert head is not None
    assert unpack_record(head)._replace(sequence=0) == unpack_record(record.raw)._replace(sequence=0)
    assert unpack_ring(head).wake == 2


def test_a_newest_record_under_change(functions: Atomics, page: mmap) -> None:
    """With an odd sequence the newest record is refused; the ring, whose wake is waited on, is given."""
    page[56] |= 1
    page[64] = 9
    head = ctypes.create_string_buffer(SLOT_RECORDS_OFFSET)
    assert functions.newest(address_of(page, 0), head) == 0
    assert unpack_ring(head.raw).wake == 9


def test_a_slot_is_still_that_frame(functions: Atomics, page: mmap) -> None:
    """Until the writer begins to fill it again; then it never is."""
    meta = address_of(page, 0)
    record = ctypes.create_string_buffer(RECORD_SIZE)
    functions.begin(meta, 0)
    functions.commit(meta, 0, 0, 7, PICTURE)
    assert functions.slot(meta, 0, record) == 1
    assert functions.still(meta, 0, record) == 1
    functions.begin(meta, 0)
    assert functions.still(meta, 0, record) == 0
    functions.commit(meta, 0, SLOTS, 9, PICTURE)
    assert functions.still(meta, 0, record) == 0


def test_pread(functions: Atomics, tmp_path: Path) -> None:
    """What pread(2) reads, short at the end of the file; a negative errno where it fails."""
    file = tmp_path / "file"
    file.write_bytes(b"0123456789")
    to = ctypes.create_string_buffer(8)
    descriptor = os.open(file, os.O_RDONLY)
    try:
        assert functions.pread(descriptor, to, 8, 1) == 8
        assert to.raw == b"12345678"
        assert functions.pread(descriptor, to, 8, 7) == 3
    finally:
        os.close(descriptor)
    assert functions.pread(descriptor, to, 8, 0) == -errno.EBADF
    functions.fence_acquire()
    functions.fence_release()


def test_no_library(tmp_path: Path) -> None:
    """Where it is not compiled, or is not a libruth, there are none, and nothing is raised."""
    assert atomics.load(str(tmp_path / "libruth.so")) is None
    assert atomics.load("libm.so.6") is None


def test_another_abi(tmp_path: Path) -> None:
    """A library of another ABI is not used."""
    from launch.agent.native.build import compile_library

    library = str(tmp_path / "libruth.so")
    source = f"unsigned ruth_ring_abi(void) {{ return {atomics.ABI + 1}; }}\n"
    assert compile_library(source.encode(), library) is None
    assert atomics.load(library) is None

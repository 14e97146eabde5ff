"""The byte contract of a frame export, and what makes its bytes valid. Pure: bytes in, values out.

This file must not know where bytes come from: no file, mapping, clock or array. Each offset exists once,
here, derived from the one before it. The contract itself: ``docs/frame-export.md``.

``frame.meta`` of version 1 is one record. ``frame.meta`` of version 2 is a page::

       0  +--------------------------+   record: newest complete frame
          | version         u32  0   |
          | picture         u32  4   |   version 2: how the pixels are meant (ruth/export/picture.py)
          | frame_id        u64  8   |
          | timestamp_ns    u64 16   |
          | width           u32 24   |
          | height          u32 28   |
          | pixel_format    u32 32   |   0 = NV12
          | stride          u32 36   |   bytes per row of Y and of interleaved UV
          | data_size       u64 40   |   stride * height * 3 / 2
          | data_offset     u64 48   |   version 2: where the frame starts in frame.data
          | sequence        u64 56   |   version 2: odd while this record is being changed
      64  +--------------------------+   ring
          | wake            u32 64   |   futex word, +1 after each published frame
          | slot_count      u32 68   |   2 to 62
          | slot_size       u64 72   |   a multiple of 4096
          | data_inode      u64 80   |   st_ino of the frame.data of this meta, 0 = not stated
          | epoch           u64 88   |   CLOCK_BOOTTIME ns when the exporter made the files
          | flags           u32 96   |   bit 0: the writer wakes the futex, bit 1: closed
          | zero                100  |
     128  +--------------------------+   record of slot 0, then of slot 1, ...
          |  ...                     |
    4096  +--------------------------+

All integers are little-endian and naturally aligned.
"""

from __future__ import annotations

import struct
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

VERSION_1 = 1
VERSION_2 = 2
PIXEL_FORMAT_NV12 = 0

# The record, at 0 of either version and once for each slot of version 2.
VERSION_OFFSET = 0
PICTURE_OFFSET = VERSION_OFFSET + 4
FRAME_ID_OFFSET = PICTURE_OFFSET + 4
TIMESTAMP_OFFSET = FRAME_ID_OFFSET + 8
WIDTH_OFFSET = TIMESTAMP_OFFSET + 8
HEIGHT_OFFSET = WIDTH_OFFSET + 4
PIXEL_FORMAT_OFFSET = HEIGHT_OFFSET + 4
STRIDE_OFFSET = PIXEL_FORMAT_OFFSET + 4
DATA_SIZE_OFFSET = STRIDE_OFFSET + 4
DATA_OFFSET_OFFSET = DATA_SIZE_OFFSET + 8
SEQUENCE_OFFSET = DATA_OFFSET_OFFSET + 8
RECORD_SIZE = SEQUENCE_OFFSET + 8

# The ring, version 2 only.
WAKE_OFFSET = RECORD_SIZE
SLOT_COUNT_OFFSET = WAKE_OFFSET + 4
SLOT_SIZE_OFFSET = SLOT_COUNT_OFFSET + 4
DATA_INODE_OFFSET = SLOT_SIZE_OFFSET + 8
EPOCH_OFFSET = DATA_INODE_OFFSET + 8
FLAGS_OFFSET = EPOCH_OFFSET + 8
SLOT_RECORDS_OFFSET = FLAGS_OFFSET + 32  # after the flags and 28 zero bytes

META_SIZE_V1 = RECORD_SIZE
META_SIZE_V2 = 4096
PAGE_SIZE = 4096

SLOT_COUNT_MIN = 2
NO_FRAME_EVER = "frame.meta is empty: the video server has made it and never written a frame"

SLOT_COUNT_DEFAULT = 4  # what a writer makes unless told otherwise
SLOT_COUNT_MAX = (META_SIZE_V2 - SLOT_RECORDS_OFFSET) // RECORD_SIZE

FLAG_WAKES = 1
FLAG_CLOSED = 2

# x86-64 keeps the order of stores and of loads. Elsewhere the protocol needs fences, which Python lacks, and
# no test has shown that it holds without them (DESIGN.md, "Known traps").
ORDERED_MACHINES = frozenset({"x86_64", "amd64"})

_RECORD = struct.Struct("<IIQQIIIIQQQ")
_RING = struct.Struct("<IIQQQI28x")

# What of a version 2 head stays the same within one export while it is open: all of the ring but its wake.
RING_AFTER_WAKE = slice(SLOT_COUNT_OFFSET, SLOT_RECORDS_OFFSET)

# What the records of all frames of one geometry have in common, and what those of one slot have besides. The
# picture is no part of it: a damaged frame stands between others.
GEOMETRY = slice(WIDTH_OFFSET, DATA_OFFSET_OFFSET)
LASTING = slice(WIDTH_OFFSET, SEQUENCE_OFFSET)


class FrameRecord(NamedTuple):
    """One frame's record: 64 bytes. Integers as stored, none judged yet (see :func:`geometry_problem`)."""

    version: int
    picture: int
    frame_id: int
    timestamp_ns: int
    width: int
    height: int
    pixel_format: int
    stride: int
    data_size: int
    data_offset: int
    sequence: int


# These three are called once a frame, by a process that wakes with cold caches: so none of them is a function
# of Python's. The two that unpack raise ``struct.error`` if there are too few bytes, and the last one also if
# there are too many.

# A record of its eleven fields, as FrameRecord() and FrameRecord._make() make it.
record_of: Callable[[tuple[int, ...]], FrameRecord] = partial(tuple.__new__, FrameRecord)

# Of the bytes of a record: version, picture, frame_id, timestamp_ns, data_offset, sequence. The rest is its
# GEOMETRY.
unpack_frame: Callable[[bytes], tuple[int, int, int, int, int, int]] = struct.Struct(
    f"<IIQQ{DATA_OFFSET_OFFSET - WIDTH_OFFSET}xQQ"
).unpack_from

# Of what lies from SEQUENCE_OFFSET on: the newest record's sequence and the wake word.
unpack_wake: Callable[[bytes], tuple[int, int]] = struct.Struct("<QI").unpack


class RingHeader(NamedTuple):
    """The ring of a version 2 export: 64 bytes behind the newest record."""

    wake: int
    slot_count: int
    slot_size: int
    data_inode: int
    epoch: int
    flags: int

    @property
    def closed(self) -> bool:
        """The writer has ended this export; no frame will follow."""
        return bool(self.flags & FLAG_CLOSED)

    @property
    def wakes(self) -> bool:
        """The writer wakes the futex word after each frame."""
        return bool(self.flags & FLAG_WAKES)


def unpack_version(meta: bytes) -> int:
    """The version that the first bytes of ``meta`` state; 0, which is none, if there are no four."""
    return int.from_bytes(meta[VERSION_OFFSET : VERSION_OFFSET + 4], "little") if len(meta) >= 4 else 0


def unpack_record(meta: bytes, offset: int = 0) -> FrameRecord:
    """The record at ``offset`` of ``meta``; 64 bytes from there must exist (``struct.error`` if not)."""
    return record_of(_RECORD.unpack_from(meta, offset))


def unpack_ring(meta: bytes) -> RingHeader:
    """The ring of the first 128 bytes of a version 2 ``meta`` (``struct.error`` if shorter)."""
    return RingHeader._make(_RING.unpack_from(meta, WAKE_OFFSET))


def pack_record(record: FrameRecord) -> bytes:
    """The 64 bytes of ``record``, for a file that nobody reads yet.

    Never into a live mapping: ``struct`` stores byte by byte, and readers would see it.
    """
    return _RECORD.pack(*record)


def pack_ring(ring: RingHeader) -> bytes:
    """The 64 bytes of ``ring``, for a file that nobody reads yet."""
    return _RING.pack(*ring)


def slot_record_offset(slot: int) -> int:
    """Where in ``frame.meta`` the record of slot ``slot`` (from 0) starts."""
    return SLOT_RECORDS_OFFSET + RECORD_SIZE * slot


def nv12_size(stride: int, height: int) -> int:
    """Bytes of one NV12 frame: ``height`` rows of Y and half as many of interleaved UV."""
    return stride * height * 3 // 2


def geometry_problem(record: FrameRecord) -> str | None:
    """Why ``record`` describes no NV12 frame, or None if it does. Judges neither ids nor times."""
    if record.pixel_format != PIXEL_FORMAT_NV12:
        return f"pixel_format {record.pixel_format}, known is {PIXEL_FORMAT_NV12} (NV12)"
    if not record.width or not record.height or record.width % 2 or record.height % 2:
        return f"{record.width} x {record.height} pixels, NV12 needs even numbers above 0"
    if record.stride < record.width:
        return f"stride {record.stride} below width {record.width}"
    expected = nv12_size(record.stride, record.height)
    if record.data_size != expected:
        return f"data_size {record.data_size}, stride * height * 3 / 2 is {expected}"
    return None


def short_meta_problem(meta_size: int) -> str:
    """Why a ``frame.meta`` shorter than a record is not valid: the frozen VAS begins with an empty one.

    Args:
        meta_size: Size of ``frame.meta`` in bytes, below :data:`RECORD_SIZE`.

    """
    return f"frame.meta has {meta_size} bytes" if meta_size else NO_FRAME_EVER


def problem_v1(record: FrameRecord, meta_size: int, data_file_size: int) -> str | None:
    """Why a version 1 export is not valid, or None if it is.

    Args:
        record: The whole ``frame.meta``.
        meta_size: Size of ``frame.meta`` in bytes: exactly 64.
        data_file_size: Size of ``frame.data`` in bytes: exactly one frame, because VAS writes it anew for
            every frame.

    """
    if record.version != VERSION_1:
        return f"version {record.version}"
    if meta_size != META_SIZE_V1:
        return f"frame.meta has {meta_size} bytes, version 1 has {META_SIZE_V1}"
    if data_file_size != record.data_size:
        return f"frame.data has {data_file_size} bytes, its header says {record.data_size}"
    return geometry_problem(record)


def ring_problem(ring: RingHeader, data_file_size: int, data_inode: int) -> str | None:
    """Why ``ring`` cannot be the ring of the ``frame.data`` that was found, or None if it can.

    Args:
        ring: The ring of a version 2 export.
        data_file_size: Size of ``frame.data`` in bytes: at least the whole ring.
        data_inode: ``st_ino`` of ``frame.data``; the ring names it, or 0.

    """
    if not SLOT_COUNT_MIN <= ring.slot_count <= SLOT_COUNT_MAX:
        return f"slot_count {ring.slot_count}, allowed {SLOT_COUNT_MIN} to {SLOT_COUNT_MAX}"
    if not ring.slot_size or ring.slot_size % PAGE_SIZE:
        return f"slot_size {ring.slot_size}, must be a multiple of {PAGE_SIZE} above 0"
    if ring.slot_count * ring.slot_size > data_file_size:
        return f"frame.data has {data_file_size} bytes, its ring {ring.slot_count * ring.slot_size}"
    if ring.data_inode not in (0, data_inode):
        return f"frame.data is inode {data_inode}, frame.meta belongs to {ring.data_inode}"
    return None


def problem_v2(record: FrameRecord, ring: RingHeader) -> str | None:
    """Why ``record`` is no frame of ``ring``, or None if it is.

    Args:
        record: A record read whole: its sequence even, and the same before and after.
        ring: A ring in which :func:`ring_problem` found nothing.

    """
    if record.version != VERSION_2:
        return f"version {record.version}"
    problem = geometry_problem(record)
    if problem is not None:
        return problem
    if record.data_size > ring.slot_size:
        return f"a frame of {record.data_size} bytes in a slot of {ring.slot_size}"
    return offset_problem(record.data_offset, ring)


def offset_problem(data_offset: int, ring: RingHeader) -> str | None:
    """Why ``data_offset`` is not the start of one of the ring's slots, or None if it is."""
    if data_offset % ring.slot_size or data_offset >= ring.slot_count * ring.slot_size:
        return f"data_offset {data_offset} is no slot of {ring.slot_count} x {ring.slot_size}"
    return None


def machine_problem(machine: str) -> str | None:
    """Why version 2 is refused on ``machine`` (``os.uname().machine``), or None if it is not."""
    if machine.lower() in ORDERED_MACHINES:
        return None
    return f"version 2 needs a machine that keeps the order of stores (x86-64), this is {machine}"

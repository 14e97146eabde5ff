"""The byte contract of a frame export. Pure: bytes in, values out. Valid or not: :mod:`ruth.export.validity`.

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

import re
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
RING_SIZE_MAX = 4 * 1024 * 1024 * 1024  # what an agent may map: 62 frames of 7680 x 4320 are 3.1 GB

FLAG_WAKES = 1
FLAG_CLOSED = 2

_RECORD = struct.Struct("<IIQQIIIIQQQ")
_RING = struct.Struct("<IIQQQI28x")

# What of a version 2 header stays the same within one export while it is open: all of the ring but its wake.
RING_AFTER_WAKE = slice(SLOT_COUNT_OFFSET, SLOT_RECORDS_OFFSET)

# What the records of all frames of one geometry have in common, and what those of one slot have besides. The
# picture is not a part of it: a damaged frame is between others.
GEOMETRY = slice(WIDTH_OFFSET, DATA_OFFSET_OFFSET)
LASTING = slice(WIDTH_OFFSET, SEQUENCE_OFFSET)


class FrameRecord(NamedTuple):
    """One frame's record: 64 bytes. Integers as stored, none judged yet."""

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


class Field(NamedTuple):
    """A field of ``frame.meta``: its name in :class:`FrameRecord` or :class:`RingHeader`, and its bytes."""

    name: str
    offset: int
    size: int


def _fields(names: tuple[str, ...], layout: struct.Struct, offset: int) -> tuple[Field, ...]:
    """The fields of a layout that has an ``I`` or ``Q`` for each, and bytes that mean nothing between."""
    found: list[Field] = []
    for count, code in re.findall(r"(\d*)([IQx])", layout.format):
        size = int(count or 1) * {"I": 4, "Q": 8, "x": 1}[code]
        if code != "x":
            found.append(Field(names[len(found)], offset, size))
        offset += size
    return tuple(found)


RECORD_FIELDS = _fields(FrameRecord._fields, _RECORD, 0)
RING_FIELDS = _fields(RingHeader._fields, _RING, WAKE_OFFSET)


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
    """The 64 bytes of ``record``, for a file that no process reads yet.

    Never into a live mapping: ``struct`` stores byte by byte, and readers would see it.
    """
    return _RECORD.pack(*record)


def pack_ring(ring: RingHeader) -> bytes:
    """The 64 bytes of ``ring``, for a file that no process reads yet."""
    return _RING.pack(*ring)


def slot_record_offset(slot: int) -> int:
    """Where in ``frame.meta`` the record of slot ``slot`` (from 0) starts."""
    return SLOT_RECORDS_OFFSET + RECORD_SIZE * slot


def nv12_size(stride: int, height: int) -> int:
    """Bytes of one NV12 frame: ``height`` rows of Y and half as many of interleaved UV."""
    return stride * height * 3 // 2


def slots_for(together: int) -> int | None:
    """Slots that hold so many frames at once, and one that is being written; None if no ring has as many."""
    return together + 1 if together < SLOT_COUNT_MAX else None

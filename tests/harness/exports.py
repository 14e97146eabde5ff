"""Files of an export in tests: written by hand in both versions, changed, and read back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ruth.export.layout import (
    FLAG_WAKES,
    FRAME_ID_OFFSET,
    META_SIZE_V2,
    SEQUENCE_OFFSET,
    FrameRecord,
    RingHeader,
    pack_record,
    pack_ring,
    unpack_record,
)
from ruth.identity import DATA_NAME, META_NAME

if TYPE_CHECKING:
    from pathlib import Path

WIDTH, HEIGHT, SLOTS, SLOT_SIZE = 16, 8, 4, 4096
FRAME_SIZE = WIDTH * HEIGHT * 3 // 2

RECORD = FrameRecord(2, 0, 5, 1000, WIDTH, HEIGHT, 0, WIDTH, FRAME_SIZE, SLOT_SIZE, 12)
RING = RingHeader(6, SLOTS, SLOT_SIZE, 0, 77, FLAG_WAKES)
META_V1 = pack_record(RECORD._replace(version=1, data_offset=0, sequence=0))
META_V2 = (pack_record(RECORD) + pack_ring(RING)).ljust(META_SIZE_V2, b"\0")
DATA_V1 = bytes(FRAME_SIZE)
DATA_V2 = bytes(SLOTS * SLOT_SIZE)
EXPORTS = {1: (META_V1, DATA_V1), 2: (META_V2, DATA_V2)}

both_versions = pytest.mark.parametrize("version", [1, 2])


def put(camera: Path, meta: bytes, data: bytes) -> None:
    """Makes an export of these bytes, in new files that are renamed over the old ones, data first."""
    for name, content in ((DATA_NAME, data), (META_NAME, meta)):
        (camera / f"{name}.tmp").write_bytes(content)
        (camera / f"{name}.tmp").rename(camera / name)


def next_frame(meta: bytes, frames: int = 1) -> bytes:
    """The same header with a later frame."""
    content = bytearray(meta)
    for offset, step in ((FRAME_ID_OFFSET, 1), (SEQUENCE_OFFSET, 2 if meta[0] == 2 else 0)):
        value = int.from_bytes(content[offset : offset + 8], "little") + step * frames
        content[offset : offset + 8] = value.to_bytes(8, "little")
    return bytes(content)


def patched(meta: bytes, *changes: tuple[int, int, int]) -> bytes:
    """The same header with other numbers: offset, size, value."""
    content = bytearray(meta)
    for offset, size, value in changes:
        content[offset : offset + size] = value.to_bytes(size, "little")
    return bytes(content)


def read_meta(camera: Path) -> bytes:
    """The bytes of ``frame.meta``."""
    return (camera / META_NAME).read_bytes()


def newest(camera: Path) -> tuple[int, int, bytes]:
    """Id, timestamp and bytes of the newest frame."""
    record = unpack_record(read_meta(camera))
    data = (camera / DATA_NAME).read_bytes()
    return record.frame_id, record.timestamp_ns, data[record.data_offset :][: record.data_size]

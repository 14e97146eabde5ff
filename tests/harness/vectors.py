"""Example exports in tests: bytes made from the tables of docs/frame-export.md, sharing no code with Ruth.

16 x 8 pixels, stride 16, 192 bytes of NV12. Of frame f, row r and column c, all modulo 256: Y is 7f + 3r + c,
in 8 rows; interleaved Cb and Cr are 200 - 5f + r - c, in 4 rows of 16 bytes.

* ``v1``: one frame, id 41, at 1,795,294,536,609,118,200 ns.
* ``v2``: a ring of 4 slots of 4096 bytes after 6 frames, frame n at 5,000,000,000 + 40,000,000 n ns. Newest:
  id 5, in slot 1; 2, 3 and 4 are whole as well. The epoch is 123,456,789,000, data_inode is not stated.
* ``v2-picture``: the same, of full range and BT.709, with damage in frames 3 and 5.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SLOTS, SLOT_SIZE, FRAMES = 4, 4096, 6
FULL_RANGE_BT709, DAMAGED = 0x00000202, 0x00010000
DAMAGED_FRAMES = (3, 5)


def pixels(frame_id: int) -> bytes:
    """One frame."""
    luma = bytes((7 * frame_id + 3 * row + column) % 256 for row in range(8) for column in range(16))
    chroma = bytes((200 - 5 * frame_id + row - column) % 256 for row in range(4) for column in range(16))
    return luma + chroma


def record(version: int, picture: int, frame_id: int, time_ns: int, offset: int, sequence: int) -> bytes:
    """One record of 64 bytes."""
    geometry = (16, 8, 0, 16, 192)
    return struct.pack("<2I2Q4IQ2Q", version, picture, frame_id, time_ns, *geometry, offset, sequence)


def version_1() -> tuple[bytes, bytes]:
    """Header and data of ``v1``."""
    return record(1, 0, 41, 1_795_294_536_609_118_200, 0, 0), pixels(41)


def version_2(picture: int = 0, damaged: tuple[int, ...] = ()) -> tuple[bytes, bytes]:
    """Header and data of ``v2``, or of another picture."""
    slots, data = {}, bytearray(SLOTS * SLOT_SIZE)
    for frame_id in range(FRAMES):
        slot = frame_id % SLOTS
        meant = picture | (DAMAGED if frame_id in damaged else 0)
        time_ns = 5_000_000_000 + 40_000_000 * frame_id
        slots[slot] = newest = record(2, meant, frame_id, time_ns, slot * SLOT_SIZE, 2 * frame_id + 2)
        data[slot * SLOT_SIZE : slot * SLOT_SIZE + 192] = pixels(frame_id)
    ring = struct.pack("<2I3QI28x", FRAMES, SLOTS, SLOT_SIZE, 0, 123_456_789_000, 1)
    meta = newest + ring + b"".join(slots[slot] for slot in range(SLOTS))
    return meta.ljust(4096, b"\0"), bytes(data)


def write_vectors(folder: Path) -> None:
    """All of them, each an export root with the camera ``front-door``."""
    exports = {
        "v1": version_1(),
        "v2": version_2(),
        "v2-picture": version_2(FULL_RANGE_BT709, DAMAGED_FRAMES),
    }
    for name, (meta, data) in exports.items():
        camera = folder / name / "front-door"
        camera.mkdir(parents=True)
        (camera / "frame.meta").write_bytes(meta)
        (camera / "frame.data").write_bytes(data)

"""Writing version 1 in tests: as the frozen VAS does, one step at a time."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_RECORD = struct.Struct("<I4xQQIIIIQ16x")


@dataclass(frozen=True, slots=True)
class Version1Writer:
    """Writes frames whose every byte is the frame's id modulo 256.

    Attributes:
        folder: The camera's folder, which must exist.
        width: Pixels a row, even; the stride as well.
        height: Rows, even.

    """

    folder: Path
    width: int = 64
    height: int = 48

    def steps(self, frame_id: int, timestamp_ns: int) -> list[Callable[[], object]]:
        """The four steps of one frame, to be taken in this order."""
        size = self.width * self.height * 3 // 2
        meta = _RECORD.pack(1, frame_id, timestamp_ns, self.width, self.height, 0, self.width, size)
        data_file, meta_file = self.folder / "frame.data", self.folder / "frame.meta"
        data_new, meta_new = self.folder / "frame.data.tmp", self.folder / "frame.meta.tmp"
        return [
            lambda: data_new.write_bytes(bytes([frame_id % 256]) * size),
            lambda: data_new.rename(data_file),
            lambda: meta_new.write_bytes(meta),
            lambda: meta_new.rename(meta_file),
        ]

    def write(self, frame_id: int, timestamp_ns: int) -> None:
        """One whole frame."""
        for step in self.steps(frame_id, timestamp_ns):
            step()

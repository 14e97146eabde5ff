"""Version 1 in tests, one step at a time, as the frozen VAS writes it (docs/frame-export.md, section 6)."""

from __future__ import annotations

import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_RECORD = struct.Struct("<I4xQQIIIIQ16x")


@dataclass(frozen=True, slots=True)
class Version1Writer:
    """Writes frames whose every byte is the frame's id modulo 256.

    Both files go through one temporary name, which is opened again, and cut, if a file is there.

    Attributes:
        folder: The camera's folder, which must exist.
        width: Pixels a row, even; the stride as well.
        height: Rows, even.

    """

    folder: Path
    width: int = 64
    height: int = 48

    def start(self) -> None:
        """What is before a stream's first frame: two empty files, or those of the stream before."""
        for name in ("frame.data", "frame.meta"):
            (self.folder / name).touch(mode=0o644)

    def end(self) -> None:
        """A stream ends: both files go, and the folder, unless something was left in it."""
        for name in ("frame.data", "frame.meta"):
            (self.folder / name).unlink(missing_ok=True)
        with suppress(OSError):
            self.folder.rmdir()

    def steps(self, frame_id: int, timestamp_ns: int) -> list[Callable[[], object]]:
        """The four steps of one frame, to be taken in this order."""
        size = self.width * self.height * 3 // 2
        meta = _RECORD.pack(1, frame_id, timestamp_ns, self.width, self.height, 0, self.width, size)
        data_file, meta_file = self.folder / "frame.data", self.folder / "frame.meta"
        temporary = self.folder / "frame.tmp"
        return [
            lambda: temporary.write_bytes(bytes([frame_id % 256]) * size),
            lambda: temporary.rename(data_file),
            lambda: temporary.write_bytes(meta),
            lambda: temporary.rename(meta_file),
        ]

    def write(self, frame_id: int, timestamp_ns: int) -> None:
        """One whole frame."""
        for step in self.steps(frame_id, timestamp_ns):
            step()

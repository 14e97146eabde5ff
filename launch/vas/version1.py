"""Exports as the frozen VAS does, version 1: for tests, and for trying agents against what they will meet.

Two files, each written anew beside the old one and renamed over it for every frame, data first
(docs/frame-export.md, section 6). Timestamps are wall clock. Nothing is reserved, nobody is woken.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from ruth.export.layout import PIXEL_FORMAT_NV12, VERSION_1, FrameRecord, nv12_size, pack_record
from ruth.identity import DATA_NAME, META_NAME, camera_directory

if TYPE_CHECKING:
    from collections.abc import Callable


class Version1Exporter:
    """The stand-in for VAS's own exporter; the interface is :class:`ruth.vas.exporter.FrameExporter`'s.

    Args:
        root: The export root.
        camera_id: The camera.
        width: Pixels a row, even; the stride as well.
        height: Rows, even.
        report: Gets the one message that is left when nothing can be exported.

    Attributes:
        published: Frames published so far.

    """

    __slots__ = ("_buffer", "_directory", "_geometry", "_problem", "_report", "published")

    def __init__(
        self, root: str, camera_id: str, width: int, height: int, report: Callable[[str], None]
    ) -> None:
        self._directory = camera_directory(root, camera_id)
        size = nv12_size(width, height)
        self._geometry = FrameRecord(
            VERSION_1, 0, 0, 0, width, height, PIXEL_FORMAT_NV12, width, size, data_offset=0, sequence=0
        )
        self._buffer = bytearray(size)
        self._report = report
        self._problem = False
        self.published = 0

    def begin(self) -> memoryview:
        """A buffer of one frame in this process's own memory: version 1 copies."""
        return memoryview(self._buffer)

    def commit(self, timestamp_ns: int, damaged: bool = False) -> bool:  # noqa: ARG002 - as version 1 is
        """Writes and renames both files. False, and one message in all, if that fails.

        Version 1 has times of the wall clock, and nothing about damage.
        """
        record = self._geometry._replace(frame_id=self.published, timestamp_ns=time.time_ns())
        try:
            os.makedirs(self._directory, exist_ok=True)
            self._replace(DATA_NAME, self._buffer)
            self._replace(META_NAME, pack_record(record))
        except OSError as error:
            if not self._problem:
                self._problem = True
                self._report(f"{self._directory}: {error.strerror}")
            return False
        self.published += 1
        return True

    def abandon(self) -> None:
        """Gives up the frame begun: its buffer serves the next one."""

    def close(self) -> None:
        """Removes the files, as when VAS ends."""
        self._remove(META_NAME, DATA_NAME)

    def _remove(self, *names: str) -> None:
        for name in names:
            with suppress(OSError):
                os.unlink(f"{self._directory}/{name}")

    def _replace(self, name: str, content: bytes | bytearray) -> None:
        path = f"{self._directory}/{name}"
        temporary = f"{path}.tmp"
        self._remove(f"{name}.tmp")  # anew each time, whatever stands there: a file once read never changes
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, 0o644)  # readers of other users, whatever the umask is
                file.write(content)
            os.rename(temporary, path)
        except OSError:
            self._remove(f"{name}.tmp")  # a full tmpfs is not kept full
            raise

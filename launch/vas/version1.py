"""Exports as the frozen VAS does, version 1: for tests, and for trying agents against what they will meet.

Two files, each written anew beside the old one and renamed over it for every frame, data first
(docs/frame-export.md, section 6). Timestamps are wall clock. Nothing is reserved, nobody is woken.
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from ruth.export.layout import PIXEL_FORMAT_NV12, VERSION_1, FrameRecord, nv12_size, pack_record
from ruth.identity import DATA_NAME, META_NAME, camera_directory
from ruth.vas.files import ExportDirectory

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
        problem: The message that was left, or None.
        published: Frames published so far.

    """

    __slots__ = ("_buffer", "_geometry", "_locked", "_path", "_report", "problem", "published")

    def __init__(
        self, root: str, camera_id: str, width: int, height: int, report: Callable[[str], None]
    ) -> None:
        self._path = camera_directory(root, camera_id)
        size = nv12_size(width, height)
        self._geometry = FrameRecord(
            VERSION_1, 0, 0, 0, width, height, PIXEL_FORMAT_NV12, width, size, data_offset=0, sequence=0
        )
        self._buffer = bytearray(size)
        self._report = report
        self._locked: ExportDirectory | None = None
        self.problem: str | None = None
        self.published = 0
        try:
            self._locked = ExportDirectory(self._path)
        except OSError as error:
            self._leave_message(error)

    @property
    def enabled(self) -> bool:
        """Whether the camera is this writer's: another one has it, or its folder cannot be had, otherwise."""
        return self._locked is not None

    def begin(self) -> memoryview | None:
        """A buffer of one frame in this process's own memory, as version 1 copies; None if not enabled."""
        return memoryview(self._buffer) if self.enabled else None

    def commit(self, timestamp_ns: int, damaged: bool = False) -> bool:  # noqa: ARG002 - as version 1 is
        """Writes and renames both files. False, and one message in all, if that fails.

        Version 1 has times of the wall clock, and nothing about damage.
        """
        if self._locked is None:
            return False
        record = self._geometry._replace(frame_id=self.published, timestamp_ns=time.time_ns())
        try:
            if not self._locked.is_current(self._path):  # removed meanwhile, and with it our lock's folder
                self._locked.close()
                self._locked = None
                self._locked = ExportDirectory(self._path)
            self._replace(DATA_NAME, self._buffer)
            self._replace(META_NAME, pack_record(record))
        except OSError as error:
            if error.errno == errno.ENOSPC and not self.published and self._locked is not None:
                self._locked.remove_standing()  # a dead writer's files: there is room for the next frame then
            self._leave_message(error)
            return False
        self.published += 1
        return True

    def _leave_message(self, error: OSError) -> None:
        if self.problem is None:
            self.problem = f"{self._path}: {error.strerror}"
            self._report(self.problem)

    def abandon(self) -> None:
        """Gives up the frame begun: its buffer serves the next one."""

    def close(self) -> None:
        """Removes the files, as when VAS ends; not those of another writer."""
        if self._locked is not None:
            self._remove(META_NAME, DATA_NAME)
            self._locked.close()
            self._locked = None

    def _remove(self, *names: str) -> None:
        for name in names:
            with suppress(OSError):
                os.unlink(f"{self._path}/{name}")

    def _replace(self, name: str, content: bytes | bytearray) -> None:
        path = f"{self._path}/{name}"
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

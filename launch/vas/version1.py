"""Exports as the frozen VAS does, version 1: for tests, and for trying agents against what they will meet.

As VAS's published exporter does it (docs/frame-export.md, section 6): two empty files at the start; then for
every frame, data first, a file written under one temporary name and renamed over the old one. That name is
opened again if something is there, and what could not be written whole is left there. Modes follow the
umask after the first frame. Timestamps are wall clock. No memory is reserved, no reader is woken.

Unlike it, it holds the lock of the camera's directory, and does not wait in the open of a FIFO.
"""

from __future__ import annotations

import errno
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ruth.descriptor import close_descriptor
from ruth.export.layout import PIXEL_FORMAT_NV12, VERSION_1, FrameRecord, nv12_size, pack_record
from ruth.identity import DATA_NAME, META_NAME, camera_directory
from ruth.vas.files import DIRECTORY_MODE, FILE_MODE, VERSION_1_TEMPORARY_NAME, ExportDirectory

if TYPE_CHECKING:
    from collections.abc import Callable

_OPEN: Final = os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


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
            self._start()
        except OSError as error:
            self._leave_message(error)
            self._unlock()

    @property
    def enabled(self) -> bool:
        """Whether the camera is this writer's: another one has it, or its folder cannot be had, otherwise."""
        return self._locked is not None

    def begin_frame(self) -> memoryview | None:
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
                self._unlock()
                self._start()
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
        """Removes the files and the directory, as when VAS ends a stream; not those of another writer.

        A temporary file that was left stays, and with it the directory.
        """
        if self._locked is not None:
            self._remove(DATA_NAME, META_NAME)
            with suppress(OSError):
                os.rmdir(self._path)
            self._unlock()

    def _start(self) -> None:
        """The directory, locked, and two files in it: empty ones, or those that a dead writer left."""
        self._locked = ExportDirectory(self._path)
        os.chmod(self._path, DIRECTORY_MODE)
        for name in (DATA_NAME, META_NAME):
            descriptor = os.open(f"{self._path}/{name}", _OPEN, FILE_MODE)
            try:
                os.fchmod(descriptor, FILE_MODE)  # of this file: the one that replaces it follows the umask
            finally:
                close_descriptor(descriptor)

    def _unlock(self) -> None:
        if self._locked is not None:
            self._locked.close()
            self._locked = None

    def _remove(self, *names: str) -> None:
        for name in names:
            with suppress(OSError):
                os.unlink(f"{self._path}/{name}")

    def _replace(self, name: str, content: bytes | bytearray) -> None:
        temporary = f"{self._path}/{VERSION_1_TEMPORARY_NAME}"
        descriptor = os.open(temporary, _OPEN | os.O_TRUNC, 0o666)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.rename(temporary, f"{self._path}/{name}")

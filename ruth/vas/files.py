"""Makes, replaces and removes the files of an export: the one home of writing below the export root.

A file comes into being whole: it is made under another name, its memory is reserved, and only then renamed
over whatever stood there. posix_fallocate(3) reserves; without it a full tmpfs would answer a store through
the mapping with SIGBUS, which nobody in the process survives.
"""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import suppress
from mmap import mmap
from typing import TYPE_CHECKING, Self

from ruth.descriptor import close_descriptor
from ruth.export.layout import (
    FLAG_CLOSED,
    FLAGS_OFFSET,
    META_SIZE_V2,
    VERSION_2,
    VERSION_OFFSET,
    WAKE_OFFSET,
)
from ruth.futex import FutexWord
from ruth.identity import META_NAME

if TYPE_CHECKING:
    from types import TracebackType

DIRECTORY_MODE = 0o755
FILE_MODE = 0o644  # agents and runtimes of other users read; only the writer writes

_OPEN_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_OLD = os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class NewFile:
    """A file in the making. Leaving the ``with`` before :meth:`put_in_place` removes it again."""

    __slots__ = ("_descriptor", "_directory", "_map", "_name", "_temporary_name", "inode", "size")

    def __init__(self, directory: int, name: str, size: int) -> None:
        """Reserves ``size`` bytes, all zero. Raises OSError: ENOSPC, EACCES, EMFILE, ..."""
        self._directory = directory
        self._name = name
        self._temporary_name = f"{name}.tmp"
        self._map: mmap | None = None
        self.size = size
        with suppress(FileNotFoundError):  # left by a writer that was killed while making it
            os.unlink(self._temporary_name, dir_fd=directory)
        self._descriptor = os.open(self._temporary_name, _OPEN_NEW, FILE_MODE, dir_fd=directory)
        try:
            os.fchmod(self._descriptor, FILE_MODE)  # whatever the umask is
            os.posix_fallocate(self._descriptor, 0, size)
            self.inode = os.fstat(self._descriptor).st_ino
        except BaseException:  # closed whatever it was, and raised again
            self.__exit__(None, None, None)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        close_descriptor(self._descriptor)
        if self._temporary_name:
            with suppress(FileNotFoundError):
                os.unlink(self._temporary_name, dir_fd=self._directory)

    def write(self, content: bytes) -> None:
        """Writes ``content`` at 0, while nobody can see the file yet."""
        os.pwrite(self._descriptor, content, 0)

    def map(self) -> mmap:
        """The whole file, shared, for reading and writing; stays valid after the ``with``."""
        return mmap(self._descriptor, self.size)

    def put_in_place(self) -> None:
        """Renames it over whatever has its name."""
        os.rename(self._temporary_name, self._name, src_dir_fd=self._directory, dst_dir_fd=self._directory)
        self._temporary_name = ""


class ExportDirectory:
    """One camera's directory below the export root, made if it is missing; never a symbolic link.

    Raises:
        OSError: It cannot be made or opened.

    """

    __slots__ = ("_descriptor",)

    def __init__(self, path: str) -> None:
        _make_directory(path)
        self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)

    def try_lock(self) -> bool:
        """Takes the directory for this writer until :meth:`close`; False if another writer has it.

        The kernel drops the lock (flock(2)) at death, however that came.
        """
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def new_file(self, name: str, size: int) -> NewFile:
        """A file of ``size`` bytes that will be ``name`` once it is put in place."""
        return NewFile(self._descriptor, name, size)

    def open_standing_meta(self) -> int:
        """A descriptor of the ``frame.meta`` that stands now and will be replaced, or -1."""
        try:
            return os.open(META_NAME, _OPEN_OLD, dir_fd=self._descriptor)
        except OSError:
            return -1

    def remove(self, name: str, inode: int) -> None:
        """Unlinks ``name`` if it is still the file with that inode, and not a successor's."""
        with suppress(OSError):
            if os.stat(name, dir_fd=self._descriptor, follow_symlinks=False).st_ino == inode:
                os.unlink(name, dir_fd=self._descriptor)

    def close(self) -> None:
        """Lets go of the directory; the directory itself stays for the camera's next writer."""
        if self._descriptor >= 0:
            close_descriptor(self._descriptor)
            self._descriptor = -1


def _make_directory(path: str) -> None:
    """Makes ``path`` and what is missing above it. What stands is left as it is."""
    try:
        os.mkdir(path)
    except FileExistsError:
        return
    except FileNotFoundError:
        above = os.path.dirname(path)
        if not above:
            raise
        _make_directory(above)
        with suppress(FileExistsError):  # another writer was as quick
            os.mkdir(path)
    os.chmod(path, DIRECTORY_MODE)  # whatever the umask is


def retire(meta: int) -> None:
    """Marks a replaced version 2 ``frame.meta`` closed and wakes its readers, then closes ``meta``.

    They would find the new files by themselves within a second; so they do at once. Its writer is gone, as
    a rule killed. Anything but a whole version 2 page is left alone. Nobody promises that its memory is
    reserved, or that it keeps its size, so it is written with pwrite(2) and not through a mapping.
    """
    try:
        status = os.fstat(meta)
        if not stat.S_ISREG(status.st_mode) or status.st_size < META_SIZE_V2:
            return
        if _read_u32(meta, VERSION_OFFSET) == VERSION_2:
            _write_u32(meta, FLAGS_OFFSET, _read_u32(meta, FLAGS_OFFSET) | FLAG_CLOSED)
            _write_u32(meta, WAKE_OFFSET, (_read_u32(meta, WAKE_OFFSET) + 1) & 0xFFFFFFFF)
            with mmap(meta, META_SIZE_V2) as page:
                FutexWord(page, WAKE_OFFSET).wake()
    except (OSError, ValueError):
        return  # a courtesy to readers, nothing that an export depends on
    finally:
        close_descriptor(meta)


def _read_u32(descriptor: int, offset: int) -> int:
    return int.from_bytes(os.pread(descriptor, 4, offset), "little")


def _write_u32(descriptor: int, offset: int, value: int) -> None:
    os.pwrite(descriptor, value.to_bytes(4, "little"), offset)

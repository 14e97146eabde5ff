"""Makes, replaces and removes the files of an export: the one home of writing below the export root.

A file comes into being whole: it is made under another name, its memory is reserved, and only then renamed
over whatever was there. posix_fallocate(3) reserves; without it a full tmpfs would answer a store through
the mapping with SIGBUS, which the process does not survive.

A camera has one writer: its directory is locked for the writer's life (docs/decisions/0028), so the files in
a directory whose lock is free are those of a dead writer.
"""

from __future__ import annotations

import errno
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
    SEQUENCE_OFFSET,
    SLOT_COUNT_MAX,
    VERSION_2,
    VERSION_OFFSET,
    WAKE_OFFSET,
    slot_record_offset,
    unpack_ring,
)
from ruth.futex import FutexWord
from ruth.identity import DATA_NAME, META_NAME
from ruth.vas.holder import describe_holder

if TYPE_CHECKING:
    from types import TracebackType

DIRECTORY_MODE = 0o755
VERSION_1_TEMPORARY_NAME = "frame.tmp"  # of both files of the frozen VAS
# What a writer leaves that was killed while making a file.
TEMPORARY_NAMES = (f"{DATA_NAME}.tmp", f"{META_NAME}.tmp", VERSION_1_TEMPORARY_NAME)
FILE_MODE = 0o644  # agents and runtimes of other users read; only the writer writes

_OPEN_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_OLD = os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class NewFile:
    """A file in the making. Leaving the ``with`` before :meth:`put_in_place` removes it again.

    Attributes:
        inode: Its number.
        size: Bytes that are reserved and used.

    """

    __slots__ = ("_descriptor", "_directory", "_map", "_name", "_temporary_name", "inode", "size")

    def __init__(self, directory: int, name: str, size: int, *, descriptor: int = -1) -> None:
        """Reserves ``size`` bytes, all zero in a new file. Raises OSError: ENOSPC, EACCES, EMFILE, ...

        Args:
            directory: Descriptor of the camera's directory; stays the caller's.
            name: Which of its files this will be.
            size: Bytes.
            descriptor: Of a file that has the name already and becomes this object's
                (:meth:`ExportDirectory.adopt_data`); by default a new one is made under another name.

        """
        self._directory = directory
        self._name = name
        self._temporary_name = "" if descriptor >= 0 else f"{name}.tmp"
        self._map: mmap | None = None
        self._descriptor = descriptor
        self.size = size
        if descriptor < 0:
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
        """Writes ``content`` at 0, while no process can see the file yet."""
        os.pwrite(self._descriptor, content, 0)

    def map(self) -> mmap:
        """The whole file, shared, for reading and writing; stays valid after the ``with``."""
        return mmap(self._descriptor, self.size)

    def put_in_place(self) -> None:
        """Renames it over whatever has its name."""
        if self._temporary_name:
            os.rename(
                self._temporary_name, self._name, src_dir_fd=self._directory, dst_dir_fd=self._directory
            )
            self._temporary_name = ""


class ExportDirectory:
    """One camera's directory below the export root, made if it is missing; never a symbolic link.

    It is this writer's alone until :meth:`close`: flock(2) on the directory, which excludes a second writer
    in this process as in any other, and which the kernel drops at death, however that came.

    Args:
        path: Of the directory.

    Raises:
        OSError: It cannot be made or opened, or another writer has it (EAGAIN; the text names its process).

    """

    __slots__ = ("_descriptor",)

    def __init__(self, path: str) -> None:
        self._descriptor = -1  # for __del__, should what follows raise
        _make_directory(path)
        self._descriptor = os.open(path, _OPEN_DIRECTORY)
        try:
            self._lock(path)
        except BaseException:  # closed whatever it was, and raised again
            self.close()
            raise

    def _lock(self, path: str) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = describe_holder(os.fstat(self._descriptor))
            raise BlockingIOError(errno.EAGAIN, f"{holder} exports this camera already", path) from None
        if not self.is_current(path):
            raise OSError(errno.ESTALE, "the folder was replaced just now", path)

    def is_current(self, path: str) -> bool:
        """Whether ``path`` leads to this directory still. True as well if it cannot be told."""
        try:
            return os.path.samestat(os.lstat(path), os.fstat(self._descriptor))
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True

    def new_file(self, name: str, size: int) -> NewFile:
        """A file of ``size`` bytes that will be ``name`` once it is put in place."""
        return NewFile(self._descriptor, name, size)

    def adopt_data(self, size: int) -> NewFile | None:
        """The ``frame.data`` of a dead writer with ``size`` bytes reserved, where memory for both is lacking.

        Before it is given out, no reader trusts a frame in it any more: in the standing ``frame.meta`` each
        slot's sequence is made odd, for good, and its readers are told that it is closed. So a reader that
        holds the dead writer's mapping sees new pixels there, and never takes them for an old frame.

        Returns:
            None if the files in place are no ring of this user that could be reused.

        Raises:
            OSError: Its memory cannot be reserved: ENOSPC, ...

        """
        meta = self.open_current_meta()
        if meta < 0:
            return None
        try:
            data = os.open(DATA_NAME, _OPEN_OLD, dir_fd=self._descriptor)
        except OSError:
            close_descriptor(meta)
            return None
        try:
            own = _is_own_ring(meta, data)
            if own:
                _disown_slots(meta)
        except OSError:
            own = False
        if not own:
            close_descriptor(data)
            close_descriptor(meta)
            return None
        retire(meta)
        return NewFile(self._descriptor, DATA_NAME, size, descriptor=data)

    def open_current_meta(self) -> int:
        """A descriptor of the ``frame.meta`` that is in place and will be replaced, or -1."""
        try:
            return os.open(META_NAME, _OPEN_OLD, dir_fd=self._descriptor)
        except OSError:
            return -1

    def remove_standing(self) -> None:
        """Removes what a dead writer has left, of either version, and tells its readers."""
        self.remove_standing_meta()
        for name in (DATA_NAME, *TEMPORARY_NAMES):
            self._unlink(name)

    def remove_standing_meta(self) -> None:
        """Removes a dead writer's ``frame.meta``, and tells its readers."""
        meta = self.open_current_meta()
        self._unlink(META_NAME)
        if meta >= 0:
            retire(meta)

    def _unlink(self, name: str) -> None:
        with suppress(OSError):
            os.unlink(name, dir_fd=self._descriptor)

    def remove(self, name: str, inode: int) -> None:
        """Unlinks ``name`` if it is still the file with that inode, and not a successor's."""
        with suppress(OSError):
            if os.stat(name, dir_fd=self._descriptor, follow_symlinks=False).st_ino == inode:
                os.unlink(name, dir_fd=self._descriptor)

    def __del__(self) -> None:
        self.close()  # an exporter that was dropped and not closed must not keep its camera for ever

    def close(self) -> None:
        """Closes the directory, and so unlocks it; the directory stays for the camera's next writer."""
        if self._descriptor >= 0:
            close_descriptor(self._descriptor)
            self._descriptor = -1


def _make_directory(path: str) -> None:
    """Makes ``path`` and what is missing above it. What exists is left as it is."""
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
    descriptor = os.open(path, _OPEN_DIRECTORY)  # by descriptor: a link planted since then is not followed
    try:
        os.fchmod(descriptor, DIRECTORY_MODE)  # whatever the umask is
    finally:
        close_descriptor(descriptor)


def _is_own_ring(meta: int, data: int) -> bool:
    """Whether the two files are a version 2 export that belongs to this user alone."""
    statuses = os.fstat(meta), os.fstat(data)
    if any(
        not stat.S_ISREG(one.st_mode) or one.st_uid != os.geteuid() or one.st_nlink != 1 for one in statuses
    ):
        return False
    content = os.pread(meta, META_SIZE_V2, 0)
    if len(content) != META_SIZE_V2 or _read_u32(meta, VERSION_OFFSET) != VERSION_2:
        return False
    return unpack_ring(content).data_inode == statuses[1].st_ino


def _disown_slots(meta: int) -> None:
    """Makes the sequence of every slot odd: no reader finds a frame there, or finds one unchanged."""
    for slot in range(SLOT_COUNT_MAX):
        at = slot_record_offset(slot) + SEQUENCE_OFFSET
        _write(meta, at, (int.from_bytes(os.pread(meta, 8, at), "little") | 1).to_bytes(8, "little"))


def retire(meta: int) -> None:
    """Marks a replaced version 2 ``frame.meta`` closed and wakes its readers, then closes ``meta``.

    They would find the new files by themselves within a second; so they do at once. Its writer is gone, as
    a rule killed. Anything but a whole version 2 page is left alone. It is not certain that its memory is
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
    _write(descriptor, offset, value.to_bytes(4, "little"))


def _write(descriptor: int, offset: int, content: bytes) -> None:
    os.pwrite(descriptor, content, offset)

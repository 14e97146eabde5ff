"""Opens the files of an export: the one home of that, and read-only by construction.

The last two components of a path must be a real directory and a regular file, not links (docs/faults.md): a
link could lead to another camera's frames. O_NONBLOCK keeps a FIFO named ``frame.meta`` from blocking the
open (fifo(7)); it has no effect on a regular file.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import stat
import sys
from typing import Final, Protocol

from ruth.descriptor import close_descriptor

_RELEASE: Final = re.compile(r"(\d+)\.(\d+)")
_STATFS_SIZE: Final = 256  # struct statfs is 120 bytes, f_type its first 8 (statfs(2), 64-bit machines)
_TMPFS_MAGIC: Final = 0x01021994  # linux/magic.h

OPEN_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
OPEN_FILE: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class Opener(Protocol):
    """Opens a path as :func:`os.open` does. A process that gave up that call passes what it has left."""

    def __call__(self, path: str, flags: int, *, dir_fd: int | None = None) -> int:
        """A descriptor, or OSError."""


def open_export_directory(path: str, opener: Opener = os.open) -> int:
    """A descriptor of the camera's directory, which must not be a symbolic link.

    Raises:
        OSError: As open(2): ENOENT, EACCES, ENOTDIR (also for a link), EMFILE, ...

    """
    return opener(path, OPEN_DIRECTORY)


def open_export_file(directory: int, name: str, opener: Opener = os.open) -> tuple[int, os.stat_result]:
    """A descriptor of the regular file ``name`` in ``directory``, and its status.

    Raises:
        OSError: As open(2); ELOOP for a symbolic link, ENXIO for anything that is not a regular file.

    """
    descriptor = opener(name, OPEN_FILE, dir_fd=directory)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.ENXIO, "not a regular file", name)
    except BaseException:  # closed whatever it was, and raised again
        close_descriptor(descriptor)
        raise
    return descriptor, status


def read_export_file(directory: int, name: str, size: int, opener: Opener = os.open) -> bytes:
    """The first ``size`` bytes of the file ``name`` in ``directory``, or all that it has.

    Without asking for its status: what is not a regular file cannot be opened or has no position to read from
    (pread(2)). A device has one; only the superuser can make it (mknod(2)).

    Raises:
        OSError: As open(2); ESPIPE for a FIFO, EISDIR for a directory, ELOOP for a symbolic link.

    """
    descriptor = opener(name, OPEN_FILE, dir_fd=directory)
    try:
        return os.pread(descriptor, size, 0)
    finally:
        close_descriptor(descriptor)


def numbers_files_in_order(descriptor: int) -> bool:
    """Whether the file lies where inode numbers count files in the order in which they were made.

    That is a tmpfs, since Linux 5.9 numbers each mount's files from a counter of its own (commit
    e809d5f0b5c9, "tmpfs: per-superblock i_ino support").
    """
    release = _RELEASE.match(os.uname().release)
    if release is None or (int(release[1]), int(release[2])) < (5, 9):
        return False
    answer = ctypes.create_string_buffer(_STATFS_SIZE)
    if ctypes.CDLL(None).fstatfs(descriptor, answer) != 0:
        return False
    return int.from_bytes(answer.raw[:8], sys.byteorder) == _TMPFS_MAGIC


def is_same_file(path: str, device: int, inode: int) -> bool:
    """Whether ``path`` still leads to that file. False as well if it cannot be told."""
    try:
        found = os.stat(path, follow_symlinks=False)
    except OSError:
        return False
    return found.st_ino == inode and found.st_dev == device

"""inotify(7): the one home of these system calls in Python. Mechanism only; who waits is not known here.

A watch sees what is done by name or by write(2), and no store through a mapping. Equal events in a row are
joined into one, and a queue that overflows loses events and says so (:data:`OVERFLOW`): an event says "read
again", and no more than that. An instance is one of few: a user has 128 of them unless
``fs.inotify.max_user_instances`` is raised; watches are many.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from typing import Final, TypeAlias

from ruth.descriptor import close_descriptor

# linux/inotify.h
MODIFY: Final = 0x2
ATTRIBUTES: Final = 0x4
MOVED_FROM: Final = 0x40
MOVED_TO: Final = 0x80
CREATE: Final = 0x100
DELETE: Final = 0x200
DELETE_SELF: Final = 0x400
MOVE_SELF: Final = 0x800
UNMOUNT: Final = 0x2000
OVERFLOW: Final = 0x4000
IGNORED: Final = 0x8000
"""The watch is over: it was removed, or its file was."""
ONLY_DIRECTORY: Final = 1 << 24
FOLLOW_NO_LINK: Final = 1 << 25

_READ_BYTES: Final = 65536
_POLLIN: Final = 1
_EVENT: Final = struct.Struct("=iIII")  # struct inotify_event: watch, mask, cookie, bytes of the name
_EVENT_SIZE: Final = _EVENT.size
_NANOSECONDS: Final = 1_000_000_000

# Looked up when this is imported, before any fork: a ctypes library made in a child costs it 800 KB.
_libc: Final = ctypes.CDLL(None, use_errno=True)
_init, _add_watch, _remove_watch = _libc.inotify_init1, _libc.inotify_add_watch, _libc.inotify_rm_watch
_ppoll: Final = _libc.ppoll
_PollFd = ctypes.c_int * 2  # struct pollfd: descriptor, events and revents as two halves of the second
_Timespec = ctypes.c_long * 2


Event: TypeAlias = tuple[int, int, bytes]
"""Of which watch it is (-1 for :data:`OVERFLOW`), what happened, as bits, and the name of the file in a
watched directory, which is empty for the directory itself. A plain tuple: some thousand are made a second."""


class Inotify:
    """One instance.

    Raises:
        OSError: None is left for this user or this process (EMFILE), or the kernel has none.

    """

    __slots__ = ("_descriptor", "_poll", "_poll_address", "_span", "_span_address", "_timeout_ns")

    def __init__(self) -> None:
        self._descriptor: int = _init(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            raise _last_error("inotify_init1")
        # Made once: a process that waits for many cameras waits some thousand times per second.
        self._poll = _PollFd(self._descriptor, _POLLIN)
        self._poll_address = ctypes.c_void_p(ctypes.addressof(self._poll))
        self._span = _Timespec(0, 0)
        self._span_address = ctypes.c_void_p(ctypes.addressof(self._span))
        self._timeout_ns = 0

    def fileno(self) -> int:
        """Its descriptor, which is readable while there are events; -1 once closed."""
        return self._descriptor

    def add_watch(self, path: str | int, mask: int) -> int:
        """Watches a path, or changes for what it is watched.

        Args:
            path: The path; or the address of one, which is all that an agent may pass
                (``launch/agent/confine/seccomp.py``).
            mask: For what, as bits.

        Returns:
            The number of the watch: one per file, however often it is added.

        Raises:
            OSError: There is no such file, it may not be read, or no watch is left (ENOSPC).

        """
        where = ctypes.c_void_p(path) if isinstance(path, int) else ctypes.c_char_p(os.fsencode(path))
        watch: int = _add_watch(self._descriptor, where, mask)
        if watch < 0:
            raise _last_error("inotify_add_watch")
        return watch

    def remove_watch(self, watch: int) -> bool:
        """Ends a watch, which is itself an event (:data:`IGNORED`). Returns whether there was one."""
        return bool(_remove_watch(self._descriptor, watch) == 0)

    def wait(self, timeout_ns: int) -> bool:
        """Waits for any event, at most ``timeout_ns`` nanoseconds; a signal ends it too.

        Returns:
            Whether there is an event.

        """
        if timeout_ns != self._timeout_ns:
            self._span[0], self._span[1] = divmod(timeout_ns, _NANOSECONDS)
            self._timeout_ns = timeout_ns
        return bool(_ppoll(self._poll_address, 1, self._span_address, None, 0) > 0)

    def read(self, size: int = _READ_BYTES) -> bytes:
        """The events that are there, for :func:`events_of`; nothing if there are none. Never raises."""
        try:
            return os.read(self._descriptor, size)
        except OSError:
            return b""

    def close(self) -> None:
        """Ends all watches. A wait that is under way in another thread is not ended by it."""
        descriptor, self._descriptor = self._descriptor, -1
        self._poll[0] = -1
        if descriptor >= 0:
            close_descriptor(descriptor)


def events_of(content: bytes) -> list[Event]:
    """The events of one read, in their order."""
    found = []
    at, end = 0, len(content)
    while at < end:
        watch, mask, _, length = _EVENT.unpack_from(content, at)
        at += _EVENT_SIZE + length
        found.append((watch, mask, content[at - length : at].rstrip(b"\0")))
    return found


def _last_error(call: str) -> OSError:
    number = ctypes.get_errno() or errno.EIO
    return OSError(number, f"{call}: {os.strerror(number)}")

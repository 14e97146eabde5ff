"""inotify(7) on one directory: the one home of these system calls in Python. Mechanism only.

What version 1 does for each frame, a rename over ``frame.meta``, is seen; stores through a mapping, as
version 2 does them, are not. An instance is one of few: a user has 128 of them unless
``fs.inotify.max_user_instances`` is raised.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
from typing import Final, NamedTuple

from launch.agent.confine.system_call import last_error
from ruth.descriptor import close_descriptor
from ruth.identity import META_NAME

# linux/inotify.h
_MOVED_TO, _DELETE_SELF, _MOVE_SELF, _ONLY_DIRECTORY, _FOLLOW_NO_LINK = 0x80, 0x400, 0x800, 1 << 24, 1 << 25
FRAME_EVENTS: Final = _MOVED_TO
MASK: Final = FRAME_EVENTS | _DELETE_SELF | _MOVE_SELF | _ONLY_DIRECTORY | _FOLLOW_NO_LINK
BYTES_MAX: Final = 4096  # of events taken at a time
_EVENT: Final = struct.Struct("=iIII")  # struct inotify_event: watch, mask, cookie, bytes of the name

# Looked up here, before any fork (launch.agent.title).
_libc: Final = ctypes.CDLL(None, use_errno=True)
_init, _add_watch = _libc.inotify_init1, _libc.inotify_add_watch


class Events(NamedTuple):
    """What has happened in a directory.

    Attributes:
        came: A frame was put in place: a file got the name ``frame.meta``.
        gone: Anything but a file that got a name: the directory was removed or moved, or events were lost.

    """

    came: bool
    gone: bool


class DirectoryWatch:
    """Watches one directory, from the moment it is made.

    Args:
        path: Address of its path, which is all that an agent may pass (:mod:`launch.agent.confine.seccomp`).

    Raises:
        OSError: There is no such directory, no instance is left, or the kernel has no inotify.

    """

    __slots__ = ("_descriptor", "_poll")

    def __init__(self, path: int) -> None:
        self._descriptor = _init(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            raise last_error("inotify_init1")
        if _add_watch(self._descriptor, ctypes.c_void_p(path), MASK) < 0:
            error = last_error("inotify_add_watch")
            self.close()
            raise error
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLIN)

    def wait(self, timeout_ms: float) -> bool:
        """Waits for any event, at most so many milliseconds. Returns whether there is one."""
        return bool(self._poll.poll(timeout_ms))

    def take_events(self) -> Events:
        """What has happened since the last time."""
        try:
            content = os.read(self._descriptor, BYTES_MAX)
        except OSError:
            return Events(came=False, gone=False)
        came = gone = False
        at = 0
        while at < len(content):
            _, mask, _, length = _EVENT.unpack_from(content, at)
            at += _EVENT.size + length
            if mask & FRAME_EVENTS:
                came = came or content[at - length : at].rstrip(b"\0") == META_NAME.encode()
            else:
                gone = True
        return Events(came, gone)

    def close(self) -> None:
        """Ends the watch."""
        close_descriptor(self._descriptor)

"""What an agent watches: its camera's directory, by inotify (:mod:`ruth.inotify`).

What version 1 does for each frame, a rename over ``frame.meta``, is seen; stores through a mapping, as
version 2 does them, are not.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ruth.identity import META_NAME
from ruth.inotify import (
    DELETE_SELF,
    FOLLOW_NO_LINK,
    MOVE_SELF,
    MOVED_TO,
    ONLY_DIRECTORY,
    Inotify,
    events_of,
)

FRAME_EVENTS: Final = MOVED_TO
MASK: Final = FRAME_EVENTS | DELETE_SELF | MOVE_SELF | ONLY_DIRECTORY | FOLLOW_NO_LINK
BYTES_MAX: Final = 4096  # of events taken at a time
_MILLISECOND_NS: Final = 1_000_000


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

    __slots__ = ("_inotify",)

    def __init__(self, path: int) -> None:
        self._inotify = Inotify()
        try:
            self._inotify.add_watch(path, MASK)
        except OSError:
            self.close()
            raise

    def wait(self, timeout_ms: float) -> bool:
        """Waits for any event, at most so many milliseconds. Returns whether there is one."""
        return self._inotify.wait(int(timeout_ms * _MILLISECOND_NS))

    def take_events(self) -> Events:
        """What has happened since the last time."""
        came = gone = False
        for _, mask, name in events_of(self._inotify.read(BYTES_MAX)):
            if mask & FRAME_EVENTS:
                came = came or name == META_NAME.encode()
            else:
                gone = True
        return Events(came, gone)

    def close(self) -> None:
        """Ends the watch."""
        self._inotify.close()

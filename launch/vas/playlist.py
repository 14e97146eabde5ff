"""A file over and over: lists for FFmpeg's ``concat`` demuxer, in memory and without a name.

    list 2: list 1, list 1, ...      a thousand times each
    list 1: list 0, list 0, ...
    list 0: the file, the file, ...

FFmpeg opens each entry again and continues its timestamps, so nothing is sought in the file: ``-stream_loop``
seeks, which raw streams cannot and transport streams cannot well (docs/decisions/0019-pace-of-files.md).
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Final

from ruth.descriptor import close_descriptor

ENTRIES: Final = 1000
"""Of each list; a thousand millions of passes in total, which outlast years even of a single frame."""

_LISTS: Final = 3
# Of a list that is opened by a list: its streams are known to the list below, so nothing of it is probed.
_OF_LIST: Final = b"option safe 0\noption probesize 32\noption fpsprobesize 0\n"


class Playlist:
    """The lists of one file, until :meth:`close`.

    Args:
        path: The file: an absolute path, or one below ``/proc/self/fd`` that FFmpeg has too.

    Raises:
        OSError: There is no descriptor left, or the file cannot be opened.

    Attributes:
        descriptors: What FFmpeg is to get, under the same numbers.
        path: Where FFmpeg finds the list to open.

    """

    def __init__(self, path: str) -> None:
        self._held = ExitStack()
        with ExitStack() as undo:
            undo.callback(self.close)
            descriptors = []
            if "\n" in path or "\r" in path:  # a list has one entry per line, and no escape for its end
                descriptors.append(self._keep(os.open(path, os.O_RDONLY | os.O_CLOEXEC)))
                path = path_of(descriptors[0])
            options = b""
            for number in range(_LISTS):
                descriptor = self._keep(os.memfd_create(f"list {number}"))
                with open(descriptor, "wb", closefd=False) as file:
                    file.write(b"ffconcat version 1.0\n" + (_entry(path) + options) * ENTRIES)
                descriptors.append(descriptor)
                path, options = path_of(descriptor), _OF_LIST
            undo.pop_all()
        self.descriptors = tuple(descriptors)
        self.path = path

    def _keep(self, descriptor: int) -> int:
        self._held.callback(close_descriptor, descriptor)
        return descriptor

    def close(self) -> None:
        """Closes the lists."""
        self._held.close()


def path_of(descriptor: int) -> str:
    """Where a process that has this descriptor finds its file."""
    return f"/proc/self/fd/{descriptor}"


def _entry(path: str) -> bytes:
    quoted = os.fsencode(path).replace(b"'", rb"'\''")
    return b"file 'file:" + quoted + b"'\n"

"""A line for people, now or never: code that decodes or drains frames waits for no reader of messages."""

from __future__ import annotations

import io
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO


def write_nonblocking(stream: TextIO | None, line: str) -> None:
    """Writes a line past the buffer of ``stream``, and never waits.

    What a full pipe or socket, or a terminal that was stopped (Ctrl-S), does not take is lost.

    Args:
        stream: ``sys.stderr``, most often; None where it was closed from the start, and its number can be
            another file's by now.
        line: With its line end.

    Raises:
        OSError: The line is lost.
        ValueError: The line is lost: ``stream`` is closed.

    """
    if stream is None:
        return
    try:
        descriptor = stream.fileno()
    except io.UnsupportedOperation:  # in memory
        stream.write(line)
        return
    data = line.encode(stream.encoding or "utf-8", errors="backslashreplace")
    kind = stat.S_IFMT(os.fstat(descriptor).st_mode)
    if kind == stat.S_IFSOCK:
        os.pwritev(descriptor, [data], -1, os.RWF_NOWAIT)
    elif kind in (stat.S_IFIFO, stat.S_IFCHR):
        # Opened again: O_NONBLOCK on the old one would hold for all who share it.
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        own = os.open(f"/proc/self/fd/{descriptor}", flags)
        try:
            os.write(own, data)
        finally:
            os.close(own)
    else:
        os.write(descriptor, data)

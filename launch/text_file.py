"""Reads a text file that the user names, or standard input."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING, Final

from ruth.errors import RuthError
from ruth.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable

STDIN: Final = "-"
BYTES_MAX: Final = 16 * 1024 * 1024


class TextFileError(RuthError):
    """A file that is not read: the text says why, in printable words without its name."""


def name_of(path: str) -> str:
    """What messages call the file at ``path``."""
    return "stdin" if path == STDIN else printable(path)


def read_named_text(path: str, check: Callable[[os.stat_result], None] = lambda _status: None) -> str:
    """The text at ``path``, or on standard input if that is ``-``.

    Args:
        path: A regular file: no FIFO, which would block, and no device, which would never end.
        check: Gets the status of an open file, and refuses it by raising :class:`TextFileError`.

    Raises:
        TextFileError: It cannot be read, is refused, longer than :data:`BYTES_MAX`, or not UTF-8.

    """
    try:
        content = sys.stdin.buffer.read(BYTES_MAX + 1) if path == STDIN else _read_regular(path, check)
    except OSError as error:
        raise TextFileError(str(error.strerror)) from None
    if len(content) > BYTES_MAX:
        raise TextFileError(f"more than {BYTES_MAX} bytes")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise TextFileError(f"not UTF-8 at byte {error.start}") from None


def _read_regular(path: str, check: Callable[[os.stat_result], None]) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise TextFileError("not a regular file")
        check(status)
        return file.read(BYTES_MAX + 1)

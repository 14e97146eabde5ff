"""Puts a file in place whole, over what is there, or not at all."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import Final

from ruth.text import printable

_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_MODE: Final = 0o666  # less the umask, as for any file that a user makes


def replaceable(path: str) -> str | None:
    """Why nothing can be put at ``path``, as far as that shows beforehand; None if nothing is in the way."""
    folder = os.path.dirname(os.path.realpath(path))
    if not os.path.isdir(folder):
        return f"no folder {printable(folder)}"
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return None
    except OSError as error:
        return error.strerror
    return None if stat.S_ISREG(mode) else "is there and is not a regular file ('-' is standard output)"


def put(path: str, content: bytes) -> None:
    """Writes ``content`` beside ``path`` and renames it over; a file that was there gives it its mode.

    A symbolic link stays, and what it leads to is replaced.

    Raises:
        OSError: It cannot be written; what was at ``path`` is still there, and nothing else is left.

    """
    target = os.path.realpath(path)
    try:
        mode: int | None = stat.S_IMODE(os.stat(target).st_mode)
    except FileNotFoundError:
        mode = None
    temporary = f"{target}.{os.getpid()}.tmp"
    descriptor = os.open(temporary, _NEW, _MODE if mode is None else 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            if mode is not None:
                os.fchmod(descriptor, mode)
        os.rename(temporary, target)
    except BaseException:  # removed whatever it was, and raised again
        with suppress(OSError):
            os.unlink(temporary)
        raise

"""What a stream that we write to can show: how wide, in colour or not, with which marks and characters."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing import TextIO

_ELLIPSIS: Final = "\N{HORIZONTAL ELLIPSIS}"
_ELLIPSIS_ASCII: Final = "..."


def columns_of(out: TextIO) -> int | None:
    """How many characters fit in a line of ``out``; None if there is no limit, as in a pipe or a file.

    COLUMNS in the environment counts before anything else, as it does for ps(1).
    """
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    try:
        return os.get_terminal_size(out.fileno()).columns or None
    except (OSError, ValueError):
        return None


def draws(out: TextIO) -> bool:
    """Whether ``out`` is a terminal that can be drawn on: one that knows control sequences."""
    return out.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def in_colour(out: TextIO) -> bool:
    """Whether ``out`` is to be coloured: a terminal that can, and no NO_COLOR (no-color.org)."""
    return draws(out) and not os.environ.get("NO_COLOR")


def ellipsis_of(out: TextIO) -> str:
    """The mark of what was cut: one character, or three dots where ``out`` cannot encode it."""
    try:
        _ELLIPSIS.encode(out.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return _ELLIPSIS_ASCII
    return _ELLIPSIS


def escape_unencodable(*streams: TextIO | None) -> None:
    """Makes ``streams`` write a character that their encoding lacks (ASCII, Latin-1) as an escape.

    Without it such a character is a UnicodeEncodeError in the middle of a table, and a byte that is not
    text (``os.fsdecode()``) may pass through as it came. Streams in memory take any character: nothing is
    changed.
    """
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            with suppress(OSError):  # it asks the kernel where the stream is: its encoding stays as it was
                stream.reconfigure(errors="backslashreplace")

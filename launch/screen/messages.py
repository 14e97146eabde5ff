"""Messages to the user, on stderr: data alone goes to stdout."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from launch.exits import EXIT_FAILURE, EXIT_OK
from ruth.text import COMPOSED, printable

if TYPE_CHECKING:
    from collections.abc import Iterable


def message(text: str) -> None:
    """Says ``text``, with a newline behind it. Lost if no process reads.

    Args:
        text: One or more lines. What of it came from outside is escaped where it was put in
            (:func:`ruth.text.printable`); whatever was not, is escaped here, but for line ends.

    """
    try:
        print(printable(text, None, keep=COMPOSED), file=sys.stderr, flush=True)  # noqa: T201 - to stderr
    except OSError:
        return  # the exit code still says it


def describe(error: BaseException) -> str:
    """What went wrong, in words: the call or the file, and why; printable."""
    if isinstance(error, MemoryError):
        return "not enough memory: raise ulimit -v (LimitAS=), or the limit of the control group"
    if isinstance(error, OSError):
        where = f"{printable(os.fsdecode(error.filename))}: " if error.filename else ""
        return f"{where}{error.strerror or error}"
    return printable(str(error), None, keep=COMPOSED)


def report_problems(found: Iterable[tuple[str, str | None]]) -> int:
    """Says of which cameras not everything could be told, and why.

    Args:
        found: Of each camera its id, and the problem or None.

    Returns:
        An exit code: of a failure if there was a problem.

    """
    problems = [(camera_id, problem) for camera_id, problem in found if problem is not None]
    for camera_id, problem in problems:
        message(f"ruth: {camera_id}: {problem}")
    return EXIT_FAILURE if problems else EXIT_OK

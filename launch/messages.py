"""Messages to the user, on stderr: data alone goes to stdout."""

from __future__ import annotations

import sys


def message(text: str) -> None:
    """Says ``text``, with a newline behind it. Loses it if nobody reads."""
    try:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - messages go to stderr
    except OSError:
        return  # the exit code still says it

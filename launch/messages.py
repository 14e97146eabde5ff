"""Messages to the user, on stderr: data alone goes to stdout."""

from __future__ import annotations

import sys

from ruth.text import COMPOSED, printable


def message(text: str) -> None:
    """Says ``text``, with a newline behind it. Loses it if nobody reads.

    Whatever a piece of it has kept of control characters is escaped here; a piece whose backslashes or line
    ends matter has been through :func:`ruth.text.printable` before.
    """
    try:
        print(printable(text, None, keep=COMPOSED), file=sys.stderr, flush=True)  # noqa: T201 - messages go to stderr
    except OSError:
        return  # the exit code still says it

"""A terminal in tests: a command run on a pseudo-terminal of a given size, and what it printed there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import termios
from typing import TYPE_CHECKING, NamedTuple

from waiting import within

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


class Screen(NamedTuple):
    """What a command left on its terminal.

    Attributes:
        code: Its exit code.
        raw: Everything that it wrote, with newlines as the command wrote them.

    """

    code: int
    raw: str

    @property
    def lines(self) -> list[str]:
        """The lines without colours."""
        return ESCAPE.sub("", self.raw).splitlines()


# What of the environment of whoever runs the tests would change a screen.
_LOOKED_AT = ("COLUMNS", "LINES", "NO_COLOR", "COLORTERM", "TERM")


def on_terminal(
    *arguments: str | Path, columns: int, lines: int, environ: Mapping[str, str], **variables: str
) -> Screen:
    """Runs ``ruth`` with ``arguments`` on a terminal of ``columns`` x ``lines``.

    Args:
        arguments: The verb and its options.
        columns: Characters a line.
        lines: Lines.
        environ: The environment, without what says how a terminal is to be written to.
        variables: That: TERM, by default one of 256 colours, COLORTERM, NO_COLOR.

    """
    kept = {name: value for name, value in environ.items() if name not in _LOOKED_AT}
    master, terminal = os.openpty()
    try:
        termios.tcsetwinsize(terminal, (lines, columns))
        process = subprocess.Popen(
            [sys.executable, "-m", "launch.cli", *map(str, arguments)],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env={**kept, "TERM": "xterm-256color", **variables},
        )
    except BaseException:
        os.close(master)
        raise
    finally:
        os.close(terminal)
    try:
        with within(30):
            written = _all_of(master)
            return Screen(process.wait(), written.decode().replace("\r\n", "\n"))
    finally:
        process.kill()
        process.wait()
        os.close(master)


def _all_of(master: int) -> bytes:
    """All that is written until the last one who has the terminal open has closed it."""
    parts = []
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # EIO: nobody has it open any more
            return b"".join(parts)
        if not part:
            return b"".join(parts)
        parts.append(part)

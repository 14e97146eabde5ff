"""A process on a terminal of its own, in tests: what it draws, keys, sizes, what it leaves behind."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import sys
import termios
from typing import TYPE_CHECKING, Any

from waiting import wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Processes

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"
HOME = b"\x1b[H"


class OnTerminal:
    """A running process and the terminal that it controls.

    Attributes:
        process: The process.
        before: The terminal's settings when it was started.

    """

    def __init__(self, process: subprocess.Popen[Any], master: int, slave: int, before: list[Any]) -> None:
        self.process = process
        self.before = before
        self._master = master
        self._slave = slave
        self._output = b""

    def output(self) -> bytes:
        """All that was written to the terminal so far."""
        while select.select([self._master], [], [], 0)[0]:
            self._output += os.read(self._master, 65536)
        return self._output

    def screen(self) -> list[str]:
        """The lines of the last whole screen, without control sequences; none if there was none."""
        screens = self.output().split(HOME)[1:]
        whole = [text for text in screens if b"\x1b[J" in text]
        if not whole:
            return []
        text = whole[-1].split(b"\x1b[J")[0].decode()
        return re.split(r"\r*\n", re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", text))

    def wait_screen(self, text: str) -> list[str]:
        """The first screen from now on that shows ``text``."""
        return wait_until(
            lambda: self.screen() if text in "\n".join(self.screen()) else [], f"it shows {text!r}"
        )

    def press(self, keys: bytes) -> None:
        """Types."""
        os.write(self._master, keys)

    def resize(self, columns: int, lines: int) -> None:
        """Gives the terminal another size, as whoever drags a window does."""
        termios.tcsetwinsize(self._slave, (lines, columns))

    def settings(self) -> list[Any]:
        """The terminal's settings, now."""
        return termios.tcgetattr(self._slave)

    def restored(self) -> bool:
        """Whether the terminal is as it was: its settings, its own screen, its cursor."""
        output = self.output()
        return (
            self.settings() == self.before
            and output.count(ENTER) == output.count(LEAVE)
            and output.rfind(b"\x1b[?25h") >= output.rfind(b"\x1b[?25l")
        )


@contextlib.contextmanager
def on_terminal(
    processes: Processes,
    *arguments: str | Path,
    env: dict[str, str],
    term: str = "xterm-256color",
    lines: int = 24,
) -> Iterator[OnTerminal]:
    """``ruth`` with ``arguments`` on a terminal of its own, 80 columns wide."""
    master, slave = pty.openpty()
    try:
        termios.tcsetwinsize(slave, (lines, 80))
        before = termios.tcgetattr(slave)
        environ = {name: value for name, value in env.items() if name not in ("COLUMNS", "NO_COLOR")}

        def take_terminal() -> None:
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        process = processes.start(
            sys.executable, "-m", "launch.cli", *arguments,
            env=environ | {"TERM": term}, stdin=slave, stdout=slave, stderr=slave,
            preexec_fn=take_terminal,
        )  # fmt: skip
        yield OnTerminal(process, master, slave, before)
    finally:
        os.close(master)
        os.close(slave)

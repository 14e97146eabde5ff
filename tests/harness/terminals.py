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
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.waiting import wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from conftest import Processes

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"
HOME = b"\x1b[H"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# What of the environment of a process that runs the tests would change a screen.
_LOOKED_AT = ("COLUMNS", "LINES", "NO_COLOR", "COLORTERM", "TERM")


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
        return _COLOUR.sub("", self.raw).splitlines()


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
        self._asked = 0

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

    def left(self) -> Screen:
        """What it has written when it has ended, which is waited for."""

        def ended() -> bool:
            self.output()  # or it would wait for another process to read
            return self.process.poll() is not None

        wait_until(ended, "it has ended", 60)
        return Screen(self.process.returncode, self.output().decode().replace("\r\n", "\n"))

    def answer(self, pattern: str) -> str:
        """What was written since the last key, up to the end of what ``pattern`` matches, once it does."""
        found = wait_until(
            lambda: re.search(pattern, self.output()[self._asked :].decode(errors="replace"), re.DOTALL),
            f"it answers with {pattern}",
            20,
        )
        assert found is not None
        return found.string[: found.end()]

    def press(self, keys: bytes) -> None:
        """Types."""
        self._asked = len(self.output())
        os.write(self._master, keys)

    def resize(self, columns: int, lines: int) -> None:
        """Gives the terminal another size, as a user who drags a window does."""
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
def terminal(
    processes: Processes,
    *command: str | Path,
    env: Mapping[str, str],
    columns: int = 80,
    lines: int = 24,
    cwd: Path | None = None,
) -> Iterator[OnTerminal]:
    """A command on a terminal of this size, which it controls; ``env`` is all of its environment."""
    master, slave = pty.openpty()
    try:
        termios.tcsetwinsize(slave, (lines, columns))
        before = termios.tcgetattr(slave)

        def take_terminal() -> None:
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        process = processes.start(
            *command, env=env, cwd=cwd, stdin=slave, stdout=slave, stderr=slave, preexec_fn=take_terminal
        )
        yield OnTerminal(process, master, slave, before)
    finally:
        os.close(master)
        os.close(slave)


@contextlib.contextmanager
def on_terminal(
    processes: Processes,
    *arguments: str | Path,
    env: Mapping[str, str],
    columns: int = 80,
    lines: int = 24,
    **variables: str,
) -> Iterator[OnTerminal]:
    """``ruth`` with ``arguments`` on a terminal of its own.

    Args:
        processes: Ends it.
        arguments: The verb and its options.
        env: The environment, without what says how a terminal is to be written to.
        columns: Characters a line.
        lines: Lines.
        variables: What says that: TERM, by default one of 256 colours, COLORTERM, NO_COLOR.

    """
    kept = {name: value for name, value in env.items() if name not in _LOOKED_AT}
    environ = {**kept, "TERM": "xterm-256color", **variables}
    command = (sys.executable, "-m", "launch.cli.main", *arguments)
    with terminal(processes, *command, env=environ, columns=columns, lines=lines) as started:
        yield started


def screen_of(processes: Processes, *arguments: str | Path, **options: Any) -> Screen:
    """What ``ruth`` leaves on a terminal when it has ended; arguments as those of :func:`on_terminal`."""
    with on_terminal(processes, *arguments, **options) as started:
        return started.left()

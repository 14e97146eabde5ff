from __future__ import annotations

import os
import signal

import pytest

from launch.exits import describe_death


@pytest.mark.parametrize(
    ("number", "name"),
    [(signal.SIGKILL, "SIGKILL"), (signal.SIGTERM, "SIGTERM"), (35, "signal 35"), (63, "signal 63")],
)
def test_killed(number: int, name: str) -> None:
    """A process that a signal killed is described by that signal, by its number where it has no name."""
    pid = os.fork()
    if pid == 0:
        signal.pause()
        os._exit(0)
    os.kill(pid, number)
    assert describe_death(os.waitpid(pid, 0)[1]) == name


@pytest.mark.parametrize("code", [0, 3, 255])
def test_ended(code: int) -> None:
    """A process that ended by itself is described by its exit code."""
    pid = os.fork()
    if pid == 0:
        os._exit(code)
    assert describe_death(os.waitpid(pid, 0)[1]) == f"exit {code}"


def test_core_dumped() -> None:
    """That a core was dumped changes nothing about the name."""
    assert describe_death(signal.SIGSEGV | 0x80) == "SIGSEGV"

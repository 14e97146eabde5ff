"""The terminal of a launcher: Ctrl-C in it, and closing it, end the launch, the same way each time."""

from __future__ import annotations

import fcntl
import os
import signal
import termios
from typing import TYPE_CHECKING

import pytest

from harness.agents import configure, pid_of, wait_dead
from harness.tracing import RT_SIGTIMEDWAIT, system_call
from harness.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Processes, Roots

CAMERAS = ("a", "b", "c")


def press_ctrl_c(terminal: int) -> None:
    """The terminal signals its foreground process group."""
    os.write(terminal, b"\x03")


def take_the_terminal() -> None:
    """A child's standard input becomes its terminal, whose signals it does not ignore."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


ENDINGS = {"ctrl-c": press_ctrl_c, "closed": os.close}


@pytest.mark.parametrize("again", [1, 2])
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_terminal_ends_the_launch(roots: Roots, processes: Processes, ending: str, again: int) -> None:
    """Ctrl-C and a closed terminal reach the launcher alone: it ends with 0, and each agent by SIGTERM."""
    end: Callable[[int], None] = ENDINGS[ending]
    master, terminal = os.openpty()
    try:
        launcher = processes.ruth(
            "up",
            configure(roots, *CAMERAS),
            env=roots.environ(),
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
            preexec_fn=take_the_terminal,
        )
    finally:
        os.close(terminal)
    pids = [pid_of(roots, camera) for camera in CAMERAS]
    wait_until(lambda: system_call(launcher.pid) == RT_SIGTIMEDWAIT, "the launcher waits to be ended")
    end(master)
    assert launcher.wait(timeout=60) == 0
    for camera in CAMERAS:
        wait_dead(roots, camera)
    assert [os.WTERMSIG(os.waitpid(pid, 0)[1]) for pid in pids] == [signal.SIGTERM] * len(pids)
    if ending != "closed":
        os.close(master)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_process_group_is_the_launchers(roots: Roots, processes: Processes, number: signal.Signals) -> None:
    """A signal to the launcher's whole process group reaches no agent: each has a session of its own.

    Told to end, the launcher tells its agents; killed, it tells no process.
    """
    launcher = processes.ruth(
        "up",
        configure(roots, *CAMERAS),
        env=roots.environ(),
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    pids = {camera: pid_of(roots, camera) for camera in CAMERAS}
    wait_until(lambda: system_call(launcher.pid) == RT_SIGTIMEDWAIT, "the launcher waits to be ended")
    os.killpg(launcher.pid, number)
    launcher.wait(timeout=60)
    if number == signal.SIGKILL:
        assert {camera: pid_of(roots, camera) for camera in CAMERAS} == pids
        return
    assert launcher.returncode == 0
    assert [os.WTERMSIG(os.waitpid(pid, 0)[1]) for pid in pids.values()] == [signal.SIGTERM] * len(pids)

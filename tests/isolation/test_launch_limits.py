"""What a launch is given, and what it is refused: descriptors, memory, a lock that is just being given up."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from harness.agents import configure, pid_of, view_agent
from harness.waiting import wait_until
from launch.launcher import claim as claim_module
from launch.launcher.claim import AlreadyRunningError, LockRefusedError, claim
from ruth.agent.state_reader import lock_held

if TYPE_CHECKING:
    from conftest import Roots

pytestmark = pytest.mark.usefixtures("processes")  # which ends detached launchers, too
both_starts = pytest.mark.parametrize("native", ["on", "off"])


def up(roots: Roots, native: str, *before: str, **given: object) -> subprocess.CompletedProcess[str]:
    """``ruth up -d`` of camera "a", to its end."""
    return subprocess.run(
        [*before, sys.executable, "-m", "launch.cli.main", "up", "-d", configure(roots, "a")],
        env=roots.environ() | {"RUTH_NATIVE": native},
        capture_output=True,
        text=True,
        timeout=60,
        **given,  # type: ignore[call-overload]
    )


@both_starts
def test_a_detached_launch_keeps_no_descriptor(roots: Roots, native: str) -> None:
    """A pipe and a lock of the script that ran ``up -d`` are free once it has returned."""
    reader, writer = os.pipe()
    locked = os.open(roots.state.parent / "script.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(locked, fcntl.LOCK_EX)
    answer = up(roots, native, pass_fds=(writer, locked))
    assert answer.returncode == 0
    pid_of(roots, "a")
    os.close(writer)
    os.close(locked)
    assert os.read(reader, 1) == b""  # at once: no process has the other end
    os.close(reader)
    again = os.open(roots.state.parent / "script.lock", os.O_RDWR)
    fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(again)


@both_starts
@pytest.mark.parametrize("kilobytes", [18_000, 26_000, 32_000, 35_000, 38_000, 44_000])
def test_without_memory_a_launch_says_so(roots: Roots, native: str, kilobytes: int) -> None:
    """Under any ``ulimit -v`` either the agent lives, or one line says why not, exit 1; never a traceback."""
    limited = ("/bin/sh", "-c", f'ulimit -v {kilobytes}; exec "$0" "$@"')
    answer = up(roots, native, *limited)
    assert "Traceback" not in answer.stderr
    if answer.returncode == 0:
        wait_until(lambda: view_agent(roots, "a").confinement, "the agent lives")
    else:
        assert answer.returncode == 1
        assert answer.stderr.count("\n") == 1
        assert "memory" in answer.stderr
        assert view_agent(roots, "a").pid is None


def test_a_holder_that_dies_while_it_is_asked_about_gives_way(
    roots: Roots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An agent that dies between the attempt to take its lock and the question who has it is known."""
    held = [claim(str(roots.state), "a", 1)]

    def dies_before(descriptor: int) -> int:
        os.close(held.pop())
        return lock_held(descriptor)

    monkeypatch.setattr(claim_module, "lock_held", dies_before)
    os.close(claim(str(roots.state), "a", 1))
    assert held == []


def test_who_keeps_the_lock_is_told_apart(roots: Roots) -> None:
    """A live agent, a launch under way, and a reader with a lock of its own have words of their own."""
    agent = claim(str(roots.state), "a", 1)
    with pytest.raises(AlreadyRunningError, match="is being launched already"):
        claim(str(roots.state), "a", 1)
    os.pwrite(agent, b"\1", 0)
    with pytest.raises(AlreadyRunningError, match="has a live agent"):
        claim(str(roots.state), "a", 1)
    os.close(agent)
    with (roots.state / "a" / "agent.state").open("rb") as state:
        fcntl.lockf(state, fcntl.LOCK_SH)
        other = "import sys; from launch.launcher.claim import claim; claim(sys.argv[1], 'a', 1)"
        done = subprocess.run(
            [sys.executable, "-c", other, roots.state], capture_output=True, text=True, timeout=30
        )
    assert LockRefusedError.__name__ in done.stderr
    assert "locked by a process that is not an agent" in done.stderr

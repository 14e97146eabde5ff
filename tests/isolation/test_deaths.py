"""Deaths are kept apart, as an operator sees them: how, by whom, when; also after the launcher has ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from harness.agents import configure, launched, pid_of, record, view_agent, wait_dead, wait_observed
from harness.published import FRAME, exporter_of
from harness.tracing import handles
from harness.waiting import wait_until
from launch.agent.native.library import VARIABLE

if TYPE_CHECKING:
    from conftest import Processes, Roots


def ruth(roots: Roots, *arguments: str) -> str:
    """What a verb prints."""
    command = [sys.executable, "-m", "launch.cli.main", *arguments]
    return subprocess.run(command, env=roots.environ(), capture_output=True, text=True, timeout=30).stdout


def seen(roots: Roots) -> dict[str, tuple[str | None, str | None]]:
    """Of each camera how it died, and the cause, by ``ruth ps --json``."""
    cameras: list[dict[str, Any]] = json.loads(ruth(roots, "ps", "--json"))
    return {camera["camera_id"]: (camera["death"], camera["death_cause"]) for camera in cameras}


def test_four_deaths_and_then_none_of_the_launcher(roots: Roots, processes: Processes) -> None:
    """Ended by hand, killed, crashed, ended by the launcher: told apart; what was meant, afterwards too."""
    pids = launched(roots, processes, "crashed", "down", "killed", "left")
    launcher = record(roots, "left").launcher_pid
    ruth(roots, "down", "down")
    os.kill(pids["killed"], signal.SIGKILL)
    os.kill(pids["crashed"], signal.SIGSEGV)
    for camera in ("crashed", "killed"):
        wait_dead(roots, camera)
    assert seen(roots) == {
        "crashed": ("SIGSEGV", "crashed"),
        "down": ("SIGTERM", "operator"),
        "killed": ("SIGKILL", "killed"),
        "left": (None, None),
    }
    table = ruth(roots, "ps").splitlines()
    assert [line.split()[0] for line in table[1:4]] == ["crashed", "killed", "down"]
    assert "dead: by operator" in table[3]
    assert "DIED" in table[0]
    os.kill(launcher, signal.SIGTERM)
    wait_dead(roots, "left")
    wait_until(lambda: psutil.Process(pids["left"]).ppid() != launcher, "the launcher has ended")
    for pid in pids.values():
        os.waitpid(pid, 0)  # they are this process's by now: what init does elsewhere
    assert seen(roots) == {
        "crashed": (None, None),
        "down": ("SIGTERM", "operator"),
        "killed": (None, None),
        "left": ("SIGTERM", "launcher"),
    }
    assert f"ended by its launcher: SIGTERM from process {launcher}" in ruth(roots, "inspect", "left")
    assert "it was not told to end" in " ".join(ruth(roots, "inspect", "killed").split())


def test_when(roots: Roots, processes: Processes) -> None:
    """The time of a death is known, of one that was meant and of one that was not, and goes on."""
    exporter = exporter_of(roots, "a")
    exporter.publish(FRAME, 1)
    pids = launched(roots, processes, "a", "b")
    wait_observed(roots, "a", 0)
    ended_ns = {}
    for camera, number in (("a", signal.SIGKILL), ("b", signal.SIGTERM)):
        os.kill(pids[camera], number)
        wait_dead(roots, camera)
        ended_ns[camera] = view_agent(roots, camera).dead_s
    assert all(dead_s is not None and dead_s < 5 for dead_s in ended_ns.values()), ended_ns
    first = view_agent(roots, "a").dead_s
    wait_until(lambda: (view_agent(roots, "a").dead_s or 0) > (first or 0) + 0.2, "the time goes on")
    exporter.close()


@pytest.mark.parametrize("hung", [False, True])
def test_what_came_to_python_notes_it_too(roots: Roots, processes: Processes, hung: bool) -> None:
    """An agent that takes its frames in Python notes it as one in C; a stopped one once it goes on."""
    exporter = exporter_of(roots, "a")
    launched(roots, processes, "a")
    exporter.publish(FRAME, 10**9)
    wait_observed(roots, "a", 0)
    exporter.publish(FRAME, 5)  # a timestamp before the anchor is for Python to decide
    wait_observed(roots, "a", 1)
    pid = pid_of(roots, "a")
    if hung:
        os.kill(pid, signal.SIGSTOP)
    os.kill(pid, signal.SIGTERM)
    if hung:
        os.kill(pid, signal.SIGCONT)
    wait_dead(roots, "a")
    ended = record(roots, "a").ended
    assert ended is not None
    assert (ended.signal, ended.by) == (signal.SIGTERM, os.getpid())
    exporter.close()


def test_without_compiled_code(roots: Roots, processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Agents without it note nothing; while the launcher lives, SIGTERM is the operator's all the same."""
    monkeypatch.setenv(VARIABLE, "off")
    pids = launched(roots, processes, "a")
    os.kill(pids["a"], signal.SIGTERM)
    wait_dead(roots, "a")
    assert record(roots, "a").ended is None
    assert seen(roots) == {"a": ("SIGTERM", "operator")}


def test_the_next_agent_starts_afresh(roots: Roots, processes: Processes) -> None:
    """Of how the last one was ended its successor's record knows nothing."""
    pids = launched(roots, processes, "a")
    os.kill(pids["a"], signal.SIGTERM)
    wait_dead(roots, "a")
    assert record(roots, "a").ended is not None
    launched(roots, processes, "a")
    assert record(roots, "a").ended is None
    assert (view_agent(roots, "a").death, view_agent(roots, "a").dead_s) == (None, None)


def test_an_agent_by_hand(roots: Roots, processes: Processes) -> None:
    """Ctrl-C of ``ruth agent`` is the operator's, and SIGHUP stays ignored under nohup."""
    config = configure(roots, "a")
    process = processes.ruth(
        "agent", "a", "-c", config, env=roots.environ(),
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )  # fmt: skip
    pid = pid_of(roots, "a")
    wait_until(lambda: handles(pid, signal.SIGINT), "it notes its end")
    os.kill(pid, signal.SIGHUP)
    os.kill(pid, signal.SIGINT)
    assert process.wait(timeout=10) == -signal.SIGINT
    ended = record(roots, "a").ended
    assert ended is not None
    assert ended.signal == signal.SIGINT
    assert seen(roots)["a"] == ("SIGINT", "operator")

"""System calls that fail while agents are launched, in launcher and children: nothing is half made."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from conftest import open_processes, open_roots
from harness.agents import configure, view_agent, wait_observed
from harness.published import FRAME, exporter_of
from harness.tracing import (
    CLOCK_NANOSLEEP,
    FUTEX,
    RT_SIGTIMEDWAIT,
    FailingCall,
    counted_calls,
    system_call,
    traced,
)
from harness.waiting import wait_until
from launch.observe.liveness import read_sighting as sight

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Processes, Roots

CAMERAS = ("a", "b")
PARTS = 4  # of all cases, so that they can be tried side by side
# How often they are made depends on how long every process waits.
WAITS = {"clock_nanosleep", "futex", "restart_syscall", "rt_sigtimedwait"}
ERRORS = ("EIO", "ENOMEM", "EMFILE", "EINTR")

# `ruth up`, which says so when it is about to launch, and does when it is told to.
HELD = """
import sys, launch.launcher.launcher
from launch.cli.main import main
launch_and_wait = launch.launcher.launcher.run_launcher
def held(*arguments, **options):
    print("ready", flush=True)
    sys.stdin.readline()
    return launch_and_wait(*arguments, **options)
launch.launcher.launcher.run_launcher = held
sys.exit(main(["up", sys.argv[1]]))
"""


# It returns no error but the break as it is; the C library takes any other answer for memory (brk(2)).
CANNOT_FAIL = {"brk"}


def cases(calls: dict[str, int], *, all_of_them: bool) -> list[FailingCall]:
    """Every call once for each number; with one error each, in turn, or with every error."""
    each = [(call, number) for call, most in sorted(calls.items()) for number in range(1, most + 1)]
    if all_of_them:
        return [FailingCall(call, error, number) for call, number in each for error in ERRORS]
    turns = itertools.cycle(ERRORS)
    return [FailingCall(call, next(turns), number) for call, number in each][::5]


class Launch:
    """One launch, in roots of its own where exports stand, whose calls can be made to fail."""

    def __init__(self, roots: Roots, processes: Processes) -> None:
        self._roots, self._processes = roots, processes
        self._config = configure(roots, *CAMERAS)
        self._exporters = {camera: exporter_of(roots, camera) for camera in CAMERAS}

    def calls(self) -> dict[str, int]:
        """How often launcher or agent make each system call, whichever makes more, until both wait."""
        logs = self._roots.state.parent / "calls"
        with self._launching(logs, "-ff"):
            pass
        made = [counted_calls(log) for log in logs.parent.glob("calls.*") if log.suffix != ".messages"]
        return {call: max(calls[call] for calls in made) for call in set().union(*made) - WAITS - CANNOT_FAIL}

    def fail(self, case: FailingCall) -> None:
        """Launches while that call fails, if it is made so often. If that ends the launcher, it says so."""
        log = self._roots.state.parent / "calls"
        with self._launching(log, "-f", *case.options) as launcher:
            pass
        lines = log.read_text()
        by_process = Counter(re.findall(rf"^(\d+) {case.call}\(", lines, re.MULTILINE))
        # Some calls are made a few times more or less: by how full a buffer is, how often a process waits.
        assert "(INJECTED)" in lines or max(by_process.values(), default=0) < case.number, (
            f"{case}: not made to fail"
        )
        if launcher.poll() is not None:
            assert launcher.returncode == 1
            assert launcher.stderr is not None
            assert launcher.stderr.read(), f"{case}: the launcher has ended without a word"

    @contextmanager
    def _launching(self, log: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
        """A launch under strace, until every process that is left waits."""
        launcher = self._processes.start(
            sys.executable,
            "-c",
            HELD,
            self._config,
            env=self._roots.environ(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert launcher.stdin is not None
        assert launcher.stdout is not None
        assert launcher.stdout.readline() == "ready\n"
        with traced(self._processes, launcher.pid, log, *options):
            launcher.stdin.write("go\n")
            launcher.stdin.flush()
            wait_until(
                lambda: launcher.poll() is not None or system_call(launcher.pid) == RT_SIGTIMEDWAIT,
                f"{options}: the launcher has ended or waits",
            )
            for camera in CAMERAS:
                wait_until(lambda camera=camera: self._settled(camera), f"{options}: {camera} lives or not")
            yield launcher

    def _settled(self, camera: str) -> bool:
        """Whether it has no agent, or one that is confined and asleep; just starting, it has no record."""
        found = sight(str(self._roots.state), camera)
        if not found.alive:
            return True
        pid = found.pid
        return pid is not None and not found.stopped and system_call(pid) in (FUTEX, CLOCK_NANOSLEEP)

    def confinement(self) -> dict[str, set[str]]:
        """What is in force in each live agent."""
        views = {camera: view_agent(self._roots, camera) for camera in CAMERAS}
        return {camera: set(view.confinement) for camera, view in views.items() if view.pid is not None}

    def up(self) -> None:
        """A plain launch of whatever has no live agent; every camera then has one."""
        self._processes.ruth("up", self._config, env=self._roots.environ())
        for camera in CAMERAS:
            wait_until(lambda camera=camera: self.confinement().get(camera), f"{camera} has a live agent")

    def assert_decides(self) -> None:
        """Every camera's agent observes a frame."""
        for camera, exporter in self._exporters.items():
            assert exporter.publish(FRAME, time.monotonic_ns())
            wait_observed(self._roots, camera, 0)
            exporter.close()


@pytest.mark.soak
@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
def test_a_call_that_fails_while_launching(soaking: bool, part: int) -> None:
    """Whichever call fails: an agent lives, confined like any other, or it does not, and a launch repairs it.

    A launcher that ends of it says why. The short form takes every fifth case, with another error in turn,
    the longer one every error for every case.
    """
    with open_roots() as roots, open_processes() as processes:
        plain = Launch(roots, processes)
        calls = plain.calls()
        (full,) = {frozenset(measures) for measures in plain.confinement().values()}
    for case in cases(calls, all_of_them=soaking)[part::PARTS]:
        with open_roots() as roots, open_processes() as processes:
            launch = Launch(roots, processes)
            launch.fail(case)
            for measures in launch.confinement().values():
                assert full - measures <= {"oom_score_adj"}, case  # a preference, the only one of them
            launch.up()
            launch.assert_decides()

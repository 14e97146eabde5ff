"""System calls that fail while agents are launched, in launcher and children: nothing is half made."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from agents import configure, look, wait_observed
from conftest import open_processes, open_roots
from launch.liveness import look as sight
from published import FRAME, exporter_of
from tracing import RT_SIGTIMEDWAIT, FailingCall, system_call, traced
from waiting import wait_until

if TYPE_CHECKING:
    from conftest import Processes, Roots

CAMERAS = ("a", "b")
# Every call of `ruth up` once it has read its configuration, and how many of each the launcher or an agent
# makes, whoever makes more, until the one waits to be ended and the other for its export.
CALLS = {
    "chdir": 1, "chmod": 3, "clone": 2, "close": 8, "close_range": 3, "dup2": 3, "fallocate": 2, "fchmod": 2,
    "fcntl": 2, "ftruncate": 2, "getdents64": 2, "getpriority": 2, "ioctl": 1, "landlock_add_rule": 2,
    "landlock_create_ruleset": 2, "landlock_restrict_self": 1, "lseek": 2, "mkdir": 3, "mmap": 2,
    "mprotect": 1, "newfstatat": 18, "openat": 8, "prctl": 3, "prlimit64": 7, "pwrite64": 2, "read": 4,
    "rt_sigaction": 4, "rt_sigprocmask": 3, "seccomp": 1, "setpriority": 1, "setsid": 1, "uname": 1,
    "write": 1,
}  # fmt: skip
ERRORS = ("EIO", "ENOMEM", "EMFILE", "EINTR")

# `ruth up`, which says so when it is about to launch, and does when it is told to.
HELD = """
import sys, launch.host
from launch.cli import main
launch_and_wait = launch.host.run_launcher
def held(*arguments, **options):
    print("ready", flush=True)
    sys.stdin.readline()
    return launch_and_wait(*arguments, **options)
launch.host.run_launcher = held
sys.exit(main(["up", sys.argv[1]]))
"""


def cases(*, all_of_them: bool) -> list[FailingCall]:
    """Every call once for each number; with one error each, in turn, or with every error."""
    calls = [(call, number) for call, most in CALLS.items() for number in range(1, most + 1)]
    if all_of_them:
        return [FailingCall(call, error, number) for call, number in calls for error in ERRORS]
    turns = itertools.cycle(ERRORS)
    return [FailingCall(call, next(turns), number) for call, number in calls][::5]


class Launch:
    """One launch, in roots of its own where exports stand, whose calls can be made to fail."""

    def __init__(self, roots: Roots, processes: Processes) -> None:
        self._roots, self._processes = roots, processes
        self._config = configure(roots, *CAMERAS)
        self._exporters = {camera: exporter_of(roots, camera) for camera in CAMERAS}

    def fail(self, case: FailingCall) -> None:
        """Launches while that call fails, until whoever is left waits; it must have failed.

        If that ends the launcher, it says so.
        """
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
        assert launcher.stderr is not None
        assert launcher.stdout.readline() == "ready\n"
        log = self._roots.state.parent / "strace"
        with traced(self._processes, launcher.pid, log, "-f", *case.options):
            launcher.stdin.write("go\n")
            launcher.stdin.flush()
            wait_until(
                lambda: launcher.poll() is not None or system_call(launcher.pid) == RT_SIGTIMEDWAIT,
                f"{case}: the launcher has ended or waits",
            )
            for camera in CAMERAS:
                wait_until(lambda camera=camera: self._settled(camera), f"{case}: {camera} lives or not")
        assert "(INJECTED)" in log.read_text(), f"{case}: no such call was made"
        if launcher.poll() is not None:
            assert launcher.returncode == 1
            assert launcher.stderr.read(), f"{case}: the launcher has ended without a word"

    def _settled(self, camera: str) -> bool:
        """Whether its agent is confined by now, or there is none; one that is just starting has no record."""
        found = sight(str(self._roots.state), camera)
        return not found.alive or bool(look(self._roots, camera).confinement)

    def confinement(self) -> dict[str, set[str]]:
        """What is in force in each live agent."""
        views = {camera: look(self._roots, camera) for camera in CAMERAS}
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
def test_a_call_that_fails_while_launching(soaking: bool) -> None:
    """Whichever call fails: an agent lives, confined like any other, or it does not, and a launch mends it.

    A launcher that ends of it says why. The short form takes every fifth case, with another error in turn,
    the longer one every error for every case.
    """
    with open_roots() as roots, open_processes() as processes:
        plain = Launch(roots, processes)
        plain.up()
        (full,) = {frozenset(measures) for measures in plain.confinement().values()}
    for case in cases(all_of_them=soaking):
        with open_roots() as roots, open_processes() as processes:
            launch = Launch(roots, processes)
            launch.fail(case)
            for measures in launch.confinement().values():
                assert full - measures <= {"oom_score_adj"}, case  # a preference, the only one of them
            launch.up()
            launch.assert_decides()

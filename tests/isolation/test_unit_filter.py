from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from conftest import PROJECT
from harness.agents import configure, pid_of, wait_dead, wait_observed
from harness.published import FRAME, exporter_of
from harness.tracing import strace_here

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Processes, Roots

# Refused by other settings of the units: RestrictAddressFamilies, RestrictNamespaces, RestrictRealtime,
# LockPersonality. What they refuse depends on arguments; Ruth has no use for any of it.
OTHERS = {"socket", "socketpair", "setns", "unshare", "sched_setscheduler", "sched_setattr", "personality"}


def refused() -> set[str]:
    """The system calls that the units refuse, as this systemd knows their groups."""
    systemd_analyze = shutil.which("systemd-analyze")
    if systemd_analyze is None:
        pytest.skip("there is no systemd-analyze here (apt install systemd)")
    unit = (PROJECT / "launch" / "deploy" / "ruth.service").read_text(encoding="utf-8")
    listed = re.search(r"^SystemCallFilter=~(.*)$", unit, re.MULTILINE)
    assert listed
    found: set[str] = set()
    groups = listed[1].split()
    while groups:
        command = [systemd_analyze, "--no-pager", "syscall-filter", groups.pop()]
        shown = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
        names = re.findall(r"^    ([@\w]+)$", shown, re.MULTILINE)
        groups += [name for name in names if name.startswith("@")]
        found.update(name for name in names if not name.startswith("@"))
    return found | OTHERS


def asked(log: Path) -> set[str]:
    """The system calls in a trace of several processes."""
    return set(re.findall(r"^\d+ +(\w+)\(", log.read_text(encoding="utf-8", errors="replace"), re.MULTILINE))


@pytest.mark.parametrize("verb", ["up", "agent"])
def test_nothing_that_a_unit_refuses_is_asked(roots: Roots, processes: Processes, verb: str) -> None:
    """A launcher and an agent, from start to end, make no system call that their unit's filter refuses."""
    log = roots.state.parent / "strace"
    config = configure(roots, "front-door")
    arguments = ["up", config] if verb == "up" else ["agent", "front-door", "-c", config]
    tracer = processes.start(
        strace_here(), "-f", "-qq", "-o", log, sys.executable, "-m", "launch.cli.main", *arguments,
        env=roots.environ(),
    )  # fmt: skip
    agent = pid_of(roots, "front-door")
    exporter = exporter_of(roots, "front-door")
    exporter.publish(FRAME, 1_000_000_000)
    wait_observed(roots, "front-door", 0)
    exporter.close()
    os.kill(agent, signal.SIGTERM)
    wait_dead(roots, "front-door")
    if verb == "up":
        launcher = int(log.read_text(encoding="utf-8", errors="replace").split(maxsplit=1)[0])
        os.kill(launcher, signal.SIGTERM)
    tracer.wait(timeout=60)
    calls = asked(log)
    assert {"execve", "openat", "futex", "seccomp", "landlock_restrict_self"} <= calls
    assert calls & refused() == set()


def test_what_is_refused_is_known() -> None:
    """The groups of the filter hold what they are there for."""
    assert {"mount", "ptrace", "reboot", "swapon", "init_module", "clock_settime", "chroot"} <= refused()

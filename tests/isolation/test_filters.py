"""A filter around the launcher that answers EPERM has one outcome for all calls: it is named, none dies."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from conftest import PROJECT
from harness.agents import configure, pid_of, view_agent
from harness.waiting import wait_until
from launch.prepare.doctor.judge import CHECKS
from ruth.agent.measure import measure_names

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Roots

FILTERED = PROJECT / "tests" / "doubles" / "filtered.py"
RUTH = (sys.executable, "-m", "launch.cli.main")
LANDLOCK = {"landlock_files", "landlock_tcp", "landlock_signals", "landlock_abstract_sockets"}

# Calls of the confinement: their names, and what agents do without.
CALLS = {
    446: ("landlock_restrict_self", LANDLOCK),
    444: ("landlock_create_ruleset", LANDLOCK),
    445: ("landlock_add_rule", LANDLOCK),
    317: ("seccomp", {"seccomp", "pinned_paths"}),
    462: ("mseal", {"pinned_paths"}),
    302: ("prlimit64", {"memory_limit", "no_core_dumps"}),
    141: ("setpriority", {"nice"}),
}
CLONE, CLONE3, FACCESSAT2 = 56, 435, 439

pytestmark = [
    pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of system calls of x86-64"),
    pytest.mark.usefixtures("processes"),  # which ends detached launchers, too
]
both_starts = pytest.mark.parametrize("native", ["on", pytest.param("off", marks=pytest.mark.long)])


def under(
    roots: Roots, numbers: str, *arguments: str | Path, native: str = "on"
) -> subprocess.CompletedProcess[str]:
    """One verb under a filter, to its end."""
    done = subprocess.run(
        [sys.executable, FILTERED, numbers, *RUTH, *arguments],
        env=roots.environ() | {"RUTH_NATIVE": native},
        capture_output=True,
        text=True,
        timeout=60,
    )
    if "no filter can be installed here" in done.stderr:
        pytest.skip("no filter can be installed here")
    return done


@pytest.fixture(name="measures", scope="module")
def fixture_measures() -> set[str]:
    """What this kernel has for agents that no filter is around."""
    program = (
        "from launch.agent.confine.confinement import Confinement;"
        "print(int(Confinement('/dev/shm/ruth-test').measures))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(measure_names(int(done.stdout)))


@both_starts
@pytest.mark.parametrize("number", CALLS)
def test_agents_run_with_what_is_left(roots: Roots, measures: set[str], number: int, native: str) -> None:
    """Up names the call that is refused and what that leaves open; the agent runs and lacks just that."""
    name, lost = CALLS[number]
    if not measures & lost:
        pytest.skip("this kernel has it not")
    answer = under(roots, str(number), "up", "-d", configure(roots, "a"), native=native)
    assert answer.returncode == 0
    assert f"agents run without what {name} would bring: a system call filter" in answer.stderr
    assert f"Allow {name} there" in answer.stderr
    pid = pid_of(roots, "a")
    wait_until(lambda: view_agent(roots, "a").confinement, "the agent is confined")
    assert set(view_agent(roots, "a").confinement) == measures - lost
    assert view_agent(roots, "a").pid == pid
    shown = under(roots, "1000", "inspect", "a").stdout
    assert "left open    gone wrong it could " in shown
    under(roots, "1000", "down")


@pytest.mark.parametrize("number", CALLS)
def test_doctor_names_call_and_fix(roots: Roots, measures: set[str], number: int) -> None:
    """Doctor warns with the call and what to allow, looks at everything else, and fails nothing for it."""
    name, lost = CALLS[number]
    if not measures & lost:
        pytest.skip("this kernel has it not")
    answer = under(roots, str(number), "doctor", "-c", configure(roots, "a"))
    (line,) = [line for line in answer.stdout.splitlines() if " confinement  " in line]
    assert line.startswith("warn")
    assert f"{name}: a system call filter around this process refuses it" in line
    assert f"fix: allow {name} in that filter" in answer.stdout
    assert answer.returncode == 0
    found = [line for line in answer.stdout.splitlines() if line[:4] in ("ok  ", "warn", "fail")]
    assert len(found) == len(CHECKS)


@both_starts
@pytest.mark.parametrize("detached", [[], ["-d"]], ids=["foreground", "detached"])
def test_no_process_can_be_made(roots: Roots, native: str, detached: list[str]) -> None:
    """Where clone(2) is refused, up says so, with what to allow, and exits 1."""
    numbers = f"{CLONE},{CLONE3}"
    answer = under(roots, numbers, "up", *detached, configure(roots, "a"), native=native)
    assert answer.returncode == 1
    assert "fork: Operation not permitted: a system call filter" in answer.stderr
    assert "allow clone there" in answer.stderr
    assert view_agent(roots, "a").pid is None


def test_doctor_is_not_misled_about_rights(roots: Roots) -> None:
    """Where faccessat2(2) is refused, what may be written is still told as it is."""
    answer = under(roots, str(FACCESSAT2), "doctor")
    assert answer.returncode == 0
    assert "cannot make folders" not in answer.stdout


def test_doctor_says_what_it_could_not_see(roots: Roots) -> None:
    """Where limits may not be asked for, the checks that need them say so, and the others are made."""
    answer = under(roots, "302", "doctor")
    for check in ("processes", "descriptors", "memory maps"):
        assert f"warn  {check}" in answer.stdout
    assert answer.stdout.count("not all could be looked at (prlimit64: Operation not permitted)") == 3

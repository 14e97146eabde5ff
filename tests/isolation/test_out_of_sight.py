"""Agents in another pid or time namespace: alive, and said to be out of sight; no time is made up."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from harness.agents import configure, launched, view_agent, wait_observed
from harness.published import FRAME, Feed, exporter_of
from harness.waiting import wait_until
from ruth.agent.idle import IDLE_AFTER_S

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from conftest import Processes, Roots

RUTH = (sys.executable, "-m", "launch.cli.main")
SECONDS = 1_000_000_000
PID_NAMESPACE = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
TIME = ("unshare", "--time", "--fork", "--kill-child")
TIME_NAMESPACE = (*TIME, "--boottime", "100000", "--monotonic", "100000")
NAMESPACES = {"pid": PID_NAMESPACE, "time": TIME_NAMESPACE}
ALIVE = "alive, its process cannot be seen from here"


def possible(*command: str) -> bool:
    """Whether such a namespace can be made here."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        return False
    return subprocess.run([*command, "true"], capture_output=True).returncode == 0


def run(roots: Roots, *arguments: str | Path, before: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """One verb, to its end, behind the command that makes a namespace."""
    return subprocess.run(
        [*before, *RUTH, *map(str, arguments)],
        env=roots.environ(),
        capture_output=True,
        text=True,
        timeout=30,
    )


@pytest.mark.parametrize("kind", NAMESPACES)
@pytest.mark.parametrize("native", ["on", "off"])
def test_an_agent_in_another_namespace_is_alive(
    roots: Roots, processes: Processes, kind: str, native: str
) -> None:
    """ps, top, inspect and down say that it lives and is out of sight, and exit 1; none calls it dead."""
    command = NAMESPACES[kind]
    if not possible(*command):
        pytest.skip(f"no {kind} namespace can be made here")
    config = configure(roots, "a")
    environ = roots.environ() | {"RUTH_NATIVE": native}
    processes.start(*command, *RUTH, "up", config, env=environ)
    wait_until(lambda: view_agent(roots, "a").state == "unseen", "an agent lives")
    top = ("top", "-n", "1", "--interval", "0.1")
    for verb in (("ps",), top, ("inspect", "a"), ("down",), ("down", "a")):
        answer = run(roots, *verb)
        assert answer.returncode == 1, verb
        assert ALIVE in answer.stderr, verb
        assert "no live agent" not in answer.stderr
        assert not re.search(r"\bdead\b", answer.stdout)
    (shown,) = json.loads(run(roots, "ps", "--json").stdout)
    assert (shown["state"], shown["pid"], shown["age_s"], shown["uptime_s"]) == ("unseen", None, None, None)
    assert ALIVE in shown["problem"]
    assert f"unseen: {ALIVE}" in run(roots, "inspect", "a").stdout
    assert view_agent(roots, "a").state == "unseen"  # nothing was signalled
    again = run(roots, "up", config)
    assert "has a live agent, left alone" in again.stderr


@pytest.mark.parametrize("offset", [100_000, -1000])
def test_ages_by_another_clock_are_not_shown(roots: Roots, processes: Processes, offset: int) -> None:
    """Asked from a time namespace, ps shows no age that its own clock cannot tell."""
    clock = (*TIME, "--monotonic", str(offset))
    if not possible(*clock):
        pytest.skip("no time namespace can be made here")
    exporter = exporter_of(roots, "a")
    launched(roots, processes, "a")
    with Feed({"a": exporter}):
        wait_until(lambda: view_agent(roots, "a").frames > 2, "frames are observed")
        (here,) = json.loads(run(roots, "ps", "--json").stdout)
        assert here["age_s"] is not None
        for more in ((), ("--boottime", str(offset))):
            answer = run(roots, "ps", "--json", before=[*clock, *more])
            (there,) = json.loads(answer.stdout)
            assert (there["age_s"], there["uptime_s"], there["cpu_percent"]) == (None, None, None)
            assert there["state"] == "unseen"
            assert answer.returncode == 1
            assert there["frames"] > 2
    exporter.close()


def test_a_slow_camera_is_not_idle_between_its_frames(roots: Roots, processes: Processes) -> None:
    """After a gap of 1.2 s an agent runs for two and a half such gaps without a frame, which is above 2 s."""
    exporter = exporter_of(roots, "a")
    launched(roots, processes, "a")
    exporter.publish(FRAME, 0)
    wait_observed(roots, "a", 0)
    wait_until(lambda: (view_agent(roots, "a").age_s or 0) >= 1.2, "the camera takes its time")
    exporter.publish(FRAME, SECONDS)
    wait_observed(roots, "a", 1)
    ages: dict[str, list[float]] = {"running": [], "idle": []}

    def looked() -> bool:
        seen = view_agent(roots, "a")
        ages[seen.state].append(seen.age_s or 0.0)
        return seen.state == "idle"

    wait_until(looked, "the camera is late by its own rhythm", 60)
    assert max(ages["running"]) > IDLE_AFTER_S
    assert min(ages["idle"]) >= 2.5 * 1.2
    exporter.close()

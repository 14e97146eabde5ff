"""Agents in another pid or time namespace: alive, and said to be out of sight; no time is made up."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from agents import configure, launched, look, wait_observed
from published import FRAME, Feed, exporter_of
from ruth.agent.idle import IDLE_AFTER_S, idle_after_s
from ruth.agent.state import parse_state
from stepped import CAMERA, SteppedAgent
from waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from conftest import Processes, Roots

RUTH = (sys.executable, "-m", "launch.cli")
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
    wait_until(lambda: look(roots, "a").state == "unseen", "an agent lives")
    top = ("top", "-n", "1", "--interval", "0.1")
    for verb in (("ps",), top, ("inspect", "a"), ("down",), ("down", "a")):
        answer = run(roots, *verb)
        assert answer.returncode == 1, verb
        assert ALIVE in answer.stderr, verb
        assert "no live agent" not in answer.stderr
        assert "dead" not in answer.stdout
    (shown,) = json.loads(run(roots, "ps", "--json").stdout)
    assert (shown["state"], shown["pid"], shown["age_s"], shown["uptime_s"]) == ("unseen", None, None, None)
    assert ALIVE in shown["problem"]
    assert f"unseen: {ALIVE}" in run(roots, "inspect", "a").stdout
    assert look(roots, "a").state == "unseen"  # nothing was signalled
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
        wait_until(lambda: look(roots, "a").frames > 2, "frames are observed")
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
    """At one frame in five seconds an agent is running until that camera is late by its own rate."""
    exporter = exporter_of(roots, "a")
    launched(roots, processes, "a")
    for number in range(2):
        exporter.publish(FRAME, number * 5 * SECONDS)
        wait_observed(roots, "a", number)
    seen = []
    deadline = 2 * IDLE_AFTER_S
    wait_until(
        lambda: seen.append(look(roots, "a").state) or (look(roots, "a").age_s or 0) > deadline,
        "twice the time has passed",
        3 * deadline,
    )
    assert set(seen) == {"running"}
    exporter.close()


@pytest.mark.parametrize(
    ("interval_s", "idle_s"), [(0.04, 2.0), (0.8, 2.0), (1.0, 2.5), (5.0, 12.5), (60.0, 60.0)]
)
def test_idle_follows_the_cameras_rate(roots: Roots, interval_s: float, idle_s: float) -> None:
    """Two seconds, or two and a half of the camera's own intervals, and never more than a minute."""
    with SteppedAgent(roots) as agent:
        exporter = exporter_of(roots, CAMERA)
        for number in range(4):
            exporter.publish(FRAME, round(number * interval_s * SECONDS))
            assert agent.step()
            record = parse_state(bytes(agent.memory))
            assert record is not None
            assert idle_after_s(record) == pytest.approx(idle_s if number else IDLE_AFTER_S)
        exporter.close()

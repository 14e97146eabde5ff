"""``ruth ps --watch`` beside real agents: what there is, then a line per change."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING, Any

from harness.agents import launched
from harness.waiting import wait_until, within

if TYPE_CHECKING:
    from conftest import Processes, Roots


def watching(roots: Roots, processes: Processes, *options: str) -> subprocess.Popen[str]:
    """The verb, as it runs."""
    return processes.ruth(
        "ps", "--watch", *options, env=roots.environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def next_line(process: subprocess.Popen[str]) -> str:
    """The next line that it prints."""
    assert process.stdout is not None
    with within(30):
        return process.stdout.readline().rstrip("\n")


def test_a_table_then_a_line_per_change(roots: Roots, processes: Processes) -> None:
    """First the table of ps, then a line for each camera that died, stopped or came; Ctrl-C ends it."""
    pids = launched(roots, processes, "gate", "yard")
    process = watching(roots, processes)
    lines = [next_line(process) for _ in range(4)]
    assert lines[0].startswith("CAMERA")
    assert lines[-1] == "cameras: 2 (2 idle)"
    os.kill(pids["yard"], signal.SIGKILL)
    said = next_line(process).split("  ", 1)[1]
    assert said == f"yard: dead: SIGKILL (was idle, pid {pids['yard']})"
    new = launched(roots, processes, "hall")["hall"]
    assert next_line(process).split("  ", 1)[1].startswith("hall: idle")
    os.kill(new, signal.SIGSTOP)
    wait_until(lambda: f"hall: stopped, pid {new} (was idle, pid {new})" in next_line(process), "it stopped")
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130


def test_objects_of_some_states(roots: Roots, processes: Processes) -> None:
    """With --json each line is an object, from what there is on; --state and CAMERA leave out the others."""
    pids = launched(roots, processes, "gate", "yard")
    process = watching(roots, processes, "--json", "--state", "dead", "g*")
    for camera in ("yard", "gate"):
        os.kill(pids[camera], signal.SIGKILL)
    found: dict[str, Any] = json.loads(next_line(process))
    assert found.pop("time_ns") > 0
    assert {key: found[key] for key in ("camera_id", "pid", "state", "death")} == {
        "camera_id": "gate", "pid": None, "state": "dead", "death": "SIGKILL",
    }  # fmt: skip


def test_it_goes_on_where_check_answers_once(roots: Roots, processes: Processes) -> None:
    """Both together are wrong usage."""
    process = watching(roots, processes, "--check")
    out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert "--check answers once" in said

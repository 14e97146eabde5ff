"""``ruth down`` and a record that an agent gone wrong has written."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from typing import TYPE_CHECKING

from harness.agents import launched, view_agent
from ruth.agent.state import PID_OFFSET

if TYPE_CHECKING:
    from conftest import Processes, Roots


def test_a_record_that_names_another_process_ends_nobody(roots: Roots, processes: Processes) -> None:
    """Where an agent's record names another process, ``ruth down`` says so and signals neither."""
    pids = launched(roots, processes, "a", "b")
    state = os.open(roots.state / "a" / "agent.state", os.O_RDWR)
    other = os.open(roots.state / "b" / "agent.state", os.O_RDONLY)
    os.pwrite(state, os.pread(other, 16, PID_OFFSET), PID_OFFSET)  # its pid and its start, as a's own
    assert struct.unpack("<Q", os.pread(state, 8, PID_OFFSET))[0] == pids["b"]
    os.close(state)
    os.close(other)
    down = (sys.executable, "-m", "launch.cli.main", "down", "a")
    done = subprocess.run(down, env=roots.environ(), capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1
    assert (
        done.stderr
        == f"ruth: a: not signalled: its record names process {pids['b']}, which does not hold its lock\n"
    )
    assert view_agent(roots, "b").pid == pids["b"]
    os.kill(pids["a"], 0)

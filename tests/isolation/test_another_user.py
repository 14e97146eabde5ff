"""Agents that own nothing: another user than the video server, and exports on a read-only mount."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.agents import configure, pid_of, record, view_agent, wait_observed
from harness.published import FRAME, exporter_of
from harness.waiting import wait_until

if TYPE_CHECKING:
    import subprocess

    from conftest import Processes, Roots

pytestmark = pytest.mark.usefixtures("both_ways")


pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs another uid, so root")

STRANGER = 100_000 + os.getpid()

# `ruth up` as another user, optionally with the export root on a read-only mount that only it and its agents
# see. What is imported comes first: the interpreter may lie where the stranger may not read.
LAUNCH = f"""
import ctypes, os, sys, launch.launcher.launcher, launch.prepare.comparison
from launch.cli.main import main
main(["check", sys.argv[1]])
if len(sys.argv) > 2:
    root, flags = sys.argv[2].encode(), 0x1000 | 0x20 | 0x1  # MS_BIND | MS_REMOUNT | MS_RDONLY
    libc = ctypes.CDLL(None, use_errno=True)
    os_error = lambda: sys.exit(os.strerror(ctypes.get_errno()))
    libc.unshare(0x20000) == 0 or os_error()  # CLONE_NEWNS
    libc.mount(b"none", b"/", None, 0x4000 | 0x40000, None) == 0 or os_error()  # MS_REC | MS_PRIVATE
    libc.mount(root, root, None, 0x1000, None) == 0 or os_error()
    libc.mount(root, root, None, flags, None) == 0 or os_error()
os.setgroups([])
os.setresgid({STRANGER}, {STRANGER}, {STRANGER})
os.setresuid({STRANGER}, {STRANGER}, {STRANGER})
sys.exit(main(["up", sys.argv[1]]))
"""


def launch(roots: Roots, processes: Processes, *mounted: Path) -> subprocess.Popen[bytes]:
    """Launches camera a as the stranger, who may write below the state root and nowhere else."""
    roots.state.parent.chmod(0o755)
    roots.state.mkdir()
    os.chown(roots.state, STRANGER, STRANGER)
    return processes.start(sys.executable, "-c", LAUNCH, configure(roots, "a"), *mounted, env=roots.environ())


def test_permission_denied_then_granted(roots: Roots, processes: Processes) -> None:
    """An agent that may not read its export idles, and binds by itself whenever it may."""
    exporter = exporter_of(roots, "a")
    folder = roots.export / "a"
    folder.chmod(0o700)
    launch(roots, processes)
    pid = pid_of(roots, "a")
    for frame_id in range(2):
        exporter.publish(FRAME, time.monotonic_ns())
        until = time.monotonic() + 1.2
        wait_until(lambda until=until: time.monotonic() >= until, "it has looked")
        assert (view_agent(roots, "a").pid, view_agent(roots, "a").export, record(roots, "a").frames) == (
            pid,
            None,
            frame_id,
        )
        folder.chmod(0o755)
        wait_observed(roots, "a", frame_id)
        folder.chmod(0o700)
        wait_until(lambda: view_agent(roots, "a").export is None, "it has released")
    assert record(roots, "a").session == 1
    exporter.close()


@pytest.mark.parametrize("mounted", [False, True], ids=["writable mount", "read-only mount"])
def test_reading_is_enough(roots: Roots, processes: Processes, mounted: bool) -> None:
    """A user who may only read, also where no user may write, decides every frame."""
    exporter = exporter_of(roots, "a")
    launch(roots, processes, *([roots.export] if mounted else []))
    pid = pid_of(roots, "a")
    wait_until(lambda: view_agent(roots, "a").export == "v2", "the agent is bound")
    for frame_id in range(50):
        exporter.publish(FRAME, time.monotonic_ns())
        wait_observed(roots, "a", frame_id)
    assert record(roots, "a").missed == 0
    assert os.stat(f"/proc/{pid}").st_uid == STRANGER
    mounts = [line.split() for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
    mounts = [fields for fields in mounts if fields[4] == str(roots.export)]
    assert [fields[5].split(",")[0] for fields in mounts] == (["ro"] if mounted else [])
    exporter.close()

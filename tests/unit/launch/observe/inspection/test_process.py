from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from launch.observe.inspection.process import Limit, parse_limits, process_facts, switches
from launch.observe.liveness import Sighting
from ruth.agent.proc_stat import START_TICKS, read_stat
from ruth.agent.state import AgentRecord

if TYPE_CHECKING:
    from conftest import Processes

LIMITS = """\
Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max data size             77488128             77488128             bytes
Max core file size        1                    1                    bytes
Max processes             96365                96365                processes
Max open files            1024                 20000                files
Max address space         unlimited            unlimited            bytes
"""


def record_of(pid: int, launcher_pid: int = 0) -> AgentRecord:
    """A record that names a process, and nothing else."""
    return AgentRecord(
        camera_id="a", pid=pid, start_ticks=int(read_stat(pid)[START_TICKS]), started_ns=0,
        launcher_pid=launcher_pid, export_version=0, session=0, frame_id=None, timestamp_ns=None,
        first_frame_id=None, first_timestamp_ns=None, frames=0, missed=0, observed_ns=None, export_inode=0,
        export_epoch=0, confinement=0, arrivals=0, gap_ns=0, gap_before_ns=0, configuration=0,
        ruth_version="1", models=(),
    )  # fmt: skip


def test_limits() -> None:
    """Those limits that bound an agent, by their own names; no limit is None."""
    assert parse_limits(LIMITS) == (
        Limit("address space", None, None),
        Limit("private memory", 77488128, 77488128),
        Limit("core dump", 1, 1),
        Limit("open files", 1024, 20000),
        Limit("processes", 96365, 96365),
    )


def test_limits_of_this_process() -> None:
    """What this kernel writes is understood."""
    found = {limit.name: limit for limit in parse_limits(Path("/proc/self/limits").read_text())}
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert found["open files"] == Limit("open files", soft, hard)


def test_an_unknown_text() -> None:
    """A kernel that words its limits otherwise tells none."""
    assert parse_limits("") == ()
    assert parse_limits("Max open files\n") == ()


def test_a_live_process(processes: Processes) -> None:
    """What the kernel knows of a process: priority, limits, descriptors, who started it."""
    process = processes.start(
        "cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, preexec_fn=lambda: os.nice(3)
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b"\n")
    process.stdout.read(1)  # by now it is all there
    sighting = Sighting("a", True, True, record_of(process.pid, os.getpid()), read_stat(process.pid))
    facts = process_facts(sighting)
    assert facts is not None
    assert (facts.pid, facts.parent_pid, facts.launcher_lives) == (process.pid, os.getpid(), True)
    assert facts.nice == os.getpriority(os.PRIO_PROCESS, 0) + 3
    assert facts.threads == 1
    assert facts.descriptors == len(os.listdir(f"/proc/{process.pid}/fd"))
    assert facts.private_bytes is not None
    assert facts.resident_bytes is not None
    assert 0 < facts.private_bytes < facts.resident_bytes
    ours = Path("/proc/self/status").read_text(encoding="ascii")  # inherited; another test may have set it
    assert facts.no_new_privs is ("NoNewPrivs:\t1" in ours)
    assert facts.maps == ()


def test_a_zombie() -> None:
    """Of a zombie the kernel tells little, and that little is told."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        facts = process_facts(Sighting("a", True, False, record_of(process.pid), read_stat(process.pid)))
        assert facts is not None
        assert (facts.pid, facts.status, facts.parent_pid) == (process.pid, "zombie", os.getpid())
        assert facts.launcher_lives is False


def test_nobody() -> None:
    """Without a process there are no facts; what has gone meanwhile has no switches."""
    with subprocess.Popen(["sleep", "60"]) as process:
        record, stat = record_of(process.pid), read_stat(process.pid)
        process.send_signal(signal.SIGKILL)
    assert process_facts(Sighting("a", True, True, None, None)) is None
    assert process_facts(Sighting("a", True, True, record, None)) is None
    assert process_facts(Sighting("a", True, True, record, stat)) is None
    assert switches(process.pid) is None


def test_switches() -> None:
    """Every wait is a voluntary switch."""
    before = switches(os.getpid())
    subprocess.run(["true"])
    after = switches(os.getpid())
    assert before is not None
    assert after is not None
    assert after.voluntary > before.voluntary

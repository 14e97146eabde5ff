from __future__ import annotations

import mmap
import os
import sys
import time
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING

import psutil
import pytest

from benchmarks.cost import cpu_ns, private_bytes
from benchmarks.stage import BenchmarkError, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Processes

ORPHAN = """
import os, sys, time
pid = os.fork()
if pid == 0:
    os.setsid()
    time.sleep(600)
sys.stdout.write(f"{pid}\\n")
sys.stdout.flush()
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def no_helper_left(processes: Processes) -> Iterator[None]:
    """Ends the helper that multiprocessing starts beside the first worker, which would outlive the test."""
    yield
    resource_tracker._resource_tracker._stop()


def test_everything_is_gone_afterwards(processes: Processes) -> None:
    """Folder, processes, workers, orphans in sessions of their own: nothing outlives the stage."""
    with Stage(lambda _text: None) as stage:
        (stage.new_folder() / "file").write_text("x")
        other = stage.folder.parent / f"{stage.prefix}of-a-peer"
        other.touch()
        process = stage.python("-c", ORPHAN, stdout=-1)
        assert process.stdout is not None
        orphan = int(process.stdout.readline())
        worker = stage.worker(time.sleep, 600)
    assert not stage.folder.exists()
    assert not other.exists()
    for pid in (process.pid, orphan, worker):
        assert not psutil.pid_exists(pid)
    left = [child for child in psutil.Process().children() if "resource_tracker" not in str(child.cmdline())]
    assert not left


def test_a_dead_worker_is_noticed(processes: Processes) -> None:
    """A worker that ends by itself ends the benchmark, instead of leaving numbers that mean nothing."""
    with Stage(lambda _text: None) as stage:
        worker = stage.worker(sys.exit, 3)
        stage.wait_until(lambda: psutil.Process(worker).status() == psutil.STATUS_ZOMBIE, "it ends")
        with pytest.raises(BenchmarkError, match="ended with 3"):
            stage.check_workers()


def test_waiting_has_a_deadline(processes: Processes) -> None:
    """What does not come to pass is an error that names it."""
    with Stage(lambda _text: None) as stage, pytest.raises(BenchmarkError, match="within 0 s: a wonder"):
        stage.wait_until(lambda: False, "a wonder", deadline_s=0)


def test_cpu_time_counts_all_threads_and_only_grows() -> None:
    """The CPU time of a process grows by what it uses, as nearly as the kernel counts it."""
    before, own = cpu_ns(os.getpid()), time.process_time_ns()
    while time.process_time_ns() - own < 20_000_000:
        pass
    assert cpu_ns(os.getpid()) - before > 10_000_000


def test_private_memory_grows_by_what_is_written() -> None:
    """Private memory grows by pages that a process writes to, and not by those it only reserves."""
    before = private_bytes(os.getpid())
    written = mmap.mmap(-1, 64_000_000, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)  # of no heap that has room
    written[:8_000_000] = os.urandom(8_000_000)
    assert 7_000_000 < private_bytes(os.getpid()) - before < 30_000_000
    written.close()


def test_a_process_that_is_gone_costs_nothing(processes: Processes) -> None:
    """Of a process that has ended nothing is told, and nothing raises."""
    process = processes.start("true")
    process.wait()
    assert (cpu_ns(process.pid), private_bytes(process.pid)) == (0, 0)

"""The floor below an agent: as many processes that wait for the same frames and do nothing else (C, Python).

What they cost is what this machine takes for waking up; an agent's work comes on top of it.
"""

from __future__ import annotations

import gc
import mmap
import os
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from benchmarks.bare import bare
from benchmarks.cost import cpu_ns_of
from benchmarks.idle import wake_ups
from benchmarks.stage import BenchmarkError
from ruth.export.layout import META_SIZE_V2, WAKE_OFFSET
from ruth.futex import FutexWord
from ruth.identity import META_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection
    from pathlib import Path

    from benchmarks.stage import Stage

_LONGEST_NS = 980_000_000  # of a wait, as an agent's


class Floor(NamedTuple):
    """What waiting alone costs.

    Attributes:
        cameras: How many, and processes.
        by: ``C`` or ``Python``: what they wait in.
        wake_ups: A second, of one of them.
        cpu_us: CPU time of one a wake-up.

    """

    cameras: int
    by: str
    wake_ups: float
    cpu_us: float


def wait_alone(stage: Stage, export_root: Path, cameras: Sequence[str], by: str, seconds: float) -> Floor:
    """Measures processes forked from one, as agents are, while another process publishes to these cameras.

    Raises:
        BenchmarkError: They do not begin.

    """
    ours, theirs = stage.spawn.Pipe()
    parent = stage.worker(_fork_waiters, theirs, str(export_root), list(cameras), by)
    theirs.close()
    if not ours.poll(60):
        raise BenchmarkError("the processes that only wait do not begin")
    pids: list[int] = ours.recv()
    time.sleep(seconds / 5)
    before = cpu_ns_of(pids), sum(map(wake_ups, pids))
    begun = time.monotonic()
    time.sleep(seconds)
    elapsed = time.monotonic() - begun
    cpu_ns, woken = (
        new - old for new, old in zip((cpu_ns_of(pids), sum(map(wake_ups, pids))), before, strict=True)
    )
    stage.end_workers([parent])
    for pid in pids:  # orphans now, and so this process's children (benchmarks.stage)
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    ours.close()
    return Floor(len(cameras), by, woken / len(cameras) / elapsed, cpu_ns / max(1, woken) / 1e3)


def _fork_waiters(connection: Connection, export_root: str, cameras: Sequence[str], by: str) -> NoReturn:
    if by == "C":
        bare()  # compiled before the first fork
    gc.collect()
    gc.freeze()
    gc.disable()
    pids = []
    for camera in cameras:
        pid = os.fork()
        if pid == 0:
            _wait(f"{export_root}/{camera}/{META_NAME}", by)
        pids.append(pid)
    connection.send(pids)
    while True:
        signal.pause()


def _wait(path: str, by: str) -> NoReturn:
    memory = mmap.mmap(os.open(path, os.O_RDONLY), META_SIZE_V2, mmap.MAP_SHARED, mmap.PROT_READ)
    word, words = FutexWord(memory, WAKE_OFFSET), memoryview(memory).cast("I")
    if by == "C":
        bare().wait_for_ever(word.address, _LONGEST_NS)
    while True:
        word.wait(words[WAKE_OFFSET // 4], _LONGEST_NS)

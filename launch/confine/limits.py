"""Limits and priorities of one agent: memory, core dumps, the processor, the kernel's choice of a victim.

All of it is inherited at fork and can only be tightened by an ordinary user, so nothing here can be undone
from inside.
"""

from __future__ import annotations

import os
import resource
from typing import Final

from launch.confine.measure import Measure

# Beyond what the launcher has before it forks. An agent takes some 2 MB for life (docs/benchmarks.md);
# what else it maps is its camera's ring: 62 slots of 7680 x 4320 pixels are 3.1 GB.
PRIVATE_MEMORY_ROOM: Final = 64 * 1024 * 1024
ADDRESS_SPACE_ROOM: Final = 4 * 1024 * 1024 * 1024

NICE: Final = 10
OOM_SCORE_ADJ: Final = 500  # half of all memory, as the kernel counts badness (proc(5))

# 1 and not 0: where core_pattern names a program, the kernel starts it whatever the limit is, but for 1
# (fs/coredump.c); for a file, everything below a page is no dump.
_NO_CORE_DUMP: Final = 1


def memory_limits() -> tuple[int, int]:
    """Limits of address space and of private memory for children of this process, in bytes."""
    with open("/proc/self/statm", "rb") as statm:
        fields = statm.read().split()
    page = resource.getpagesize()
    return int(fields[0]) * page + ADDRESS_SPACE_ROOM, int(fields[5]) * page + PRIVATE_MEMORY_ROOM


def apply_limits(address_space: int, private_memory: int) -> Measure:
    """Limits this process for good; what was in force already is kept where it is tighter.

    Args:
        address_space: In bytes; what a process maps, shared memory too (setrlimit(2), RLIMIT_AS).
        private_memory: In bytes; what it writes to and shares with nobody (RLIMIT_DATA, since Linux 4.7).

    Raises:
        OSError: The kernel refused one of them.

    """
    _lower(resource.RLIMIT_CORE, _NO_CORE_DUMP)
    _lower(resource.RLIMIT_AS, address_space)
    _lower(resource.RLIMIT_DATA, private_memory)
    measures = Measure.NO_CORE_DUMPS | Measure.MEMORY_LIMIT
    # Where the kernel shares the processor out by session first (sched(7), "The autogroup feature"), this has
    # no effect against other sessions. To lower the session as well was tried: with both cores busy, agents
    # then missed frames, and an agent takes too little of a core to slow decoding.
    os.nice(NICE)
    measures |= Measure.NICE
    if _raise_oom_score():
        measures |= Measure.OOM_SCORE_ADJ
    return measures


def _lower(limit: int, value: int) -> None:
    _, hard = resource.getrlimit(limit)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(limit, (value, value))


def _raise_oom_score() -> bool:
    """A preference, no right taken away: without a writable /proc, agents run all the same."""
    path = "/proc/self/oom_score_adj"
    try:
        with open(path, "rb") as file:
            present = int(file.read())
        if present < OOM_SCORE_ADJ:
            _write(path, OOM_SCORE_ADJ)
    except OSError:
        return False
    return True


def _write(path: str, value: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, b"%d" % value)
    finally:
        os.close(descriptor)

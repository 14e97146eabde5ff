"""Limits and priorities of one agent: memory, core dumps, the processor, the kernel's choice of a victim.

All of it is inherited at fork and can only be tightened by an ordinary user, so nothing here can be undone
from inside.
"""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING, Final

from ruth.agent.measure import Measure
from ruth.export.layout import RING_SIZE_MAX

if TYPE_CHECKING:
    from collections.abc import Callable

# Beyond what the launcher has before it forks. An agent takes some 2 MB for life (docs/benchmarks.md);
# what else it maps is its camera's ring: 62 slots of 7680 x 4320 pixels are 3.1 GB.
PRIVATE_MEMORY_ROOM: Final = 64 * 1024 * 1024
ADDRESS_SPACE_ROOM: Final = RING_SIZE_MAX + 64 * 1024 * 1024

# As Linux gives it unless told otherwise. RLIMIT_DATA does not count it, and it grows up to its own limit.
STACK: Final = 8 * 1024 * 1024
_OOM_SCORE_ADJ: Final = "/proc/self/oom_score_adj"

NICE: Final = 10
OOM_SCORE_ADJ: Final = 500  # half of all memory, as the kernel counts badness (proc(5))

# 1 and not 0: where core_pattern names a program, the kernel starts it whatever the limit is, but for 1
# (fs/coredump.c); for a file, everything below a page is not a dump.
_NO_CORE_DUMP: Final = 1


def memory_limits() -> tuple[int, int]:
    """Limits of address space and of private memory for children of this process, in bytes."""
    with open("/proc/self/statm", "rb") as statm:
        fields = statm.read().split()
    page = resource.getpagesize()
    return int(fields[0]) * page + ADDRESS_SPACE_ROOM, int(fields[5]) * page + PRIVATE_MEMORY_ROOM


def limits_to_be_had(refused: list[str]) -> Measure:
    """What :func:`apply_limits` will bring, asked by calls that change nothing.

    Args:
        refused: Gets the names of calls that a filter around this process refuses.

    """
    measures = Measure(0)
    if _call("prlimit64", _set_core_again, refused):
        measures |= Measure.NO_CORE_DUMPS | Measure.MEMORY_LIMIT
    if _call("setpriority", lambda: os.nice(0), refused):
        measures |= Measure.NICE
    if os.access(_OOM_SCORE_ADJ, os.W_OK):
        measures |= Measure.OOM_SCORE_ADJ
    return measures


def apply_limits(address_space: int, private_memory: int, nice: int = NICE) -> Measure:
    """Limits this process for good; what was in force already is kept where it is tighter.

    Args:
        address_space: In bytes; what a process maps, shared memory too (setrlimit(2), RLIMIT_AS).
        private_memory: In bytes; what it writes to and shares with no process (RLIMIT_DATA, since Linux 4.7).
        nice: By how much its priority is lowered; 0 if it was lowered before.

    Returns:
        What is in force: a call that a filter refuses brings nothing.

    Raises:
        OSError: The kernel refused one of them.

    """
    measures = Measure(0)
    if _call("prlimit64", lambda: _lower(resource.RLIMIT_CORE, _NO_CORE_DUMP), []):
        measures |= Measure.NO_CORE_DUMPS

    def limit_memory() -> None:
        _lower(resource.RLIMIT_AS, address_space)
        _lower(resource.RLIMIT_DATA, private_memory)
        _lower(resource.RLIMIT_STACK, STACK)

    if _call("prlimit64", limit_memory, []):
        measures |= Measure.MEMORY_LIMIT
    # Where the kernel shares the processor out by session first (sched(7), "The autogroup feature"), this has
    # no effect against other sessions. To lower the session as well was tried: with both cores busy, agents
    # then missed frames, and an agent takes too little of a core to slow decoding.
    if _call("setpriority", lambda: os.nice(nice), []):
        measures |= Measure.NICE
    if _raise_oom_score():
        measures |= Measure.OOM_SCORE_ADJ
    return measures


def _call(name: str, make: Callable[[], object], refused: list[str]) -> bool:
    """Makes a call; False if a filter refuses it, whose name then goes into ``refused``."""
    try:
        make()
    except (PermissionError, ValueError):  # Python has ValueError for the EPERM of setrlimit(2)
        if name not in refused:
            refused.append(name)
        return False
    return True


def _set_core_again() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, resource.getrlimit(resource.RLIMIT_CORE))


def _lower(limit: int, value: int) -> None:
    _, hard = resource.getrlimit(limit)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(limit, (value, value))


def _raise_oom_score() -> bool:
    """A preference, no right taken away: without a writable /proc, agents run all the same."""
    try:
        with open(_OOM_SCORE_ADJ, "rb") as file:
            present = int(file.read())
        if present < OOM_SCORE_ADJ:
            _write(_OOM_SCORE_ADJ, OOM_SCORE_ADJ)
    except OSError:
        return False
    return True


def _write(path: str, value: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, b"%d" % value)
    finally:
        os.close(descriptor)

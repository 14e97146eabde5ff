"""When a process ran last, by the scheduler (``/proc/<pid>/sched``): of a dead one, when it died.

The scheduler counts nanoseconds by a clock of each processor's own, which may differ by seconds. So the same
is asked of this process, on the processor that the other one ran on last: it runs there now, and that says
what to add.
"""

from __future__ import annotations

import os
import time
from functools import lru_cache
from typing import Final

from ruth.units import NANOSECONDS

_FIELD: Final = b"se.exec_start"
_BYTES_MAX: Final = 65536
_MILLISECOND_NS: Final = 1_000_000
_TRIES: Final = 5
_KEPT_S: Final = 60
"""How long what was measured of a processor is used: clocks drift."""


def last_run_of(pid: int, processor: int) -> int | None:
    """CLOCK_MONOTONIC when the process was last given a processor, within some 20 ms.

    Args:
        pid: Its pid.
        processor: Which it ran on last (:data:`ruth.agent.proc_stat.PROCESSOR`).

    Returns:
        None if the kernel does not tell (it needs CONFIG_SCHED_DEBUG), if there is no such process, or if
        this one may not run on that processor.

    """
    there_ns = _exec_start_ns(str(pid))
    if there_ns is None:
        return None
    offset_ns = _offset_ns(processor, time.monotonic_ns() // (_KEPT_S * NANOSECONDS))
    return None if offset_ns is None else there_ns + offset_ns


@lru_cache(maxsize=256)
def _offset_ns(processor: int, _minute: int) -> int | None:
    """What is to be added to a processor's clock, for CLOCK_MONOTONIC."""
    before = os.sched_getaffinity(0)
    if processor not in before:
        return None
    try:
        os.sched_setaffinity(0, {processor})
        measured = [_own_offset_ns() for _ in range(_TRIES)]
        os.sched_setaffinity(0, before)
    except OSError:
        return None
    return min((one for one in measured if one is not None), default=None)  # each is too late, if anything


def _own_offset_ns() -> int | None:
    here_ns = _exec_start_ns("self")
    return None if here_ns is None else time.monotonic_ns() - here_ns


def _exec_start_ns(pid: str) -> int | None:
    """``se.exec_start`` of ``/proc/<pid>/sched``, which is in milliseconds."""
    try:
        descriptor = os.open(f"/proc/{pid}/sched", os.O_RDONLY | os.O_CLOEXEC)
        try:
            content = os.read(descriptor, _BYTES_MAX)
        finally:
            os.close(descriptor)
        line = next(line for line in content.splitlines() if line.startswith(_FIELD))
        return round(float(line.rpartition(b":")[2]) * _MILLISECOND_NS)
    except (OSError, ValueError, StopIteration):
        return None

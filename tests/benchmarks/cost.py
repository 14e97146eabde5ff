"""What a process costs: CPU time and private memory, as the kernel accounts for them.

CPU time is read from schedstat, in nanoseconds: the times of /proc/<pid>/stat are counted in ticks, and of a
process that runs for microseconds at a time a tick sees nothing (on some machines they stay zero).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def cpu_ns(pid: int) -> int:
    """CPU time of a process's threads that live, in nanoseconds; 0 if it is gone.

    /proc/<pid>/schedstat itself is the first thread's alone.
    """
    total = 0
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            total += int(Path(f"/proc/{pid}/task/{thread}/schedstat").read_bytes().split()[0])
    except (OSError, IndexError):
        return total
    return total


def cpu_ns_of(pids: Iterable[int]) -> int:
    """As :func:`cpu_ns`, of all of them together."""
    return sum(map(cpu_ns, pids))


def private_bytes(pid: int) -> int:
    """Memory that would come back if this process alone ended (its unique set size); 0 if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Private_"))

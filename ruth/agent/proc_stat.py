"""``/proc/<pid>/stat``, its fields by the numbers that proc(5) gives them."""

from __future__ import annotations

import os
from typing import Final

STATE: Final = 3
PARENT: Final = 4
START_TICKS: Final = 22  # clock ticks since boot: tells a pid from its later reuse
PROCESSOR: Final = 39  # that it ran on last
EXIT_CODE: Final = 52  # as waitpid(2) gives it; 0 for users who may not trace the process

ZOMBIE: Final = b"Z"
STOPPED: Final = (b"T", b"t")  # by a signal, by a tracer

STAT_BYTES_MAX: Final = 4096  # 52 numbers and a name of at most 64 bytes


def read_stat(pid: int | str) -> list[bytes]:
    """The fields of one process; element n is field n of proc(5), elements 0 to 2 are empty.

    As bytes, and without a file object: a codec looked up by name is a module, and every agent would import
    its own copy; what an agent does not use stays shared with its launcher.

    Args:
        pid: A pid, or ``"self"``.

    Raises:
        OSError: There is no such process.

    """
    descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    try:
        content = os.read(descriptor, STAT_BYTES_MAX)
    finally:
        os.close(descriptor)
    return [b"", b"", b"", *content[content.rindex(b")") + 2 :].split()]  # a name may hold anything


def read_stat_of(pid: int, start_ticks: int) -> list[bytes] | None:
    """As :func:`read_stat`, of that very process; None if it is gone, or its pid is another one's by now.

    Args:
        pid: A pid.
        start_ticks: When the process started, in clock ticks since boot.

    """
    try:
        fields = read_stat(pid)
    except OSError:
        return None
    return fields if int(fields[START_TICKS]) == start_ticks else None


def own_start_ticks() -> int:
    """When this process started, field 22, without looking at the others: each agent does it once.

    Raises:
        OSError: There is no /proc.

    """
    descriptor = os.open("/proc/self/stat", os.O_RDONLY | os.O_CLOEXEC)
    try:
        content = os.read(descriptor, STAT_BYTES_MAX)
    finally:
        os.close(descriptor)
    return int(content[content.rindex(b")") + 2 :].split(None, START_TICKS - 2)[START_TICKS - 3])

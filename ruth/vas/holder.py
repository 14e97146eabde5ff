"""Names the process that holds a lock, for the message of a writer that is refused. It decides nothing."""

from __future__ import annotations

import os

from ruth.text import printable

_COMMAND_BYTES_MAX = 64  # a short name has 15 (proc(5), /proc/pid/comm)


def describe_holder(file: os.stat_result) -> str:
    """Who holds a flock(2) on a file: ``"process 4711 (python3)"``.

    The command line is not shown: it may hold a password (``rtsp://user:password@host``).

    Args:
        file: The locked file.

    """
    pid = _flock_pid(file)
    if pid == os.getpid():
        return "this process"
    if pid is None:
        return "another process, which cannot be seen from here,"
    try:
        with open(f"/proc/{pid}/comm", "rb") as comm:
            command = printable(os.fsdecode(comm.read(_COMMAND_BYTES_MAX).removesuffix(b"\n")))
    except OSError:
        return f"a process that was forked by process {pid}, which has ended,"
    return f"process {pid} ({command})"


def _flock_pid(file: os.stat_result) -> int | None:
    """The process that took the lock, by ``/proc/locks`` (proc(5)); None if that does not show it.

    A line: ``1: FLOCK  ADVISORY  WRITE 4711 00:1c:24 0 EOF``, the file as device, in hexadecimal, and inode.
    """
    wanted = f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}:{file.st_ino}".encode()
    try:
        with open("/proc/locks", "rb") as locks:
            lines = locks.read().splitlines()
    except OSError:
        return None
    for line in lines:
        fields = line.split()
        if len(fields) == 8 and fields[1] == b"FLOCK" and fields[5] == wanted and fields[4].isdigit():
            return int(fields[4]) or None
    return None

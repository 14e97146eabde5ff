"""Which launchers live, and what they serve: ``<state root>/.launchers/<pid>``, one file per launcher.

A launcher holds a lock on the first byte of its file for life: a lock of the process (fcntl(2), F_SETLK),
which its children do not inherit, which execve(2) keeps, and of which the kernel says the holder's pid. So a
launcher is never guessed from a pid: the file counts only if the process that it is named after holds its
lock. No camera has a folder of that name, which is not a valid id.

The content is fields of bytes, each ended by NUL: :data:`MAGIC`, the configuration's absolute path (empty for
standard input), the export root, ``RUTH_NATIVE`` as it was set, the version of Ruth, the exit code that the
launcher will have, and the pids of the agents that it has forked. It is data to check, as a record of an
agent is (docs/decisions/0029).
"""

from __future__ import annotations

import fcntl
import os
import stat
import struct
from dataclasses import dataclass
from typing import Final

from ruth.agent.proc_stat import PARENT, STATE, STOPPED, ZOMBIE, read_stat
from ruth.descriptor import close_descriptor

FOLDER: Final = ".launchers"
MAGIC: Final = b"ruth launcher 1"
BYTES_MAX: Final = 1 << 20  # the pids of 100,000 agents
LIFE_BYTE: Final = 0
"""Locked by the launcher for life."""
ASKING_BYTE: Final = 1
"""Locked by the one process that may ask it for something at a time (:mod:`launch.launcher.asking`)."""

# struct flock on 64-bit Linux: l_type, l_whence, l_start, l_len, l_pid, padded to 32 bytes.
_FLOCK: Final = struct.Struct("=hh4xqqi4x")
_OPEN: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_READS: Final = 50


@dataclass(frozen=True, slots=True)
class Launcher:
    """One launcher.

    Attributes:
        pid: Of its process.
        configuration: Absolute path of the file that it serves; empty if that was standard input.
        export_root: Folder of all exports, absolute.
        native: What ``RUTH_NATIVE`` was when it started.
        ruth_version: The version of Ruth that it runs.
        exit_code: What it will end with when it is told to.
        agents: Pids of the agents that it has forked, live or not.

    """

    pid: int
    configuration: str
    export_root: str
    native: str
    ruth_version: str
    exit_code: int = 0
    agents: tuple[int, ...] = ()

    def content(self) -> bytes:
        """The file's content."""
        numbers = (str(number) for number in (self.exit_code, *self.agents))
        texts = (self.configuration, self.export_root, self.native, self.ruth_version, *numbers)
        return packed(MAGIC, *map(os.fsencode, texts))

    @property
    def live_agents(self) -> tuple[int, ...]:
        """Those of its agents that live: its children, and no zombies."""
        return tuple(pid for pid in self.agents if is_child(pid, self.pid, living=True))

    @property
    def stopped(self) -> bool:
        """Whether it is stopped, by SIGSTOP or by a debugger. False if it has gone."""
        try:
            return read_stat(self.pid)[STATE] in STOPPED
        except OSError:
            return False


def packed(*fields: bytes) -> bytes:
    """Fields, none of which has a NUL in it, as the bytes of a file."""
    return b"".join(field + b"\0" for field in fields)


def unpacked(content: bytes, magic: bytes) -> list[bytes] | None:
    """The fields behind ``magic``; None if the content is not whole or begins otherwise."""
    first, *fields = content.split(b"\0")
    return fields[:-1] if first == magic and fields and not fields[-1] else None


def is_child(pid: int, parent: int, *, living: bool = False) -> bool:
    """Whether a process is that one's child.

    Args:
        pid: The process.
        parent: Whose child it is to be.
        living: Whether it must not be a zombie.

    """
    try:
        fields = read_stat(pid)
    except OSError:
        return False
    return int(fields[PARENT]) == parent and not (living and fields[STATE] == ZOMBIE)


def record_path(state_root: str, pid: int, suffix: str = "") -> str:
    """Where a launcher's file is; with ``suffix``, one that belongs to it."""
    return f"{state_root}/{FOLDER}/{pid}{suffix}"


def live_launchers(state_root: str) -> list[Launcher]:
    """The launchers that live and have their agents' states below ``state_root``, by pid.

    Raises:
        OSError: The folder cannot be read.

    """
    try:
        names = os.listdir(f"{state_root}/{FOLDER}")
    except (FileNotFoundError, NotADirectoryError):
        return []
    pids = sorted(int(name) for name in names if name.isdecimal() and len(name) <= 7)
    found = (read_launcher(state_root, pid) for pid in pids)
    return [launcher for launcher in found if launcher is not None]


def read_launcher(state_root: str, pid: int) -> Launcher | None:
    """The launcher with that pid; None if there is none that lives, or if its file is not valid."""
    try:
        descriptor = os.open(record_path(state_root, pid), _OPEN)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode) or lock_holder(descriptor, LIFE_BYTE) != pid:
            return None
        for _ in range(_READS):  # a change is one write and takes microseconds
            first = os.pread(descriptor, BYTES_MAX, 0)
            if first == os.pread(descriptor, BYTES_MAX, 0) and (launcher := parse_launcher(first, pid)):
                return launcher
    except OSError:
        return None
    finally:
        close_descriptor(descriptor)
    return None


def parse_launcher(content: bytes, pid: int) -> Launcher | None:
    """The launcher that a file's content tells of; None if it is not valid.

    Args:
        content: Of the file.
        pid: The process that holds its lock.

    """
    fields = unpacked(content, MAGIC)
    if fields is None or len(fields) < 5:
        return None
    numbers = fields[4:]
    if not all(number.isdigit() and len(number) <= 7 for number in numbers):
        return None
    configuration, export_root, native, version = map(os.fsdecode, fields[:4])
    exit_code, *agents = map(int, numbers)
    if not export_root.startswith("/") or (configuration and not configuration.startswith("/")):
        return None
    return Launcher(pid, configuration, export_root, native, version, exit_code, tuple(agents))


def flock(lock_type: int, byte: int) -> bytes:
    """The struct of fcntl(2) for a lock on one byte of a file."""
    return _FLOCK.pack(lock_type, os.SEEK_SET, byte, 1, 0)


def lock_holder(descriptor: int, byte: int) -> int | None:
    """The pid of the process that has a write lock of its own on a byte; None if there is none.

    0 if it cannot be seen from here (another pid namespace), -1 if the lock is one of an open file.
    """
    answer = fcntl.fcntl(descriptor, fcntl.F_GETLK, flock(fcntl.F_WRLCK, byte))
    lock_type, _, _, _, pid = _FLOCK.unpack(answer)
    return int(pid) if lock_type == fcntl.F_WRLCK else None

"""Reads ``agent.state`` as any process may: the record, and whether its agent lives. It writes nothing.

The agent holds an exclusive open-file-description lock on the file for life; any process can ask for that
lock without taking it, also through a read-only descriptor (fcntl(2), F_OFD_GETLK).

This is the one place where records are read, and so where they are checked (:mod:`ruth.agent.record_check`):
what leaves here is valid, or is a reason why it is not.
"""

from __future__ import annotations

import fcntl
import os
import stat
import struct
from mmap import MAP_SHARED, PROT_READ, mmap
from typing import Final, NamedTuple, Self, TypeAlias

from ruth.agent.proc_stat import STATE, ZOMBIE, read_stat_of
from ruth.agent.record_check import PID_MAX, BadRecord, record_problem, version_problem
from ruth.agent.state import (
    HEADER_SIZE,
    PID_OFFSET,
    START_TICKS_OFFSET,
    STARTED_OFFSET,
    STATE_SIZE,
    STATE_VERSION,
    VERSION_OFFSET,
    WAKE_OFFSET,
    AgentRecord,
    parse_state,
)
from ruth.agent.state_read import read_whole
from ruth.descriptor import close_descriptor
from ruth.identity import STATE_NAME, camera_directory
from ruth.order import pread

# struct flock on 64-bit Linux: l_type, l_whence, l_start, l_len, l_pid, padded to 32 bytes.
_FLOCK: Final = struct.Struct("=hh4xqqi4x")
WHOLE_FILE_WRITE_LOCK: Final = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)

_READS: Final = 50
_OPEN: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


Reading: TypeAlias = AgentRecord | BadRecord | None
"""A valid record, one that is refused, or none: it is being changed, or its agent has not written one yet."""


class Seen(NamedTuple):
    """One camera's agent, as it was at one moment.

    Attributes:
        alive: Whether its lock is held.
        record: What the agent last wrote; None if there is none yet, or if it is refused.
        problem: Why the record is refused; None if it is not.
        process: Fields of ``/proc/<pid>/stat`` of that very process, alive or zombie, as
            :func:`ruth.agent.proc_stat.read_stat` numbers them; None if it is gone, if the pid is another
            process's by now, or if it cannot be seen from here (another pid or time namespace, hidepid).

    """

    alive: bool
    record: AgentRecord | None
    problem: str | None
    process: list[bytes] | None


def is_held(descriptor: int) -> bool:
    """Whether an agent holds the lock of the open ``agent.state``: whether it lives.

    Only a write lock counts, which needs a descriptor open for writing. Each user who may read the file can
    hold a read lock on it, and that proves nothing.
    """
    return lock_held(descriptor) == fcntl.F_WRLCK


def lock_held(descriptor: int) -> int:
    """What keeps the lock of the open ``agent.state`` from being taken: F_WRLCK, F_RDLCK, or F_UNLCK."""
    answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, WHOLE_FILE_WRITE_LOCK)
    lock_type: int = _FLOCK.unpack(answer)[0]
    return lock_type


class StateReader:
    """A camera's ``agent.state``, open for reading. It takes no lock and writes nothing.

    Raises:
        OSError: There is none, or it cannot be read.
        InvalidIdError: ``camera_id`` is not a valid id.

    """

    __slots__ = ("_camera_id", "_descriptor", "_path")

    def __init__(self, state_root: str, camera_id: str) -> None:
        self._camera_id = camera_id
        self._path = f"{camera_directory(state_root, camera_id)}/{STATE_NAME}"
        self._descriptor = os.open(self._path, _OPEN)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file. A mapping made by :meth:`map` stays its owner's."""
        close_descriptor(self._descriptor)

    def alive(self) -> bool:
        """Whether the camera has a live agent."""
        return is_held(self._descriptor)

    def status(self) -> os.stat_result:
        """Of the open file; which file it is."""
        return os.fstat(self._descriptor)

    def see(self) -> Seen:
        """The agent as it is now: its lock, its record and its process.

        Raises:
            OSError: The file cannot be read.

        """
        alive = self.alive()
        record = self.read()
        if isinstance(record, BadRecord):
            return Seen(alive, None, record.problem, None)
        process = None if record is None else read_stat_of(record.pid, record.start_ticks)
        if alive and (process is None or process[STATE] == ZOMBIE):
            alive = self.alive()  # asked again: it may have died between the two polls
        if record is not None and process is not None:
            problem = self._owner_problem(record.pid)
            if problem is not None:
                return Seen(alive, None, problem, None)
        return Seen(alive, record, None, process)

    def _owner_problem(self, pid: int) -> str | None:
        """Why the file cannot be that process's: an agent's user is the owner of its record."""
        try:
            owner, user = self.status().st_uid, os.stat(f"/proc/{pid}").st_uid
        except OSError:
            return None  # it has gone meanwhile, or is hidden
        if owner == user:
            return None
        return f"it belongs to uid {owner} and names process {pid}, which is uid {user}'s"

    def try_read(self) -> Reading:
        """The record if it can be taken whole, else None: it is being changed, or there is none."""
        content, _ = read_whole(self._descriptor, STATE_SIZE)
        return None if content is None else self._checked(content)

    def read(self) -> Reading:
        """As :meth:`try_read`, tried a few times: a change takes microseconds.

        A record that stays under change is that of an agent that was killed or stopped in the middle of
        it, and is returned as it is: what the agent is, is right all the same.
        """
        for _ in range(_READS):
            record = self.try_read()
            if record is not None:
                return record
        return self._checked(os.pread(self._descriptor, STATE_SIZE, 0), torn=True)

    def _checked(self, content: bytes, *, torn: bool = False) -> Reading:
        record = parse_state(content, torn=torn)
        if record is not None:
            problem = record_problem(record, self._camera_id, torn=torn)
            return record if problem is None else BadRecord(problem)
        version = int.from_bytes(content[VERSION_OFFSET : VERSION_OFFSET + 4], "little")
        if version not in (0, STATE_VERSION):
            return BadRecord(version_problem(version))
        if torn and version:
            return BadRecord("it is cut short, or counts more models than it can hold")
        if not stat.S_ISREG(self.status().st_mode):
            return BadRecord("it is not a regular file")
        return None

    def of_other_layout(self) -> tuple[int, int] | None:
        """Pid and start time, in clock ticks since boot, of a record of another version; None if it is none.

        Both have their places in every version. They prove nothing: the kernel says who holds the lock.
        """
        content = os.pread(self._descriptor, STARTED_OFFSET, 0)
        version = int.from_bytes(content[VERSION_OFFSET : VERSION_OFFSET + 4], "little")
        if version in (0, STATE_VERSION) or len(content) < STARTED_OFFSET:
            return None
        pid = int.from_bytes(content[PID_OFFSET : PID_OFFSET + 8], "little")
        ticks = int.from_bytes(content[START_TICKS_OFFSET : START_TICKS_OFFSET + 8], "little")
        return (pid, ticks) if 1 <= pid <= PID_MAX else None

    def wake_word(self) -> int:
        """The futex word as it is now; read before the record, it is the value to wait on."""
        return int.from_bytes(pread(self._descriptor, 4, WAKE_OFFSET), "little")

    def map(self) -> mmap:
        """The header, mapped read-only, for a futex wait on the word at ``WAKE_OFFSET``.

        Raises:
            OSError: It cannot be mapped.
            ValueError: The file is shorter than a header.

        """
        return mmap(self._descriptor, HEADER_SIZE, MAP_SHARED, PROT_READ)

    def is_current(self) -> bool:
        """Whether the camera's path still leads to this file. False as well if it cannot be told."""
        try:
            return os.path.samestat(os.lstat(self._path), os.fstat(self._descriptor))
        except OSError:
            return False

"""Reads ``agent.state`` as anybody outside may: the record, and whether its agent lives. It writes nothing.

The agent holds an exclusive open-file-description lock on the file for life; anybody can ask for that lock
without taking it, also through a read-only descriptor (fcntl(2), F_OFD_GETLK).
"""

from __future__ import annotations

import fcntl
import os
import struct
from mmap import MAP_SHARED, PROT_READ, mmap
from typing import Final, Self

from ruth.agent.state import HEADER_SIZE, STATE_SIZE, WAKE_OFFSET, AgentRecord, parse_state
from ruth.descriptor import close_descriptor
from ruth.identity import STATE_NAME, camera_directory

# struct flock on 64-bit Linux: l_type, l_whence, l_start, l_len, l_pid, padded to 32 bytes.
_FLOCK: Final = struct.Struct("=hh4xqqi4x")
WHOLE_FILE_WRITE_LOCK: Final = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)

IDLE_AFTER_S: Final = 2.0  # DESIGN.md: idle = alive, no new frame for 2 s
_READS: Final = 50
_OPEN: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


def is_held(descriptor: int) -> bool:
    """Whether an agent holds the lock of the open ``agent.state``: whether it lives.

    Only a write lock counts, which needs a descriptor open for writing. Anybody who may read the file can
    hold a read lock on it, and that proves nothing.
    """
    answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, WHOLE_FILE_WRITE_LOCK)
    lock_type: int = _FLOCK.unpack(answer)[0]
    return lock_type == fcntl.F_WRLCK


class StateReader:
    """A camera's ``agent.state``, open for reading. It takes no lock and writes nothing.

    Raises:
        OSError: There is none, or it cannot be read.
        InvalidIdError: ``camera_id`` is no id.

    """

    __slots__ = ("_descriptor", "_path")

    def __init__(self, state_root: str, camera_id: str) -> None:
        self._path = f"{camera_directory(state_root, camera_id)}/{STATE_NAME}"
        self._descriptor = os.open(self._path, _OPEN)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the file. A mapping made by :meth:`map` stays its owner's."""
        close_descriptor(self._descriptor)

    def alive(self) -> bool:
        """Whether the camera has a live agent."""
        return is_held(self._descriptor)

    def status(self) -> os.stat_result:
        """Of the open file; which file it is."""
        return os.fstat(self._descriptor)

    def try_read(self) -> AgentRecord | None:
        """The record if two reads in a row agree on it, else None: it is being changed, or there is none."""
        first = os.pread(self._descriptor, STATE_SIZE, 0)
        second = os.pread(self._descriptor, STATE_SIZE, 0)
        return parse_state(second) if first == second else None

    def read(self) -> AgentRecord | None:
        """As :meth:`try_read`, tried a few times: a change takes microseconds.

        A record that stays under change is that of an agent that was killed or stopped in the middle of
        it, and is returned as it stands: what the agent is, is right all the same.
        """
        for _ in range(_READS):
            record = self.try_read()
            if record is not None:
                return record
        return parse_state(os.pread(self._descriptor, STATE_SIZE, 0), torn=True)

    def wake_word(self) -> int:
        """The futex word as it is now; read before the record, it is the value to wait on."""
        return int.from_bytes(os.pread(self._descriptor, 4, WAKE_OFFSET), "little")

    def map(self) -> mmap:
        """The header, mapped read-only, for a futex wait on the word at ``WAKE_OFFSET``.

        Raises:
            OSError: It cannot be mapped.
            ValueError: The file is shorter than a header.

        """
        return mmap(self._descriptor, HEADER_SIZE, MAP_SHARED, PROT_READ)

    def stands(self) -> bool:
        """Whether the camera's path still leads to this file. False as well if it cannot be told."""
        try:
            return os.path.samestat(os.lstat(self._path), os.fstat(self._descriptor))
        except OSError:
            return False

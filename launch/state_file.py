"""``agent.state``: the file, its lock and its readers. Its bytes are :mod:`ruth.agent.state`'s.

Exactly one agent a camera: an exclusive open-file-description lock on the file, held for life (fcntl(2),
F_OFD_SETLK). The kernel drops it at death, however that came; anybody can ask for it without taking it, also
through a read-only descriptor (F_OFD_GETLK), so liveness is never guessed from a pid.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
from contextlib import suppress
from typing import Final, Self

from ruth.agent.state import HEADER_SIZE, MODEL_SIZE, NO_RECORD, STATE_SIZE, AgentRecord, parse_state
from ruth.identity import STATE_NAME, camera_directory, id_problem

# struct flock on 64-bit Linux: l_type, l_whence, l_start, l_len, l_pid, padded to 32 bytes.
_FLOCK: Final = struct.Struct("=hh4xqqi4x")
_WHOLE_FILE_WRITE: Final = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)

_PAGE: Final = 4096
_READS: Final = 50
_OPEN: Final = os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class AlreadyRunningError(Exception):
    """The camera has a live agent: its lock is held."""


class LockRefusedError(OSError):
    """The lock cannot be had, and no agent holds it: somebody else has a read lock on the file."""


def claim(state_root: str, camera_id: str, model_count: int) -> int:
    """Makes the camera's ``agent.state`` ready and takes its lock.

    The lock belongs to the open file, not to a process: a child that inherits the descriptor holds it, and
    it ends when the last copy of the descriptor does.

    Args:
        state_root: Folder of all states, made if it is missing.
        camera_id: The camera.
        model_count: How many subscriptions the record will hold; their memory is reserved here, so that
            no store into it can fail later.

    Returns:
        A descriptor, open for reading and writing, ``STATE_SIZE`` bytes long.

    Raises:
        AlreadyRunningError: The camera has a live agent.
        LockRefusedError: Somebody else keeps the lock from being taken.
        OSError: The file cannot be made, or its memory not be reserved.
        InvalidIdError: ``camera_id`` is no id.

    """
    directory = camera_directory(state_root, camera_id)
    _make_readable(state_root)
    _make_readable(directory)
    parent = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        descriptor = os.open(STATE_NAME, os.O_RDWR | os.O_CREAT | _OPEN, 0o644, dir_fd=parent)
    finally:
        os.close(parent)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.ENXIO, "not a regular file", f"{directory}/{STATE_NAME}")
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _WHOLE_FILE_WRITE)
        except (BlockingIOError, PermissionError):  # EAGAIN or EACCES, fcntl(2)
            if is_held(descriptor):
                raise AlreadyRunningError(camera_id) from None
            problem = "locked by a process that is no agent"
            raise LockRefusedError(errno.EAGAIN, problem, f"{directory}/{STATE_NAME}") from None
        os.fchmod(descriptor, 0o644)
        os.truncate(descriptor, max(STATE_SIZE, os.fstat(descriptor).st_size))  # never shorter
        # Until the new agent has written its own, there must be no record: the lock says that an agent
        # lives, and with the old record's pid somebody else could be taken for it.
        os.pwrite(descriptor, NO_RECORD, 0)
        used = HEADER_SIZE + MODEL_SIZE * model_count
        os.posix_fallocate(descriptor, 0, -(-used // _PAGE) * _PAGE)
    except BaseException:  # closed whatever it was, and raised again
        os.close(descriptor)
        raise
    return descriptor


def _make_readable(directory: str) -> None:
    """Makes a folder, and those above it, that other users can read, whatever the umask is."""
    if os.path.isdir(directory):
        return
    _make_readable(os.path.dirname(directory) or "/")
    with suppress(FileExistsError):
        os.mkdir(directory)
        os.chmod(directory, 0o755)  # noqa: S103 - runtimes of other users read the states


def is_held(descriptor: int) -> bool:
    """Whether an agent holds the lock of the open ``agent.state``: whether it lives.

    Only a write lock counts, which needs a descriptor open for writing. Anybody who may read the file can
    hold a read lock on it, and that proves nothing.
    """
    answer = fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, _WHOLE_FILE_WRITE)
    lock_type: int = _FLOCK.unpack(answer)[0]
    return lock_type == fcntl.F_WRLCK


class StateReader:
    """A camera's ``agent.state``, open for reading. It takes no lock and writes nothing.

    Raises:
        OSError: There is none, or it cannot be read.
        InvalidIdError: ``camera_id`` is no id.

    """

    __slots__ = ("_descriptor",)

    def __init__(self, state_root: str, camera_id: str) -> None:
        path = f"{camera_directory(state_root, camera_id)}/{STATE_NAME}"
        self._descriptor = os.open(path, os.O_RDONLY | _OPEN)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def alive(self) -> bool:
        """Whether the camera has a live agent."""
        return is_held(self._descriptor)

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


def known_cameras(state_root: str) -> list[str]:
    """The cameras that have a folder below ``state_root``, sorted; none if there is no such folder.

    Raises:
        OSError: It cannot be read: nobody knows what lives there.

    """
    try:
        with os.scandir(state_root) as entries:
            return sorted(
                entry.name
                for entry in entries
                if id_problem(entry.name) is None and entry.is_dir(follow_symlinks=False)
            )
    except FileNotFoundError:
        return []

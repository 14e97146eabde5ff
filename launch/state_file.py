"""``agent.state``: the file and its lock. Its bytes and its readers are those of ``ruth.agent``.

Exactly one agent a camera: an exclusive open-file-description lock on the file, held for life (fcntl(2),
F_OFD_SETLK). The kernel drops it at death, however that came; anybody can ask for it
(:mod:`ruth.agent.state_reader`), so liveness is never guessed from a pid.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import suppress
from typing import Final

from ruth.agent.state import HEADER_SIZE, MODEL_SIZE, NO_RECORD, STATE_SIZE
from ruth.agent.state_reader import WHOLE_FILE_WRITE_LOCK, is_held
from ruth.descriptor import close_descriptor
from ruth.identity import STATE_NAME, camera_directory, id_problem

_PAGE: Final = 4096
_OPEN: Final = os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class AlreadyRunningError(Exception):
    """The camera has a live agent, or is just being launched: its lock is held. The message says which."""

    def __init__(self, *, launched: bool) -> None:
        super().__init__(f"{'has a live agent' if launched else 'is being launched already'}, left alone")


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
        AlreadyRunningError: The camera has a live agent, or is just being launched.
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
    except OSError as error:
        raise OSError(error.errno, error.strerror, f"{directory}/{STATE_NAME}") from None
    finally:
        close_descriptor(parent)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.ENXIO, "not a regular file", f"{directory}/{STATE_NAME}")
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, WHOLE_FILE_WRITE_LOCK)
        except (BlockingIOError, PermissionError):  # EAGAIN or EACCES, fcntl(2)
            if is_held(descriptor):
                launched = os.pread(descriptor, len(NO_RECORD), 0) != NO_RECORD
                raise AlreadyRunningError(launched=launched) from None
            problem = "locked by a process that is no agent"
            raise LockRefusedError(errno.EAGAIN, problem, f"{directory}/{STATE_NAME}") from None
        # First of all: until the new agent has written its own, there must be no record. The lock says that
        # an agent lives, and with the old record's pid somebody else could be taken for it.
        os.pwrite(descriptor, NO_RECORD, 0)
        os.fchmod(descriptor, 0o644)
        os.truncate(descriptor, max(STATE_SIZE, os.fstat(descriptor).st_size))  # never shorter
        used = HEADER_SIZE + MODEL_SIZE * model_count
        os.posix_fallocate(descriptor, 0, -(-used // _PAGE) * _PAGE)
    except BaseException:  # closed whatever it was, and raised again
        close_descriptor(descriptor)
        raise
    return descriptor


def claim_problem(error: OSError) -> str:
    """Why :func:`claim` could not have a camera's state, for a human."""
    return f"{error.filename or STATE_NAME}: {error.strerror}"


def _make_readable(directory: str) -> None:
    """Makes a folder, and those above it, that other users can read, whatever the umask is."""
    if os.path.isdir(directory):
        return
    above = os.path.dirname(directory) or "/"
    if above != directory:  # the root itself, of which nothing could be told: what follows says why
        _make_readable(above)
    with suppress(FileExistsError):
        os.mkdir(directory)
        os.chmod(directory, 0o755)  # noqa: S103 - runtimes of other users read the states


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

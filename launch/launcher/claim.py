"""``agent.state``: the file and its lock. Its bytes and its readers are those of ``ruth.agent``.

Exactly one agent a camera: an exclusive open-file-description lock on the file, held for life (fcntl(2),
F_OFD_SETLK). The kernel drops it at death, however that came; any process can ask for it
(:mod:`ruth.agent.state_reader`), so liveness is never guessed from a pid.

What is below the state root may have been made by another user, who could then hold forged locks there or
lead a launch elsewhere. So folders and files are made and opened relative to open folders, no link is
followed, owners are checked and modes set by descriptor (docs/decisions/0030).
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from typing import Final

from launch.roots import owner_problem
from ruth.agent.state import HEADER_SIZE, MODEL_SIZE, NO_RECORD, STATE_SIZE
from ruth.agent.state_reader import WHOLE_FILE_WRITE_LOCK, lock_held
from ruth.descriptor import close_descriptor
from ruth.errors import RuthError
from ruth.identity import STATE_NAME, camera_directory
from ruth.text import printable

_PAGE: Final = 4096
_LOCK_TRIES: Final = 100
_OPEN_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN: Final = os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


HAS_AGENT: Final = "has a live agent, left alone"
IS_LAUNCHED: Final = "is being launched already, left alone"


class AlreadyRunningError(RuthError):
    """The camera has a live agent, or is just being launched: its lock is held. The message says which."""

    def __init__(self, *, launched: bool) -> None:
        super().__init__(HAS_AGENT if launched else IS_LAUNCHED)


class LockRefusedError(RuthError, OSError):
    """The lock cannot be had, and no agent holds it: another process has a read lock on the file."""


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
        LockRefusedError: Another process keeps the lock from being taken.
        OSError: The file cannot be made, or its memory not be reserved; or the root, the folder or the file
            is a link, or belongs to another user (:func:`owner_problem`).
        InvalidIdError: ``camera_id`` is not a valid id.

    """
    directory = camera_directory(state_root, camera_id)
    descriptor = _open_state(state_root, directory, camera_id)
    try:
        _take_lock(descriptor, f"{directory}/{STATE_NAME}")
        # First of all: until the new agent has written its own, there must be no record. The lock says that
        # an agent lives, and with the old record's pid another process could be taken for it.
        os.pwrite(descriptor, NO_RECORD, 0)
        os.fchmod(descriptor, 0o644)
        os.truncate(descriptor, max(STATE_SIZE, os.fstat(descriptor).st_size))  # never shorter
        used = HEADER_SIZE + MODEL_SIZE * model_count
        os.posix_fallocate(descriptor, 0, -(-used // _PAGE) * _PAGE)
    except BaseException:  # closed whatever it was, and raised again
        close_descriptor(descriptor)
        raise
    return descriptor


def _take_lock(descriptor: int, path: str) -> None:
    """Takes the lock of the open ``agent.state``; raises as :func:`claim` does."""
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, WHOLE_FILE_WRITE_LOCK)
        except (BlockingIOError, PermissionError):  # EAGAIN or EACCES, fcntl(2)
            held = lock_held(descriptor)
            if held == fcntl.F_WRLCK:
                launched = os.pread(descriptor, len(NO_RECORD), 0) != NO_RECORD
                raise AlreadyRunningError(launched=launched) from None
            if held == fcntl.F_RDLCK:
                problem = "locked by a process that is not an agent"
                raise LockRefusedError(errno.EAGAIN, problem, path) from None
        else:
            return  # free by now, where it was not: who held it has died in between
    raise LockRefusedError(errno.EAGAIN, "its lock is taken and given up all the time", path)


def claim_problem(error: OSError) -> str:
    """Why :func:`claim` could not have a camera's state, for a human."""
    return f"{printable(str(error.filename or STATE_NAME))}: {error.strerror}"


def _open_state(state_root: str, directory: str, camera_id: str) -> int:
    """A descriptor of the camera's ``agent.state``, made if it is missing, of this user's own or root's."""
    root = open_folder(state_root.rstrip("/") or "/")  # behind a slash, a link would be followed
    try:
        folder = open_folder(camera_id, directory, root)
    finally:
        close_descriptor(root)
    path = f"{directory}/{STATE_NAME}"
    try:
        descriptor = os.open(STATE_NAME, os.O_RDWR | os.O_CREAT | _OPEN, 0o644, dir_fd=folder)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None
    finally:
        close_descriptor(folder)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.ENXIO, "not a regular file", path)
        if status.st_nlink != 1:
            raise OSError(errno.EMLINK, "has another name elsewhere (a hard link)", path)
        _check_owner(status, path)
    except BaseException:  # closed whatever it was, and raised again
        close_descriptor(descriptor)
        raise
    return descriptor


def open_folder(name: str, path: str = "", above: int | None = None) -> int:
    """A descriptor of a folder, made if it is missing: readable by other users, whatever the umask is.

    Args:
        name: Of the folder, below ``above`` or a path of its own.
        path: Of the folder, for messages; ``name`` itself by default.
        above: Descriptor of the folder above it.

    Raises:
        OSError: It cannot be made or opened, is a link, or belongs to another user.

    """
    path = path or name
    made = _make_folder(name, above)
    try:
        descriptor = os.open(name, _OPEN_FOLDER, dir_fd=above)
    except OSError as error:
        if error.errno == errno.ENOTDIR:  # what the kernel answers for a link as well
            _check_owner(os.stat(name, dir_fd=above, follow_symlinks=False), path)
        raise OSError(error.errno, error.strerror, path) from None
    try:
        _check_owner(os.fstat(descriptor), path)
        if made:
            os.fchmod(descriptor, 0o755)  # runtimes of other users read the states
    except BaseException:  # closed whatever it was, and raised again
        close_descriptor(descriptor)
        raise
    return descriptor


def _make_folder(name: str, above: int | None = None) -> bool:
    """Makes a folder, and those above it that are missing. Returns whether it was not there."""
    try:
        os.mkdir(name, 0o755, dir_fd=above)
    except FileExistsError:
        return False
    except FileNotFoundError:
        parent = os.path.dirname(name)
        if not parent:
            raise
        close_descriptor(open_folder(parent))
        return _make_folder(name, above)
    return True


def _check_owner(status: os.stat_result, path: str) -> None:
    problem = owner_problem(status)
    if problem is not None:
        raise OSError(errno.EPERM, problem, path)

"""A launcher's own file: made before it forks, locked for life, removed at its end.

What is in it and who reads it: :mod:`launch.observe.launchers`. The lock is the process's, and the kernel
drops it as soon as the process closes any descriptor of the file: so it is opened once, and execve(2) keeps
that descriptor (docs/decisions/0050).
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from launch.launcher.claim import open_folder
from launch.observe.launchers import (
    BYTES_MAX,
    FOLDER,
    LIFE_BYTE,
    Launcher,
    flock,
    parse_launcher,
    record_path,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

_CREATE: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class LauncherRecord:
    """The file of this process, open and locked.

    Attributes:
        state_root: Folder of all states, absolute.
        launcher: What the file says.
        descriptor: Of the file.

    """

    __slots__ = ("descriptor", "launcher", "state_root")

    def __init__(self, state_root: str, launcher: Launcher, descriptor: int) -> None:
        self.state_root = state_root
        self.launcher = launcher
        self.descriptor = descriptor

    @classmethod
    def create(cls, state_root: str, launcher: Launcher) -> LauncherRecord:
        """Makes the file of this process.

        It has its name from the moment on at which it is whole and locked.

        Raises:
            OSError: It cannot be made; or the state root or the folder is a link, or belongs to another user.

        """
        folder = _folder(state_root)
        name, new = str(launcher.pid), f"{launcher.pid}.new"
        try:
            with suppress(FileNotFoundError):
                os.unlink(new, dir_fd=folder)  # of an earlier process with this pid
            descriptor = os.open(new, _CREATE, 0o644, dir_fd=folder)
            try:
                os.fchmod(descriptor, 0o644)
                fcntl.fcntl(descriptor, fcntl.F_SETLK, flock(fcntl.F_WRLCK, LIFE_BYTE))
                content = launcher.content()
                if os.write(descriptor, content) != len(content):  # a full tmpfs
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.rename(new, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:  # closed whatever it was, and raised again
                os.close(descriptor)
                with suppress(OSError):
                    os.unlink(new, dir_fd=folder)
                raise
        finally:
            os.close(folder)
        return cls(state_root, launcher, descriptor)

    @classmethod
    def adopt(cls, state_root: str, descriptor: int) -> LauncherRecord | None:
        """The file of this process, open from before it started over; None if the descriptor is another's."""
        pid = os.getpid()
        try:
            here = os.stat(record_path(state_root, pid), follow_symlinks=False)
            if not os.path.samestat(here, os.fstat(descriptor)):
                return None
            os.set_inheritable(descriptor, False)
            launcher = parse_launcher(os.pread(descriptor, BYTES_MAX, 0), pid)
        except OSError:
            return None
        return None if launcher is None else cls(state_root, launcher, descriptor)

    def update(self, *, agents: Iterable[int], exit_code: int, ruth_version: str) -> None:
        """Writes what has changed. Lost if there is no memory for it: agents come first."""
        self.launcher = replace(
            self.launcher, agents=tuple(agents), exit_code=exit_code, ruth_version=ruth_version
        )
        content = self.launcher.content()
        with suppress(OSError):
            os.pwrite(self.descriptor, content, 0)
            os.truncate(self.descriptor, len(content))

    def remove(self) -> None:
        """Removes the file. Its lock ends with this process, or with its descriptor."""
        with suppress(OSError):
            os.unlink(record_path(self.state_root, self.launcher.pid))


def _folder(state_root: str) -> int:
    """A descriptor of the folder of all launchers, made if it is missing; raises as :func:`open_folder`."""
    root = open_folder(state_root.rstrip("/") or "/")
    try:
        return open_folder(FOLDER, f"{state_root}/{FOLDER}", root)
    finally:
        os.close(root)


def no_record(error: OSError) -> str:
    """What is said of a launcher that has no file: it launches all the same."""
    if error.errno == errno.ENOSPC:
        return "no memory for this launcher's record: ruth apply will not find it"
    return f"this launcher has no record ({error.strerror}): ruth apply will not find it"

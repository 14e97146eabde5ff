"""Asks a launcher to launch cameras of its file: writes a request, signals it, and waits for the answer.

Who may signal it may also write beside its record: its own user, and root. One process asks at a time.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import time
from typing import TYPE_CHECKING, Final, Self

from launch.launcher.launcher import START_OVER_SIGNAL
from launch.launcher.request import Answer, Request, forget
from launch.observe.launchers import ASKING_BYTE, flock, read_launcher, record_path
from ruth.descriptor import close_descriptor
from ruth.errors import RuthError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from launch.observe.launchers import Launcher

DEADLINE_S: Final = 60.0  # launching 10,000 cameras takes some 10 s
_POLL_MS: Final = 5
_OPEN: Final = os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class AskingError(RuthError):
    """A launcher that cannot be asked, or does not answer; the text says why, and who."""

    def __init__(self, launcher: Launcher, reason: str) -> None:
        super().__init__(f"launcher {launcher.pid}: {reason}")


class Asking:
    """A conversation with one launcher. No other process can ask it until this is closed.

    Args:
        state_root: Folder of all states, absolute.
        launcher: As it was found.

    Raises:
        AskingError: It has ended, is stopped, belongs to another user, or is being asked.

    """

    __slots__ = ("_launcher", "_pending", "_process", "_record", "_state_root")

    def __init__(self, state_root: str, launcher: Launcher) -> None:
        self._launcher = launcher
        self._state_root = state_root
        self._record = self._process = -1
        self._pending = False  # whether it was signalled and has not answered
        try:
            self._record = os.open(record_path(state_root, launcher.pid), _OPEN)
            fcntl.fcntl(self._record, fcntl.F_OFD_SETLK, flock(fcntl.F_WRLCK, ASKING_BYTE))
            self._process = os.pidfd_open(launcher.pid)
            signal.pidfd_send_signal(self._process, 0)  # whether one may
            problem = "is stopped (kill -CONT)" if launcher.stopped else None
            if read_launcher(state_root, launcher.pid) is None:
                problem = "has ended"
        except BlockingIOError:
            problem = "another process is asking it for something"
        except PermissionError:
            problem = "belongs to another user: as that user, or as root"
        except (FileNotFoundError, ProcessLookupError):
            problem = "has ended"
        except OSError as error:
            problem = f"cannot be asked: {error.strerror}"
        if problem is not None:
            self.close()
            raise AskingError(launcher, problem)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the conversation, and removes what is left of it.

        Not a request that may still be read: a launcher that finds none after its signal would launch all
        cameras without an agent, those too that were ended on purpose.
        """
        if self._process >= 0 and not self._pending:
            forget(self._state_root, self._launcher.pid)
        for descriptor in (self._process, self._record):
            if descriptor >= 0:
                close_descriptor(descriptor)
        self._process = self._record = -1

    def ask(self, cameras: Iterable[str]) -> Answer:
        """Has the launcher read its file again and launch those of these cameras that have no live agent.

        Without any camera it only reads the file, and answers whether it could.

        Raises:
            AskingError: It does not answer.

        """
        pid, mark = self._launcher.pid, os.urandom(8).hex()
        try:
            Request(mark, frozenset(cameras)).write(self._state_root, pid)
            self._pending = True
            signal.pidfd_send_signal(self._process, START_OVER_SIGNAL)
        except OSError as error:
            raise AskingError(self._launcher, f"cannot be asked: {error.strerror}") from None
        poll = select.poll()
        poll.register(self._process, select.POLLIN)  # readable once the process has ended
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            ended = poll.poll(_POLL_MS)
            answer = Answer.take(self._state_root, pid, mark)
            if answer is not None:
                self._pending = False
                return answer
            if ended:
                self._pending = False
                raise AskingError(self._launcher, "has ended before it answered; its agents go on")
        raise AskingError(self._launcher, f"has not answered within {DEADLINE_S:.0f} s (is it stopped?)")

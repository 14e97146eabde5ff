"""One FFmpeg process: it dies with us, its end is a descriptor, its log is a file.

Only to be started by a process with one thread: between fork and FFmpeg Python code runs.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_LOG_BYTES_MAX = 1 << 20
_PR_SET_PDEATHSIG = 1


class FFmpegProcess:
    """A running FFmpeg.

    Args:
        arguments: Its command line.
        log_path: The file for what it writes to standard error, emptied first.
        stdout: A descriptor for standard output; nowhere if not given.
        keep: A further descriptor that it gets, under the same number.

    Raises:
        OSError: It cannot be started: no process, no descriptor, no program.

    Attributes:
        exit_fd: A descriptor that becomes readable when it ends.

    """

    def __init__(
        self,
        arguments: list[str],
        log_path: str,
        stdout: int | None = None,
        keep: int | None = None,
    ) -> None:
        self._log_path = log_path
        # A file, not a pipe: FFmpeg must never wait for somebody to read what it logs. Opened for
        # appending, so that it can be emptied below FFmpeg's hands.
        with open(log_path, "ab", buffering=0) as log:
            log.truncate(0)
            self._popen = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL if stdout is None else stdout,
                stderr=log,
                env={**os.environ, "AV_LOG_FORCE_NOCOLOR": "1"},  # the log is read by a program
                pass_fds=() if keep is None else (keep,),
                # Ctrl-C reaches us alone: at a second signal FFmpeg would drop its recording.
                process_group=0,
                preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509 - safe with one thread
            )
        try:
            self.exit_fd = os.pidfd_open(self._popen.pid)
        except OSError:
            self.kill()
            self._popen.wait()
            raise

    def terminate(self) -> None:
        """Asks it to finish its recording and end."""
        self._popen.terminate()

    def kill(self) -> None:
        """Ends it now."""
        self._popen.kill()

    def wait(self) -> int:
        """Waits for its end: its exit code, or minus the signal that killed it."""
        return self._popen.wait()

    def close(self) -> None:
        """Ends it now if it still runs, and lets go of it. The log stays."""
        self.kill()
        self.wait()
        os.close(self.exit_fd)

    def log(self) -> str:
        """What it has written to standard error."""
        with open(self._log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def trim_log(self) -> None:
        """Empties a log that has grown long: about a bad stream FFmpeg logs as long as it lasts."""
        if os.path.getsize(self._log_path) > _LOG_BYTES_MAX:
            os.truncate(self._log_path, 0)


def death_of(code: int) -> str:
    """How a process ended: ``"exit 1"`` or ``"SIGKILL"``, from what :meth:`FFmpegProcess.wait` gave."""
    return f"exit {code}" if code >= 0 else signal.Signals(-code).name


def _die_with(parent: int) -> Callable[[], None]:
    """What a child does before it becomes FFmpeg: it has the kernel kill it when ``parent`` dies.

    With SIGKILL, because at SIGTERM FFmpeg would first want to empty a pipe that nobody reads.
    """
    prctl = ctypes.CDLL(None).prctl

    def before_exec() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
        if os.getppid() != parent:  # it died before the kernel was asked
            os._exit(1)

    return before_exec

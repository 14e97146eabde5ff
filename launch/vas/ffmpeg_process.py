"""One FFmpeg process: it dies with us, its end is a descriptor, its log is a file without a name.

Only to be started by a process with one thread: between fork and FFmpeg Python code runs.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess

from launch.exits import describe_death
from launch.vas.parent_death import dies_with_parent
from ruth.descriptor import close_descriptor

_LOG_BYTES_MAX = 1 << 20  # in memory: more is thrown away
_TAIL_BYTES = 1 << 16  # of it that are read


class FFmpegProcess:
    """A running FFmpeg.

    Args:
        arguments: Its command line.
        stdout: A descriptor for standard output; nowhere if not given.
        keep: Further descriptors that it gets, under the same numbers.

    Raises:
        OSError: It cannot be started: no process, no descriptor, no program.

    Attributes:
        exit_fd: A descriptor that becomes readable when it ends.

    """

    def __init__(
        self,
        arguments: list[str],
        stdout: int | None = None,
        keep: tuple[int, ...] = (),
    ) -> None:
        self._kept = ""
        with contextlib.ExitStack() as undo:
            # A file, not a pipe: FFmpeg must never wait for a reader of its log. In memory and
            # without a name: nothing is left of it, however we end. For appending, so that it can be
            # emptied below FFmpeg's hands.
            self._log = os.memfd_create("ffmpeg.log")
            undo.callback(close_descriptor, self._log)
            fcntl.fcntl(self._log, fcntl.F_SETFL, os.O_APPEND)
            self._popen = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL if stdout is None else stdout,
                stderr=self._log,
                env={**os.environ, "AV_LOG_FORCE_NOCOLOR": "1"},  # the log is read by a program
                pass_fds=keep,
                # Ctrl-C reaches us alone: at a second signal FFmpeg ends its recording where it is on disk.
                process_group=0,
                # SIGKILL: at SIGTERM FFmpeg would first want to empty a pipe without a reader.
                preexec_fn=dies_with_parent(signal.SIGKILL),  # noqa: PLW1509 - safe with one thread
            )
            undo.callback(self.wait)
            undo.callback(self.kill)
            self.exit_fd = os.pidfd_open(self._popen.pid)
            undo.pop_all()

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
        """Ends it now if it still runs, and releases it, its log included."""
        self.kill()
        self.wait()
        close_descriptor(self.exit_fd)
        close_descriptor(self._log)

    def log_tail(self) -> str:
        """The end of what it has written to standard error: whole lines, at most 64 kB."""
        # pread: the position is shared with FFmpeg.
        size = os.fstat(self._log).st_size
        content = os.pread(self._log, _TAIL_BYTES, max(0, size - _TAIL_BYTES))
        if size > _TAIL_BYTES:
            content = content.partition(b"\n")[2]
        return (self._kept + content.decode(errors="replace").replace("\r", "\n"))[-_TAIL_BYTES:]

    def trim_log(self) -> None:
        """Forgets all but the end of a long log: about a bad stream FFmpeg logs as long as it lasts."""
        if os.fstat(self._log).st_size > _LOG_BYTES_MAX:
            self._kept = self.log_tail()
            os.ftruncate(self._log, 0)


def death_of(code: int) -> str:
    """How a process ended: ``"exit 1"`` or ``"SIGKILL"``, from what :meth:`FFmpegProcess.wait` gave."""
    return describe_death(code << 8 if code >= 0 else -code)  # the layout of a wait status, wait(2)

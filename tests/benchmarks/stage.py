"""A run's own place and processes: everything lies below one folder on tmpfs, and all is gone afterwards.

Processes are ended by pid, and only those that came of this run: this process is the subreaper of what it
starts, so that agents whose launcher has ended are still its descendants.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from multiprocessing import resource_tracker, util
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import psutil

from ruth.identity import EXPORT_ROOT_VARIABLE, STATE_ROOT_VARIABLE
from ruth.vas.flag import FLAG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_PR_SET_CHILD_SUBREAPER = 36
_SHARED_MEMORY = Path("/dev/shm")

Found = TypeVar("Found")


class BenchmarkError(Exception):
    """A benchmark cannot go on; the text says why."""


class NoRoomError(BenchmarkError):
    """The machine has no room for what was to be measured; less may do."""


def end_resource_tracker() -> None:
    """Ends the helper that multiprocessing starts once for all workers, if it did, and waits for it."""
    util._exit_function()  # what it tracks is released first, or both would unlink the same semaphores
    resource_tracker._resource_tracker._stop()


class Stage:
    """Where a benchmark happens.

    Attributes:
        folder: Its folder on tmpfs, removed at the end.
        prefix: Of names that a peer insists on making directly in /dev/shm; removed as well.
        quick: Whether seconds have to do: for trying, and for tests.

    """

    def __init__(self, say: Callable[[str], None], *, quick: bool = False) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ruth-bench-", dir=_SHARED_MEMORY))
        self.prefix = f"{self.folder.name}_"
        self.quick = quick
        self._say = say
        self._started: list[subprocess.Popen[Any]] = []
        self._spawned: list[multiprocessing.process.BaseProcess] = []
        self._folders = 0
        self.spawn = multiprocessing.get_context("spawn")
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end_processes()
        shutil.rmtree(self.folder)
        for left in _SHARED_MEMORY.glob(f"{self.prefix}*"):
            left.unlink()

    def say(self, text: str) -> None:
        """Tells a process that waits how far it is."""
        self._say(text)

    def new_folder(self) -> Path:
        """An empty folder of its own on tmpfs."""
        self._folders += 1
        folder = self.folder / str(self._folders)
        folder.mkdir()
        return folder

    def environ(self, export_root: Path, state_root: Path, *, flag: bool = True) -> dict[str, str]:
        """The environment of a process of this run."""
        environ = {name: value for name, value in os.environ.items() if name != FLAG}
        environ[EXPORT_ROOT_VARIABLE] = str(export_root)
        environ[STATE_ROOT_VARIABLE] = str(state_root)
        if flag:
            environ[FLAG] = "true"
        return environ

    def start(self, *command: str | Path, **options: Any) -> subprocess.Popen[Any]:
        """subprocess.Popen; from and to nowhere unless told otherwise."""
        for stream in ("stdin", "stdout", "stderr"):
            options.setdefault(stream, subprocess.DEVNULL)
        process = subprocess.Popen([str(part) for part in command], **options)
        self._started.append(process)
        return process

    def python(self, *arguments: str | Path, **options: Any) -> subprocess.Popen[Any]:
        """Starts this Python."""
        return self.start(sys.executable, *arguments, **options)

    def worker(self, target: Callable[..., None], *arguments: Any) -> int:
        """Runs ``target`` in a process of its own (multiprocessing, spawn). Its pid."""
        process = self.spawn.Process(target=target, args=arguments, daemon=True)
        process.start()
        self._spawned.append(process)
        assert process.pid is not None
        return process.pid

    def check_workers(self) -> None:
        """Raises BenchmarkError if a process of :meth:`worker` has ended by itself."""
        for worker in self._spawned:
            if worker.exitcode is not None:
                raise BenchmarkError(f"a process of this benchmark ended with {worker.exitcode}")

    def end_workers(self, pids: Iterable[int]) -> None:
        """Kills these processes of :meth:`worker`, and waits until they are gone."""
        ended = set(pids)
        for worker in [worker for worker in self._spawned if worker.pid in ended]:
            self._spawned.remove(worker)
            worker.kill()
            worker.join()
            worker.close()

    def end_processes(self) -> None:
        """Kills what was started and every orphan that came of it, and waits until they are gone."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
        self._started.clear()
        self.end_workers([worker.pid or 0 for worker in self._spawned])
        self._reap_orphans()

    def _reap_orphans(self) -> None:
        """Agents, mostly, whose launcher is gone. multiprocessing's helper goes on to the end of them all."""
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.Error, ChildProcessError):
                if child.pid != resource_tracker._resource_tracker._pid:
                    child.kill()
                    os.waitpid(child.pid, 0)

    def wait_until(self, condition: Callable[[], Found], what: str, deadline_s: float = 30.0) -> Found:
        """The first true value of ``condition()``. BenchmarkError, naming ``what``, past the deadline."""
        deadline = time.monotonic() + deadline_s
        while not (found := condition()):
            if time.monotonic() > deadline:
                raise BenchmarkError(f"not within {deadline_s:g} s: {what}")
            time.sleep(0.01)
        return found


def end_on_sigterm() -> None:
    """SIGTERM ends this process as Ctrl-C does: with everything cleaned up."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)

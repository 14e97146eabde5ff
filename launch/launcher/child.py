"""How a fresh child of the launcher becomes an agent's process.

Whatever can be is done before the fork. What a child inherits costs it nothing, while each function that it
runs itself copies the pages of the objects it touches, since every use of a Python object writes its
reference count: some 10 to 100 KB each, as measured.
"""

from __future__ import annotations

import ctypes
import errno
import gc
import mmap
import os
import signal
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from launch.agent.confine.confinement import Confinement
from launch.agent.native.library import load
from launch.agent.native.starter import Starter
from launch.agent.notice import STATE_DESCRIPTOR, Notice
from launch.agent.process import AgentProcess
from launch.agent.title import Title
from launch.exits import EXIT_FAILURE
from ruth.descriptor import close_descriptor

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from launch.agent.native.starter import Start
    from ruth.agent.agent import StreamAgent

_SIG_SETMASK: Final = 2
_NO_SIGNALS: Final = bytes(128)  # sigset_t
# Not signal.pthread_sigmask: that makes a set of enum members of what was blocked before.
_sigprocmask = ctypes.CDLL(None).sigprocmask


class Child(NamedTuple):
    """What can be made of an agent's process before there is one.

    Attributes:
        process: What runs in it.
        title: Its name.
        start: How it begins without Python; None if Python begins it.

    """

    process: AgentProcess
    title: str
    start: Start | None


class AgentForker:
    """What children inherit; made by the launcher before its first fork.

    From then on the launcher itself has the limits of an agent (:meth:`Confinement.limit`), works in the root
    directory, and collects no garbage.

    Args:
        export_root: Folder of all exports, absolute.
        states: How many states may be open at a time when the launcher forks.
        configuration: The file that agents are launched from, as their records have it.
        limited: Whether this process has these limits already, from before it started over.

    Raises:
        OSError: What agents are confined with cannot be had.

    """

    __slots__ = (
        "_configuration",
        "_confinement",
        "_descriptors_end",
        "_handlers",
        "_ignored",
        "_launcher_pid",
        "_native",
        "_null",
        "_starter",
        "_title",
        "_umask",
        "export_root",
    )

    def __init__(self, export_root: str, states: int, configuration: int, *, limited: bool = False) -> None:
        self.export_root = export_root
        self._configuration = configuration
        self._confinement = Confinement(export_root)
        self._confinement.limit(again=limited)
        self._title = Title()
        self._native, _ = load()
        self._null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        # Not the limit, which may have been lowered since they were opened.
        self._descriptors_end = max(map(int, os.listdir("/proc/self/fd"))) + 1 + states
        self._umask = os.umask(0o022)
        self._launcher_pid = os.getpid()  # asked by the child, it could be that of a later parent
        self._starter: Starter | None = None
        if self._native is not None:
            self._starter = Starter(
                self._native, self._null, self._descriptors_end, self._title.address, self._launcher_pid
            )
        self._handlers: dict[int, Any] = {}
        for number in signal.valid_signals():
            handler = signal.getsignal(number)
            if handler not in (signal.SIG_DFL, None):
                self._handlers[number] = handler
        # With the default action back, what is ignored, here or by the process that started this one, would
        # end the launcher: blocked until it is ignored again.
        self._ignored = [number for number, handler in self._handlers.items() if handler is signal.SIG_IGN]
        signal.pthread_sigmask(signal.SIG_BLOCK, self._ignored)
        for handled in self._handlers:
            signal.signal(handled, signal.SIG_DFL)
        # What ctypes makes at the first use of a type or a function it makes here, for all: 70 KB per agent.
        Notice(mmap.mmap(-1, mmap.PAGESIZE), self._null).wake()
        # What exists now is never collected again: a collection in a child would write to every object's
        # header and copy the pages that all agents share. And an agent makes no reference cycles.
        gc.collect()
        gc.freeze()
        gc.disable()

    @property
    def confinement(self) -> Confinement:
        """What agents are confined with."""
        return self._confinement

    def close(self) -> None:
        """After the last fork: gives the launcher its signals and its umask back."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._ignored)
        os.umask(self._umask)
        close_descriptor(self._null)
        self._confinement.close()
        with suppress(OSError):  # how it is shown; all agents are launched by now
            self._title.restore()

    def prepare(self, agent: StreamAgent) -> Child:
        """All of an agent's process that can be made before the fork.

        Raises:
            OSError: The path of the camera's export is too long.

        """
        confinement = self._confinement.prepare(agent.camera_id)
        process = AgentProcess(agent, self.export_root, confinement, self._native, self._configuration)
        title, start = f"ruth: agent {agent.camera_id}", None
        if self._starter is not None:
            start = process.prepare_start(self._starter, title)
        return Child(process, title, start)

    def fork_each(self, children: Sequence[tuple[Child, int]]) -> Sequence[int]:
        """Forks a process for each, none of which ever returns into the launcher's code.

        Args:
            children: By :meth:`prepare`; beside each its ``agent.state``, locked.

        Returns:
            The pids in the same order; less than 0 where fork(2) failed, an error number.

        """
        in_c = [(child, state) for child, state in children if child.start is not None]
        started: Iterator[int] = iter(())
        if self._starter is not None and in_c:
            starts = [(child.start, state) for child, state in in_c if child.start is not None]
            started = iter(self._starter.fork_each(starts, lambda index: self._become(*in_c[index])))
        return [
            self._fork(child, state) if child.start is None else next(started) for child, state in children
        ]

    def _fork(self, child: Child, state: int) -> int:
        """Forks a process that begins in Python."""
        try:
            pid = os.fork()
        except OSError as error:
            return -(error.errno or errno.EAGAIN)
        if pid == 0:
            self._become(child, state)
        return pid

    def _become(self, child: Child, state: int) -> NoReturn:
        """Turns the child that calls it into an agent's process, as far as it is none yet."""
        try:
            if child.start is not None:
                child.process.adopt_start(STATE_DESCRIPTOR)
            os.setsid()
            _sigprocmask(_SIG_SETMASK, _NO_SIGNALS, None)
            self._leave_descriptors(state)
            self._title.set(child.title)
            child.process.run(STATE_DESCRIPTOR, self._launcher_pid)
        except BaseException:  # noqa: BLE001 - whatever it is ends this process, here and nowhere else
            traceback.print_exc()  # to /dev/null by now; seen if it happened before
        finally:
            os._exit(EXIT_FAILURE)  # also if there was no memory left to print with

    def _leave_descriptors(self, state: int) -> None:
        """Closes all descriptors but the ruleset and the state, which gets its number; 0 to 2 are /dev/null.

        A pipe shared with the launcher or a sibling would couple cameras: when it is full, all would stop.
        """
        for standard in (0, 1, 2):
            os.dup2(self._null, standard)
        os.dup2(state, STATE_DESCRIPTOR)
        ruleset = self._confinement.descriptor
        os.closerange(STATE_DESCRIPTOR + 1, ruleset)
        os.closerange(max(ruleset, STATE_DESCRIPTOR) + 1, self._descriptors_end)

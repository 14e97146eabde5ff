"""The launcher of a host: forks one independent process per camera, and then does nothing.

It has no code for a child's death. Dead agents stay zombies, so the kernel keeps how each died, their pids
are not used again, and nothing is logged (docs/specification.md, "How it runs"). It never waits for a child
and never starts one again. On SIGTERM, SIGINT or SIGHUP it signals its agents and exits at once (those of the
three that were ignored when it started, as SIGHUP is under nohup(1), stay ignored); if it is killed with
-9, its agents live on.

Why single-threaded: a child of fork has only the thread that called fork, while locks that other threads
held stay locked in it for ever (fork(2), pthread_atfork(3)). So a launcher with a second thread refuses.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

from launch.exits import EXIT_FAILURE, EXIT_OK
from launch.launcher.child import AgentForker
from launch.launcher.claim import AlreadyRunningError, claim, claim_problem
from launch.screen.messages import describe
from ruth.agent.measure import FILTERED, refusal
from ruth.descriptor import close_descriptor
from ruth.errors import RuthError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from launch.launcher.child import Child
    from ruth.agent.agent import StreamAgent

ENDING_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

# So many cameras are claimed, and then so many processes forked in one go. What the launcher writes to
# between two forks, reference counts too, is copied for it, and the first of the two children keeps the page
# that was: a claim before each fork cost each agent 330 KB, as measured. Each needs a descriptor meanwhile.
BATCH: Final = 64


class Launched(NamedTuple):
    """What came of one launch; ``started`` and ``running`` in the order of the configuration.

    Attributes:
        started: Camera and pid.
        running: What was said of cameras that had a live agent already, or were just being launched; they
            were left alone.
        failed: Camera, and what went wrong.
        notes: What is so of all of them, and should be known.

    """

    started: tuple[tuple[str, int], ...]
    running: tuple[tuple[str, str], ...]
    failed: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()


class ThreadsError(RuthError):
    """The launcher has a second thread: forking would hand broken locks to every agent."""


def launch(
    agents: Iterable[StreamAgent], export_root: str, state_root: str, configuration: int = 0
) -> Launched:
    """Forks one process per agent, except for cameras that have a live one.

    Args:
        agents: New agents with their subscriptions.
        export_root: Folder of all exports, absolute.
        state_root: Folder of all states, absolute.
        configuration: The file that they are launched from, as their records have it.

    Raises:
        ThreadsError: This process has more than one thread; nothing was forked.
        OSError: What agents are confined with cannot be had; nothing was forked.

    """
    _refuse_threads()
    work = _Launch(export_root, state_root, configuration)
    waiting = deque(agents)
    while waiting:
        work.fork_each(work.claim_some(waiting))
    work.forker.close()
    confinement = work.forker.confinement
    refused = refusal(confinement.refused, confinement.measures)
    notes = () if refused is None or not work.started else (refused,)
    return Launched(tuple(work.started), tuple(work.running), tuple(work.failed), notes)


class _Launch:
    """A launch under way."""

    __slots__ = ("failed", "forker", "running", "started", "state_root")

    def __init__(self, export_root: str, state_root: str, configuration: int) -> None:
        self.forker = AgentForker(export_root, BATCH, configuration)
        self.state_root = state_root
        self.started: list[tuple[str, int]] = []
        self.running: list[tuple[str, str]] = []
        self.failed: list[tuple[str, str]] = []

    def claim_some(self, waiting: deque[StreamAgent]) -> list[tuple[Child, int]]:
        """Takes agents out of ``waiting``. Returns what is to be forked, each with its state, locked."""
        claimed: list[tuple[Child, int]] = []
        while waiting and len(claimed) < BATCH:
            agent = waiting[0]
            try:
                child = self.forker.prepare(agent)
                claimed.append((child, claim(self.state_root, agent.camera_id, len(agent.subscriptions))))
            except AlreadyRunningError as error:
                self.running.append((agent.camera_id, str(error)))
            except OSError as error:
                if claimed and error.errno == errno.EMFILE:
                    break  # there is room again once those are forked
                self.failed.append((agent.camera_id, claim_problem(error)))
            waiting.popleft()
        return claimed

    def fork_each(self, claimed: list[tuple[Child, int]]) -> None:
        """Forks a process for each, in one go (:data:`BATCH`)."""
        for (child, state), pid in zip(claimed, self.forker.fork_each(claimed), strict=True):
            camera_id = child.process.agent.camera_id
            if pid > 0:
                self.started.append((camera_id, pid))
            else:
                self.failed.append((camera_id, _fork_problem(-pid)))
            close_descriptor(state)  # the child's copy holds the lock from here on


def _fork_problem(number: int) -> str:
    """What fork(2) failed with, in words."""
    filtered = f": {FILTERED}; allow clone there" if number == errno.EPERM else ""
    return f"fork: {os.strerror(number)}{filtered}"


def _refuse_threads() -> None:
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        raise ThreadsError(f"the launcher has {threads} threads, must have 1 to fork")


def run_launcher(
    agents: Iterable[StreamAgent],
    export_root: str,
    state_root: str,
    configuration: int,
    *,
    detach: bool = False,
) -> int:
    """Launches, says so once, and waits to be told to end.

    Args:
        agents: New agents with their subscriptions.
        export_root: Folder of all exports, absolute.
        state_root: Folder of all states, absolute.
        configuration: The file that they are launched from, as their records have it.
        detach: Whether to return once a launcher of its own session has launched.

    Returns:
        An exit code: of a launcher that was told to end, or had nothing to launch, or could not.

    """
    try:
        _refuse_threads()
        if detach:
            return _detach(agents, export_root, state_root, configuration)
        return _launch_and_wait(agents, export_root, state_root, configuration)
    except ThreadsError as error:
        _say(2, f"ruth: {error}\n")
        return EXIT_FAILURE


def _launch_and_wait(
    agents: Iterable[StreamAgent],
    export_root: str,
    state_root: str,
    configuration: int,
    *,
    ready_fd: int = -1,
) -> int:
    # Blocked from before the first fork, so that no signal is lost between launching and waiting.
    ending = [number for number in ENDING_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, the kernel would reap agents unseen
    launched = launch(agents, export_root, state_root, configuration)
    code = EXIT_FAILURE if launched.failed else EXIT_OK

    def end_now(_number: int, _frame: object) -> NoReturn:
        _end(launched)
        os._exit(code)

    # A blocked or closed stdout must not keep the launcher from being told to end while it speaks.
    for number in ending:
        signal.signal(number, end_now)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ending)
    report(launched)
    if ready_fd >= 0:
        notify_parent(ready_fd, code)
    if not launched.started:
        return code
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)
    signal.sigwait(ending)
    _end(launched)
    return code


def _end(launched: Launched) -> None:
    """SIGTERM to every agent of this launch. Their pids are still theirs: they have not been reaped."""
    for _, pid in launched.started:
        try:
            os.kill(pid, signal.SIGTERM)
        except OSError:
            continue  # refused for this one: the others are signalled all the same


def report(launched: Launched) -> None:
    """Reports what was launched: one line per camera on stdout, problems on stderr. Never fails."""
    lines = [f"{camera_id}: agent {pid}\n" for camera_id, pid in launched.started]
    _say(1, "".join(lines))
    problems = [f"ruth: {camera_id}: {text}\n" for camera_id, text in (*launched.running, *launched.failed)]
    problems += [f"ruth: {note}\n" for note in launched.notes]
    _say(2, "".join(problems))


def _say(descriptor: int, text: str) -> None:
    remaining = text.encode(errors="backslashreplace")
    try:
        while remaining:
            remaining = remaining[os.write(descriptor, remaining) :]
    except OSError:
        return  # closed, or gone: agents come first, and there is no reader


def _detach(agents: Iterable[StreamAgent], export_root: str, state_root: str, configuration: int) -> int:
    """Launches from a child of its own session, and returns its exit code once it has launched."""
    sys.stdout.flush()
    sys.stderr.flush()
    reader, writer = os.pipe()
    try:
        pid = os.fork()
    except OSError as error:
        _say(2, f"ruth: {_fork_problem(error.errno or errno.EAGAIN)}\n")
        return EXIT_FAILURE
    if pid == 0:
        code = EXIT_FAILURE
        try:
            _close_inherited(writer)
            os.setsid()
            code = _launch_and_wait(agents, export_root, state_root, configuration, ready_fd=writer)
        except (OSError, MemoryError, ThreadsError) as error:
            _say(2, f"ruth: {describe(error)}\n")
        finally:
            os._exit(code)
    close_descriptor(writer)
    with os.fdopen(reader, "rb") as answers:
        answer = answers.read()
    return answer[0] if answer else EXIT_FAILURE


def _close_inherited(kept: int) -> None:
    """Closes what a detached launcher was given: the lock or the pipe of a script would be held for life."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) != kept:
            close_descriptor(int(name))


def notify_parent(ready_fd: int, code: int) -> None:
    """A detached launcher leaves the terminal, and tells who started it how the launch went."""
    with suppress(OSError):  # no descriptor left: it keeps the terminal, since agents come first
        null = os.open(os.devnull, os.O_RDWR)
        for standard in range(3):
            os.dup2(null, standard)
        close_descriptor(null)
    with suppress(OSError):  # the process that started it may have been interrupted: it continues
        os.write(ready_fd, bytes([code]))
    close_descriptor(ready_fd)

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

from launch.agent.native.library import VARIABLE
from launch.exits import EXIT_FAILURE, EXIT_OK
from launch.launcher.child import AgentForker
from launch.launcher.claim import AlreadyRunningError, claim, claim_problem
from launch.launcher.launched import Launched, report, say
from launch.launcher.ready import notify_ready
from launch.launcher.record import LauncherRecord, no_record
from launch.launcher.start_over import StartOver
from launch.observe.launchers import Launcher
from launch.screen.messages import describe
from ruth.agent.measure import FILTERED, refusal
from ruth.descriptor import close_descriptor
from ruth.errors import RuthError
from ruth.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from launch.launcher.child import Child
    from ruth.agent.agent import StreamAgent

ENDING_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
START_OVER_SIGNAL: Final = signal.SIGUSR1
"""On it a launcher starts over in place (docs/decisions/0050); blocked until it waits."""

# So many cameras are claimed, and then so many processes forked in one go. What the launcher writes to
# between two forks, reference counts too, is copied for it, and the first of the two children keeps the page
# that was: a claim before each fork cost each agent 330 KB, as measured. Each needs a descriptor meanwhile.
BATCH: Final = 64


class Order(NamedTuple):
    """What is to be launched, and from where.

    Attributes:
        agents: New agents with their subscriptions.
        export_root: Folder of all exports, absolute.
        state_root: Folder of all states, absolute.
        configuration: Absolute path of the file that they are in; empty for standard input.
        number: What stands for that file in their records.
        limited: Whether this process has limited itself before: it is a launcher that has started over.

    """

    agents: Iterable[StreamAgent]
    export_root: str
    state_root: str
    configuration: str = ""
    number: int = 0
    limited: bool = False


class ThreadsError(RuthError):
    """The launcher has a second thread: forking would hand broken locks to every agent."""


def launch(order: Order) -> Launched:
    """Forks one process per agent, except for cameras that have a live one.

    Raises:
        ThreadsError: This process has more than one thread; nothing was forked.
        OSError: What agents are confined with cannot be had; nothing was forked.

    """
    refuse_threads()
    work = _Launch(order)
    waiting = deque(order.agents)
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

    def __init__(self, order: Order) -> None:
        self.forker = AgentForker(order.export_root, BATCH, order.number, limited=order.limited)
        self.state_root = order.state_root
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


def refuse_threads() -> None:
    """Raises ThreadsError if this process has a second thread."""
    threads = len(os.listdir("/proc/self/task"))
    if threads != 1:
        raise ThreadsError(f"the launcher has {threads} threads, must have 1 to fork")


def run_launcher(order: Order, *, detach: bool = False) -> int:
    """Launches, says so once, and waits to be told to end.

    Args:
        order: What to launch.
        detach: Whether to return once a launcher of its own session has launched.

    Returns:
        An exit code: of a launcher that was told to end, or had nothing to launch, or could not.

    """
    try:
        refuse_threads()
        if detach:
            return _detach(order)
        return _launch_and_wait(order)
    except ThreadsError as error:
        say(2, f"ruth: {error}\n")
        return EXIT_FAILURE


def _launch_and_wait(order: Order, *, ready_fd: int = -1) -> int:
    # Blocked from before the first fork, so that no signal is lost between launching and waiting.
    ending = ending_signals()
    signal.pthread_sigmask(signal.SIG_BLOCK, {*ending, START_OVER_SIGNAL})
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, the kernel would reap agents unseen
    signal.signal(START_OVER_SIGNAL, signal.SIG_DFL)
    start_over = StartOver.of_this_process()
    record, notes = _record(order)
    try:
        launched = launch(order)
    except BaseException:  # whatever it was: this launcher ends
        if record is not None:
            record.remove()
        raise
    launched = launched._replace(notes=(*launched.notes, *notes) if launched.started else ())
    code = EXIT_FAILURE if launched.failed else EXIT_OK
    agents = [pid for _, pid in launched.started]
    if record is not None:
        record.update(agents=agents, exit_code=code, ruth_version=__version__)

    def end_now(_number: int, _frame: object) -> NoReturn:
        _end(agents, record)
        os._exit(code)

    # A blocked or closed stdout must not keep the launcher from being told to end while it speaks.
    for number in ending:
        signal.signal(number, end_now)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ending)
    problem = notify_ready(f"agents launched: {len(launched.started)}, failed: {len(launched.failed)}")
    report(launched if problem is None else launched._replace(notes=(*launched.notes, problem)))
    if ready_fd >= 0:
        notify_parent(ready_fd, code)
    signal.pthread_sigmask(signal.SIG_BLOCK, ending)
    if launched.started:
        return wait_to_end(agents, code, record, start_over)
    if record is not None:
        record.remove()
    return code


def ending_signals() -> Sequence[signal.Signals]:
    """Those that end a launcher: not the ones that were ignored when it was started."""
    return [number for number in ENDING_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]


def wait_to_end(
    agents: Sequence[int], code: int, record: LauncherRecord | None, start_over: StartOver
) -> int:
    """Does nothing until it is told to end, then tells its agents to; or starts over.

    Args:
        agents: Pids of all children.
        code: To be returned at the end.
        record: Of this launcher; without one it does not start over.
        start_over: The command of this process.

    """
    ending = ending_signals()
    while signal.sigwait({*ending, START_OVER_SIGNAL}) == START_OVER_SIGNAL:
        if record is None:
            continue
        try:
            start_over.run(record.descriptor, record.launcher.export_root, record.state_root)
        except OSError as error:  # the program is not there: this launcher goes on as it is
            from launch.launcher.request import refuse

            refuse(record.state_root, record.launcher.pid, f"cannot start over: {describe(error)}")
    _end(agents, record)
    return code


def _record(order: Order) -> tuple[LauncherRecord | None, tuple[str, ...]]:
    """The record of this launcher; or None, and what is to be said of that."""
    launcher = Launcher(
        pid=os.getpid(),
        configuration=order.configuration,
        export_root=order.export_root,
        native=os.environ.get(VARIABLE, ""),
        ruth_version=__version__,
    )
    try:
        return LauncherRecord.create(order.state_root, launcher), ()
    except OSError as error:
        return None, (no_record(error),)


def _end(agents: Iterable[int], record: LauncherRecord | None) -> None:
    """SIGTERM to every agent of this launcher. Their pids are still theirs: they have not been reaped."""
    if record is not None:
        record.remove()
    for pid in agents:
        try:
            os.kill(pid, signal.SIGTERM)
        except OSError:
            continue  # refused for this one: the others are signalled all the same


def _detach(order: Order) -> int:
    """Launches from a child of its own session, and returns its exit code once it has launched."""
    sys.stdout.flush()
    sys.stderr.flush()
    reader, writer = os.pipe()
    try:
        pid = os.fork()
    except OSError as error:
        say(2, f"ruth: {_fork_problem(error.errno or errno.EAGAIN)}\n")
        return EXIT_FAILURE
    if pid == 0:
        code = EXIT_FAILURE
        try:
            _close_inherited(writer)
            os.setsid()
            code = _launch_and_wait(order, ready_fd=writer)
        except (OSError, MemoryError, ThreadsError) as error:
            say(2, f"ruth: {describe(error)}\n")
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

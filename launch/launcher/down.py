"""``ruth down``: the operator's hand. SIGTERM to live agents, also when their launcher is long gone.

Only a process that holds the camera's lock is signalled. Its record names a pid, and that is where to look,
no more: a descriptor of that process is taken first (pidfd_open(2)), and then the kernel is asked whether it
started when the record says, and whether it has the state file open with the lock on it. So neither a pid
that was reused meanwhile can be hit, nor a process that a bad record names. One camera's descriptors are
closed before the next is opened: a host has more cameras than a process has descriptors.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from launch.observe.launchers import read_launcher
from launch.observe.liveness import UNSEEN
from launch.roots import known_cameras
from ruth.agent.proc_stat import PARENT, START_TICKS, read_stat
from ruth.agent.state_reader import StateReader
from ruth.descriptor import close_descriptor
from ruth.identity import check_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from launch.observe.launchers import Launcher

DEADLINE_S: Final = 2.0
_POLL_S: Final = 0.002


@dataclass(frozen=True, slots=True)
class Downed:
    """What came of one camera.

    Attributes:
        camera_id: The camera.
        pid: Of the agent that was signalled; None if there was no live one, or it may not be signalled.
        launcher_pid: Of the launcher that forked it, if that still lives; else 0.
        problem: Why it could not be signalled, or None.
        ended: Whether it has gone.

    """

    camera_id: str
    pid: int | None = None
    launcher_pid: int = 0
    problem: str | None = None
    ended: bool = False


def down(state_root: str, cameras: Sequence[str]) -> list[Downed]:
    """Signals the live agents of ``cameras``, or all below ``state_root`` if there are none named.

    Waits for them to end, 2 s at most for all together.

    Returns:
        One value a camera, in the order given; without names, only those that had a live agent.

    Raises:
        InvalidIdError: A name is not a valid camera id; no process was signalled.

    """
    for camera_id in cameras:
        check_id("camera", camera_id)
    signalled = [_signal_agent(state_root, camera_id) for camera_id in cameras or known_cameras(state_root)]
    found = [one for one in signalled if cameras or one.pid or one.problem]
    return list(_ended(state_root, found))


def _signal_agent(state_root: str, camera_id: str) -> Downed:
    try:
        with StateReader(state_root, camera_id) as reader:
            seen = reader.see()
            if not seen.alive:
                return Downed(camera_id)
            if seen.record is None:
                if (other := _signal_other_layout(reader, camera_id)) is not None:
                    return other
                why = (
                    "it is being launched"
                    if seen.problem is None
                    else f"its state is not used: {seen.problem}"
                )
                return Downed(camera_id, problem=f"not signalled: {why}")
            if seen.process is None:
                return Downed(camera_id, problem=f"not signalled: {UNSEEN}")
            record = seen.record
            return _signal_holder(reader, camera_id, record.pid, record.start_ticks, record.launcher_pid)
    except (FileNotFoundError, NotADirectoryError, ProcessLookupError):
        return Downed(camera_id)
    except OSError as error:
        return Downed(camera_id, problem=error.strerror or str(error))


def _signal_other_layout(reader: StateReader, camera_id: str) -> Downed | None:
    """Signals the process that a record of another version names; None if it is not the lock's holder."""
    named = reader.of_other_layout()
    if named is None:
        return None
    try:
        signalled = _signal_holder(reader, camera_id, *named, launcher_pid=0)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return signalled if signalled.pid is not None else None


def _signal_holder(
    reader: StateReader, camera_id: str, pid: int, start_ticks: int, launcher_pid: int
) -> Downed:
    """Signals the process that a record names, if it is the one that holds the lock.

    Raises:
        OSError: It has gone (ESRCH, ENOENT), or may not be signalled or asked about.

    """
    descriptor = os.pidfd_open(pid)
    try:
        stat = read_stat(pid)
        if not reader.alive() or int(stat[START_TICKS]) != start_ticks:
            return Downed(camera_id)  # it died before we held it: this may be another process
        if not holds_lock(pid, reader.status()):
            problem = f"not signalled: its record names process {pid}, which does not hold its lock"
            return Downed(camera_id, problem=problem)
        parent = int(stat[PARENT])
        signal.pidfd_send_signal(descriptor, signal.SIGTERM)
    finally:
        close_descriptor(descriptor)
    return Downed(camera_id, pid, parent if parent == launcher_pid else 0)


def _ended(state_root: str, signalled: Sequence[Downed]) -> Iterator[Downed]:
    """The same values, each with whether its agent has ended by the deadline."""
    deadline = time.monotonic() + DEADLINE_S
    for one in signalled:
        ended = False
        while one.pid is not None and not (ended := not _alive(state_root, one.camera_id)):
            if time.monotonic() > deadline:
                break
            time.sleep(_POLL_S)
        yield Downed(one.camera_id, one.pid, one.launcher_pid, one.problem, ended)


def _alive(state_root: str, camera_id: str) -> bool:
    try:
        with StateReader(state_root, camera_id) as reader:
            return reader.alive()
    except (FileNotFoundError, NotADirectoryError):
        return False


def end_launchers(state_root: str, launchers: Sequence[Launcher]) -> list[tuple[int, str | None]]:
    """Signals launchers, each if it still holds its lock, and waits for them, 2 s at most in total.

    Returns:
        The pid of each, and why it has not ended; None if it has.

    """
    signalled = [(launcher, _signal_launcher(state_root, launcher)) for launcher in launchers]
    deadline = time.monotonic() + DEADLINE_S
    ended: list[tuple[int, str | None]] = []
    for launcher, problem in signalled:
        lives = problem is None
        while lives and time.monotonic() <= deadline:
            lives = read_launcher(state_root, launcher.pid) is not None
            time.sleep(_POLL_S * lives)
        ended.append((launcher.pid, "was told to end and has not (is it stopped?)" if lives else problem))
    return ended


def _signal_launcher(state_root: str, launcher: Launcher) -> str | None:
    """Why it could not be signalled; None if it was, or has ended."""
    try:
        descriptor = os.pidfd_open(launcher.pid)
        try:
            if read_launcher(state_root, launcher.pid) is not None:
                signal.pidfd_send_signal(descriptor, signal.SIGTERM)
        finally:
            close_descriptor(descriptor)
    except ProcessLookupError:
        return None
    except OSError as error:
        return error.strerror or str(error)
    return None


def holds_lock(pid: int, file: os.stat_result) -> bool:
    """Whether that process has that file open with a write lock of its own on it.

    Its record alone proves nothing: an agent gone wrong can name any process there, and a model runtime has
    the file open as well. The kernel says which open file a lock belongs to (proc(5), ``/proc/pid/fdinfo``).

    Raises:
        OSError: The process has gone, or is another user's.

    """
    folder = f"/proc/{pid}"
    for number in os.listdir(f"{folder}/fd"):
        with suppress(FileNotFoundError):  # closed meanwhile
            found = os.stat(f"{folder}/fd/{number}")
            if (found.st_dev, found.st_ino) == (file.st_dev, file.st_ino) and _locked(
                f"{folder}/fdinfo/{number}"
            ):
                return True
    return False


def _locked(fdinfo: str) -> bool:
    r"""Whether an open file has a write lock: ``lock:\t1: OFDLCK ADVISORY  WRITE -1 00:1c:24 0 EOF``."""
    with open(fdinfo, "rb") as file:
        return any(
            line.startswith(b"lock:") and {b"OFDLCK", b"WRITE"} <= set(line.split())
            for line in file.read().splitlines()
        )

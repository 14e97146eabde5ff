"""Whether a camera's agent lives, which process it is, and how it died. Reads only: takes no lock.

Whether it lives is asked of its lock, how it died of the kernel: a zombie keeps its exit code until its
launcher ends. A pid proves nothing, because it can be another process's by now: a process counts as the
agent only if it started when the agent's record says.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from launch.death import describe_death
from ruth.agent.proc_stat import EXIT_CODE, STATE, STOPPED, ZOMBIE, read_stat_of
from ruth.agent.state_reader import StateReader

if TYPE_CHECKING:
    from ruth.agent.state import AgentRecord


class Sighting(NamedTuple):
    """One camera's agent, as it was at one moment.

    Attributes:
        camera_id: The camera.
        claimed: Whether a launch has ever claimed the camera: it has a state file.
        alive: Whether its lock is held.
        record: What the agent last wrote; None if there is none, or the agent has not written one yet.
        process: Fields of ``/proc/<pid>/stat`` of that very process, alive or zombie, as
            :func:`ruth.agent.proc_stat.read_stat` numbers them; None if it is gone, if the pid is another
            process's by now, or if it cannot be seen from here (another pid namespace, hidepid).

    """

    camera_id: str
    claimed: bool
    alive: bool
    record: AgentRecord | None
    process: list[bytes] | None

    @property
    def pid(self) -> int | None:
        """Of the live agent, confirmed; None if there is none."""
        if not self.alive or self.record is None or self.process is None:
            return None
        return None if self.process[STATE] == ZOMBIE else self.record.pid

    @property
    def stopped(self) -> bool:
        """Whether the live agent is stopped, by SIGSTOP or by a debugger."""
        return self.pid is not None and self.process is not None and self.process[STATE] in STOPPED

    @property
    def death(self) -> str | None:
        """How the kernel says that it died, ``"SIGKILL"`` or ``"exit 3"``.

        None if it lives, if the kernel no longer knows (its launcher has ended), or will not say.
        """
        if self.alive or self.record is None or self.process is None or self.process[STATE] != ZOMBIE:
            return None
        try:
            owner = os.stat(f"/proc/{self.record.pid}").st_uid
        except OSError:
            return None
        if os.geteuid() not in (0, owner):
            return None  # the kernel shows strangers an exit code of 0 (proc(5))
        return describe_death(int(self.process[EXIT_CODE]))


def look(state_root: str, camera_id: str) -> Sighting:
    """Looks at one camera's agent. Never raises for what a process or file is, or ceases to be, meanwhile."""
    try:
        with StateReader(state_root, camera_id) as reader:
            alive = reader.alive()
            record = reader.read()
            process = None if record is None else read_stat_of(record.pid, record.start_ticks)
            if alive and (process is None or process[STATE] == ZOMBIE):
                alive = reader.alive()  # asked again: it may have died between the two looks
    except (OSError, ValueError):
        return Sighting(camera_id, claimed=False, alive=False, record=None, process=None)
    return Sighting(camera_id, True, alive, record, process)


def has_open(pid: int, file: os.stat_result) -> bool:
    """Whether that process has that file open. Whoever may signal it may ask (proc(5), ``/proc/pid/fd``).

    Raises:
        OSError: The process has gone, or is another user's.

    """
    folder = f"/proc/{pid}/fd"
    for number in os.listdir(folder):
        with suppress(FileNotFoundError):  # closed meanwhile
            found = os.stat(f"{folder}/{number}")
            if (found.st_dev, found.st_ino) == (file.st_dev, file.st_ino):
                return True
    return False

"""Whether a camera's agent lives, which process it is, and how it died. Reads only: takes no lock.

Whether it lives is asked of its lock, how it died of the kernel and of its record: a zombie keeps its exit
code until its launcher ends. A pid proves nothing, because it can be another process's by now: a process
counts as the agent only if it started when the agent's record says.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

from launch.observe.death import ENDED, Death, death_of, shown_death
from launch.observe.last_run import last_run_of
from launch.observe.same_clock import own_clock_is_the_hosts, same_clock
from ruth.agent.idle import idle_after_s
from ruth.agent.proc_stat import EXIT_CODE, PARENT, PROCESSOR, STATE, STOPPED, ZOMBIE
from ruth.agent.state_reader import StateReader
from ruth.units import NANOSECONDS

if TYPE_CHECKING:
    from ruth.agent.state import AgentRecord

UNSEEN: Final = (
    "alive, its process cannot be seen from here (another pid or time namespace, or a reduced /proc)"
)


OTHER_CLOCK: Final = "alive, by the clock of another time namespace: its times cannot be told from here"

_OFF_NS: Final = NANOSECONDS  # further than this the clock of the scheduler is never off, when ours reads it


class Sighting(NamedTuple):
    """One camera's agent, as it was at one moment.

    Attributes:
        camera_id: The camera.
        claimed: Whether a launch has ever claimed the camera: it has a state file.
        alive: Whether its lock is held.
        record: What the agent last wrote; None if there is none, if it is refused, or if the agent has not
            written one yet.
        process: As :class:`ruth.agent.state_reader.Seen` has it.
        refused: Why nothing is known: the record is refused, or may not be read. None otherwise.
        other_layout: Pid that a record of another version of ``agent.state`` names, refused for that; else 0.

    """

    camera_id: str
    claimed: bool
    alive: bool
    record: AgentRecord | None
    process: list[bytes] | None
    refused: str | None = None
    other_layout: int = 0

    @property
    def pid(self) -> int | None:
        """Of the live agent, confirmed; None if there is none."""
        if not self.alive or self.record is None or self.process is None:
            return None
        return None if self.process[STATE] == ZOMBIE else self.record.pid

    @property
    def unseen(self) -> bool:
        """Whether an agent lives whose process is none that can be seen from here."""
        return self.alive and self.record is not None and self.pid is None

    @property
    def problem(self) -> str | None:
        """What keeps from saying all there is to say, in words; None if nothing does."""
        if self.refused is not None:
            return f"its state is not used: {self.refused}"
        if self.unseen:
            return UNSEEN
        return OTHER_CLOCK if self.alive and self.record is not None and not self._clock_known else None

    @property
    def stopped(self) -> bool:
        """Whether the live agent is stopped, by SIGSTOP or by a debugger."""
        return self.pid is not None and self.process is not None and self.process[STATE] in STOPPED

    @property
    def death(self) -> Death:
        """How it died, as far as that is known (:mod:`launch.observe.death`); of a live one nothing."""
        if self.alive or self.record is None:
            return Death()
        kept = self.zombie and self.process is not None
        by_launcher = (
            kept and self.process is not None and int(self.process[PARENT]) == self.record.launcher_pid
        )
        return death_of(self.record, self._wait_status, zombie=kept, kept_by_launcher=by_launcher)

    @property
    def death_text(self) -> str | None:
        """How it died, as tables say it; None for nothing."""
        return shown_death(*self.death[:2])

    @property
    def zombie(self) -> bool:
        """Whether its process is still there, dead."""
        return not self.alive and self.process is not None and self.process[STATE] == ZOMBIE

    @property
    def _wait_status(self) -> int | None:
        """What its parent would be told; None if the kernel no longer knows, or will not say."""
        if not self.zombie or self.record is None or self.process is None:
            return None
        try:
            owner = os.stat(f"/proc/{self.record.pid}").st_uid
        except OSError:
            return None
        # Strangers are shown an exit code of 0 (proc(5)).
        return int(self.process[EXIT_CODE]) if os.geteuid() in (0, owner) else None

    def dead_s(self, now_ns: int) -> float | None:
        """Seconds since it died; None if it did not, or if it is not known when.

        Args:
            now_ns: CLOCK_MONOTONIC here.

        """
        record = self.record
        if record is None or self.alive:
            return None
        if self.death.cause in ENDED and record.ended is not None:
            return self._since(record.ended.ended_ns, now_ns)
        last_run_ns = None
        if self.zombie and self.process is not None:
            last_run_ns = last_run_of(record.pid, int(self.process[PROCESSOR]))
        earliest_ns = record.observed_ns or record.started_ns
        if last_run_ns is None or not earliest_ns - _OFF_NS <= last_run_ns <= now_ns + _OFF_NS:
            return None
        return self._since(min(max(last_run_ns, earliest_ns), now_ns), now_ns)

    def age_s(self, now_ns: int) -> float | None:
        """Seconds since the newest frame was observed; None before the first, and where that cannot be told.

        Args:
            now_ns: CLOCK_MONOTONIC here.

        """
        observed_ns = None if self.record is None else self.record.observed_ns
        return None if observed_ns is None else self._since(observed_ns, now_ns)

    def uptime_s(self, now_ns: int) -> float | None:
        """Seconds since the live agent started; None as for :meth:`age_s`."""
        return self._since(self.record.started_ns, now_ns) if self.alive and self.record is not None else None

    def _since(self, then_ns: int, now_ns: int) -> float | None:
        """Both by CLOCK_MONOTONIC, which a time namespace moves (time_namespaces(7))."""
        known = self._clock_known and then_ns <= now_ns
        return (now_ns - then_ns) / NANOSECONDS if known else None

    @property
    def _clock_known(self) -> bool:
        """Whether the agent's times and ours are of one clock; of a dead one, whether that can be assumed."""
        pid = self.pid
        return own_clock_is_the_hosts() and not self.alive if pid is None else same_clock(pid)

    def state(self, age_s: float | None) -> str:
        """What ``ruth ps`` calls it.

        Args:
            age_s: Seconds since it observed its newest frame; None if it has observed none.

        Returns:
            ``running``; ``idle`` (alive, no new frame, :func:`ruth.agent.idle.idle_after_s`); ``stopped``
            (alive, held up by a signal or a debugger); ``dead``; ``absent`` (no launch has ever claimed it);
            ``unseen`` (alive, and no more can be told from here); or ``unknown`` (its record is refused, or
            may not be read).

        """
        if self.refused is not None:
            return "unknown"
        if not self.alive:
            return "dead" if self.claimed else "absent"
        if self.record is None:
            return "idle"  # being started
        if self.stopped:
            return "stopped"
        if self.problem is not None:
            return "unseen"
        return "running" if age_s is not None and age_s < idle_after_s(self.record) else "idle"


def read_sighting(state_root: str, camera_id: str) -> Sighting:
    """Looks at one camera's agent. Never raises for what a process or file is, or ceases to be, meanwhile."""
    try:
        with StateReader(state_root, camera_id) as reader:
            seen = reader.see()
            named = reader.of_other_layout() if seen.problem is not None else None
    except (FileNotFoundError, NotADirectoryError):
        return Sighting(camera_id, claimed=False, alive=False, record=None, process=None)
    except (PermissionError, ValueError, OSError) as error:
        reason = "may not be read by you" if isinstance(error, PermissionError) else _reason(error)
        return Sighting(camera_id, True, alive=False, record=None, process=None, refused=reason)
    return Sighting(
        camera_id, True, seen.alive, seen.record, seen.process, seen.problem, 0 if named is None else named[0]
    )


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)

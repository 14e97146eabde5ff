"""What the kernel knows of one agent's process, as far as it tells us. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import psutil

from launch.observe.agent_view import cpu_time_ns, private_bytes
from launch.observe.inspection.maps import MappedFile, has_native, mapped_files
from ruth.agent.proc_stat import PARENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from launch.observe.liveness import Sighting

Found = TypeVar("Found")

# Rows of /proc/<pid>/limits, and what they are called here.
_LIMITS: Final = {
    "Max address space": "address space",
    "Max data size": "private memory",
    "Max stack size": "stack",
    "Max core file size": "core dump",
    "Max open files": "open files",
    "Max processes": "processes",
}
_NAME_WIDTH: Final = 26  # of a row's first column, fs/proc/base.c


class Limit(NamedTuple):
    """One resource limit (getrlimit(2)); None for no limit."""

    name: str
    soft: int | None
    hard: int | None


class Switches(NamedTuple):
    """How often a process has waited of its own will, which is a wake-up each, and been made to wait."""

    voluntary: int
    involuntary: int


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """One agent's process; None for what the kernel does not tell this user, or not of a zombie.

    Attributes:
        pid: Its pid, also of a zombie.
        status: As psutil names it: ``sleeping``, ``running``, ``stopped``, ``zombie``, ...
        started_s: Seconds since the epoch.
        parent_pid: Its parent now.
        launcher_pid: The launcher's pid; 0 if there is none, as with ``ruth agent``.
        cpu_s: CPU time used; 0 of a zombie on some machines.
        private_bytes: Unique set size.
        resident_bytes: All that it has in memory, shared or not.
        threads: How many; 1.
        nice: -20 to 19.
        oom_score_adj: -1000 to 1000 (proc(5)).
        no_new_privs: Whether it can gain rights by execve(2).
        seccomp: Whether system calls are filtered.
        descriptors: How many it has open.
        wake_ups: Voluntary context switches since it started.
        preempted: Involuntary ones.
        limits: Some of its resource limits.
        maps: The camera's files in its memory map.
        native: Whether it began in compiled code, or takes frames there (:mod:`launch.agent.native`).

    """

    pid: int
    status: str | None
    started_s: float | None
    parent_pid: int
    launcher_pid: int
    cpu_s: float | None
    private_bytes: int | None
    resident_bytes: int | None
    threads: int | None
    nice: int | None
    oom_score_adj: int | None
    no_new_privs: bool | None
    seccomp: bool | None
    descriptors: int | None
    wake_ups: int | None
    preempted: int | None
    limits: tuple[Limit, ...] | None
    maps: tuple[MappedFile, ...] | None
    native: bool | None

    @property
    def launcher_lives(self) -> bool:
        """Whether the launcher that forked it is still its parent."""
        return self.launcher_pid != 0 and self.parent_pid == self.launcher_pid


def process_facts(sighting: Sighting) -> ProcessFacts | None:
    """Everything about the process of ``sighting``; None if it is gone or cannot be confirmed."""
    if sighting.record is None or sighting.process is None:
        return None
    pid, camera_id = sighting.record.pid, sighting.camera_id
    try:
        process = psutil.Process(pid)
    except psutil.Error:
        return None
    cpu_ns = cpu_time_ns(pid)
    switched = switches(pid)
    status = _status_of(pid)
    maps = _or_none(lambda: Path(f"/proc/{pid}/maps").read_text(errors="replace"))
    limits = _or_none(lambda: parse_limits(Path(f"/proc/{pid}/limits").read_text(encoding="ascii")))
    return ProcessFacts(
        pid=pid,
        status=_or_none(lambda: str(process.status())),
        started_s=_or_none(process.create_time),
        parent_pid=int(sighting.process[PARENT]),
        launcher_pid=sighting.record.launcher_pid,
        cpu_s=None if cpu_ns is None else cpu_ns / 1e9,
        private_bytes=private_bytes(pid),
        resident_bytes=_or_none(lambda: process.memory_info().rss),
        threads=_or_none(process.num_threads),
        nice=_or_none(lambda: int(process.nice() or 0)),
        oom_score_adj=_or_none(lambda: int(Path(f"/proc/{pid}/oom_score_adj").read_bytes())),
        no_new_privs=_flag(status, "NoNewPrivs"),
        seccomp=_flag(status, "Seccomp"),
        descriptors=_or_none(process.num_fds),
        wake_ups=None if switched is None else switched.voluntary,
        preempted=None if switched is None else switched.involuntary,
        limits=limits or None,
        maps=None if maps is None else mapped_files(maps, camera_id),
        native=None if maps is None else has_native(maps),
    )


def switches(pid: int) -> Switches | None:
    """The context switches of a process since it started; None if it has gone."""
    status = _status_of(pid)
    voluntary = status.get("voluntary_ctxt_switches")
    involuntary = status.get("nonvoluntary_ctxt_switches")
    if voluntary is None or involuntary is None:
        return None
    return Switches(int(voluntary), int(involuntary))


def parse_limits(text: str) -> tuple[Limit, ...]:
    """Those limits in ``/proc/<pid>/limits`` that bound an agent, in the order of ``_LIMITS``."""
    rows = {line[:_NAME_WIDTH].strip(): line[_NAME_WIDTH:].split() for line in text.splitlines()[1:]}
    return tuple(
        Limit(called, _amount(rows[name][0]), _amount(rows[name][1]))
        for name, called in _LIMITS.items()
        if len(rows.get(name, ())) >= 2
    )


def _amount(text: str) -> int | None:
    return int(text) if text.isdecimal() else None


def _status_of(pid: int) -> dict[str, str]:
    """``/proc/<pid>/status``, empty if it has gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _flag(status: dict[str, str], name: str) -> bool | None:
    return None if name not in status else status[name] != "0"


def _or_none(ask: Callable[[], Found]) -> Found | None:
    """What ``ask`` answers; None if the kernel refuses, or the process has gone."""
    try:
        return ask()
    except (psutil.Error, OSError, ValueError):
        return None

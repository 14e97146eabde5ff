"""What there is to know about each camera's agent, from outside: reads only, signals nobody, locks nothing.

Whether an agent lives is asked of its lock, how it died of the kernel (a zombie keeps its exit code until
its launcher ends), what it costs of /proc; what it decided stands in its state record.
"""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psutil

from launch.confine.measure import measure_names
from launch.death import describe_death
from launch.proc_stat import EXIT_CODE, START_TICKS, STATE, read_stat
from launch.state_file import known_cameras
from ruth.agent.state_reader import StateReader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ruth.agent.state import AgentRecord

IDLE_AFTER_S: Final = 2.0  # DESIGN.md: idle = alive, no new frame for 2 s
_NANOSECONDS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class ModelView:
    """One subscription, as ``ruth ps --json`` shows it."""

    model_id: str
    max_fps: float | None
    active: bool
    allowed: int
    skipped: int
    last_frame_id: int | None
    last_timestamp_ns: int | None
    last_decision: str | None


@dataclass(frozen=True, slots=True)
class AgentView:
    """One camera, as ``ruth ps --json`` shows it; units are in the names.

    Attributes:
        pid: Of the live agent; None if there is none.
        state: ``running``, ``idle`` (alive, no new frame for 2 s), ``dead`` or ``absent`` (never started).
        death: How the kernel says it died, ``"SIGKILL"`` or ``"exit 3"``; None if it lives, or if its
            launcher has ended and with it the kernel's memory of it.
        export: ``"v1"`` or ``"v2"`` while bound, else None.
        private_bytes: Memory that is this process's alone (unique set size).
        confinement: Measures in force (:class:`launch.confine.measure.Measure`), lower case; of a live agent.

    """

    camera_id: str
    pid: int | None
    state: str
    death: str | None
    export: str | None
    frame_id: int | None
    timestamp_ns: int | None
    frames: int
    age_s: float | None
    uptime_s: float | None
    cpu_percent: float | None
    private_bytes: int | None
    confinement: tuple[str, ...]
    models: tuple[ModelView, ...]

    def as_json(self) -> dict[str, object]:
        """The object that ``--json`` prints."""
        return asdict(self)


def view_all(state_root: str, configured: Iterable[str] = ()) -> list[AgentView]:
    """Every camera known below ``state_root``, and every configured one, sorted by id."""
    cameras = sorted({*known_cameras(state_root), *configured})
    return [view(state_root, camera_id) for camera_id in cameras]


def view(state_root: str, camera_id: str) -> AgentView:
    """One camera. Never raises for what a process or file is, or ceases to be, meanwhile."""
    try:
        with StateReader(state_root, camera_id) as reader:
            alive = reader.alive()
            record = reader.read()
    except (OSError, ValueError):
        alive, record = False, None
    if record is None:
        return _absent(camera_id)
    now_ns = time.monotonic_ns()
    age_s = None if record.observed_ns is None else (now_ns - record.observed_ns) / _NANOSECONDS
    uptime_s = (now_ns - record.started_ns) / _NANOSECONDS if alive else None
    fed = age_s is not None and age_s < IDLE_AFTER_S
    return AgentView(
        camera_id=camera_id,
        pid=record.pid if alive else None,
        state=("running" if fed else "idle") if alive else "dead",
        death=None if alive else _death(record),
        export=f"v{record.export_version}" if alive and record.export_version else None,
        frame_id=record.frame_id,
        timestamp_ns=record.timestamp_ns,
        frames=record.frames,
        age_s=None if age_s is None else round(age_s, 3),
        uptime_s=None if uptime_s is None else round(uptime_s, 3),
        cpu_percent=_cpu_percent(record.pid, uptime_s) if uptime_s else None,
        private_bytes=_private_bytes(record.pid) if alive else None,
        confinement=measure_names(record.confinement) if alive else (),
        models=tuple(
            ModelView(
                model_id=model.model_id,
                max_fps=model.max_fps,
                active=model.active,
                allowed=model.allowed,
                skipped=model.skipped,
                last_frame_id=model.last_frame_id,
                last_timestamp_ns=model.last_timestamp_ns,
                last_decision=model.last_decision.name if model.last_decision else None,
            )
            for model in record.models
        ),
    )


def _absent(camera_id: str) -> AgentView:
    return AgentView(
        camera_id=camera_id,
        pid=None,
        state="absent",
        death=None,
        export=None,
        frame_id=None,
        timestamp_ns=None,
        frames=0,
        age_s=None,
        uptime_s=None,
        cpu_percent=None,
        private_bytes=None,
        confinement=(),
        models=(),
    )


def _death(record: AgentRecord) -> str | None:
    """How the kernel says that the agent of ``record`` died; None if it no longer knows, or will not say."""
    try:
        fields = read_stat(record.pid)
        owner = os.stat(f"/proc/{record.pid}").st_uid
    except OSError:
        return None
    if fields[STATE] != b"Z" or int(fields[START_TICKS]) != record.start_ticks:
        return None  # another process has the pid by now
    if os.geteuid() not in (0, owner):
        return None  # the kernel shows strangers an exit code of 0 (proc(5))
    return describe_death(int(fields[EXIT_CODE]))


def cpu_time_ns(pid: int) -> int | None:
    """CPU time that a process has used, from schedstat: tick accounting reads zero on some machines."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_bytes().split()[0])
    except (OSError, ValueError, IndexError):
        return None


def _cpu_percent(pid: int, uptime_s: float) -> float | None:
    used = cpu_time_ns(pid)
    return None if used is None else round(used / _NANOSECONDS / uptime_s * 100, 2)


def _private_bytes(pid: int) -> int | None:
    try:
        return int(psutil.Process(pid).memory_full_info().uss)
    except (psutil.Error, OSError):
        return None

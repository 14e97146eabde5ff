"""What there is to know about each camera's agent, from outside: it reads, and signals and locks nothing.

Whether an agent lives, and how it died, says :mod:`launch.observe.liveness`; what it costs, /proc; what it
decided, its state record.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from launch.observe.liveness import read_sighting
from launch.roots import known_cameras
from ruth.agent.measure import measure_names
from ruth.units import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from launch.observe.liveness import Sighting
    from ruth.agent.state import ModelState


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
        pid: Of the live agent; None if there is none, or it cannot be seen from here.
        state: As :meth:`launch.observe.liveness.Sighting.state` has it.
        death: How it died, ``"SIGKILL"`` or ``"exit 3"``; None if it lives, or if that is not known.
        export: ``"v1"`` or ``"v2"`` while bound, else None.
        cpu_percent: Mean since the agent started.
        private_bytes: Memory that is this process's alone (unique set size).
        confinement: Measures in force (:class:`ruth.agent.measure.Measure`), lower case; of a live agent.
        stopped: Whether it is stopped (SIGSTOP, a debugger); ``state`` says so as well.
        problem: Why not all of this could be told (``unseen``, ``unknown``), in words; None if it could.
        missed: Frames of its exports that it never saw.
        death_cause: One of :data:`launch.observe.death.CAUSES`; None as for ``death``.
        dead_s: Seconds since it died; None if it lives, or if it is not known when.

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
    stopped: bool
    problem: str | None = None
    missed: int = 0
    death_cause: str | None = None
    dead_s: float | None = None

    def as_json(self) -> dict[str, object]:
        """The object that ``--json`` prints."""
        return asdict(self)


def view_all(state_root: str, configured: Iterable[str] = ()) -> list[AgentView]:
    """Every camera known below ``state_root``, and every configured one, sorted by id."""
    cameras = sorted({*known_cameras(state_root), *configured})
    return [view(state_root, camera_id) for camera_id in cameras]


def view(state_root: str, camera_id: str) -> AgentView:
    """One camera. Never raises for what a process or file is, or ceases to be, meanwhile."""
    return view_of(read_sighting(state_root, camera_id))


def view_of(sighting: Sighting) -> AgentView:
    """One camera, with what its process costs now."""
    record = sighting.record
    if record is None:
        return _without_record(sighting)
    alive, pid = sighting.alive, sighting.pid
    now_ns = time.monotonic_ns()
    age_s, uptime_s = sighting.age_s(now_ns), sighting.uptime_s(now_ns)
    death, dead_s = sighting.death, sighting.dead_s(now_ns)
    return AgentView(
        camera_id=sighting.camera_id,
        pid=pid,
        state=sighting.state(age_s),
        death=death.word,
        export=f"v{record.export_version}" if alive and record.export_version else None,
        frame_id=record.frame_id,
        timestamp_ns=record.timestamp_ns,
        frames=record.frames,
        age_s=None if age_s is None else round(age_s, 3),
        uptime_s=None if uptime_s is None else round(uptime_s, 3),
        cpu_percent=_cpu_percent(pid, uptime_s) if pid and uptime_s else None,
        private_bytes=private_bytes(pid) if pid else None,
        confinement=measure_names(record.confinement) if alive else (),
        models=tuple(map(_model_view, record.models)),
        stopped=sighting.stopped,
        problem=sighting.problem,
        missed=record.missed,
        death_cause=death.cause,
        dead_s=None if dead_s is None else round(dead_s, 3),
    )


def _model_view(model: ModelState) -> ModelView:
    return ModelView(
        model_id=model.model_id,
        max_fps=model.max_fps,
        active=model.active,
        allowed=model.allowed,
        skipped=model.skipped,
        last_frame_id=model.last_frame_id,
        last_timestamp_ns=model.last_timestamp_ns,
        last_decision=model.last_decision.name if model.last_decision else None,
    )


def _without_record(sighting: Sighting) -> AgentView:
    """A camera never started, or one whose agent has not written its first record yet."""
    return AgentView(
        camera_id=sighting.camera_id,
        pid=None,
        state=sighting.state(None),
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
        stopped=False,
        problem=sighting.problem,
    )


def cpu_time_ns(pid: int) -> int | None:
    """CPU time that a process has used, from schedstat: tick accounting reads zero on some machines."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_bytes().split()[0])
    except (OSError, ValueError, IndexError):
        return None


def _cpu_percent(pid: int, uptime_s: float) -> float | None:
    used = cpu_time_ns(pid)
    return None if used is None else round(used / NANOSECONDS / uptime_s * 100, 2)


def private_bytes(pid: int) -> int | None:
    """Memory that is this process's alone; None if it has gone, or belongs to another user."""
    try:
        return int(psutil.Process(pid).memory_full_info().uss)
    except (psutil.Error, OSError):
        return None

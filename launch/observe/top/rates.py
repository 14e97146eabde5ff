"""What became of every camera between two moments: rates, order and sums: two readings in, values out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from launch.observe.attention import attention, summary
from launch.observe.death import ENDED
from ruth.agent.rhythm import slots_needed
from ruth.export.layout import SLOT_COUNT_DEFAULT
from ruth.units import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from launch.observe.top.reading import ModelReading, Moment, Reading


@dataclass(frozen=True, slots=True)
class ModelRate:
    """One subscription, as ``ruth top --json`` shows it.

    Attributes:
        allowed_fps: Frames allowed per second of frame time, from the last one of the reading before to the
            last one now, so never above the cap; None without a live agent, or at its first reading.

    """

    model_id: str
    max_fps: float | None
    active: bool
    allowed_fps: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """One camera, as ``ruth top --json`` shows it; units are in the names.

    Attributes:
        pid: Of the live agent; None if there is none, or it cannot be seen from here.
        state: As ``ruth ps`` has it.
        death: How it died, or None.
        stopped: Whether it is stopped (SIGSTOP).
        fps: Frames observed a second; None without a live agent, or at its first reading.
        allowed_fps: Frames allowed a second, of all models together; None likewise.
        cpu_percent: Of one core; None likewise.
        private_bytes: Memory that is this process's alone, read in turns; None likewise.
        age_s: Seconds since the newest frame was observed; None before the first.
        missed: Frames that the agent never saw, since it started.
        problem: Why not all of this could be told, in words; None if it could.
        frames: Frames observed since the agent started.
        models: Each subscription.
        arrivals_per_s: Times a second that frames came, alone or several at once; None as ``fps``.
        longest_gap_s: Longest time without a frame in the last 64 to 127 frames; None before the second.
        slots_needed: Slots that a ring needs for what comes at once, where frames of it were missed and a
            ring of :data:`ruth.export.layout.SLOT_COUNT_DEFAULT` slots does not hold it; else None.
        death_cause, dead_s: As ``ruth ps`` has them.

    """

    camera_id: str
    pid: int | None
    state: str
    death: str | None
    stopped: bool
    fps: float | None
    allowed_fps: float | None
    cpu_percent: float | None
    private_bytes: int | None
    age_s: float | None
    missed: int
    problem: str | None = None
    frames: int = 0
    models: tuple[ModelRate, ...] = ()
    arrivals_per_s: float | None = None
    longest_gap_s: float | None = None
    slots_needed: int | None = None
    death_cause: str | None = None
    dead_s: float | None = None

    def as_json(self) -> dict[str, object]:
        """One element of ``cameras``."""
        return asdict(self)


def rows_of(before: Moment, now: Moment) -> list[Row]:
    """Every camera of ``now``, in its order, with what has changed since ``before``."""
    earlier = {reading.camera_id: reading for reading in before.readings}
    elapsed_ns = now.at_ns - before.at_ns
    return [_row(earlier.get(reading.camera_id), reading, elapsed_ns) for reading in now.readings]


def _row(before: Reading | None, now: Reading, elapsed_ns: int) -> Row:
    fps = cpu_percent = seconds = arrivals_per_s = None
    earlier: dict[str, ModelReading] = {}
    same = before is not None and (before.pid, before.started_ns) == (now.pid, now.started_ns)
    if before is not None and same and now.pid is not None and elapsed_ns > 0:
        seconds = _frame_time_ns(before, now, elapsed_ns) / NANOSECONDS
        fps = round((now.frames - before.frames) / seconds, 2)
        earlier = {model.model_id: model for model in before.models}
        arrivals_per_s = round((now.arrivals - before.arrivals) / seconds, 2)
        if now.cpu_ns is not None and before.cpu_ns is not None:
            cpu_percent = round((now.cpu_ns - before.cpu_ns) / elapsed_ns * 100, 2)
    models = tuple(_model_rate(model, earlier.get(model.model_id), seconds) for model in now.models)
    return Row(
        camera_id=now.camera_id,
        pid=now.pid,
        state=now.state,
        death=now.death,
        stopped=now.stopped,
        fps=fps,
        allowed_fps=None if fps is None else round(sum(model.allowed_fps or 0.0 for model in models), 2),
        cpu_percent=cpu_percent,
        private_bytes=now.private_bytes,
        age_s=None if now.age_s is None else round(now.age_s, 3),
        missed=now.missed,
        problem=now.problem,
        frames=now.frames,
        models=models,
        arrivals_per_s=arrivals_per_s,
        longest_gap_s=round(now.gap_ns / NANOSECONDS, 3) if now.gap_ns else None,
        slots_needed=slots_needed(now.frames, now.missed, now.arrivals, SLOT_COUNT_DEFAULT),
        death_cause=now.death_cause,
        dead_s=None if now.dead_s is None else round(now.dead_s, 3),
    )


def _model_rate(model: ModelReading, before: ModelReading | None, seconds: float | None) -> ModelRate:
    rate = None if before is None or seconds is None else round(_allowed_fps(before, model, seconds), 2)
    return ModelRate(model.model_id, model.max_fps, model.active, rate)


def _allowed_fps(before: ModelReading, now: ModelReading, seconds: float) -> float:
    """By frame time, as the gate judges; by the time that has passed where another session has begun."""
    frames = now.allowed - before.allowed
    if now.last_session == before.last_session and now.last_timestamp_ns and before.last_timestamp_ns:
        span_ns = now.last_timestamp_ns - before.last_timestamp_ns
        if frames > 0 and span_ns > 0:
            return frames * NANOSECONDS / span_ns
    return frames / seconds


def _frame_time_ns(before: Reading, now: Reading, elapsed_ns: int) -> float:
    """In how much time the frames between two readings came.

    From newest frame to newest frame: in one second of a camera at 25 fps there are 24 to 26 frames, but
    from the first to the last of them it is 25 fps. Only where frames have ceased, or have come again after a
    pause, it is the time that has passed.
    """
    frames = now.frames - before.frames
    if frames <= 0 or now.observed_ns is None or before.observed_ns is None or now.age_s is None:
        return elapsed_ns
    span_ns = now.observed_ns - before.observed_ns
    two_gaps_ns = 2 * span_ns / frames
    steady = now.age_s * NANOSECONDS <= two_gaps_ns and span_ns <= elapsed_ns + two_gaps_ns
    return span_ns if steady and span_ns > 0 else elapsed_ns


def ordered(rows: Sequence[Row], order: str, *, reverse: bool = False) -> list[Row]:
    """``rows`` by one of :data:`launch.observe.top.control.ORDERS`, those that are equal by name.

    By need, by name and by pid the least comes first, by all else the most; ``reverse`` turns that round.
    What is unknown comes last.
    """
    key = _KEYS[order]
    by_name = sorted(rows, key=lambda row: row.camera_id)
    known = [row for row in by_name if key(row) is not None]
    descending = (order not in _ASCENDING) != reverse
    return sorted(known, key=key, reverse=descending) + [row for row in by_name if key(row) is None]


def _need(row: Row) -> int:
    ended = row.death_cause in ENDED
    return attention(row.state, had_frames=row.frames > 0, missed=row.missed, ended=ended)


_ASCENDING: Final = ("state", "name", "pid")
_KEYS: Final[dict[str, Callable[[Row], Any]]] = {
    "state": _need,
    "name": lambda row: row.camera_id,
    "pid": lambda row: row.pid,
    "fps": lambda row: row.fps,
    "allowed": lambda row: row.allowed_fps,
    "cpu": lambda row: row.cpu_percent,
    "private": lambda row: row.private_bytes,
    "age": lambda row: row.age_s,
    "missed": lambda row: row.missed,
}


@dataclass(frozen=True, slots=True)
class Totals:
    """All cameras together.

    Attributes:
        cameras: How many there are, and how many in each state, by :func:`launch.observe.attention.summary`.
        fps: Frames observed a second.
        allowed_fps: Frames allowed a second.
        cpu_percent: Of one core.
        private_bytes: Memory of all live agents, each one's own.

    """

    cameras: str
    fps: float
    allowed_fps: float
    cpu_percent: float
    private_bytes: int


def totals_of(rows: Sequence[Row]) -> Totals:
    """The sums over ``rows``; what is unknown counts nothing."""
    return Totals(
        cameras=summary(row.state for row in rows),
        fps=sum(row.fps or 0.0 for row in rows),
        allowed_fps=sum(row.allowed_fps or 0.0 for row in rows),
        cpu_percent=sum(row.cpu_percent or 0.0 for row in rows),
        private_bytes=sum(row.private_bytes or 0 for row in rows),
    )

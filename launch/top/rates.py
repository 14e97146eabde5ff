"""What became of every camera between two moments: rates, order and sums. Pure: it knows no clock."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from ruth.units import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch.top.reading import Moment, Reading

_STATES: Final = ("running", "idle", "stopped", "dead", "absent", "unseen", "unknown")
ORDERS: Final = ("cpu", "fps", "name")


@dataclass(frozen=True, slots=True)
class Row:
    """One camera, as ``ruth top --json`` shows it; units are in the names.

    Attributes:
        pid: Of the live agent; None if there is none, or it cannot be seen from here.
        state: As ``ruth ps`` has it.
        death: How the kernel says it died, or None.
        stopped: Whether it is stopped (SIGSTOP).
        fps: Frames observed a second; None without a live agent, or at its first reading.
        allowed_fps: Frames allowed a second, of all models together; None likewise.
        cpu_percent: Of one core; None likewise.
        private_bytes: Memory that is this process's alone, read in turns; None likewise.
        age_s: Seconds since the newest frame was observed; None before the first.
        missed: Frames that the agent never saw, since it started.
        problem: Why not all of this could be told, in words; None if it could.

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

    def as_json(self) -> dict[str, object]:
        """One element of ``cameras``."""
        return asdict(self)


def rows_of(before: Moment, now: Moment) -> list[Row]:
    """Every camera of ``now``, in its order, with what has changed since ``before``."""
    earlier = {reading.camera_id: reading for reading in before.readings}
    elapsed_ns = now.at_ns - before.at_ns
    return [_row(earlier.get(reading.camera_id), reading, elapsed_ns) for reading in now.readings]


def _row(before: Reading | None, now: Reading, elapsed_ns: int) -> Row:
    fps = allowed_fps = cpu_percent = None
    same = before is not None and (before.pid, before.started_ns) == (now.pid, now.started_ns)
    if before is not None and same and now.pid is not None and elapsed_ns > 0:
        seconds = _frame_time_ns(before, now, elapsed_ns) / NANOSECONDS
        fps = round((now.frames - before.frames) / seconds, 2)
        allowed_fps = round((now.allowed - before.allowed) / seconds, 2)
        if now.cpu_ns is not None and before.cpu_ns is not None:
            cpu_percent = round((now.cpu_ns - before.cpu_ns) / elapsed_ns * 100, 2)
    return Row(
        camera_id=now.camera_id,
        pid=now.pid,
        state=now.state,
        death=now.death,
        stopped=now.stopped,
        fps=fps,
        allowed_fps=allowed_fps,
        cpu_percent=cpu_percent,
        private_bytes=now.private_bytes,
        age_s=None if now.age_s is None else round(now.age_s, 3),
        missed=now.missed,
        problem=now.problem,
    )


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


def ordered(rows: Sequence[Row], order: str) -> list[Row]:
    """``rows`` by one of :data:`ORDERS`: by name, or the most first; what is unknown comes last."""
    by_name = sorted(rows, key=lambda row: row.camera_id)
    if order == "cpu":
        return sorted(by_name, key=lambda row: _descending(row.cpu_percent))
    if order == "fps":
        return sorted(by_name, key=lambda row: _descending(row.fps))
    return by_name


def _descending(value: float | None) -> float:
    return 1.0 if value is None else -value


@dataclass(frozen=True, slots=True)
class Totals:
    """All cameras together.

    Attributes:
        states: How many cameras are in each state, as ``(state, number)``; only those that there are.
        fps: Frames observed a second.
        allowed_fps: Frames allowed a second.
        cpu_percent: Of one core.
        private_bytes: Memory of all live agents, each one's own.

    """

    cameras: int
    states: tuple[tuple[str, int], ...]
    fps: float
    allowed_fps: float
    cpu_percent: float
    private_bytes: int


def totals_of(rows: Sequence[Row]) -> Totals:
    """The sums over ``rows``; what is unknown counts nothing."""
    states = ["stopped" if row.stopped else row.state for row in rows]
    counted = (
        (state, states.count(state))
        for state in ("running", "idle", "stopped", "dead", "absent", "unseen", "unknown")
    )
    return Totals(
        cameras=len(rows),
        states=tuple((state, number) for state, number in counted if number),
        fps=sum(row.fps or 0.0 for row in rows),
        allowed_fps=sum(row.allowed_fps or 0.0 for row in rows),
        cpu_percent=sum(row.cpu_percent or 0.0 for row in rows),
        private_bytes=sum(row.private_bytes or 0 for row in rows),
    )

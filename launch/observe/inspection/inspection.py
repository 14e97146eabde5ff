"""Everything about one camera, put together. Reads only; also of a dead, a stopped or an absent agent."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from launch.observe.agent_view import AgentView, cpu_time_ns, view_of
from launch.observe.inspection.header import ExportHeader, read_header
from launch.observe.inspection.process import ProcessFacts, process_facts, switches
from launch.observe.inspection.shortfall import shortfall
from launch.observe.liveness import read_sighting
from ruth.agent.measure import left_open
from ruth.agent.rhythm import longest_gap_ns, slots_needed
from ruth.identity import check_id
from ruth.units import NANOSECONDS

if TYPE_CHECKING:
    from launch.observe.liveness import Sighting
    from ruth.agent.state import AgentRecord, ModelState

WATCHED_S: Final = 0.5  # how long a live agent is watched for what it does now


class Activity(NamedTuple):
    """What a live agent did while it was watched.

    Attributes:
        seconds: How long.
        fps: Frames observed a second.
        wake_ups_per_s: Times a second that it waited and was woken.
        cpu_percent: Of one core.

    """

    seconds: float
    fps: float
    wake_ups_per_s: float | None
    cpu_percent: float | None


class RecordCounters(NamedTuple):
    """What the agent's record says beyond ``ruth ps``; counts since the agent started.

    Attributes:
        missed: Frames of the exports that it never saw.
        session: Sessions seen so far.
        first_frame_id: First frame observed in the present export; None before it.
        first_timestamp_ns: Its timestamp.
        fps: Frames a second of the present export, by its ids and timestamps; None before the second.
        arrivals_per_s: Times a second that frames come, alone or several at once; None likewise.
        longest_gap_s: Longest time without a frame in the last 64 to 127 frames; None before the second.
        slots_needed: Slots that the ring needs for what comes at once, where it has too few; else None.

    """

    missed: int
    session: int
    first_frame_id: int | None
    first_timestamp_ns: int | None
    fps: float | None = None
    arrivals_per_s: float | None = None
    longest_gap_s: float | None = None
    slots_needed: int | None = None


@dataclass(frozen=True, slots=True)
class Inspection:
    """One camera.

    Attributes:
        view: As ``ruth ps`` shows it.
        counters: What else its record says; None without one.
        mean_fps: By model, in the order of ``view.models``: frames allowed a second of frame time; None with
            fewer than two, or when more than one session was seen, whose times cannot be compared.
        process: Its process, alive or zombie; None if it is gone, or cannot be seen from here.
        activity: What it does now; None without a live process.
        header: Its export.
        shortfalls: By model: why it was given less than its cap (:mod:`launch.observe.inspection.shortfall`).
        ended_by: Pid of the process that told a dead agent to end; 0 if that is not known.
        left_open: What a live agent gone wrong could do, for lack of measures that the kernel has not.

    """

    view: AgentView
    counters: RecordCounters | None
    mean_fps: tuple[float | None, ...]
    process: ProcessFacts | None
    activity: Activity | None
    header: ExportHeader
    left_open: tuple[str, ...] = ()
    shortfalls: tuple[str | None, ...] = ()
    ended_by: int = 0

    @property
    def known(self) -> bool:
        """Whether there is, or was, anything of this camera here."""
        return self.view.state != "absent" or self.header.present

    def as_json(self) -> dict[str, object]:
        """The object that ``ruth inspect --json`` prints: that of ``ruth ps``, and more."""
        header, process = self.header, self.process
        models = [
            {**asdict(model), "mean_fps": mean, "shortfall": reason}
            for model, mean, reason in zip(self.view.models, self.mean_fps, self.shortfalls, strict=True)
        ]
        return {
            **self.view.as_json(),
            "models": models,
            **(RecordCounters(0, 0, None, None) if self.counters is None else self.counters)._asdict(),
            "activity": None if self.activity is None else self.activity._asdict(),
            "process": None
            if process is None
            else {
                **asdict(process),
                "launcher_lives": process.launcher_lives,
                "limits": process.limits and [limit._asdict() for limit in process.limits],
                "maps": process.maps
                and [{**mapped._asdict(), "read_only": mapped.read_only} for mapped in process.maps],
            },
            "ended_by": self.ended_by or None,
            "left_open": self.left_open,
            "header": {
                **header._asdict(),
                "record": None if header.record is None else header.record._asdict(),
                "picture": None if header.picture is None else header.picture._asdict(),
                "ring": None if header.ring is None else header.ring._asdict(),
            },
        }


def inspect_camera(state_root: str, export_root: str, camera_id: str) -> Inspection:
    """Looks at one camera; a live agent is watched for half a second.

    Raises:
        InvalidIdError: ``camera_id`` is not a valid id.

    """
    activity, sighting = None, read_sighting(state_root, check_id("camera", camera_id))
    if sighting.pid is not None:
        activity, sighting = _watch(state_root, sighting)
    record = sighting.record
    header = read_header(export_root, camera_id)
    return Inspection(
        view=view_of(sighting),
        counters=None if record is None else record_counters(record, header.ring and header.ring.slot_count),
        mean_fps=() if record is None else tuple(mean_fps(record, model) for model in record.models),
        process=process_facts(sighting),
        activity=activity,
        header=header,
        left_open=() if record is None or sighting.pid is None else left_open(record.confinement),
        shortfalls=()
        if record is None
        else tuple(shortfall(record, model, export_fps(record)) for model in record.models),
        ended_by=sighting.death.by,
    )


def _watch(state_root: str, before: Sighting) -> tuple[Activity | None, Sighting]:
    assert before.pid is not None  # noqa: S101 - asked for before; for the type checker
    assert before.record is not None  # noqa: S101 - as above: a pid comes from a record
    pid = before.pid
    began_ns, waits, cpu_ns = time.monotonic_ns(), switches(pid), cpu_time_ns(pid)
    time.sleep(WATCHED_S)
    after = read_sighting(state_root, before.camera_id)
    if after.pid != pid or after.record is None:
        return None, after  # it died meanwhile
    seconds = (time.monotonic_ns() - began_ns) / NANOSECONDS
    waits_now, cpu_now_ns = switches(pid), cpu_time_ns(pid)
    return Activity(
        seconds=round(seconds, 3),
        fps=round((after.record.frames - before.record.frames) / seconds, 1),
        wake_ups_per_s=None
        if waits is None or waits_now is None
        else round((waits_now.voluntary - waits.voluntary) / seconds, 1),
        cpu_percent=None
        if cpu_ns is None or cpu_now_ns is None
        else round((cpu_now_ns - cpu_ns) / NANOSECONDS / seconds * 100, 2),
    ), after


def record_counters(record: AgentRecord, slots: int | None) -> RecordCounters:
    """What a record says beyond ``ruth ps``.

    Args:
        record: The agent's.
        slots: Of the present ring; None if there is none.

    """
    fps = export_fps(record)
    gap_ns = longest_gap_ns(record)
    needed = slots and slots_needed(record.frames, record.missed, record.arrivals, slots)
    return RecordCounters(
        record.missed,
        record.session,
        record.first_frame_id,
        record.first_timestamp_ns,
        fps,
        None if fps is None or not record.frames else round(fps * record.arrivals / record.frames, 3),
        round(gap_ns / NANOSECONDS, 3) if gap_ns else None,
        needed or None,
    )


def export_fps(record: AgentRecord) -> float | None:
    """Frames a second of the present export, from the first observed one to the newest."""
    if record.frame_id is None or record.first_frame_id is None:
        return None
    frames = record.frame_id - record.first_frame_id
    span_ns = (record.timestamp_ns or 0) - (record.first_timestamp_ns or 0)
    return round(frames * NANOSECONDS / span_ns, 3) if frames > 0 and span_ns > 0 else None


def mean_fps(record: AgentRecord, model: ModelState) -> float | None:
    """Frames allowed a second, from the first observed one, which is always allowed, to the last."""
    if record.session != 1 or model.allowed < 2:
        return None
    if model.last_timestamp_ns is None or record.first_timestamp_ns is None:
        return None
    span_ns = model.last_timestamp_ns - record.first_timestamp_ns
    return round((model.allowed - 1) / (span_ns / NANOSECONDS), 3) if span_ns > 0 else None

"""One camera for a human: everything, in paragraphs of names and values."""

from __future__ import annotations

import textwrap
import time
from typing import TYPE_CHECKING, Final

from launch.observe.death import ASKED, CRASHED, EXITED, HIDDEN, KILLED, LAUNCHER, OPERATOR
from launch.observe.ps import percent
from launch.screen.colour import STATE_COLOURS, painted
from launch.screen.table import Column, lines_within, short_bytes, short_seconds
from ruth.export.layout import PAGE_SIZE, PIXEL_FORMAT_NV12, VERSION_1
from ruth.export.picture import MATRIX_NAMES, coding_of_record, unpack_picture
from ruth.text import ESCAPED, printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from launch.observe.inspection.header import ExportHeader
    from launch.observe.inspection.inspection import Inspection, RecordCounters
    from launch.observe.inspection.process import Limit, ProcessFacts
    from ruth.export.layout import FrameRecord

_NAME_WIDTH: Final = 13
_VALUE_WIDTH_MIN: Final = 20
_UNKNOWN: Final = "not told"


def as_text(inspection: Inspection, limit: int | None, mark: str, *, colour: bool = False) -> str:
    """Lines for a terminal, each ended by a newline; values that are too long go on below their beginning.

    Args:
        inspection: The camera.
        limit: Characters a line, None for any number.
        mark: Stands where a table was cut.
        colour: Whether to colour the state.

    """
    lines: list[str] = []
    for name, raw in _facts(inspection):
        value = printable(raw, None, keep=ESCAPED)  # paths are in it as the kernel has them
        room = 10**6 if limit is None else max(_VALUE_WIDTH_MIN, limit - _NAME_WIDTH)
        for index, part in enumerate(textwrap.wrap(value, room, break_on_hyphens=False) or [""]):
            lines.append(f"{name if index == 0 else '':{_NAME_WIDTH}}{part}".rstrip())
    if colour:
        state = inspection.view.state
        lines[1] = lines[1].replace(state, painted(state, STATE_COLOURS.get(state, "")), 1)
    if inspection.view.models:
        lines += ["", *lines_within(_subscriptions(inspection), limit, mark)]
    reasons = [
        f"{model.model_id}: {reason}"
        for model, reason in zip(inspection.view.models, inspection.shortfalls, strict=True)
        if reason is not None
    ]
    if reasons:
        room = 10**6 if limit is None else max(_VALUE_WIDTH_MIN, limit)
        lines += [
            "",
            *(part for reason in reasons for part in textwrap.wrap(reason, room, break_on_hyphens=False)),
        ]
    return "".join(f"{line}\n" for line in lines)


def _facts(inspection: Inspection) -> Iterator[tuple[str, str]]:
    yield "camera", inspection.view.camera_id
    yield "state", _state(inspection)
    if inspection.process is not None:
        yield from _process(inspection.process, inspection)
    yield from _export(inspection.header)
    counters = inspection.counters
    if counters is not None:
        view = inspection.view
        newest = (
            "none" if view.frame_id is None else f"newest {view.frame_id}, {short_seconds(view.age_s)} ago"
        )
        yield (
            "frames",
            f"{view.frames} observed, {counters.missed} missed, {newest}, sessions seen: {counters.session}",
        )
        if counters.fps is not None:
            yield "rhythm", _rhythm(counters, inspection.header)


def _rhythm(counters: RecordCounters, header: ExportHeader) -> str:
    gap = "" if counters.longest_gap_s is None else f", longest gap {counters.longest_gap_s:.3g} s"
    said = f"{counters.fps:.4g} frames per second in {counters.arrivals_per_s:.4g} arrivals{gap}"
    if counters.slots_needed is not None and header.ring is not None:
        have = f"{header.ring.slot_count} slots are too few for what comes at once"
        return f"{said}; {have}: {counters.slots_needed} hold it (ruth vas --slots {counters.slots_needed})"
    if counters.missed and header.record is not None and header.record.version == VERSION_1:
        return f"{said}; version 1 holds one frame: of several at once the last is seen"
    return said


def _state(inspection: Inspection) -> str:
    view = inspection.view
    state = view.state
    if view.state == "absent":
        return f"{state}: no agent was started"
    if view.problem is not None:
        return f"{state}: {view.problem}"
    if view.state != "dead":
        if view.pid is None:
            return f"{state}, it is being started"
        activity = inspection.activity
        doing = "" if activity is None else f", {activity.fps:.0f} frames/s"
        return f"{state}, up {short_seconds(view.uptime_s)}{doing}"
    return _death(inspection)


_DEATHS: Final = {
    OPERATOR: "ended by the operator: {word} from {by}",
    LAUNCHER: "ended by its launcher: {word} from {by}, which was told to end",
    ASKED: "told to end: {word}",
    KILLED: "killed: {word}, by the operator, another program, or the kernel for memory",
    CRASHED: "crashed: {word}",
    EXITED: "ended by itself: {word}",
    HIDDEN: "how is told to root and to its own user alone: ask as root",
}


def _death(inspection: Inspection) -> str:
    """How a dead agent died, when, and where its remains are."""
    view, process = inspection.view, inspection.process
    by = "a process that is not known" if not inspection.ended_by else f"process {inspection.ended_by}"
    unknown = (
        "how is not known: it was not told to end, or recorded nothing, and with its launcher"
        " the kernel's memory of it has ended"
    )
    how = unknown if view.death_cause is None else _DEATHS[view.death_cause].format(word=view.death, by=by)
    when = (
        ""
        if view.dead_s is None
        else f", {short_seconds(view.dead_s)} ago ({_clock(time.time() - view.dead_s)})"
    )
    kept = "" if process is None else f" (pid {process.pid}, kept by its parent {process.parent_pid})"
    return f"{view.state}, {how}{when}{kept}"


def _process(process: ProcessFacts, inspection: Inspection) -> Iterator[tuple[str, str]]:
    started = "" if process.started_s is None else f", started {_clock(process.started_s)}"
    yield "process", f"pid {process.pid}, {process.status or _UNKNOWN}{started}, {_origin(process)}"
    if inspection.view.pid is None:
        return  # of a zombie nothing more is left
    activity = inspection.activity
    now = activity.cpu_percent if activity is not None else None
    used = _UNKNOWN if process.cpu_s is None else f"{process.cpu_s:.2f} s"
    yield "CPU", f"{percent(now)} now, {percent(inspection.view.cpu_percent)} mean, {used} in all"
    yield (
        "memory",
        f"private {short_bytes(process.private_bytes)}, resident {short_bytes(process.resident_bytes)}",
    )
    wakes = "-" if activity is None or activity.wake_ups_per_s is None else f"{activity.wake_ups_per_s:.1f}"
    yield (
        "wake-ups",
        f"{wakes} a second now, {_number(process.wake_ups)} in all, {_number(process.preempted)} preempted",
    )
    yield "descriptors", f"{_number(process.descriptors)} open"
    if process.limits is not None:
        yield "limits", ", ".join(map(_limit, process.limits))
    yield "priority", f"nice {_number(process.nice)}, oom_score_adj {_number(process.oom_score_adj)}"
    yield "confinement", ", ".join(inspection.view.confinement) or "none"
    if inspection.left_open:
        yield "left open", f"gone wrong it could {'; '.join(inspection.left_open)}"
    if process.native is not None:
        yield "native", "compiled" if process.native else "none: all is done in Python"
    if process.maps is None:
        yield "maps", _UNKNOWN
    elif not process.maps:
        yield "maps", "no file of this camera"
    for index, mapped in enumerate(process.maps or ()):
        access = "read-only" if mapped.read_only else "writable"
        deleted = ", deleted" if mapped.deleted else ""
        yield (
            "" if index else "maps",
            f"{mapped.permissions} {access} {mapped.size} bytes{deleted} {mapped.path}",
        )


def _origin(process: ProcessFacts) -> str:
    if process.launcher_pid == 0:
        return "started by hand"
    if process.launcher_lives:
        return f"forked by launcher {process.launcher_pid}"
    return f"forked by launcher {process.launcher_pid}, which has ended"


def _limit(limit: Limit) -> str:
    if limit.soft is None:
        return f"{limit.name} unlimited"
    if limit.name == "core dump" and limit.soft < PAGE_SIZE:
        return f"{limit.name} none (limit {limit.soft} B)"  # why not 0: launch.agent.confine.limits
    in_bytes = limit.name in ("address space", "private memory", "stack", "core dump")
    amount = str(limit.soft) if not in_bytes else _bytes(limit.soft)
    return f"{limit.name} {amount}"


def _bytes(count: int) -> str:
    return short_bytes(count) if count >= 1000 else f"{count} B"


def _export(header: ExportHeader) -> Iterator[tuple[str, str]]:
    record, ring = header.record, header.ring
    if not header.present:
        yield "export", f"none in {header.directory}: {header.problem}"
        return
    version = "unreadable" if record is None else f"version {record.version}"
    yield "export", f"{version} in {header.directory}"
    if header.problem is not None:
        yield "", f"not valid: {header.problem}"
    if record is not None:
        pixels = "NV12" if record.pixel_format == PIXEL_FORMAT_NV12 else f"pixel_format {record.pixel_format}"
        size = f"{record.width} x {record.height} {pixels}, stride {record.stride}, {record.data_size} bytes"
        yield "header", f"frame_id {record.frame_id}, timestamp_ns {record.timestamp_ns}, {size}"
        if ring is not None:
            yield "", f"data_offset {record.data_offset}, sequence {record.sequence}"
            yield "picture", _picture(record)
    if ring is not None:
        flags = ", ".join(name for name, on in (("wakes", ring.wakes), ("closed", ring.closed)) if on)
        slots = f"{ring.slot_count} slots of {ring.slot_size} bytes, wake {ring.wake}"
        made = f"data_inode {ring.data_inode}, epoch {ring.epoch}"
        yield "ring", f"{slots}, {made}, flags {ring.flags} ({flags or 'none'})"
    yield "files", f"frame.meta {header.meta_bytes} bytes, frame.data {_number(header.data_bytes)} bytes"


def _picture(record: FrameRecord) -> str:
    """What the newest record says of its pixels, and as what they are taken where it says nothing."""
    said, taken = unpack_picture(record.picture), coding_of_record(record)
    of_range = f"{taken.range} range" + ("" if said.range else " (not said, assumed)")
    matrix = MATRIX_NAMES[taken.matrix] + ("" if said.matrix else " (not said, assumed)")
    return f"{of_range}, {matrix}{', damaged' if said.damaged else ''}"


def _subscriptions(inspection: Inspection) -> list[Column]:
    models = inspection.view.models

    def column(header: str, cells: Sequence[str], *, right: bool = True) -> Column:
        return Column(header, cells, right=right)

    return [
        column("MODEL", [model.model_id for model in models], right=False),
        column("MAX FPS", ["-" if model.max_fps is None else f"{model.max_fps:g}" for model in models]),
        column("MEAN", ["-" if mean is None else f"{mean:.2f}" for mean in inspection.mean_fps]),
        column("ALLOWED", [str(model.allowed) for model in models]),
        column("SKIPPED", [str(model.skipped) for model in models]),
        column("LAST ALLOWED", [_number(model.last_frame_id) for model in models]),
        column(
            "LAST DECISION",
            [(model.last_decision or "-") if model.active else "inactive" for model in models],
            right=False,
        ),
    ]


def _number(value: int | None) -> str:
    return "-" if value is None else str(value)


def _clock(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))

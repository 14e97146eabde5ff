"""``ruth plan`` for a human or as JSON. Pure: values in, text out."""

from __future__ import annotations

import json
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

from launch.prepare.sizing.host import AGENT_PRIVATE_BYTES, LAUNCHER_PRIVATE_BYTES, SHARE, export_bytes
from launch.screen.table import Column, cut_middle, lines_within, short_bytes, width_of
from ruth.export.layout import PAGE_SIZE, SLOT_COUNT_MAX, slots_for

if TYPE_CHECKING:
    from launch.prepare.sizing.forecast import HostForecast, ModelForecast
    from launch.prepare.sizing.source import Source

WIDTH: Final = 80  # of a line, unless the terminal is narrower
_MODEL_WIDTH_MAX: Final = 24
_NO_BREAK: Final = "\N{NO-BREAK SPACE}"  # no break for textwrap


def as_json(forecast: HostForecast) -> str:
    """One object, ended by a newline."""
    need, room = forecast.need, forecast.room
    width, height = forecast.size
    document = {
        "source_fps": forecast.source.fps,
        "jitter_ms": forecast.source.jitter_ns / 1e6,
        "burst": forecast.source.burst,
        "slots": forecast.source.slots,
        "seen_share": forecast.source.seen_share,
        "width": width,
        "height": height,
        "models": [_model_object(model) for model in forecast.models],
        "cameras": need.cameras,
        "processes": need.processes,
        "fps": need.fps,
        "export_bytes": need.export_bytes,
        "state_bytes": need.state_bytes,
        "private_bytes": need.private_bytes,
        "cores": need.cores,
        "host": {
            "cores": forecast.host.cores,
            "memory_bytes": forecast.host.memory_bytes,
            "room": room.cameras,
            "limit": room.limit,
        },
        "assumed": forecast.assumed,
        "cameras_wanted": forecast.cameras_wanted,
        "hosts": forecast.hosts,
    }
    return json.dumps(document, indent=2) + "\n"


def _model_object(model: ModelForecast) -> dict[str, Any]:
    rate = model.each.rate
    return {
        "model_id": model.model_id,
        "max_fps": model.max_fps,
        "active": model.active,
        "cameras": model.cameras,
        "fps_each": rate.fps,
        "fps": model.fps,
        "closest": rate.closest,
        "widest": rate.widest,
        "wanted": model.each.wanted or None,
        "better": model.each.better,
    }


def as_text(forecast: HostForecast, limit: int | None, mark: str) -> str:
    """A table of models, warnings, and what the host needs.

    Args:
        forecast: What to show.
        limit: Characters a line; None for :data:`WIDTH`.
        mark: Stands where something was cut.

    """
    limit = min(limit or WIDTH, WIDTH)
    lines = [*_model_lines(forecast, limit, mark), ""]
    if forecast.source.seen_share < 1:
        lines += _wrapped(_ring_warning(forecast.source, *forecast.size), limit)
    for model in forecast.models:
        if model.each.wanted:
            lines += _wrapped(_warning(model, forecast.source), limit)
    lines += _need_lines(forecast, limit)
    return "".join(f"{line}\n" for line in lines)


def _model_lines(forecast: HostForecast, limit: int, mark: str) -> list[str]:
    models = forecast.models
    named = [cut_middle(model.model_id, _MODEL_WIDTH_MAX, mark) for model in models]
    columns = [
        Column("MODEL", named),
        Column(
            "CAP", ["-" if model.max_fps is None else f"{model.max_fps:g}" for model in models], right=True
        ),
        Column("CAMERAS", [str(model.cameras) for model in models], right=True),
        Column("EACH", [f"{model.each.rate.fps:.2f}" for model in models], right=True),
        Column("ALL", [f"{model.fps:.1f}" for model in models], right=True),
        Column("WHY", [why(model, forecast.source) for model in models]),
    ]
    if width_of(columns) > limit:
        columns = [column for column in columns if column.header != "CAMERAS"]
    return lines_within(columns, limit, mark)


def why(model: ModelForecast, source: Source) -> str:
    """Which frames it gets, and how that comes."""
    rate = model.each.rate
    if not model.active:
        return "inactive"
    if model.max_fps is None:
        return "every frame: no cap" if source.seen_share == 1 else "every frame that is seen: no cap"
    if rate.widest == rate.closest == 1:
        return "every frame"
    interval = f"{_time(1 / model.max_fps)} are {source.fps / model.max_fps:.4g} frames"
    if not rate.closest:
        return interval
    if rate.closest == rate.widest:
        return f"every {_ordinal(rate.closest)} frame: {interval}"
    joined = "or" if rate.widest == rate.closest + 1 else "to"
    return f"every {_ordinal(rate.closest)} {joined} {_ordinal(rate.widest)}: {interval}"


def _warning(model: ModelForecast, source: Source) -> str:
    each = model.each
    every = "every frame" if each.wanted == 1 else f"every {_ordinal(each.wanted)} frame"
    skipped = 100 * (1 - each.rate.fps * each.wanted / source.fps)
    said = (
        f"warning: {model.model_id} <= {model.max_fps:g}: {skipped:.0f} % below {every}"
        f" ({source.fps / each.wanted:.4g} fps), which is stamped slightly before the interval has passed;"
    )
    if each.better is not None:
        or_none = ", or none," if each.wanted == 1 else ""
        return f"{said} max_fps = {each.better:g}{or_none} gives {every}"
    if each.wanted == 1:
        return f"{said} leave max_fps out for {every}"
    return f"{said} with {source.jitter_ns / 1e6:g} ms of jitter no cap gives exactly {every}"


def _ring_warning(source: Source, width: int, height: int) -> str:
    held, slots = source.slots, slots_for(source.burst)
    said = (
        f"warning: of {source.burst} frames that arrive together a ring of {held} slots holds the last"
        f" {held}: {100 * (1 - source.seen_share):.0f} % of the frames are never seen;"
    )
    if slots is None:
        return f"{said} no ring has more than {SLOT_COUNT_MAX} slots"
    more = export_bytes(width, height, slots) - export_bytes(width, height, held)
    return f"{said} slots = {slots} holds all of them, for {_size(more)} more per camera"


def _wrapped(warning: str, limit: int) -> list[str]:
    """Its lines, with an empty one behind them. A setting stays on one line, so that it can be copied."""
    kept = warning.replace(" = ", f"{_NO_BREAK}={_NO_BREAK}")
    return [line.replace(_NO_BREAK, " ") for line in wrap(kept, limit, subsequent_indent="  ")] + [""]


def _need_lines(forecast: HostForecast, limit: int) -> list[str]:
    need, host, room = forecast.need, forecast.host, forecast.room
    width, height = forecast.size
    host_text = (
        f"{host.cores} cores, {host.memory_bytes / 2**30:.1f} GiB; {100 * SHARE:.0f} % of it"
        f" has room for {room.cameras} cameras like these"
        f" ({'cores end' if room.limit == 'cores' else 'memory ends'} first)"
    )
    pages, slots = _in_pages(host.page_bytes), forecast.source.slots
    launcher = f"{_size(LAUNCHER_PRIVATE_BYTES)} for the launcher"
    rows = [
        ("cameras", f"{need.cameras}, each {_coming(forecast.source)} of {width}x{height}"),
        ("frames for models", f"{sum(model.fps for model in forecast.models):.1f} a second"),
        ("processes", f"{need.processes}: one per camera, and the launcher"),
        (
            "shared memory",
            f"{_size(need.shared_bytes)}: {slots} frames per camera, and agents' states{pages}",
        ),
        (
            "private memory",
            f"{_size(need.private_bytes)}: {_size(AGENT_PRIVATE_BYTES)} per camera, and {launcher}",
        ),
        ("processor", f"{need.cores:.2f} of a core" if need.cores < 1 else f"{need.cores:.1f} cores"),
        ("host", host_text),
    ]
    if forecast.cameras_wanted is not None:
        hosts = "one camera is too much for it" if forecast.hosts is None else str(forecast.hosts)
        rows.append(("hosts", f"{hosts} for {forecast.cameras_wanted} cameras"))
    if forecast.assumed:
        rows.insert(1, ("assumed", f"{', '.join(forecast.assumed)}: say if not so"))
    lines: list[str] = []
    for name, text in rows:
        lines += wrap(f"{name:<18}{text}", limit, subsequent_indent=" " * 18)
    return [*lines, *wrap("Decoding, recording and models are not in it.", limit)]


def _coming(source: Source) -> str:
    return f"{source.fps:g} fps" + (f", {source.burst} at a time," if source.burst > 1 else "")


def _in_pages(page_bytes: int) -> str:
    """That files are counted in huge pages, if they are."""
    if page_bytes == PAGE_SIZE:
        return ""
    return f"; each file in pages of {short_bytes(page_bytes)} (huge=always)"


def _time(seconds: float) -> str:
    return f"{seconds:.4g} s" if seconds >= 1 else f"{1000 * seconds:.4g} ms"


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else short_bytes(count)


def _ordinal(number: int) -> str:
    if number % 100 in (11, 12, 13):
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"

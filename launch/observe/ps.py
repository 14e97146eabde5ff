"""``ruth ps``: the per-camera processes, once, for a human or as JSON: views in, text out.

The table shows, within the width of the terminal, what is asked first at three in the morning: which camera,
which process, alive or how it died, how old its newest frame is, what it costs, and what its models were
allowed. For the models there are three forms, the first that fits: one column per model, a list, their sum.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from launch.observe.attention import attention, summary
from launch.observe.death import ENDED, shown_death
from launch.observe.model_columns import model_columns
from launch.screen.colour import STATE_COLOURS
from launch.screen.table import (
    Column,
    capped,
    cut,
    cut_middle,
    fitting,
    lines_within,
    short_bytes,
    short_seconds,
    width_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch.observe.agent_view import AgentView, ModelView

CAMERA_WIDTH_MIN: Final = 8  # of an id that is cut
CAMERA_WIDTH_GOOD: Final = 16  # for less, other columns are left out first
_NOTHING: Final = "-"


def as_json(views: Sequence[AgentView]) -> str:
    """One array, one object a camera (docs/commands/README.md), ended by a newline."""
    return json.dumps([view.as_json() for view in views], indent=2) + "\n"


def schema_text() -> str:
    """The JSON schema of :func:`as_json`, as it is installed."""
    from importlib.resources import files

    return files("launch.observe").joinpath("ps.schema.json").read_text(encoding="utf-8")


def as_table(
    views: Sequence[AgentView],
    limit: int | None,
    mark: str,
    *,
    colour: bool = False,
    counted: Sequence[AgentView] | None = None,
) -> str:
    """A header, one line per camera, and their number by state.

    What needs a hand comes first (:mod:`launch.observe.attention`).

    Args:
        views: The cameras.
        limit: Characters a line, None for any number. No line is longer.
        mark: Stands where something was cut.
        colour: Whether to colour the states.
        counted: The cameras that the last line counts, if it is not those of the table.

    """
    lines = []
    if views:
        ordered = sorted(views, key=_attention)
        lines = lines_within(_columns(ordered, limit, mark, colour=colour), limit, mark)
    closing = summary(view.state for view in (views if counted is None else counted))
    lines.append(closing if limit is None else cut(closing, limit, mark))
    return "".join(f"{line}\n" for line in lines)


def _attention(view: AgentView) -> tuple[int, str]:
    ended = view.death_cause in ENDED
    place = attention(view.state, had_frames=view.frames > 0, missed=view.missed, ended=ended)
    return place, view.camera_id


def _columns(views: Sequence[AgentView], limit: int | None, mark: str, *, colour: bool) -> list[Column]:
    states = [state_text(view.state, view.death, view.death_cause) for view in views]
    colours = [STATE_COLOURS.get(state.split(":")[0], "") for state in states] if colour else ()
    camera = Column("CAMERA", [view.camera_id for view in views])
    pid = Column("PID", [_or_nothing(view.pid) for view in views], right=True)
    state = Column("STATE", states, colours=colours)
    age = Column("AGE", [short_seconds(view.age_s) for view in views], right=True, rank=1)
    cpu = Column("CPU", [percent(view.cpu_percent) for view in views], right=True, rank=2)
    total = Column("ALLOWED", [_total(view.models) for view in views], right=True, rank=2)
    if limit is not None:
        room = _room(camera, ([pid, state, age, cpu, total], [pid, state, age], [pid, state]), limit)
        camera = replace(camera, cells=[cut_middle(cell, room, mark) for cell in camera.cells])
    count = Column("MODELS", [str(len(view.models)) for view in views], right=True, rank=4)
    models = [count, total]
    for form in (model_columns([view.models for view in views], _allowed), [_list(views)]):
        if form and (limit is None or width_of([camera, pid, state, age, cpu, *form]) <= limit):
            models = form
            break
    columns = [
        camera,
        pid,
        state,
        Column("EXPORT", [view.export or _NOTHING for view in views], rank=7),
        Column("FRAME", [_or_nothing(view.frame_id) for view in views], right=True, rank=6),
        age,
        Column("UP", [short_seconds(view.uptime_s) for view in views], right=True, rank=5),
        cpu,
        *died_column([view.dead_s for view in views], 3),
        Column("PRIVATE", [short_bytes(view.private_bytes) for view in views], right=True, rank=3),
        Column("MISSED", [str(view.missed) for view in views], right=True, rank=8),
        *models,
    ]
    return fitting(columns, limit)


def state_text(state: str, death: str | None, cause: str | None = None) -> str:
    """The state; of a dead one with :func:`launch.observe.death.shown_death`: ``"dead: SIGKILL"``."""
    shown = shown_death(death, cause)
    return state if shown is None else f"{state}: {shown}"


def died_column(dead_s: Sequence[float | None], rank: int) -> list[Column]:
    """When agents died, ``"12m ago"``; no column where none did, or none is known."""
    if not any(one is not None for one in dead_s):
        return []
    cells = [_NOTHING if one is None else f"{short_seconds(one)} ago" for one in dead_s]
    return [Column("DIED", cells, right=True, rank=rank)]


def percent(value: float | None) -> str:
    """``"0.4%"``, or ``"-"`` for None."""
    return _NOTHING if value is None else f"{value:.1f}%"


def _room(camera: Column, beside: Sequence[Sequence[Column]], limit: int) -> int:
    """Characters for camera ids: beside the first of these columns that leave them enough."""
    for columns in beside:
        room = limit - width_of([*columns, Column("", ())])
        if room >= min(camera.width, CAMERA_WIDTH_GOOD):
            return room
    return max(room, CAMERA_WIDTH_MIN)


def _list(views: Sequence[AgentView]) -> Column:
    return Column(
        "ALLOWED",
        [
            ", ".join(f"{capped(model.model_id, model.max_fps)} {_allowed(model)}" for model in view.models)
            or _NOTHING
            for view in views
        ],
    )


def _allowed(model: ModelView) -> str:
    return str(model.allowed) if model.active else "inactive"


def _total(models: Sequence[ModelView]) -> str:
    return str(sum(model.allowed for model in models)) if models else _NOTHING


def _or_nothing(number: int | None) -> str:
    return _NOTHING if number is None else str(number)

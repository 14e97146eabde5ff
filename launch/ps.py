"""``ruth ps``: the per-camera processes, once, for a human or as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from launch.table import format_table, short_bytes, short_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch.inspect import AgentView, ModelView

_HEADS = ("CAMERA", "PID", "STATE", "EXPORT", "FRAME", "AGE", "UP", "CPU", "PRIVATE", "ALLOWED")
_RIGHT = "<><<>>>>><"


def as_json(views: Sequence[AgentView]) -> str:
    """One array, one object a camera (DESIGN.md, "What people touch"), ended by a newline."""
    return json.dumps([view.as_json() for view in views], indent=2) + "\n"


def as_table(views: Sequence[AgentView]) -> str:
    """One line a camera under a line of heads; a line that says so if there is none."""
    if not views:
        return "no cameras\n"
    return format_table(_HEADS, [_row(view) for view in views], right=_RIGHT)


def _row(view: AgentView) -> tuple[str, ...]:
    return (
        view.camera_id,
        "-" if view.pid is None else str(view.pid),
        view.state if view.death is None else f"{view.state} ({view.death})",
        view.export or "-",
        "-" if view.frame_id is None else str(view.frame_id),
        short_seconds(view.age_s),
        short_seconds(view.uptime_s),
        "-" if view.cpu_percent is None else f"{view.cpu_percent:.1f}%",
        short_bytes(view.private_bytes),
        " ".join(_model(model) for model in view.models) or "-",
    )


def _model(model: ModelView) -> str:
    cap = "all" if model.max_fps is None else f"{model.max_fps:g}/s"
    parked = "" if model.active else " parked"
    return f"{model.model_id}={model.allowed} ({cap}{parked})"

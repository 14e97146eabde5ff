"""What a configuration comes to, for people and for programs. Pure: values in, text out."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from launch.screen.table import Column, cap_text, capped, cut_middle, lines_within, width_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch.prepare.config.plan import CameraPlan, HostPlan, ModelPlan
    from launch.prepare.config.problem import Problem

_NOTHING = "-"
_CAMERA_WIDTH_GOOD = 16  # for less, models are cut first


def as_json(
    name: str, plan: HostPlan | None, errors: Sequence[Problem | str], warnings: Sequence[Problem] = ()
) -> str:
    """One object, ended by a newline.

    Args:
        name: Of the configuration.
        plan: None if it is not valid.
        errors: Why it is not; a text for one that cannot be read.
        warnings: What is most likely a slip.

    """
    return (
        json.dumps(
            {
                "config": name,
                "valid": plan is not None,
                "errors": [_problem(error) for error in errors],
                "warnings": [_problem(warning) for warning in warnings],
                "cameras": None if plan is None else [asdict(camera) for camera in plan.cameras],
            },
            indent=2,
        )
        + "\n"
    )


def as_table(plan: HostPlan, limit: int | None, mark: str) -> str:
    """One line per camera: the cap of each of its models, in a column per model where there is room.

    Args:
        plan: All cameras.
        limit: Characters per line, None for any number. No line is longer.
        mark: Replaces what was cut.

    """
    camera = Column("CAMERA", [each.camera_id for each in plan.cameras])
    columns = [camera, *_model_columns(plan.cameras)]
    if len(columns) == 1 or (limit is not None and width_of(columns) > limit):
        listed = Column("MODELS", [", ".join(map(_listed, each.models)) for each in plan.cameras])
        if limit is not None:
            room = max(_CAMERA_WIDTH_GOOD, limit - width_of([Column("", ()), listed]))
            camera = Column("CAMERA", [cut_middle(cell, room, mark) for cell in camera.cells])
        columns = [camera, listed]
    return "".join(f"{line}\n" for line in lines_within(columns, limit, mark))


def _problem(problem: Problem | str) -> dict[str, object]:
    if isinstance(problem, str):
        return {"line": None, "key": "", "value": "", "reason": problem, "allowed": "", "suggestion": None}
    return asdict(problem)


def _model_columns(cameras: Sequence[CameraPlan]) -> list[Column]:
    """Empty if the cameras have too little in common for it."""
    model_ids = list(dict.fromkeys(model.model_id for camera in cameras for model in camera.models))
    if len(model_ids) > 2 * max(len(camera.models) for camera in cameras):
        return []
    found = [{model.model_id: model for model in camera.models} for camera in cameras]
    return [
        Column(
            model_id,
            [_cell(models[model_id]) if model_id in models else _NOTHING for models in found],
            right=True,
        )
        for model_id in model_ids
    ]


def _cell(model: ModelPlan) -> str:
    if not model.active:
        return "inactive"
    return cap_text(model.max_fps)


def _listed(model: ModelPlan) -> str:
    return capped(model.model_id, model.max_fps) + ("" if model.active else " (inactive)")

"""A column per model in a table of cameras, with the cap that most of them have in its header. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from launch.screen.table import Column, cap_text, capped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_NOTHING: Final = "-"


class CappedModel(Protocol):
    """What a table must know of one camera's model."""

    @property
    def model_id(self) -> str:
        """Its id."""

    @property
    def max_fps(self) -> float | None:
        """Its cap in frames per second; None for every frame."""

    @property
    def active(self) -> bool:
        """False: every frame is skipped."""


Model = TypeVar("Model", bound=CappedModel)


def model_columns(
    cameras: Sequence[Sequence[Model]], cell: Callable[[Model], str], rank: int = 0
) -> list[Column]:
    """One column per model, in the order in which models come first.

    Args:
        cameras: Of each row its models.
        cell: What is shown of one; ``inactive`` is instead of it, and a cap of its own behind it.
        rank: Of the columns.

    Returns:
        No column if the cameras have too little in common for it.

    """
    caps: dict[str, list[float | None]] = {}
    for models in cameras:
        for model in models:
            caps.setdefault(model.model_id, []).append(model.max_fps)
    if len(caps) > 2 * max(map(len, cameras), default=0):
        return []
    found = [{model.model_id: model for model in models} for models in cameras]
    columns = []
    for model_id, given in caps.items():
        usual = Counter(given).most_common(1)[0][0]
        cells = [_cell(models.get(model_id), cell, usual) for models in found]
        columns.append(Column(capped(model_id, usual), cells, right=True, rank=rank))
    return columns


def _cell(model: Model | None, cell: Callable[[Model], str], usual: float | None) -> str:
    if model is None:
        return _NOTHING
    if not model.active:
        return "inactive"
    if model.max_fps == usual:
        return cell(model)
    return f"{cell(model)} ({cap_text(model.max_fps)})"

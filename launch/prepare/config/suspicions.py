"""What a valid ruth.toml may say, and is hardly ever meant: names that differ only as slips do.

Two cameras called ``Yard`` and ``yard``, or a model ``persom`` that one camera has while others have
``person``, are allowed: ids are what their owner says. ``ruth check`` names them. Where ``[models]`` names
the model, :mod:`launch.prepare.config.inherit` refuses the slip instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from launch.prepare.config.fault import Fault
from launch.screen.nearest import is_slip
from ruth.identity import ID_ALLOWED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch.prepare.config.lines import Path

_MODELS_COMPARED_MAX: Final = 300


def document_suspicions(document: dict[str, Any]) -> Iterator[Fault]:
    """The suspicions in a document that has no faults: of cameras, then of models."""
    alike: dict[str, list[str]] = {}
    for camera_id, path in _cameras(document):
        others = alike.setdefault(camera_id.lower(), [])
        if camera_id not in others:
            others.append(camera_id)
        if others[0] != camera_id and others[-1] == camera_id:
            reason = f"camera id: differs from {others[0]!r} in case only"
            yield Fault(path, "", reason, ID_ALLOWED, f"did you mean {others[0]!r}?")
    places: dict[str, list[Path]] = {}
    for model_id, path in _models(document):
        places.setdefault(model_id, []).append(path)
    if len(places) > _MODELS_COMPARED_MAX:
        return
    meant = {
        model_id for model_id, paths in places.items() if len(paths) > 1 or ("models", model_id) in paths
    }
    for model_id in [model_id for model_id in places if model_id not in meant]:
        other = next((other for other in places if other in meant and is_slip(model_id, other)), None)
        if other is None:
            meant.add(model_id)  # the first of two that are named once each
        else:
            reason = f"model {model_id!r} is named here only, {other!r} elsewhere"
            yield Fault(places[model_id][0], "", reason, ID_ALLOWED, f"did you mean {other!r}?")


def _cameras(document: dict[str, Any]) -> Iterator[tuple[str, Path]]:
    for camera_id in document.get("cameras", ()):
        yield camera_id, ("cameras", camera_id)
    for name, group in document.get("groups", {}).items():
        for place, camera_id in enumerate(group["cameras"]):
            yield camera_id, ("groups", name, "cameras", place)


def _models(document: dict[str, Any]) -> Iterator[tuple[str, Path]]:
    for model_id in document.get("models", ()):
        yield model_id, ("models", model_id)
    for key in ("groups", "cameras"):
        for name, holder in document.get(key, {}).items():
            for model_id in holder.get("models", ()):
                yield model_id, (key, name, "models", model_id)

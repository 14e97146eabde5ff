"""What a camera has in the end: its own models over its groups' over ``[models]``, key by key.

One sentence says all of it: a camera has the models of ``[models]``, changed by its groups and then by
itself, key by key, and ``false`` leaves out what was there. Four rules follow from it, or keep it free of
surprises:

* A group changes what ``[models]`` says and nothing that another group says: a camera may be in several
  groups, but only one of them may name a model. So the order of groups never counts.
* ``false`` takes something away, so there must be something: a model that ``[models]`` or one of the
  camera's groups names, or a cap that they give.
* A camera or group may name a model that nothing before it names, but not one that is a slip away from one
  that is named (:func:`launch.screen.nearest.is_slip`). ``other = false`` in ``[models]`` names a model and
  gives it to no camera: then it is meant.
* A camera has 1 to 63 models in the end.

Without ``[models]`` and groups nothing is inherited, and each camera has what it says.

Documents may be wrong in any other way: what is not of the right type is passed over, since
:mod:`launch.prepare.config.rules` names it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from launch.prepare.config.fault import MISSING, Fault
from launch.prepare.config.model_rules import CAP_ALLOWED, MODEL_KEYS, MODELS_ALLOWED, cap_reason
from launch.prepare.config.problem import show_key, show_text, show_value
from launch.prepare.config.rules import CAMERAS_MAX, SHAPE_ALLOWED
from launch.screen.nearest import closest, is_slip
from ruth.agent.state import MODELS_MAX

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from launch.prepare.config.lines import Path

_LEFT_OUT_ALLOWED: Final = "false for a model that [models] or a group of the camera names"


_GUESSES_MAX: Final = 1000
"""Slips for which a name is looked for that is not very near: it takes a millisecond each."""


class Settings(NamedTuple):
    """One subscription as it comes out: see :class:`launch.prepare.config.plan.ModelPlan`."""

    max_fps: Any = None
    active: Any = True


Models = dict[str, Settings]


class _Layer(NamedTuple):
    """One table of models: where it is, its entries (tables or False), and who has it, for a message."""

    path: Path
    entries: Mapping[str, Any]
    owner: str


class Inheritance:
    """All cameras of a document with their models, worked out when it is made.

    Args:
        document: As tomllib gives it.
        excused: Paths of two parts, ``("cameras", "yard")``: what is missing there is a fault already.

    Attributes:
        cameras: Each camera's models, in the order of the document; meaningless if anything is wrong.
            Cameras that differ in nothing share one dict.
        faults: What is wrong with what the tables say together.

    """

    __slots__ = ("_base", "_defaults", "_groups", "_guesses", "_inherits", "_of_groups", "cameras", "faults")

    def __init__(self, document: Mapping[str, Any], excused: Collection[Path] = ()) -> None:
        self.faults: list[Fault] = []
        self.cameras: dict[str, Models] = {}
        self._guesses = 0
        self._inherits = "models" in document or "groups" in document
        self._defaults = _layer(("models",), document.get("models"), "[models]")
        self._base: Models = {}
        _apply(self._base, self._defaults)
        self._groups = {
            name: _layer(("groups", name, "models"), group.get("models"), f"group {_quoted(name)}")
            for name, group in _items(document.get("groups"))
            if isinstance(group, dict)
        }
        self._of_groups: dict[tuple[str, ...], Models] = {(): self._base}
        members = _memberships(document)
        layers = (self._defaults, *self._groups.values())
        if len(members) > CAMERAS_MAX or any(len(layer.entries) > MODELS_MAX for layer in layers):
            if len(members) > CAMERAS_MAX:
                allowed = f"at most {CAMERAS_MAX} cameras"
                self._add((_place_of_cameras(document),), None, f"{len(members)} cameras", allowed)
            return
        for layer in self._groups.values():
            self._check(layer, self._defaults.entries, self._base)
        cameras = dict(_items(document.get("cameras")))
        counted: set[tuple[str, ...]] = {()}
        for camera_id, names in members.items():
            camera = cameras.get(camera_id, {})
            if not isinstance(camera, dict):
                continue
            own = camera.get("models")
            models = self._with_own(camera_id, own, names, self._inherited(camera_id, names))
            self.cameras[camera_id] = models
            if 1 <= len(models) <= MODELS_MAX or ("cameras", camera_id) in excused:
                continue
            if own is None and names not in counted:  # one fault, however many cameras are in these groups
                counted.add(names)
                reason = f"{len(models) or 'no'} models for camera {_quoted(camera_id)}"
                self._add(("groups", names[-1]), None, reason, MODELS_ALLOWED)
            elif own is not None or not names:
                self._add_number(("cameras", camera_id, "models"), own, len(models))

    def add_no_camera(self, document: Mapping[str, Any]) -> None:
        """Names it as a fault if a document of the right shape has no camera."""
        if not self.cameras and not self.faults:
            self._add((_place_of_cameras(document),), None, "no camera", SHAPE_ALLOWED)

    def _inherited(self, camera_id: str, names: tuple[str, ...]) -> Models:
        """What ``[models]`` and these groups give."""
        known = self._of_groups.get(names)
        if known is not None:
            return known
        models = dict(self._base)
        first: dict[str, _Layer] = {}
        for name in names:
            layer = self._groups[name]
            for model_id, entry in layer.entries.items():
                other = first.setdefault(model_id, layer)
                if other is not layer:
                    reason = f"camera {_quoted(camera_id)} is in {other.owner} too, which names it as well"
                    self._add((*layer.path, model_id), entry, reason, "a model in one group of a camera")
            _apply(models, layer)
        self._of_groups[names] = models
        return models

    def _with_own(self, camera_id: str, own: object, names: tuple[str, ...], inherited: Models) -> Models:
        layer = _layer(("cameras", camera_id, "models"), own, f"camera {_quoted(camera_id)}")
        if not layer.entries:
            return inherited
        models = dict(inherited)
        _apply(models, layer)
        if len(layer.entries) > MODELS_MAX:
            return models
        named = self._defaults.entries
        for name in names:
            named = {**named, **self._groups[name].entries}
        self._check(layer, named, inherited)
        return models

    def _check(self, layer: _Layer, named: Mapping[str, Any], inherited: Models) -> None:
        """What a layer says of models that those before it name, or do not name.

        Args:
            layer: A group's or a camera's.
            named: Models that the layers before it name, also those that they leave out.
            inherited: What these come to.

        """
        for model_id, entry in layer.entries.items():
            path = (*layer.path, model_id)
            if model_id not in named:
                self._check_new(path, entry, named, layer.owner)
            if self._inherits and _without_cap(entry):
                before = inherited.get(model_id)
                if before is None or before.max_fps is None:
                    reason = cap_reason(False) or ""
                    self._add((*path, "max_fps"), False, reason, CAP_ALLOWED, "there is no cap to leave out")

    def _check_new(self, path: Path, entry: object, named: Mapping[str, Any], owner: str) -> None:
        model_id = str(path[-1])
        meant = next((known for known in named if is_slip(model_id, known)), None)
        if entry is False:
            meant = meant or self._guess(model_id, named)
            reason = f"{owner} has no model {_quoted(model_id)} to leave out"
            self._add(path, entry, reason, _LEFT_OUT_ALLOWED, meant and f"did you mean {_quoted(meant)}?")
        elif meant is not None:
            where = "[models]" if meant in self._defaults.entries else "a group of the camera"
            reason = f"model {_quoted(model_id)} of {owner} is not in {where}"
            allowed = f"a model of {where}; another one needs {show_key((model_id,))} = false in [models]"
            self._add(path, entry, reason, allowed, f"did you mean {_quoted(meant)}?")

    def _guess(self, name: str, known: Collection[str]) -> str | None:
        self._guesses += 1
        return closest(name, known) if self._guesses <= _GUESSES_MAX else None

    def _add_number(self, path: Path, own: object, number: int) -> None:
        """A camera's own table leads to too many models, or to none."""
        if own is None:
            self._add(path, None, MISSING, MODELS_ALLOWED)
        elif isinstance(own, dict) and len(own) <= MODELS_MAX:  # else the table itself is a fault
            none = "no model is left" if own else "no model"
            self._add(path, own, f"{number} models with those inherited" if number else none, MODELS_ALLOWED)

    def _add(
        self, path: Path, value: object, reason: str, allowed: str, suggestion: str | None = None
    ) -> None:
        shown = "" if value is None else show_value(value)
        self.faults.append(Fault(path, shown, reason, allowed, suggestion))


def _quoted(name: str) -> str:
    """An id in a sentence; one that is not valid may be of any length."""
    return f"'{show_text(name)}'"


def _items(table: object) -> list[tuple[str, Any]]:
    return list(table.items()) if isinstance(table, dict) else []


def _layer(path: Path, models: object, owner: str) -> _Layer:
    """A table of models, in which an entry of a wrong type is an empty one: the model is there."""
    entries = {}
    for model_id, entry in _items(models):
        left_out = entry is False and model_id not in MODEL_KEYS
        entries[model_id] = entry if left_out or isinstance(entry, dict) else {}
    return _Layer(path, entries, owner)


def _apply(models: Models, layer: _Layer) -> None:
    """Changes ``models`` as ``layer`` says."""
    for model_id, entry in layer.entries.items():
        if entry is False:
            models.pop(model_id, None)
            continue
        before = models.get(model_id, Settings())
        max_fps = None if _without_cap(entry) else entry.get("max_fps", before.max_fps)
        models[model_id] = Settings(max_fps, entry.get("active", before.active))


def _without_cap(entry: Any) -> bool:
    return isinstance(entry, dict) and entry.get("max_fps") is False


def _memberships(document: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Every camera in the order in which the document names them, with its groups in theirs."""
    found: dict[str, dict[str, None]] = {}
    for key, tables in document.items():
        for name, table in _items(tables):
            if key == "cameras":
                found.setdefault(name, {})
            elif key == "groups" and isinstance(table, dict) and isinstance(table.get("cameras"), list):
                for camera_id in table["cameras"]:
                    if isinstance(camera_id, str):
                        found.setdefault(camera_id, {})[name] = None
    return {camera_id: tuple(names) for camera_id, names in found.items()}


def _place_of_cameras(document: Mapping[str, Any]) -> str:
    return "cameras" if "cameras" in document else "groups"

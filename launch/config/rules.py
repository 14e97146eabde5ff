"""What ruth.toml may say: every rule, and for each way to break it a reason and a good guess.

Knows the document only as tomllib gives it, neither its text nor its lines. The functions name what
is wrong as values, in the order of the document, and never stop at the first. They visit only the
four levels that a configuration has, but for one slip that is so natural that it is looked for
deeper: an id with dots and without quotes, ``[cameras.192.168.1.10.models]``, nests tables.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from launch.config.problem import kind, show_key, show_value
from ruth.agent.state import MODELS_MAX
from ruth.identity import ID_ALLOWED, ID_LENGTH_MAX, id_problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch.config.lines import Path

FPS_MAX = 1_000_000
"""The largest ``max_fps``: above it an interval is less than a microsecond, surely a slip."""

SHAPE_ALLOWED = "[cameras.NAME.models] with lines like person = { max_fps = 5 }"
MODELS_ALLOWED = f"1 to {MODELS_MAX} models, like person = {{ max_fps = 5 }}"
MISSING = "missing"
"""The reason of a fault whose path is not in the document."""

_MODEL_ALLOWED = "a table, like { max_fps = 5 }, or {} for every frame"
_CAP_ALLOWED = "a number above 0, or no max_fps for every frame"
_ACTIVE_ALLOWED = "true or false"

_TOP_KEYS = ("cameras",)
_CAMERA_KEYS = ("models",)
_MODEL_KEYS = ("max_fps", "active")

_BOOLEANS = {
    "true": "true", "yes": "true", "on": "true", "1": "true",
    "false": "false", "no": "false", "off": "false", "0": "false",
}  # fmt: skip
"""What people write for a boolean elsewhere, and how TOML writes it."""

_DOTS_MAX = ID_LENGTH_MAX // 2
"""Parts of the longest id that dots can divide."""


class Fault(NamedTuple):
    """A problem before it has a line: see :class:`launch.config.problem.Problem`."""

    path: Path
    value: str
    reason: str
    allowed: str
    suggestion: str | None = None


def document_faults(document: dict[str, Any]) -> Iterator[Fault]:
    """Everything that is wrong with a document; nothing if it is a valid configuration."""
    guessed = False
    for key, value in document.items():
        if key in _TOP_KEYS:
            continue
        if isinstance(value, dict) and "models" in value:
            guess: str | None = f"did you mean [{show_key(('cameras', key, 'models'))}]?"
        else:
            guess = _close(key, _TOP_KEYS)
        guessed = guessed or guess is not None
        yield _unknown((key,), value, _TOP_KEYS, guess)
    if "cameras" in document:
        yield from _cameras_faults(("cameras",), document["cameras"])
    elif not guessed:
        yield Fault(("cameras",), "", MISSING, SHAPE_ALLOWED)


def cap_reason(value: object) -> str | None:
    """Why ``value`` is no ``max_fps``, or None if it is one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{kind(value)}, not a number"
    if value == 0:
        return "zero"
    if value < 0:
        return "negative"
    if value == math.inf:
        return "infinite"
    if value > FPS_MAX:
        return f"more than {FPS_MAX}"
    return None if value > 0 else "not a number"


def _cameras_faults(path: Path, cameras: object) -> Iterator[Fault]:
    if not isinstance(cameras, dict):
        yield _no_table(path, cameras, SHAPE_ALLOWED)
    elif not cameras:
        yield Fault(path, show_value(cameras), "no camera", SHAPE_ALLOWED)
    else:
        for camera_id, camera in cameras.items():
            yield from _id_faults("camera", (*path, camera_id))
            yield from _camera_faults((*path, camera_id), camera)


def _camera_faults(path: Path, camera: object) -> Iterator[Fault]:
    if not isinstance(camera, dict):
        yield _no_table(path, camera, SHAPE_ALLOWED)
        return
    guessed = False
    for key, value in camera.items():
        if key in _CAMERA_KEYS:
            continue
        for fault in _camera_key_faults((*path, key), value):
            guessed = guessed or fault.suggestion is not None
            yield fault
    if "models" in camera:
        yield from _models_faults((*path, "models"), camera["models"])
    elif not guessed:  # otherwise the guess is where the models are
        yield Fault((*path, "models"), "", MISSING, MODELS_ALLOWED)


def _camera_key_faults(path: Path, value: object) -> Iterator[Fault]:
    """An unknown key of a camera: a dot in its id, a level too high, a slip, or nothing known."""
    dotted = False
    for inner, table in _tables_below(path, value):
        camera_id = ".".join(inner[1:])
        if "models" in table and id_problem(camera_id) is None:
            dotted = True
            meant = show_key(("cameras", camera_id, "models"))
            yield _unknown(inner, table, _CAMERA_KEYS, f"an id with dots needs quotes: [{meant}]")
    if dotted:
        return
    key = path[-1]
    models = show_key((*path[:-1], "models"))
    guess = _close(key, _CAMERA_KEYS)
    if key in _MODEL_KEYS:
        guess = f"it belongs to a model: person = {{ {key} = {show_value(value)} }} in [{models}]"
    elif guess is None and isinstance(value, dict) and value.keys() <= set(_MODEL_KEYS):
        guess = f"did you mean {models}.{show_key((key,))}?"
    yield _unknown(path, value, _CAMERA_KEYS, guess)


def _models_faults(path: Path, models: object) -> Iterator[Fault]:
    if not isinstance(models, dict):
        yield _no_table(path, models, MODELS_ALLOWED)
        return
    if not models:
        yield Fault(path, show_value(models), "no model", MODELS_ALLOWED)
    if len(models) > MODELS_MAX:
        yield Fault(path, show_value(models), f"{len(models)} models", MODELS_ALLOWED)
    for model_id, model in models.items():
        yield from _id_faults("model", (*path, model_id))
        yield from _model_faults((*path, model_id), model)


def _model_faults(path: Path, model: object) -> Iterator[Fault]:
    if not isinstance(model, dict):
        guess = None
        if path[-1] in _MODEL_KEYS:
            guess = f"it belongs to a model: person = {{ {path[-1]} = {show_value(model)} }}"
        elif cap_reason(model) is None:
            guess = f"did you mean {show_key(path[-1:])} = {{ max_fps = {show_value(model)} }}?"
        yield _no_table(path, model, _MODEL_ALLOWED, guess)
        return
    for key, value in model.items():
        if key == "max_fps":
            yield from _cap_faults((*path, key), value)
        elif key == "active":
            yield from _active_faults((*path, key), value)
        else:
            yield from _model_key_faults((*path, key), value)


def _model_key_faults(path: Path, value: object) -> Iterator[Fault]:
    """An unknown key of a model: a dot in its id, a slip, or nothing known."""
    dotted = False
    for inner, table in _tables_below(path, value):
        model_id = ".".join(inner[3:])
        if table.keys() <= set(_MODEL_KEYS) and id_problem(model_id) is None:
            dotted = True
            meant = f"{show_key((model_id,))} = {show_value(table)}"
            yield _unknown(inner, table, _MODEL_KEYS, f"an id with dots needs quotes: {meant}")
    if not dotted:
        yield _unknown(path, value, _MODEL_KEYS, _close(path[-1], _MODEL_KEYS))


def _cap_faults(path: Path, value: object) -> Iterator[Fault]:
    reason = cap_reason(value)
    if reason is None:
        return
    guess = None
    if isinstance(value, str):
        guess = _number_in(value)
    elif value == 0 and not isinstance(value, bool):
        guess = "active = false skips every frame"
    elif value == math.inf:
        guess = "leave max_fps out for every frame"
    yield Fault(path, show_value(value), reason, _CAP_ALLOWED, guess)


def _active_faults(path: Path, value: object) -> Iterator[Fault]:
    if isinstance(value, bool):
        return
    shown = show_value(value)
    meant = _BOOLEANS.get(shown.strip('"').lower())
    guess = None if meant is None else f"write active = {meant}"
    yield Fault(path, shown, f"{kind(value)}, not a boolean", _ACTIVE_ALLOWED, guess)


def _id_faults(what: str, path: Path) -> Iterator[Fault]:
    problem = id_problem(path[-1])
    if problem is not None:
        yield Fault(path, "", f"{what} id: {problem}", ID_ALLOWED)


def _unknown(path: Path, value: object, known: tuple[str, ...], guess: str | None) -> Fault:
    return Fault(path, show_value(value), "unknown key", ", ".join(known), guess)


def _no_table(path: Path, value: object, allowed: str, guess: str | None = None) -> Fault:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        guess = f"single brackets make a table: [{show_key(path)}]"
    return Fault(path, show_value(value), f"{kind(value)}, not a table", allowed, guess)


def _tables_below(path: Path, value: object) -> Iterator[tuple[Path, dict[str, Any]]]:
    """``value`` and all tables in it, as deep as an id with dots can have led, in their order."""
    pending = [(path, value)]
    while pending:
        inner, table = pending.pop()
        if isinstance(table, dict) and len(inner) <= len(path) + _DOTS_MAX:
            yield inner, table
            pending.extend(((*inner, key), table[key]) for key in reversed(table))


def _number_in(text: str) -> str | None:
    """How to write the cap that stands in a text, if one does."""
    try:
        number = float(text)
    except ValueError:
        return None
    return f"write {number:.15g} without quotes" if cap_reason(number) is None else None


def _close(key: str, known: tuple[str, ...]) -> str | None:
    """The known key that ``key`` is most likely a slip of."""
    import difflib  # only a broken file needs it

    near = difflib.get_close_matches(key[:ID_LENGTH_MAX].lower(), known, n=1)
    return f"did you mean '{near[0]}'?" if near else None

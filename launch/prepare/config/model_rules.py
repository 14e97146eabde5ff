"""What a table of models may say: which models, their caps, and what is left out.

There are three places for one: ``[models]``, a group's and a camera's. They differ in one word only:
``max_fps = false`` takes a cap away that was inherited, so that it is never in ``[models]``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from launch.prepare.config.fault import Fault, close, dotted_ids, id_faults, no_table, unknown
from launch.prepare.config.problem import kind, show_key, show_value
from ruth.agent.state import MODELS_MAX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch.prepare.config.lines import Path

FPS_MAX = 1_000_000
"""The largest ``max_fps``: above it an interval is less than a microsecond, surely a slip."""

MODELS_ALLOWED = f"1 to {MODELS_MAX} models, like person = {{ max_fps = 5 }}"
CAP_ALLOWED = "a number above 0, or no max_fps for every frame"
MODEL_KEYS = ("max_fps", "active")

_MODEL_ALLOWED = "a table, like { max_fps = 5 }, or {} for every frame"
_CHANGE_ALLOWED = "a table, like { max_fps = 5 }, or false to leave the model out"
_ACTIVE_ALLOWED = "true or false"
_BOOLEANS = {
    "true": "true", "yes": "true", "on": "true", "1": "true",
    "false": "false", "no": "false", "off": "false", "0": "false",
}  # fmt: skip
"""What people write for a boolean elsewhere, and how TOML writes it."""


def cap_reason(value: object) -> str | None:
    """Why ``value`` is not a ``max_fps``, or None if it is one."""
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


def cap_fault(path: Path, value: object, reason: str, *, inherits: bool) -> Fault:
    """The fault of a ``max_fps`` that is none, with what was probably meant."""
    guess = None
    if isinstance(value, str):
        guess = _number_in(value)
    elif value == 0 and not isinstance(value, bool):
        guess = "active = false skips every frame"
    elif value == math.inf:
        inherited = "; write max_fps = false where one is inherited" if inherits else ""
        guess = f"leave max_fps out for every frame{inherited}"
    return Fault(path, show_value(value), reason, CAP_ALLOWED, guess)


def models_faults(path: Path, models: object, *, inherits: bool) -> Iterator[Fault]:
    """Everything that is wrong with a table of models, whatever the other tables say.

    Args:
        path: Where it is.
        models: The table.
        inherits: Whether something can have been said before, which ``max_fps = false`` then takes away.

    """
    if not isinstance(models, dict):
        yield no_table(path, models, MODELS_ALLOWED)
        return
    if len(models) > MODELS_MAX:
        yield Fault(path, show_value(models), f"{len(models)} models", MODELS_ALLOWED)
    for model_id, model in models.items():
        yield from id_faults("model", (*path, model_id))
        if model is not False or model_id in MODEL_KEYS:
            yield from _model_faults((*path, model_id), model, inherits=inherits)


def _model_faults(path: Path, model: object, *, inherits: bool) -> Iterator[Fault]:
    if not isinstance(model, dict):
        guess = None
        if path[-1] in MODEL_KEYS:
            guess = f"it belongs to a model: person = {{ {path[-1]} = {show_value(model)} }}"
        elif model is True:
            guess = f"did you mean {show_key(path[-1:])} = {{}}?"
        elif cap_reason(model) is None:
            guess = f"did you mean {show_key(path[-1:])} = {{ max_fps = {show_value(model)} }}?"
        yield no_table(path, model, _CHANGE_ALLOWED if inherits else _MODEL_ALLOWED, guess)
        return
    for key, value in model.items():
        if key == "max_fps":
            reason = cap_reason(value)
            if reason is not None and not (value is False and inherits):
                yield cap_fault((*path, key), value, reason, inherits=inherits)
        elif key == "active":
            yield from _active_faults((*path, key), value)
        else:
            yield from _model_key_faults((*path, key), value)


def _model_key_faults(path: Path, value: object) -> Iterator[Fault]:
    """An unknown key of a model: a dot in its id, a slip, or nothing known."""
    dotted = False
    for inner, model_id, table in dotted_ids(path, value, lambda table: table.keys() <= set(MODEL_KEYS)):
        dotted = True
        meant = f"{show_key((model_id,))} = {show_value(table)}"
        yield unknown(inner, table, MODEL_KEYS, f"an id with dots needs quotes: {meant}")
    if not dotted:
        yield unknown(path, value, MODEL_KEYS, close(str(path[-1]), MODEL_KEYS))


def _active_faults(path: Path, value: object) -> Iterator[Fault]:
    if isinstance(value, bool):
        return
    shown = show_value(value)
    meant = _BOOLEANS.get(shown.strip('"').lower())
    guess = None if meant is None else f"write active = {meant}"
    yield Fault(path, shown, f"{kind(value)}, not a boolean", _ACTIVE_ALLOWED, guess)


def _number_in(text: str) -> str | None:
    """How to write the cap that is in a text, if one does."""
    try:
        number = float(text)
    except ValueError:
        return None
    return f"write {number:.15g} without quotes" if cap_reason(number) is None else None

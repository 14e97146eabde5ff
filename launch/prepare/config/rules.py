"""What ruth.toml may say: the shape of the document, and for each way to break it a reason and a good guess.

Knows the document only as tomllib gives it, neither its text nor its lines. The functions name what
is wrong as values, in the order of the document, and never stop at the first. They visit only the
levels that a configuration has, but for one slip that is so natural that it is looked for
deeper: an id with dots and without quotes, ``[cameras.192.168.1.10.models]``, nests tables.

A table of models has its rules in :mod:`launch.prepare.config.model_rules`; what the tables say together, in
:mod:`launch.prepare.config.inherit`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch.prepare.config.fault import MISSING, Fault, close, dotted_ids, id_faults, no_table, unknown
from launch.prepare.config.model_rules import MODEL_KEYS, models_faults
from launch.prepare.config.problem import kind, show_key, show_value
from ruth.identity import ID_ALLOWED, id_problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from launch.prepare.config.lines import Path

CAMERAS_MAX = 100_000
"""More cameras than any host has processes for; it bounds what a few lines can come to."""

SHAPE_ALLOWED = "[cameras.NAME.models] with lines like person = { max_fps = 5 }"

_LIST_ALLOWED = 'an array of camera ids, like ["gate-1", "gate-2"]'
_GROUP_ALLOWED = '[groups.NAME] with cameras = ["gate-1", "gate-2"] and models'
_TOP_KEYS = ("models", "groups", "cameras")
_CAMERA_KEYS = ("models",)
_GROUP_KEYS = ("cameras", "models")


def document_faults(document: dict[str, Any]) -> Iterator[Fault]:
    """Everything that is wrong with the shape of a document."""
    guessed = False
    for key, value in document.items():
        if key not in _TOP_KEYS:
            guess = _top_guess(key, value)
            guessed = guessed or guess is not None
            yield unknown((key,), value, _TOP_KEYS, guess)
    if "models" in document:
        yield from models_faults(("models",), document["models"], inherits=False)
    if "groups" in document:
        yield from _groups_faults(("groups",), document["groups"])
    inherits = "models" in document or "groups" in document
    if "cameras" in document:
        yield from _cameras_faults(("cameras",), document["cameras"], inherits=inherits)
    elif not guessed and "groups" not in document:
        yield Fault(("cameras",), "", MISSING, SHAPE_ALLOWED)


def _top_guess(key: str, value: object) -> str | None:
    if isinstance(value, dict) and "cameras" in value:
        return f"did you mean [{show_key(('groups', key))}]?"
    if isinstance(value, dict) and "models" in value:
        return f"did you mean [{show_key(('cameras', key, 'models'))}]?"
    return close(key, _TOP_KEYS)


def _cameras_faults(path: Path, cameras: object, *, inherits: bool) -> Iterator[Fault]:
    if not isinstance(cameras, dict):
        yield no_table(path, cameras, SHAPE_ALLOWED)
        return
    if not cameras and not inherits:
        yield Fault(path, show_value(cameras), "no camera", SHAPE_ALLOWED)
    for camera_id, camera in cameras.items():
        yield from id_faults("camera", (*path, camera_id))
        yield from _holder_faults((*path, camera_id), camera, _CAMERA_KEYS, SHAPE_ALLOWED, inherits=inherits)


def _groups_faults(path: Path, groups: object) -> Iterator[Fault]:
    if not isinstance(groups, dict):
        yield no_table(path, groups, _GROUP_ALLOWED)
        return
    for name, group in groups.items():
        yield from id_faults("group", (*path, name))
        yield from _holder_faults((*path, name), group, _GROUP_KEYS, _GROUP_ALLOWED, inherits=True)
        if isinstance(group, dict) and "cameras" in group:
            yield from _list_faults((*path, name, "cameras"), group["cameras"])


def _holder_faults(
    path: Path, holder: object, keys: tuple[str, ...], allowed: str, *, inherits: bool
) -> Iterator[Fault]:
    """A camera or a group: a table that has models, and no other keys than these.

    Whether models or the list of cameras may be missing depends on the other tables, but for a group's list.
    """
    if not isinstance(holder, dict):
        yield no_table(path, holder, allowed)
        return
    guessed = False
    for key, value in holder.items():
        if key in keys:
            continue
        for fault in _holder_key_faults((*path, key), value, keys, inherits=inherits):
            guessed = guessed or fault.suggestion is not None
            yield fault
    if "models" in holder:
        yield from models_faults((*path, "models"), holder["models"], inherits=inherits)
    if "cameras" in keys and "cameras" not in holder and not guessed:
        yield Fault((*path, "cameras"), "", MISSING, _LIST_ALLOWED)


def _holder_key_faults(
    path: Path, value: object, keys: tuple[str, ...], *, inherits: bool
) -> Iterator[Fault]:
    """An unknown key of a camera or a group: a dot in its id, a level too high, a slip, or nothing known.

    Where models can be inherited, a camera may say nothing: then an empty table is one as well, unless it
    is the only one below the key, which a model in the wrong place looks like.
    """

    def is_meant(table: dict[str, Any]) -> bool:
        return any(key in table for key in keys) or (inherits and not table)

    dotted = False
    for inner, name, table in dotted_ids(path, value, is_meant):
        if not table and inner == path:
            continue
        dotted = True
        models = ("models",) if keys == _CAMERA_KEYS and table else ()
        meant = show_key((*path[:-2], name, *models))
        yield unknown(inner, table, keys, f"an id with dots needs quotes: [{meant}]")
    if dotted:
        return
    key = str(path[-1])
    models_key = show_key((*path[:-1], "models"))
    guess = close(key, keys)
    if key in MODEL_KEYS:
        guess = f"it belongs to a model: person = {{ {key} = {show_value(value)} }} in [{models_key}]"
    elif guess is None and (value is False or (isinstance(value, dict) and value.keys() <= set(MODEL_KEYS))):
        guess = f"did you mean {models_key}.{show_key((key,))}?"
    yield unknown(path, value, keys, guess)


def _list_faults(path: Path, cameras: object) -> Iterator[Fault]:
    if not isinstance(cameras, list):
        guess = f"write cameras = [{show_value(cameras)}]" if isinstance(cameras, str) else None
        yield Fault(path, show_value(cameras), f"{kind(cameras)}, not an array", _LIST_ALLOWED, guess)
        return
    seen: set[str] = set()
    for index, camera_id in enumerate(cameras):
        where = (*path, index)
        if not isinstance(camera_id, str):
            reason = f"{kind(camera_id)}, not a string"
            yield Fault(where, show_value(camera_id), reason, _LIST_ALLOWED)
            continue
        problem = id_problem(camera_id)
        if problem is not None:
            yield Fault(where, show_value(camera_id), f"camera id: {problem}", ID_ALLOWED)
        elif camera_id in seen:
            yield Fault(where, show_value(camera_id), "named twice", "each camera of a group once")
        seen.add(camera_id)

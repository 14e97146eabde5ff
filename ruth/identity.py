"""Who is who, and where: ids and the only paths that are ever built from them.

A path is never built from anything but a checked id below one of two roots (docs/specification.md, "Names").
Both roots can be moved by the environment, which is how tests and the demo stay away from a host's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ruth.errors import InvalidIdError

if TYPE_CHECKING:
    from collections.abc import Mapping

EXPORT_ROOT_VARIABLE = "VAS_EXPORT_ROOT"
EXPORT_ROOT_DEFAULT = "/dev/shm/vas"  # noqa: S108 - tmpfs by contract (docs/architecture.md), not a temporary file
STATE_ROOT_VARIABLE = "RUTH_STATE_ROOT"
STATE_ROOT_DEFAULT = "/dev/shm/ruth"  # noqa: S108 - as above

META_NAME = "frame.meta"
DATA_NAME = "frame.data"
STATE_NAME = "agent.state"

ID_LENGTH_MAX = 64
ID_ALLOWED = "a letter or digit, then up to 63 letters, digits, '.', '_' or '-'"
ID_FIRST = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
ID_REST = ID_FIRST + "._-"
_FIRST = frozenset(ID_FIRST)
_REST = frozenset(ID_REST)


def id_problem(value: object) -> str | None:
    """Why ``value`` is not a valid camera or model id, or None if it is one.

    The rule is ``[A-Za-z0-9][A-Za-z0-9._-]{0,63}`` over the whole value (docs/specification.md, "Names"), so
    an id can be neither ``..`` nor hidden nor contain a separator, a newline or a NUL.
    """
    if not isinstance(value, str):
        return f"not a text but {type(value).__name__}"
    if not value:
        return "empty"
    if len(value) > ID_LENGTH_MAX:
        return f"{len(value)} characters, at most {ID_LENGTH_MAX}"
    if value[0] not in _FIRST:
        return f"begins with {value[0]!r}, must begin with a letter or digit"
    for character in value:
        if character not in _REST:
            return f"contains {character!r}, allowed are letters, digits, '.', '_' and '-'"
    return None


def check_id(kind: str, value: object) -> str:
    """``value`` itself if it is a camera or model id.

    Args:
        kind: What it names, for the message: ``"camera"`` or ``"model"``.
        value: The id.

    Raises:
        InvalidIdError: It is not one.

    """
    problem = id_problem(value)
    if problem is not None:
        raise InvalidIdError(kind, value, problem)
    assert isinstance(value, str)  # noqa: S101 - id_problem() has just said so; for the type checker
    return value


def export_root(environ: Mapping[str, str]) -> str:
    """The folder below which VAS exports cameras: ``VAS_EXPORT_ROOT`` or ``/dev/shm/vas``."""
    return environ.get(EXPORT_ROOT_VARIABLE) or EXPORT_ROOT_DEFAULT


def state_root(environ: Mapping[str, str]) -> str:
    """The folder below which agents keep their state: ``RUTH_STATE_ROOT`` or ``/dev/shm/ruth``."""
    return environ.get(STATE_ROOT_VARIABLE) or STATE_ROOT_DEFAULT


def camera_directory(root: str, camera_id: str) -> str:
    """``<root>/<camera_id>``, for a root of either kind.

    Raises:
        InvalidIdError: ``camera_id`` is not a valid id.

    """
    return f"{root}/{check_id('camera', camera_id)}"

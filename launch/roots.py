"""Where exports and states lie for this process: from its environment, as absolute paths that can be used."""

from __future__ import annotations

import os
from typing import Final

from launch.exits import UsageError
from ruth.identity import EXPORT_ROOT_VARIABLE, STATE_ROOT_VARIABLE, export_root, state_root
from ruth.text import printable

_NAME_BYTES_MAX: Final = 255  # of one folder (NAME_MAX, limits.h)
# A path has 4095 bytes (PATH_MAX); below a root come a camera's folder and a file of 64 bytes at most each.
_ROOT_BYTES_MAX: Final = 4095 - 2 * (1 + 64)
_SHOWN_MAX: Final = 200


def export_root_here() -> str:
    """Folder of all exports, absolute: agents change their working directory.

    Raises:
        UsageError: No path below it could be used: it is too long.

    """
    return _usable(EXPORT_ROOT_VARIABLE, os.path.abspath(export_root(os.environ)))


def state_root_here() -> str:
    """Folder of all agents' states, absolute. Raises as :func:`export_root_here`."""
    return _usable(STATE_ROOT_VARIABLE, os.path.abspath(state_root(os.environ)))


def _usable(variable: str, path: str) -> str:
    content = os.fsencode(path)
    if len(content) > _ROOT_BYTES_MAX:
        problem = f"{len(content)} bytes, at most {_ROOT_BYTES_MAX}"
    elif any(len(name) > _NAME_BYTES_MAX for name in content.split(b"/")):
        problem = f"one of its folders has more than {_NAME_BYTES_MAX} bytes"
    else:
        return path
    raise UsageError(f"ruth: {variable} {printable(path, _SHOWN_MAX)}: {problem}")


def standing_directory(path: str) -> str:
    """The nearest directory that stands: ``path``, an absolute one, or one above it.

    The root directory stands whatever the kernel says of it: a search that no call answers ends there.
    """
    while not os.path.isdir(path) and path != (above := os.path.dirname(path)):
        path = above
    return path

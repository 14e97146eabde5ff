"""Where exports and states are for this process: from its environment, as absolute paths that can be used.

And what every process asks of what is below the two roots: which cameras, and whose.
"""

from __future__ import annotations

import os
import stat
from typing import Final

from launch.exits import UsageError
from ruth.identity import (
    EXPORT_ROOT_VARIABLE,
    STATE_ROOT_VARIABLE,
    export_root,
    id_problem,
    state_root,
)
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


def nearest_existing_directory(path: str) -> str:
    """The nearest directory that exists: ``path``, an absolute one, or one above it.

    The root directory exists whatever the kernel says of it: a search that no call answers ends there.
    """
    while not os.path.isdir(path) and path != (above := os.path.dirname(path)):
        path = above
    return path


def owner_problem(status: os.stat_result) -> str | None:
    """Why a folder or file below the state root, or the root itself, must not be used; None if it may be.

    Args:
        status: Of it, of a link by lstat(2).

    """
    if stat.S_ISLNK(status.st_mode):
        return "is a symbolic link"
    user = os.geteuid()
    if status.st_uid not in (0, user):
        return f"belongs to uid {status.st_uid}, which is neither root nor uid {user}, who launches"
    return None


def known_cameras(state_root: str) -> list[str]:
    """The cameras that have a folder below ``state_root``, sorted; none if there is no such folder.

    Raises:
        OSError: It cannot be read.

    """
    try:
        with os.scandir(state_root) as entries:
            return sorted(
                entry.name
                for entry in entries
                if id_problem(entry.name) is None and entry.is_dir(follow_symlinks=False)
            )
    except FileNotFoundError:
        return []

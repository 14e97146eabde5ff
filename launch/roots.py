"""Where exports and states lie for this process: from its environment, as absolute paths."""

from __future__ import annotations

import os

from ruth.identity import export_root, state_root


def export_root_here() -> str:
    """Folder of all exports, absolute: agents change their working directory."""
    return os.path.abspath(export_root(os.environ))


def standing_directory(path: str) -> str:
    """The nearest directory that stands: ``path``, an absolute one, or one above it.

    The root directory stands whatever the kernel says of it: a search that no call answers ends there.
    """
    while not os.path.isdir(path) and path != (above := os.path.dirname(path)):
        path = above
    return path


def state_root_here() -> str:
    """Folder of all agents' states, absolute."""
    return os.path.abspath(state_root(os.environ))

"""Where exports and states lie for this process: from its environment, as absolute paths."""

from __future__ import annotations

import os

from ruth.identity import export_root, state_root


def export_root_here() -> str:
    """Folder of all exports, absolute: agents change their working directory."""
    return os.path.abspath(export_root(os.environ))


def state_root_here() -> str:
    """Folder of all agents' states, absolute."""
    return os.path.abspath(state_root(os.environ))

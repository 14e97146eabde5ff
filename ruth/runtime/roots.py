"""Below which folders a runtime looks."""

from __future__ import annotations

import os
from typing import NamedTuple

from ruth.identity import export_root as _export_root
from ruth.identity import state_root as _state_root


class Roots(NamedTuple):
    """Folder of all exports, and folder of all agents' states."""

    export: str
    state: str


def roots_of(export_root: str | None, state_root: str | None) -> Roots:
    """What was given; for None, what the environment says, or the default."""
    return Roots(
        _export_root(os.environ) if export_root is None else export_root,
        _state_root(os.environ) if state_root is None else state_root,
    )

"""The flag that guards phases 1 and 2 (docs/specification.md, "The flag")."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

FLAG = "AI_FRAME_EXPORT_ENABLED"
ON_VALUES = frozenset({"true", "1", "yes", "on"})


def export_enabled(environ: Mapping[str, str]) -> bool:
    """True only if ``AI_FRAME_EXPORT_ENABLED`` is ``true``, ``1``, ``yes`` or ``on``, in any case.

    Anything else, the variable's absence included, is off.
    """
    return environ.get(FLAG, "").lower() in ON_VALUES

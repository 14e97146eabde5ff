"""The rules that agents follow in C: those of an export, and their own (:mod:`ruth.native.rules`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from launch.agent import waiting
from ruth.agent import rhythm
from ruth.native import rules

if TYPE_CHECKING:
    from collections.abc import Callable

FUNCTIONS: Final[tuple[Callable[..., int], ...]] = (
    waiting.poll_interval,
    rhythm.begins_arrival,
    rhythm.begins_window,
)


def definitions() -> str:
    """All of them, in C."""
    return rules.definitions(FUNCTIONS)

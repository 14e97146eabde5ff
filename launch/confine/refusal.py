"""A filter around this process refuses what confines agents: the call, who refuses, the fix. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from launch.confine.measure import left_open

if TYPE_CHECKING:
    from collections.abc import Sequence

FILTERED: Final = (
    "a system call filter around this process refuses it (a container's profile, SystemCallFilter=)"
)


def refusal(refused: Sequence[str], measures: int) -> str | None:
    """What ``ruth up`` says where a filter refuses a part of the confinement; None if it refuses none.

    Args:
        refused: Names of system calls.
        measures: What agents have in force all the same (:class:`launch.confine.measure.Measure`).

    """
    if not refused:
        return None
    calls = ", ".join(refused)
    able = "; ".join(left_open(measures)) or "do nothing more than others"
    return (
        f"agents run without what {calls} would bring: {FILTERED}."
        f" One gone wrong could {able}. Allow {calls} there"
    )

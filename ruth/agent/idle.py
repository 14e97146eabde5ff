"""When a live agent is idle: without a new frame for longer than its camera's own rhythm explains. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ruth.agent.rhythm import longest_gap_ns
from ruth.units import NANOSECONDS

if TYPE_CHECKING:
    from ruth.agent.state import AgentRecord

IDLE_AFTER_S: Final = 2.0
"""Seconds without a new frame after which an agent is idle, unless its frames come with longer gaps."""
IDLE_AFTER_GAPS: Final = 2.5
"""The same of a slow camera, in its longest gaps between two frames."""
_IDLE_AFTER_MAX_S: Final = 60.0


def idle_after_s(record: AgentRecord) -> float:
    """Seconds without a new frame after which this camera's agent is idle, 2 to 60.

    The longest gap of the last 64 to 127 frames counts, not their mean: a camera that goes over to a frame in
    5 s at night is known as slow with the first of them, and one of bursts is not idle between two of them.
    """
    gap_s = longest_gap_ns(record) / NANOSECONDS
    return min(_IDLE_AFTER_MAX_S, max(IDLE_AFTER_S, IDLE_AFTER_GAPS * gap_s))

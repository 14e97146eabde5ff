"""When a live agent is idle: without a new frame for longer than its camera's own rate explains. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ruth.units import NANOSECONDS

if TYPE_CHECKING:
    from ruth.agent.state import AgentRecord

IDLE_AFTER_S: Final = 2.0
"""Seconds without a new frame after which an agent is idle, unless its camera is a slow one."""
IDLE_AFTER_FRAMES: Final = 2.5
"""The same of a slow camera, in intervals between its frames."""
_IDLE_AFTER_MAX_S: Final = 60.0


def idle_after_s(record: AgentRecord) -> float:
    """Seconds without a new frame after which this camera's agent is idle, 2 to 60.

    The camera's rate is the mean of the present export, by ids and times; unknown before its second frame.
    """
    if record.frame_id is None or record.first_frame_id is None:
        return IDLE_AFTER_S
    frames = record.frame_id - record.first_frame_id
    span_ns = (record.timestamp_ns or 0) - (record.first_timestamp_ns or 0)
    if frames <= 0 or span_ns <= 0:
        return IDLE_AFTER_S
    return min(_IDLE_AFTER_MAX_S, max(IDLE_AFTER_S, IDLE_AFTER_FRAMES * span_ns / frames / NANOSECONDS))

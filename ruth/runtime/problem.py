"""Why a runtime gets no frames, in words, for the person who waits for them. Nothing is decided from it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ruth.agent.proc_stat import STATE, STOPPED, read_stat_of
from ruth.agent.state_reader import IDLE_AFTER_S, StateReader
from ruth.units import NANOSECONDS

if TYPE_CHECKING:
    from ruth.agent.state import AgentRecord


def problem_of(state_root: str, camera_id: str, model_id: str) -> str | None:
    """What keeps frames of a subscription from coming, as far as its agent's record tells.

    Args:
        state_root: Folder of all states.
        camera_id: The camera.
        model_id: The model.

    Returns:
        None if the agent lives, has allowed a frame, and goes on observing new ones.

    """
    try:
        with StateReader(state_root, camera_id) as reader:
            alive, record = reader.alive(), reader.read()
    except OSError as error:
        return f"camera {camera_id!r} has no agent that can be seen: {error.filename}: {error.strerror}"
    if not alive:
        return f"the agent of {camera_id!r} is dead; `ruth up` launches another"
    if record is None:
        return f"the agent of {camera_id!r} has only just been started"
    process = read_stat_of(record.pid, record.start_ticks)  # None as well from another pid namespace
    if process is not None and process[STATE] in STOPPED:
        return f"the agent of {camera_id!r} is stopped; `kill -CONT {record.pid}` lets it go on"
    by_id = {model.model_id: model for model in record.models}
    model = by_id.get(model_id)
    if model is None:
        return f"the agent of {camera_id!r} has no model {model_id!r}; it has {', '.join(by_id)}"
    if not record.export_version:
        return f"the agent of {camera_id!r} finds no export"
    if not model.allowed:
        return f"no frame was allowed yet; the last decision for {model_id!r} was {model.last_decision.name}"
    return _starved(record)


def _starved(record: AgentRecord) -> str | None:
    """That a live agent observes nothing new, as ``ruth ps`` calls it idle."""
    age_s = (time.monotonic_ns() - (record.observed_ns or 0)) / NANOSECONDS
    if age_s < IDLE_AFTER_S:
        return None
    return f"the agent of {record.camera_id!r} has observed no new frame for {age_s:.0f} s"

"""What has happened between two reads of an agent's record. Pure: two records in, values out.

An agent's record holds its newest frame alone and is changed at every one, so a reader that comes too late
has a gap for good. How many frames it is, and what became of them in sum, its counters still tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ruth.subscription.gate import Decision

if TYPE_CHECKING:
    from ruth.agent.state import AgentRecord, ModelState

_UINT64: int = 2**64


class AgentSeen(NamedTuple):
    """The camera's agent has begun to be something else.

    Attributes:
        state: As ``ruth ps`` has it.
        pid: Of the live agent; None if there is none, or it cannot be seen from here.
        death: How it died, if it is dead and the kernel says so.
        problem: Why not all of this could be told, in words; None if it could.

    """

    state: str
    pid: int | None
    death: str | None
    problem: str | None = None


class ExportSeen(NamedTuple):
    """The agent has found an export, or has none any more.

    Attributes:
        version: 1 or 2; 0 if it has none now.
        session: Sessions that it has seen so far.
        reason: Why no frame can be read from here, if it has none now; None if that is not known.

    """

    version: int
    session: int
    reason: str | None = None


class AgentMissed(NamedTuple):
    """Frames of the export that the agent never saw."""

    frames: int


class GapModel(NamedTuple):
    """What became of the frames of a gap for one subscription."""

    model_id: str
    allowed: int
    skipped: int


class Gap(NamedTuple):
    """Frames that the agent decided on, but whose decisions were overwritten before they were read here."""

    frames: int
    models: tuple[GapModel, ...]


class FrameSeen(NamedTuple):
    """A frame, and what was decided about it.

    Attributes:
        frame_id: Its id.
        timestamp_ns: Its timestamp.
        decided_ns: CLOCK_MONOTONIC when the agent observed it.
        models: The subscriptions as that frame left them.

    """

    frame_id: int
    timestamp_ns: int
    decided_ns: int
    models: tuple[ModelState, ...]


Change: TypeAlias = AgentSeen | ExportSeen | AgentMissed | Gap | FrameSeen


def same_agent(before: AgentRecord, after: AgentRecord) -> bool:
    """Whether both are records of one agent's process."""
    return (before.pid, before.start_ticks, before.started_ns) == (
        after.pid,
        after.start_ticks,
        after.started_ns,
    )


def changes(before: AgentRecord | None, after: AgentRecord) -> list[Change]:
    """What has happened, in the order in which it must have.

    Args:
        before: The record as it was seen last; None, or another agent's, for an agent that is new.
        after: The record now.

    """
    if before is not None and not same_agent(before, after):
        before = None
    found: list[Change] = []
    if before is None or (after.export_version, after.session) != (before.export_version, before.session):
        found.append(ExportSeen(after.export_version, after.session))
    frames = after.frames - (before.frames if before is not None else 0)
    if frames <= 0 or after.frame_id is None or after.timestamp_ns is None:
        return found
    missed = (after.missed - (before.missed if before is not None else 0)) % _UINT64
    if missed:
        found.append(AgentMissed(missed))
    if frames > 1:
        found.append(Gap(frames - 1, _gap_models(before, after)))
    found.append(FrameSeen(after.frame_id, after.timestamp_ns, after.observed_ns or 0, after.models))
    return found


def _gap_models(before: AgentRecord | None, after: AgentRecord) -> tuple[GapModel, ...]:
    """What the counters say, less the newest frame, which is shown by itself."""
    old = {model.model_id: model for model in before.models} if before is not None else {}
    models = []
    for model in after.models:
        last = old.get(model.model_id)
        allowed = model.allowed - (last.allowed if last else 0) - (model.last_decision is Decision.ALLOW)
        skipped = model.skipped - (last.skipped if last else 0) - (model.last_decision is not Decision.ALLOW)
        models.append(GapModel(model.model_id, allowed, skipped))
    return tuple(models)

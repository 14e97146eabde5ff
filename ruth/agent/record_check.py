"""What a state record must be like before anything is done with it. Pure: a record in, a reason out.

A record is written by an agent, and read by others: root among them, whose terminal shows its ids, and who
signals the process that it names. So it is data to check (docs/specification.md, "Failure rules"), also if it
is whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ruth.agent.state import STATE_VERSION
from ruth.identity import id_problem
from ruth.text import printable

if TYPE_CHECKING:
    from ruth.agent.state import AgentRecord, Ended, ModelState

PID_MAX: Final = 2**22
"""The largest pid that Linux gives to a process on a 64-bit machine (proc(5), pid_max)."""
COUNT_MAX: Final = 2**63
"""More frames, sessions or nanoseconds than can have been counted since a machine started."""
SIGNAL_MAX: Final = 64
"""The last signal of Linux (signal(7))."""
_EXPORT_VERSIONS: Final = (0, 1, 2)
_OF_A_VERSION: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.+!-_")
"""Characters of a Python package's version (PEP 440)."""


class BadRecord(NamedTuple):
    """A record that is there and is refused.

    Attributes:
        problem: Why, in words, for a human; printable.

    """

    problem: str


def version_problem(version: int) -> str:
    """Why a record of another version cannot be read here: which side is older.

    Args:
        version: That of the record, neither 0 nor :data:`ruth.agent.state.STATE_VERSION`.

    """
    which = (
        "update it, it is older than the agent's"
        if version > STATE_VERSION
        else "the agent's is older, end the agent (ruth down) and launch it again"
    )
    return f"state version {version}, this ruth reads {STATE_VERSION}: {which}"


def record_problem(record: AgentRecord, camera_id: str, *, torn: bool = False) -> str | None:
    """Why a record cannot be that of the camera's agent; None if nothing speaks against it.

    Args:
        record: As it was read.
        camera_id: Whose folder it is in.
        torn: Whether it was read while it was under change: its counters need not agree.

    """
    if record.camera_id != camera_id:
        return f"its camera id is {_shown(record.camera_id)}"
    if not 1 <= record.pid <= PID_MAX:
        return f"its pid is {record.pid}, which no process can have"
    if record.launcher_pid > PID_MAX:
        return f"the pid of its launcher is {record.launcher_pid}, which no process can have"
    if record.export_version not in _EXPORT_VERSIONS:
        return f"its export has version {record.export_version}"
    if not record.ruth_version or not _OF_A_VERSION.issuperset(record.ruth_version):
        return f"its version of Ruth is {_shown(record.ruth_version)}"
    counts = (
        ("start_ticks", record.start_ticks),
        ("started_ns", record.started_ns),
        ("frames", record.frames),
        ("session", record.session),
        ("observed_ns", record.observed_ns or 0),
    )
    for name, value in counts:
        if value >= COUNT_MAX:
            return f"its {name} is {value}, which cannot be"
    if record.observed_ns is not None and record.observed_ns < record.started_ns:
        return "it observed a frame before it started"
    seen: set[str] = set()
    for model in record.models:
        problem = _model_problem(model, COUNT_MAX if torn else record.frames)
        if problem is None and model.model_id in seen:
            problem = "comes twice"
        if problem is not None:
            return f"model id {_shown(model.model_id)}: {problem}"
        seen.add(model.model_id)
    return None if record.ended is None else _end_problem(record.ended, record.started_ns)


def _end_problem(ended: Ended, started_ns: int) -> str | None:
    if not started_ns <= ended.ended_ns < COUNT_MAX:
        return f"its ended_ns is {ended.ended_ns}, which cannot be"
    if not 1 <= ended.signal <= SIGNAL_MAX:
        return f"it was ended by signal {ended.signal}, which there is not"
    if ended.by > PID_MAX:
        return f"it was ended by process {ended.by}, which no process can have"
    return None


def _model_problem(model: ModelState, frames: int) -> str | None:
    problem = id_problem(model.model_id)
    if problem is not None:
        return problem
    for name, value in (("allowed", model.allowed), ("skipped", model.skipped), ("earlier", model.earlier)):
        if value > frames:
            return f"{name} is {value}, of {frames} frames"
    return None


def _shown(text: str) -> str:
    return f"'{printable(text)}'"

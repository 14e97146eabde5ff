"""The frame that an agent last allowed one subscription, taken out of its record. Pure: bytes in, values out.

A model runtime looks at a record after every frame of its camera and needs only this of it, so the rest is
not unpacked. Byte map and offsets: :mod:`ruth.agent.state`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ruth.agent.state import (
    EXPORT_EPOCH_OFFSET,
    EXPORT_INODE_OFFSET,
    EXPORT_VERSION_OFFSET,
    HEADER_SIZE,
    ID_SIZE,
    MODEL_ALLOWED_OFFSET,
    MODEL_COUNT_OFFSET,
    MODEL_FRAME_ID_OFFSET,
    MODEL_SESSION_OFFSET,
    MODEL_SIZE,
    MODEL_TIMESTAMP_OFFSET,
    MODELS_MAX,
    PID_OFFSET,
    SEQUENCE_OFFSET,
    SESSION_OFFSET,
    START_TICKS_OFFSET,
    STARTED_OFFSET,
    STATE_VERSION,
)

# Positions in the record seen as an array of u64 or, for the last one, of u32.
_SEQUENCE: Final = SEQUENCE_OFFSET // 8
_PID, _START_TICKS, _STARTED = PID_OFFSET // 8, START_TICKS_OFFSET // 8, STARTED_OFFSET // 8
_SESSION: Final = SESSION_OFFSET // 8
_EXPORT_INODE, _EXPORT_EPOCH = EXPORT_INODE_OFFSET // 8, EXPORT_EPOCH_OFFSET // 8
_ALLOWED, _LAST_SESSION = MODEL_ALLOWED_OFFSET // 8, MODEL_SESSION_OFFSET // 8
_LAST_FRAME_ID, _LAST_TIMESTAMP = MODEL_FRAME_ID_OFFSET // 8, MODEL_TIMESTAMP_OFFSET // 8
_EXPORT_VERSION: Final = EXPORT_VERSION_OFFSET // 4
_MODEL_COUNT: Final = MODEL_COUNT_OFFSET // 4


class AgentLife(NamedTuple):
    """What tells one agent of a camera from the next one; units as in the byte map."""

    pid: int
    start_ticks: int
    started_ns: int


class LastAllowed(NamedTuple):
    """One subscription, and the export that its agent is bound to.

    Attributes:
        agent: Whose decision it is; another one counts anew.
        allowed: Frames allowed so far. The other two of the frame are valid if this is above 0.
        frame_id: Id of the last one.
        timestamp_ns: Its timestamp.
        export_version: 1 or 2; 0 while the agent is bound to no export.
        export_inode: Of the export's ``frame.meta``, version 2 only.
        export_epoch: Of the export, version 2 only.
        in_export: Whether the frame was in that very export, and not in one before it.

    """

    agent: AgentLife
    allowed: int
    frame_id: int
    timestamp_ns: int
    export_version: int
    export_inode: int
    export_epoch: int
    in_export: bool


def size_up_to(index: int) -> int:
    """Bytes of a record up to the end of subscription ``index``, from 0: what has to be read for it."""
    return HEADER_SIZE + MODEL_SIZE * (index + 1)


def padded_id(model_id: str) -> bytes:
    """The id as a record carries it."""
    return model_id.encode().ljust(ID_SIZE, b"\0")


def find_model(content: bytes, padded: bytes) -> int | None:
    """Which subscription of a whole record is this model's, from 0; None if none is, or it is no record."""
    halves = memoryview(content[: len(content) // 8 * 8]).cast("I")
    if len(content) < HEADER_SIZE or halves[0] != STATE_VERSION or halves[_MODEL_COUNT] > MODELS_MAX:
        return None
    for index in range(halves[_MODEL_COUNT]):
        start = HEADER_SIZE + MODEL_SIZE * index
        if content[start : start + ID_SIZE] == padded:
            return index
    return None


def last_allowed(content: bytes, index: int, padded: bytes) -> LastAllowed | None:
    """What stands in a record for subscription ``index``.

    Args:
        content: A copy of ``agent.state``, of which the caller knows that it did not change meanwhile, from
            its start on.
        index: The subscription, from 0.
        padded: Whose it has to be (:func:`padded_id`).

    Returns:
        None if the copy holds no whole record, or another model's subscription there.

    """
    end = HEADER_SIZE + MODEL_SIZE * (index + 1)
    start = end - MODEL_SIZE
    if len(content) < end or content[start : start + ID_SIZE] != padded:
        return None
    record = memoryview(content[:end])
    words, halves = record.cast("Q"), record.cast("I")
    if halves[0] != STATE_VERSION or words[_SEQUENCE] & 1 or index >= halves[_MODEL_COUNT]:
        return None
    first = start // 8
    version = halves[_EXPORT_VERSION]
    return LastAllowed(
        AgentLife(words[_PID], words[_START_TICKS], words[_STARTED]),
        words[first + _ALLOWED],
        words[first + _LAST_FRAME_ID],
        words[first + _LAST_TIMESTAMP],
        version,
        words[_EXPORT_INODE],
        words[_EXPORT_EPOCH],
        version != 0 and words[first + _LAST_SESSION] == words[_SESSION],
    )

"""The frames that an agent last allowed one subscription, out of its record. Pure: bytes in, values out.

A model runtime looks at a record after every frame of its camera and needs only this of it, so the rest is
not unpacked. Byte map and offsets: :mod:`ruth.agent.state`.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from ruth.agent.state import (
    EXPORT_EPOCH_OFFSET,
    EXPORT_INODE_OFFSET,
    EXPORT_VERSION_OFFSET,
    HEADER_SIZE,
    ID_SIZE,
    KEPT,
    KEPT_FRAMES,
    KEPT_SIZE,
    MODEL_ALLOWED_OFFSET,
    MODEL_COUNT_OFFSET,
    MODEL_EARLIER_OFFSET,
    MODEL_KEPT_OFFSET,
    MODEL_SESSION_OFFSET,
    MODEL_SIZE,
    MODELS_MAX,
    PID_OFFSET,
    SEQUENCE_OFFSET,
    SESSION_OFFSET,
    STARTED_OFFSET,
    STATE_VERSION,
)


def _fields(*fields: tuple[int, str]) -> struct.Struct:
    """Unpacks fields at these offsets, in this order, and skips what lies between them."""
    layout, at = "<", 0
    for offset, code in fields:
        layout += f"{offset - at}x{code}"
        at = offset + struct.calcsize(f"<{code}")
    return struct.Struct(layout)


_VERSION_AND_COUNT: Final = _fields((0, "I"), (MODEL_COUNT_OFFSET, "I"))
_HEADER: Final = _fields(
    (0, "I"),
    (MODEL_COUNT_OFFSET, "I"),
    (SEQUENCE_OFFSET, "Q"),
    (EXPORT_VERSION_OFFSET, "I"),
    (PID_OFFSET, "24s"),  # pid, start_ticks and started_ns
    (SESSION_OFFSET, "Q"),
    (EXPORT_INODE_OFFSET, "Q"),
    (EXPORT_EPOCH_OFFSET, "Q"),
)
_MODEL: Final = _fields(
    (0, f"{ID_SIZE}s"),
    (MODEL_ALLOWED_OFFSET, "Q"),
    (MODEL_SESSION_OFFSET, "Q"),
    (MODEL_EARLIER_OFFSET, "Q"),
    (MODEL_KEPT_OFFSET, f"{KEPT_FRAMES * KEPT_SIZE}s"),
)


class LastAllowed(NamedTuple):
    """One subscription, and the export that its agent is bound to.

    Attributes:
        life: Of the agent: pid, start_ticks and started_ns, as bytes. Another one counts again.
        allowed: Frames allowed so far.
        earlier: How many of those were allowed in exports before the one of the last frame.
        kept: The last frames, as the record has them.
        export_version: 1 or 2; 0 while the agent is bound to no export.
        export_inode: Of the export's ``frame.meta``, version 2 only.
        export_epoch: Of the export, version 2 only.
        in_export: Whether the last frame was in that very export, and not in one before it.

    """

    life: bytes
    allowed: int
    earlier: int
    kept: bytes
    export_version: int
    export_inode: int
    export_epoch: int
    in_export: bool

    @property
    def started_ns(self) -> int:
        """CLOCK_MONOTONIC when that agent started."""
        return int.from_bytes(self.life[STARTED_OFFSET - PID_OFFSET :], "little")

    @property
    def first_kept(self) -> int:
        """The number of the oldest frame that the record keeps; frames are numbered as allowed, from 1 on."""
        return max(1, self.allowed - KEPT_FRAMES + 1)

    def frame(self, number: int) -> tuple[int, int] | None:
        """Id and timestamp of a frame that the record keeps; None if it was in an export before this one.

        Args:
            number: Of the frame, from :attr:`first_kept` to :attr:`allowed`.

        """
        if not self.in_export or number <= self.earlier:
            return None
        return KEPT.unpack_from(self.kept, (number - 1) % KEPT_FRAMES * KEPT_SIZE)


def size_up_to(index: int) -> int:
    """Bytes of a record up to the end of subscription ``index``, from 0: what has to be read for it."""
    return HEADER_SIZE + MODEL_SIZE * (index + 1)


def padded_id(model_id: str) -> bytes:
    """The id as a record carries it."""
    return model_id.encode().ljust(ID_SIZE, b"\0")


def holds_record(content: bytes) -> bool:
    """Whether there is a record of this version, whatever its models are."""
    if len(content) < HEADER_SIZE:
        return False
    version, count = _VERSION_AND_COUNT.unpack_from(content)
    return bool(version == STATE_VERSION and count <= MODELS_MAX)


def find_model(content: bytes, padded: bytes) -> int | None:
    """Which subscription of a record is this model's, from 0; None if none is, or it is not a record."""
    if not holds_record(content):
        return None
    _, count = _VERSION_AND_COUNT.unpack_from(content)
    for index in range(count):
        start = HEADER_SIZE + MODEL_SIZE * index
        if content[start : start + ID_SIZE] == padded:
            return index
    return None


def last_allowed(content: bytes, index: int, padded: bytes) -> LastAllowed | None:
    """What is in a record for subscription ``index``.

    Args:
        content: A copy of ``agent.state``, of which the caller knows that it did not change meanwhile, from
            its start on.
        index: The subscription, from 0.
        padded: Whose it has to be (:func:`padded_id`).

    Returns:
        None if the copy holds no whole record, or another model's subscription there.

    """
    start = HEADER_SIZE + MODEL_SIZE * index
    if len(content) < start + MODEL_SIZE:
        return None
    version, count, sequence, export, life, session, inode, epoch = _HEADER.unpack_from(content)
    model_id, allowed, last_session, earlier, kept = _MODEL.unpack_from(content, start)
    if version != STATE_VERSION or sequence & 1 or index >= count or model_id != padded:
        return None
    in_export = export != 0 and last_session == session
    return LastAllowed(life, allowed, earlier, kept, export, inode, epoch, in_export)

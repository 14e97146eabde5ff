"""What one poll of an export can find. Values, not exceptions: none of the four is an error.

A poll is tried once and returns (:meth:`ruth.export.source.ExportSource.try_read`); when to poll again is
decided elsewhere, by a process.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, final

from ruth.export.layout import RECORD_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable

    from ruth.export.layout import FrameRecord


class Fresh(NamedTuple):
    """A complete, valid frame that this reader has not been given before.

    Attributes:
        record: The frame's record, judged valid against the files it came from.
        session: Counts the sessions this reader has seen, from 1. A new number means that the export was
            replaced and that frame ids may begin again (docs/frame-export.md).

    """

    record: FrameRecord
    session: int


# As Fresh() makes it, without the function of Python's that it is: once a frame, with cold caches.
fresh_of: Callable[[tuple[FrameRecord, int]], Fresh] = partial(tuple.__new__, Fresh)


@final
class Unchanged:
    """A valid export whose newest frame was given before, or which holds none yet."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Unchanged()"


@final
class Torn:
    """The newest record, or the pair of files, is being changed at this moment."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Torn()"


class Absent(NamedTuple):
    """No export that can be read: missing, lost, closed, refused or invalid.

    Attributes:
        reason: Why, for a human (``ruth agent``, ``ruth inspect``). Nothing is decided from it.

    """

    reason: str


Outcome: TypeAlias = Fresh | Unchanged | Torn | Absent

UNCHANGED = Unchanged()
TORN = Torn()

NO_RECORD: Final = bytes(RECORD_SIZE)


class Taken(NamedTuple):
    """The frames last taken: all that is remembered from poll to poll.

    Attributes:
        of_ring: Whether the present session is that of a ring.
        device: Of the ``frame.meta`` of the ring bound last, 0 before the first.
        inode: The same.
        epoch: Of that ring.
        ring_record: Of the frame last taken from it, 64 bytes; zeros if none was.
        renamed_record: Of the last one of version 1, likewise.

    """

    of_ring: bool = False
    device: int = 0
    inode: int = 0
    epoch: int = 0
    ring_record: bytes = NO_RECORD
    renamed_record: bytes = NO_RECORD

"""Where the pixels of one frame lie, and whether they are still that frame's (docs/frame-export.md).

Version 2: in a slot, which the writer may take again at any time; the slot's own record tells. Version 1: in
a file that never changes once it is open, if it is the right file (:mod:`ruth.export.pairing`).
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, Self

from ruth.export.layout import unpack_record

if TYPE_CHECKING:
    from collections.abc import Callable
    from mmap import mmap

    from ruth.export.layout import FrameRecord


class Pixels:
    """The memory of one frame, read-only.

    Attributes:
        record: The frame's record; the frame starts at its ``data_offset`` in ``memory``.
        memory: The mapped ``frame.data``.

    """

    __slots__ = ("_owned", "_still_whole", "memory", "record")

    def __init__(
        self, record: FrameRecord, memory: mmap, still_whole: Callable[[], bool], *, owned: bool
    ) -> None:
        """Keeps what it is given.

        Args:
            record: A valid record.
            memory: The mapping that the frame lies in.
            still_whole: Says whether the slot still holds this frame.
            owned: Whether the mapping is this frame's alone, and goes with it.

        """
        self.record = record
        self.memory = memory
        self._still_whole = still_whole
        self._owned = owned

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def intact(self) -> bool:
        """Whether what was read from the memory so far is this frame, and nothing else.

        To be asked after use. False once the writer has begun to put another frame there.
        """
        return self._still_whole()

    def close(self) -> None:
        """Releases the mapping if it is this frame's alone. An array still in use keeps it alive."""
        if self._owned:
            with suppress(BufferError):
                self.memory.close()


class _Ring(Protocol):
    """What holds the slot: :class:`ruth.export.ring_reader.RingReader`."""

    @property
    def data_map(self) -> mmap | None: ...
    def slot_holds(self, slot: int, before: bytes) -> bool: ...


class SlotPixels:
    """The memory of one frame in a slot of a ring, read-only. Made by :meth:`RingReader.find`.

    It costs as little as can be: a runtime makes one for each frame.

    Attributes:
        slot: The slot's number, from 0.
        lasting: What of the slot's record is the same for every frame in it, as bytes.

    """

    __slots__ = ("_before", "_ring", "lasting", "slot")

    def __init__(self, ring: _Ring, slot: int, before: bytes, lasting: bytes) -> None:
        """Keeps what it is given: ``before`` is the slot's record before the pixels are used."""
        self._ring = ring
        self._before = before
        self.slot = slot
        self.lasting = lasting

    @property
    def record(self) -> FrameRecord:
        """The frame's record; the frame starts at its ``data_offset`` in :attr:`memory`."""
        return unpack_record(self._before)

    @property
    def memory(self) -> mmap | None:
        """The mapped ``frame.data``, or None once the ring was released."""
        return self._ring.data_map

    def intact(self) -> bool:
        """As :meth:`Pixels.intact`."""
        return self._ring.slot_holds(self.slot, self._before)

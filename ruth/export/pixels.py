"""Where the pixels of one frame lie, and whether they are still that frame's (docs/frame-export.md).

Version 2: in a slot, which the writer may take again at any time; the slot's own record tells. Version 1: in
a file that never changes once it is open, if it is the right file (:mod:`ruth.export.pairing`).
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Self

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
        """Lets go of the mapping if it is this frame's alone. An array still in use keeps it alive."""
        if self._owned:
            with suppress(BufferError):
                self.memory.close()

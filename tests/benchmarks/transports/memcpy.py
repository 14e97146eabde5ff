"""The floor: a copy of the same frame into the same rotation of mapped buffers, and no process told."""

from __future__ import annotations

import mmap
import os
from typing import TYPE_CHECKING, Any, NoReturn

from ruth.export.layout import PAGE_SIZE, SLOT_COUNT_DEFAULT

if TYPE_CHECKING:
    from benchmarks.transports import Place

NAME = "memcpy"
AGENTS = False


def missing() -> None:
    """Nothing is."""


class Publisher:
    """As :class:`benchmarks.transports.Publisher`, without readers."""

    def __init__(self, place: Place, frame: bytearray, readers: int) -> None:  # noqa: ARG002 - as the others
        slot_bytes = -(-len(frame) // PAGE_SIZE) * PAGE_SIZE
        descriptor = os.open(f"{place.folder}/copies", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        try:
            os.posix_fallocate(descriptor, 0, slot_bytes * SLOT_COUNT_DEFAULT)
            self._memory = mmap.mmap(descriptor, slot_bytes * SLOT_COUNT_DEFAULT)
        finally:
            os.close(descriptor)
        whole = memoryview(self._memory)
        starts = range(0, len(whole), slot_bytes)
        self.links: tuple[Any, ...] = ()
        self._slots = tuple(whole[start : start + len(frame)] for start in starts)
        self._frame = frame
        self._published = 0

    def publish(self, _timestamp_ns: int) -> None:
        """Copies."""
        self._slots[self._published % SLOT_COUNT_DEFAULT][:] = self._frame
        self._published += 1

    def close(self) -> None:
        """Releases the buffers; the last view takes the mapping along."""
        self._slots = ()


def frames(_place: Place, _link: Any) -> NoReturn:
    """There are no readers."""
    raise NotImplementedError

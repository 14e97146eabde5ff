"""The floor with readers: a bare copy, and a futex word that readers wait for in C and do nothing about.

What waking so many sleepers takes of this machine, whatever wakes them.
"""

from __future__ import annotations

import mmap
import os
from typing import TYPE_CHECKING, Any

from benchmarks.bare import bare, bare_missing
from benchmarks.transports.memcpy import Publisher as Copy
from ruth.futex import FutexWord

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.transports import Place

__all__ = ["AGENTS", "NAME", "Publisher", "frames", "missing"]

NAME = "memcpy, wake"
AGENTS = False
_LONGEST_NS = 980_000_000  # of a wait, as an agent's

missing = bare_missing


class Publisher(Copy):
    """As :class:`benchmarks.transports.Publisher`."""

    def __init__(self, place: Place, frame: bytearray, readers: int) -> None:
        super().__init__(place, frame, readers)
        self.links = (None,) * readers
        self._page = _map(place, os.O_RDWR | os.O_CREAT, mmap.PROT_READ | mmap.PROT_WRITE)
        self._word = FutexWord(self._page, 0)
        self._words = memoryview(self._page).cast("I")

    def publish(self, timestamp_ns: int) -> None:
        """Copies, and wakes."""
        super().publish(timestamp_ns)
        self._words[0] = (self._words[0] + 1) % 2**32
        self._word.wake()


def frames(place: Place, _link: Any) -> Iterator[tuple[int, int]]:
    """One frame, so that every process knows that this reader reads; then none, for ever."""
    wait_for_ever = bare().wait_for_ever  # compiled before anything is measured
    page = _map(place, os.O_RDONLY, mmap.PROT_READ)
    word = FutexWord(page, 0)
    word.wait(0, _LONGEST_NS)
    yield 0, 0
    wait_for_ever(word.address, _LONGEST_NS)


def _map(place: Place, flags: int, protection: int) -> mmap.mmap:
    descriptor = os.open(f"{place.folder}/word", flags | os.O_CLOEXEC)
    try:
        if flags & os.O_CREAT:
            os.posix_fallocate(descriptor, 0, mmap.PAGESIZE)
        return mmap.mmap(descriptor, mmap.PAGESIZE, mmap.MAP_SHARED, protection)
    finally:
        os.close(descriptor)

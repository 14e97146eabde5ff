"""multiprocessing.Queue: one a reader, the frame pickled through a pipe.

Bounded by as many frames as the ring has slots; when it is full, publishing waits. Unbounded, it would take
all memory from a publisher that is faster than its readers.
"""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING, Any

from ruth.export.layout import SLOT_COUNT_DEFAULT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.transports import Place

NAME = "Queue"
AGENTS = False


def missing() -> None:
    """Nothing is."""


class Publisher:
    """As :class:`benchmarks.transports.Publisher`; its links are the queues."""

    def __init__(self, place: Place, frame: bytearray, readers: int) -> None:  # noqa: ARG002 - as the others
        context = multiprocessing.get_context("spawn")
        self.links: tuple[Any, ...] = tuple(context.Queue(SLOT_COUNT_DEFAULT) for _ in range(readers))
        self._frame = frame
        self._published = 0

    def publish(self, timestamp_ns: int) -> None:
        """Copies once, since the queue takes the frame later, and puts it into every queue."""
        message = (self._published, timestamp_ns, bytes(self._frame))
        for queue in self.links:
            queue.put(message)
        self._published += 1

    def close(self) -> None:
        """Releases the queues, whatever is in them."""
        for queue in self.links:
            queue.cancel_join_thread()
            queue.close()


def frames(_place: Place, link: Any) -> Iterator[tuple[int, int]]:
    """As :meth:`benchmarks.transports.Transport.frames`."""
    while True:
        frame_id, timestamp_ns, _frame = link.get()
        yield frame_id, timestamp_ns

"""ZeroMQ over ``ipc://`` (a Unix socket): PUB and SUB, a reader that keeps the newest message only.

The message is copied when it is sent: the decoder writes its next frame into the same memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.transports import STAMP, package_missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.transports import Place

NAME = "ZeroMQ"
AGENTS = False


def missing() -> str | None:
    """Why it cannot be used here, or None."""
    return package_missing("zmq")


class Publisher:
    """As :class:`benchmarks.transports.Publisher`."""

    def __init__(self, place: Place, frame: bytearray, readers: int) -> None:
        import zmq

        self.links: tuple[Any, ...] = (None,) * readers
        self._frame = frame
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.PUB)
        self._socket.setsockopt(zmq.SNDHWM, 1)  # older frames than the newest are of no use
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.bind(f"ipc://{place.folder}/socket")
        self._published = 0

    def publish(self, timestamp_ns: int) -> None:
        """Sends; drops the frame for readers whose queue is full."""
        STAMP.pack_into(self._frame, 0, self._published, timestamp_ns)
        self._socket.send(self._frame)
        self._published += 1

    def close(self) -> None:
        """Closes the socket; what was not sent yet is dropped."""
        self._socket.close()
        self._context.term()


def frames(place: Place, _link: Any) -> Iterator[tuple[int, int]]:
    """As :meth:`benchmarks.transports.Transport.frames`."""
    import zmq

    socket = zmq.Context().socket(zmq.SUB)
    socket.setsockopt(zmq.CONFLATE, 1)
    socket.setsockopt(zmq.SUBSCRIBE, b"")
    socket.connect(f"ipc://{place.folder}/socket")
    while True:
        message = socket.recv(copy=False)
        yield STAMP.unpack_from(message.buffer, 0)

"""Ruth: the exporter that a decoder calls, and agents that wait on its futex."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from ruth.vas.exporter import open_exporter
from ruth.vas.flag import FLAG

if TYPE_CHECKING:
    from benchmarks.transports import Place

NAME = "Ruth"
AGENTS = True


def missing() -> None:
    """Nothing is."""


class Publisher:
    """As :class:`benchmarks.transports.Publisher`; the frame's rows are 64 bytes long."""

    def __init__(self, place: Place, frame: bytearray, readers: int) -> None:
        width, height = size_of(len(frame))
        self.links: tuple[Any, ...] = (None,) * readers
        self._frame = frame
        self._exporter = open_exporter(place.name, width, height, root=place.folder, environ={FLAG: "true"})
        if self._exporter.problem is not None:
            raise OSError(self._exporter.problem)

    def publish(self, timestamp_ns: int) -> None:
        """Copies into the ring and wakes."""
        self._exporter.publish(self._frame, timestamp_ns)

    def close(self) -> None:
        """Removes the export."""
        self._exporter.close()


def size_of(frame_bytes: int) -> tuple[int, int]:
    """Width and height of an NV12 frame of so many bytes: what bytes are, no process looks at.

    Raises ValueError if there is none with rows of 64 bytes.
    """
    width = 64
    height, rest = divmod(frame_bytes * 2, width * 3)
    if rest or height % 2:
        raise ValueError(f"{frame_bytes} bytes are no NV12 frame with rows of {width} bytes")
    return width, height


def frames(_place: Place, _link: Any) -> NoReturn:
    """Its readers are agents."""
    raise NotImplementedError

"""Version 1's scheme: each file rewritten beside the old one and renamed over it; agents poll."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from benchmarks.transports.ring import size_of
from launch.vas.version1 import Version1Exporter

if TYPE_CHECKING:
    from benchmarks.transports import Place

NAME = "rename"
AGENTS = True


def missing() -> None:
    """Nothing is."""


class Publisher:
    """As :class:`benchmarks.transports.Publisher`. Writes from the exporter's own buffer: one copy."""

    def __init__(self, place: Place, frame: bytearray, readers: int) -> None:
        self.links: tuple[Any, ...] = (None,) * readers
        self._exporter = Version1Exporter(place.folder, place.name, *size_of(len(frame)), _fail)
        self._exporter.begin_frame()[:] = frame

    def publish(self, timestamp_ns: int) -> None:
        """Writes and renames both files."""
        self._exporter.commit(timestamp_ns)

    def close(self) -> None:
        """Removes the export."""
        self._exporter.close()


def _fail(problem: str) -> None:
    raise OSError(problem)


def frames(_place: Place, _link: Any) -> NoReturn:
    """Its readers are agents."""
    raise NotImplementedError

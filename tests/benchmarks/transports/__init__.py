"""Ways to hand a frame to other processes: Ruth's, its floor, and what people would use instead.

A transport is a module with ``NAME``, ``missing()``, ``Publisher`` and ``frames()``; peers are imported only
when they are used, because they are an extra.
"""

from __future__ import annotations

import struct
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

STAMP = struct.Struct("<QQ")
"""Frame id and timestamp at the start of a frame, for transports that carry nothing but the frame."""

MODULES = {
    "Ruth": "ring",
    "memcpy": "memcpy",
    "memcpy, wake": "waking",
    "rename": "rename",
    "iceoryx2": "iceoryx",
    "ZeroMQ": "zeromq",
    "Queue": "queues",
    "poll 5 ms": "poll",
}


class Place(NamedTuple):
    """Where a publisher and its readers meet.

    Attributes:
        folder: An empty folder on tmpfs, absolute.
        name: A camera id.
        prefix: For names that a transport makes directly in /dev/shm.

    """

    folder: str
    name: str
    prefix: str


class Publisher(Protocol):
    """The publisher's side.

    Attributes:
        links: What each reader needs besides the place, one a reader.

    """

    links: tuple[Any, ...]

    def publish(self, timestamp_ns: int) -> None:
        """Hands over the source frame, and keeps nothing of it: its memory changes at once."""

    def close(self) -> None:
        """Releases everything."""


class Transport(Protocol):
    """A module of this package.

    Attributes:
        NAME: As tables show it.
        AGENTS: Whether its readers are agents, launched by ``ruth up``.

    """

    NAME: str
    AGENTS: bool

    def missing(self) -> str | None:
        """Why it cannot be used here, or None."""

    def Publisher(self, place: Place, frame: bytearray, readers: int) -> Publisher:  # noqa: N802 - a class
        """Opens the publisher's side, for so many readers of copies of ``frame``."""

    def frames(self, place: Place, link: Any) -> Iterator[tuple[int, int]]:
        """Id and timestamp of each frame that this reader notices, for ever."""


def transport_named(name: str) -> Transport:
    """The transport with that name, one of :data:`MODULES`. Imports its module, not its package."""
    module: Any = import_module(f"benchmarks.transports.{MODULES[name]}")
    return module


def package_missing(package: str) -> str | None:
    """Why a peer's package cannot be used, or None."""
    try:
        import_module(package)
    except ImportError as error:
        return f"{package} is not installed ({error}); tests/benchmarks/run installs it"
    return None

"""iceoryx2: publish-subscribe in shared memory without a copy for readers, and an event that wakes them.

As its documentation has it for waiting readers: a publisher with a notifier, a subscriber with a listener.
The subscriber keeps one sample, the newest.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from benchmarks.transports import STAMP, package_missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.transports import Place

NAME = "iceoryx2"
AGENTS = False
_READERS_MAX = 16


def missing() -> str | None:
    """Why it cannot be used here, or None."""
    return package_missing("iceoryx2")


class Publisher:
    """As :class:`benchmarks.transports.Publisher`."""

    def __init__(self, place: Place, frame: bytearray, readers: int) -> None:
        self._node, frames_service, events = _services(place)
        self.links: tuple[Any, ...] = (None,) * readers
        self._frame = frame
        self._size = len(frame)
        self._address = ctypes.addressof((ctypes.c_char * len(frame)).from_buffer(frame))
        self._publisher = frames_service.publisher_builder().initial_max_slice_len(len(frame)).create()
        self._notifier = events.notifier_builder().create()
        self._published = 0

    def publish(self, timestamp_ns: int) -> None:
        """Loans, copies, sends and notifies."""
        STAMP.pack_into(self._frame, 0, self._published, timestamp_ns)
        sample = self._publisher.loan_slice_uninit(self._size)
        ctypes.memmove(sample.payload_ptr, self._address, self._size)
        sample.assume_init().send()
        self._notifier.notify()
        self._published += 1

    def close(self) -> None:
        """Releases the ports and the node."""
        self._publisher.delete()
        self._notifier.delete()
        del self._node


def frames(place: Place, _link: Any) -> Iterator[tuple[int, int]]:
    """As :meth:`benchmarks.transports.Transport.frames`."""
    import iceoryx2

    _node, frames_service, events = _services(place)
    subscriber = frames_service.subscriber_builder().buffer_size(1).create()
    listener = events.listener_builder().create()
    while True:
        sample = subscriber.receive()
        while sample is not None:
            stamp = STAMP.unpack(ctypes.string_at(sample.payload_ptr, STAMP.size))
            sample.delete()
            yield stamp
            sample = subscriber.receive()
        with suppress(iceoryx2.ListenerWaitError):  # it has been stopped (SIGSTOP) and goes on
            listener.blocking_wait()


def _services(place: Place) -> tuple[Any, Any, Any]:
    """A node of its own below the place, its frames and its events."""
    import iceoryx2

    iceoryx2.set_log_level(iceoryx2.LogLevel.Error)
    config = iceoryx2.config.default()
    config.global_cfg.root_path = iceoryx2.Path.new(place.folder)
    config.global_cfg.prefix = iceoryx2.FileName.new(place.prefix)
    node = iceoryx2.NodeBuilder.new().config(config).create(iceoryx2.ServiceType.Ipc)
    name = iceoryx2.ServiceName.new(place.name)
    frame_type = iceoryx2.Slice[ctypes.c_uint8]
    frames_service = (
        node.service_builder(name)
        .publish_subscribe(frame_type)
        .max_subscribers(_READERS_MAX)
        .subscriber_max_buffer_size(1)
        .open_or_create()
    )
    events = node.service_builder(name).event().max_listeners(_READERS_MAX).open_or_create()
    return node, frames_service, events

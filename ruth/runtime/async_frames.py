"""The same frames for users of asyncio: ``async for frame in stream``. No thread, no executor, no polling.

A loop is woken by a descriptor: that of a many-camera stream itself, or, for streams of single cameras, one
inotify descriptor that all streams of a loop share, since a user has few of them
(:mod:`ruth.runtime.state_folders`). The look for a frame takes microseconds and is made in the loop.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Generic, Protocol, Self, TypeVar
from weakref import WeakKeyDictionary

from ruth.runtime.state_folders import StateFolders
from ruth.runtime.timeout import POLL_NS, nanoseconds
from ruth.units import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

T_co = TypeVar("T_co", covariant=True)


class Pulled(Protocol[T_co]):
    """What an asynchronous iteration pulls from: a stream, a many-camera stream, its batches."""

    @property
    def closed(self) -> bool:
        """Whether it is over."""

    @property
    def timeout(self) -> float | None:
        """Seconds after which iteration ends if nothing came; None waits for ever."""

    def pull(self, *, first: bool) -> tuple[T_co | None, int | None]:
        """What there is now; or after how many nanoseconds there will be something, if that is known."""

    def enter_wait(self, wake: Callable[[], object]) -> None:
        """From now on closing it calls ``wake``, and it keeps its descriptor."""

    def leave_wait(self, wake: Callable[[], object]) -> None:
        """Ends that."""


class Wakes(Protocol):
    """What wakes a loop."""

    def register(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], object]) -> None:
        """From now on ``wake`` is called in the loop when a poll is worth it."""

    def unregister(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], object]) -> None:
        """Ends that."""


class Readable:
    """Wakes a loop when a descriptor is readable.

    Args:
        descriptor: The descriptor.

    """

    __slots__ = ("_descriptor",)

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def register(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], object]) -> None:
        """As of :class:`Wakes`."""
        loop.add_reader(self._descriptor, wake)

    def unregister(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], object]) -> None:  # noqa: ARG002
        """As of :class:`Wakes`."""
        loop.remove_reader(self._descriptor)


class StateChanges:
    """Wakes a loop when one camera's state has changed.

    Args:
        root: Folder of all states.
        camera_id: The camera.

    """

    __slots__ = ("_camera_id", "_root")

    def __init__(self, root: str, camera_id: str) -> None:
        self._root, self._camera_id = root, camera_id

    def register(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], object]) -> None:
        """As of :class:`Wakes`. Raises OSError as :class:`ruth.runtime.state_folders.StateFolders`."""
        roots = _SHARED.setdefault(loop, {})
        shared = roots.get(self._root)
        if shared is None:
            shared = roots[self._root] = _Shared(StateFolders(self._root, ()))
        shared.add(loop, self._camera_id, wake)

    def unregister(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], object]) -> None:
        """As of :class:`Wakes`."""
        _SHARED[loop][self._root].remove(loop, self._camera_id, wake)


class _Shared:
    """The descriptor that the streams of one loop wait on; it lives as long as the loop, and knows none."""

    def __init__(self, folders: StateFolders) -> None:
        self._folders = folders
        self._wakers: dict[str, list[Callable[[], object]]] = {}

    def add(self, loop: asyncio.AbstractEventLoop, camera_id: str, wake: Callable[[], object]) -> None:
        if not self._wakers:
            loop.add_reader(self._folders.fileno(), self._read)
        self._folders.add(camera_id)
        self._wakers.setdefault(camera_id, []).append(wake)

    def __del__(self) -> None:
        self._folders.close()

    def remove(self, loop: asyncio.AbstractEventLoop, camera_id: str, wake: Callable[[], object]) -> None:
        waiting = self._wakers[camera_id]
        waiting.remove(wake)
        if not waiting:
            del self._wakers[camera_id]
        if not self._wakers:
            loop.remove_reader(self._folders.fileno())

    def _read(self) -> None:
        changes = self._folders.read()
        for camera_id in [*self._wakers] if changes.all else [*changes.changed]:
            for wake in self._wakers.get(camera_id, ()):
                wake()


_SHARED: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, _Shared]]] = WeakKeyDictionary()


class AsyncFrames(Generic[T_co]):
    """An asynchronous iterator. Ends as the iteration of what it pulls from does.

    Args:
        source: What it pulls from; no other task or thread may take frames from it.
        wakes: What wakes the loop when there may be something.

    """

    __slots__ = ("_source", "_wakes")

    def __init__(self, source: Pulled[T_co], wakes: Wakes) -> None:
        self._source = source
        self._wakes = wakes

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T_co:
        source = self._source
        found, _ = source.pull(first=True)
        if found is not None:
            return found
        loop = asyncio.get_running_loop()
        deadline_ns = None
        if source.timeout is not None:
            deadline_ns = time.monotonic_ns() + nanoseconds(source.timeout)
        woken = asyncio.Event()

        def wake_from_anywhere() -> None:
            with suppress(RuntimeError):  # the loop is closed by now
                loop.call_soon_threadsafe(woken.set)

        source.enter_wait(wake_from_anywhere)
        try:
            self._wakes.register(loop, woken.set)
            try:
                while not source.closed:
                    woken.clear()
                    found, left_ns = source.pull(first=False)
                    if found is not None:
                        return found
                    if left_ns is None:
                        left_ns = POLL_NS
                        if deadline_ns is not None:
                            left_ns = min(left_ns, deadline_ns - time.monotonic_ns())
                        if left_ns <= 0:
                            break
                    await _within(loop, woken, left_ns)
            finally:
                self._wakes.unregister(loop, woken.set)
        finally:
            source.leave_wait(wake_from_anywhere)
        raise StopAsyncIteration


async def _within(loop: asyncio.AbstractEventLoop, woken: asyncio.Event, timeout_ns: int) -> None:
    """Waits for the event, at most so long."""
    late = loop.call_later(timeout_ns / NANOSECONDS, woken.set)
    try:
        await woken.wait()
    finally:
        late.cancel()

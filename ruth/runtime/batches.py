"""Frames of many cameras in batches, for models that take several pictures at a time."""

from __future__ import annotations

import operator
import time
from typing import TYPE_CHECKING, Protocol, Self

from ruth.runtime.timeout import POLL_NS, nanoseconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from ruth.runtime.async_frames import AsyncFrames
    from ruth.runtime.frame import Frame


class _Source(Protocol):
    """What frames are taken from: :class:`ruth.runtime.streams.Streams`."""

    @property
    def closed(self) -> bool: ...
    @property
    def timeout(self) -> float | None: ...
    def fileno(self) -> int: ...
    def news(self, n: int) -> int: ...
    def take_batch(self, n: int) -> list[Frame]: ...
    def wait(self, timeout_ns: int) -> bool: ...
    def used(self) -> None: ...
    def enter_wait(self, wake: Callable[[], object]) -> None: ...
    def leave_wait(self, wake: Callable[[], object]) -> None: ...


class Batches:
    """An iterator over lists of frames. Made by :meth:`ruth.runtime.streams.Streams.batches`."""

    __slots__ = ("_n", "_source", "_until_ns", "_wait_ns")

    def __init__(self, source: _Source, n: int, wait: float) -> None:
        try:
            self._n = operator.index(n)
        except TypeError:
            self._n = 0
        if self._n < 1:
            raise ValueError(f"n {n!r}: a whole number from 1")
        self._wait_ns = nanoseconds(wait, "wait")
        self._source = source
        self._until_ns: int | None = None  # when the batch that is being waited for is given as it is

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> list[Frame]:
        source, timeout = self._source, self._source.timeout
        deadline_ns = None if timeout is None else time.monotonic_ns() + nanoseconds(timeout)
        source.enter_wait(_nothing)
        try:
            batch, left_ns = self.pull(first=True)
            while batch is None and not source.closed:
                if left_ns is None:
                    left_ns = POLL_NS
                    if deadline_ns is not None:
                        left_ns = min(left_ns, deadline_ns - time.monotonic_ns())
                    if left_ns <= 0:
                        break
                source.wait(left_ns)
                batch, left_ns = self._due()
        finally:
            source.leave_wait(_nothing)
        if batch is None:
            raise StopIteration
        return batch

    def __aiter__(self) -> AsyncFrames[list[Frame]]:
        from ruth.runtime.async_frames import AsyncFrames, Readable  # asyncio costs 40 ms, and few need it

        return AsyncFrames(self, Readable(self._source.fileno()))

    @property
    def closed(self) -> bool:
        """As of what it takes from."""
        return self._source.closed

    @property
    def timeout(self) -> float | None:
        """As of what it takes from."""
        return self._source.timeout

    def pull(self, *, first: bool) -> tuple[list[Frame] | None, int | None]:
        """A batch, if one is due; or after how many nanoseconds one will be, if that is known."""
        if first:
            self._source.used()
        self._source.wait(0)
        return self._due()

    def enter_wait(self, wake: Callable[[], object]) -> None:
        """As of what it takes from."""
        self._source.enter_wait(wake)

    def leave_wait(self, wake: Callable[[], object]) -> None:
        """As of what it takes from."""
        self._source.leave_wait(wake)

    def _due(self) -> tuple[list[Frame] | None, int | None]:
        source = self._source
        if source.closed:
            return None, None
        while True:
            there = source.news(self._n)
            if not there:
                self._until_ns = None
                return None, None
            now_ns = time.monotonic_ns()
            if self._until_ns is None:
                self._until_ns = now_ns + self._wait_ns
            if there < self._n and now_ns < self._until_ns:
                return None, self._until_ns - now_ns
            self._until_ns = None
            batch = source.take_batch(self._n)
            if batch:
                return batch, None
            # all of them were lost meanwhile: the next ones


def _nothing() -> None:
    """Wakes nothing: the descriptor does."""

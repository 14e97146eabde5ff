"""What iterating over frames is, of one camera or of many: one at a time, and closed from anywhere.

A call that is under way keeps what it uses: ``close()`` ends it, and the last call releases everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

    from ruth.runtime.frame import Frame


class FrameIterator:
    """Iteration, ``with`` and the calls under way. What is waited for, and what is released, each class says.

    Attributes:
        timeout: Seconds that iteration waits for a frame before it ends, or None.

    """

    __slots__ = ()  # of the classes below it, one of which has another base with slots

    timeout: float | None
    _closed: bool
    _inside: list[None]  # one entry for each call under way: append and pop are atomic
    _to_release: list[None]
    _wakers: list[Callable[[], object]]  # of waits that no descriptor or word of ours ends

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if not self._closed:
            self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Frame:
        frame = self.next_frame(self.timeout)
        if frame is None:
            raise StopIteration
        return frame

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._closed

    def next_frame(self, timeout: float | None = None) -> Frame | None:
        """The next frame, waited for."""
        raise NotImplementedError

    def enter_wait(self, wake: Callable[[], object]) -> None:
        """From now on :meth:`close` calls ``wake``, too, from whatever thread."""
        self._inside.append(None)
        self._wakers.append(wake)

    def leave_wait(self, wake: Callable[[], object]) -> None:
        """Ends what :meth:`enter_wait` began."""
        self._wakers.remove(wake)
        self._leave()

    def close(self) -> None:
        """Ends iteration at once, and releases everything. From any thread or signal handler, also twice.

        Arrays still held stay valid; ``intact`` of a ring's frame is False from then on.
        """
        self._closed = True  # type: ignore[misc] # a slot of each class below
        if not self._to_release:
            return
        self._interrupt()
        for wake in [*self._wakers]:
            wake()
        if not self._inside:
            self._release()

    def _leave(self) -> None:
        """A call ends; the last one of what is closed releases everything."""
        self._inside.pop()
        if self._closed and not self._inside:
            self._release()

    def _release(self) -> None:
        try:
            self._to_release.pop()
        except IndexError:  # released before, or another thread was faster
            return
        self._end()

    def _interrupt(self) -> None:
        """Ends a wait that is under way."""
        raise NotImplementedError

    def _end(self) -> None:
        """Releases everything; called once."""
        raise NotImplementedError

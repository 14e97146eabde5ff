"""The frames that one subscription may have, for the process that runs the model.

    with ruth.attach("front-door", "person") as stream:
        for frame in stream:
            ...

Which frames it gives: :mod:`ruth.runtime.cursor`. This folder is the one place in ``ruth`` that waits
(docs/decisions/0011-runtimes-wait-in-ruth.md).
"""

from __future__ import annotations

import errno
import os
import time
from typing import TYPE_CHECKING

from ruth.errors import SharedMemoryError
from ruth.futex import Bell, available
from ruth.runtime.cursor import CameraFrames
from ruth.runtime.frame_iterator import FrameIterator
from ruth.runtime.in_use import FramesInUse
from ruth.runtime.roots import roots_of
from ruth.runtime.timeout import POLL_NS, nanoseconds
from ruth.runtime.watch import SubscriptionWatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from ruth.runtime.async_frames import AsyncFrames
    from ruth.runtime.frame import Frame
    from ruth.runtime.roots import Roots


class Stream(FrameIterator, CameraFrames):
    """One subscription's eligible frames, in their order. Made by :func:`attach`.

    An iterator: it blocks until a frame is allowed and there, and drops what came and went meanwhile. Only
    one thread, or one task, may take frames from it; :meth:`close` may be called from anywhere.

    Attributes:
        timeout: Seconds that iteration waits for a frame before it ends, or None.

    """

    __slots__ = ("_bell", "_closed", "_in_use", "_inside", "_to_release", "_wakers", "_watch", "timeout")

    def __init__(
        self,
        camera_id: str,
        model_id: str,
        roots: Roots,
        timeout: float | None,
        *,
        newest_only: bool = False,
        warn_slow: bool = True,
    ) -> None:
        self._closed = True  # for __del__, should what follows raise
        self.timeout = timeout
        self._watch = SubscriptionWatch(roots.state, camera_id, model_id)
        super().__init__(self._watch, camera_id, model_id, roots, newest_only=newest_only)
        self._bell = Bell()
        self._wakers: list[Callable[[], object]] = []
        self._in_use = FramesInUse(warn=warn_slow)
        self._inside: list[None] = []
        self._to_release = [None]
        self._closed = False
        self.poll()

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        return (
            f"Stream({self.camera_id!r}, {self.model_id!r}, {state}, received={self.received}, "
            f"lost={self.lost}, dropped={self.dropped})"
        )

    def __reduce_ex__(self, _protocol: object) -> str:
        """A stream is neither copied nor pickled. Raises SharedMemoryError."""
        call = f"ruth.attach({self.camera_id!r}, {self.model_id!r})"
        raise SharedMemoryError(f"a stream holds mappings of this process: use {call} where it is needed")

    def __aiter__(self) -> AsyncFrames[Frame]:
        # asyncio costs 40 ms, and few need it
        from ruth.runtime.async_frames import AsyncFrames, StateChanges

        return AsyncFrames(self, StateChanges(self._roots.state, self.camera_id))

    def next_frame(self, timeout: float | None = None) -> Frame | None:
        """The next eligible frame that was not given out yet, waited for.

        Args:
            timeout: Seconds, at least 0; None waits for ever.

        Returns:
            None if it did not come in time, or the stream is closed.

        Raises:
            ValueError: ``timeout`` is no such number.

        """
        deadline_ns = None if timeout is None else time.monotonic_ns() + nanoseconds(timeout)
        self._inside.append(None)
        try:
            if timeout == 0:
                self._in_use.forget()  # who only looks in from time to time may have used it long ago
            else:
                self._in_use.used()
            while True:
                rung = self._bell.rung
                if self._closed:
                    return None
                frame = self._next(again=False)
                if frame is not None:
                    return None if self._closed else frame
                left_ns = POLL_NS
                if deadline_ns is not None:
                    left_ns = min(POLL_NS, deadline_ns - time.monotonic_ns())
                    if left_ns <= 0:
                        return None
                self._watch.wait(self._bell, rung, left_ns)
        finally:
            self._leave()

    def latest(self) -> Frame | None:
        """The newest eligible frame if it is still there, also if it was given out before. Never waits.

        Iteration goes on behind it: what this gave out is not given out again.
        """
        self._inside.append(None)
        try:
            return None if self._closed else self._next(again=True)
        finally:
            self._leave()

    def pull(self, *, first: bool) -> tuple[Frame | None, None]:
        """For :mod:`ruth.runtime.async_frames`: a frame, if there is one; when one will be is not known.

        Args:
            first: Whether this is the first look for that frame.

        """
        self._inside.append(None)
        try:
            if self._closed:
                return None, None
            if first:
                self._in_use.used()
            else:
                self._watch.compare()  # what has woken the loop may be another file
            return self._next(again=False), None
        finally:
            self._leave()

    def _next(self, *, again: bool) -> Frame | None:
        allowed = self.poll()
        if allowed is None:
            return None
        frame = self.take(allowed, again=again)
        if frame is not None:
            self._in_use.given(frame)
        return frame

    def _interrupt(self) -> None:
        self._bell.ring()

    def _end(self) -> None:
        self._in_use.forget()
        self._close()


def attach(
    camera_id: str,
    model_id: str,
    *,
    timeout: float | None = None,
    newest_only: bool = False,
    warn_slow: bool = True,
    export_root: str | None = None,
    state_root: str | None = None,
) -> Stream:
    """Attaches this process to a subscription. Read-only; neither agent nor video server has to be there yet.

    Args:
        camera_id: The camera.
        model_id: The model, as ``ruth.toml`` names it.
        timeout: Seconds after which iteration ends if no frame came; None waits for ever. It has to be longer
            than the time between two frames that the model is allowed: a camera of one frame in 5 s, or a cap
            of 0.2, ends an iteration with ``timeout=2`` at once.
        newest_only: Give the newest frame alone: for a model that rather misses frames of a burst than gets
            one that is older than need be.
        warn_slow: Whether to warn once, by :mod:`warnings`, if ten frames in a row were overwritten by the
            time the next one was asked for.
        export_root: Folder of all exports; by default ``VAS_EXPORT_ROOT`` or ``/dev/shm/vas``.
        state_root: Folder of all agents' state; by default ``RUTH_STATE_ROOT`` or ``/dev/shm/ruth``.

    Raises:
        InvalidIdError: One of the ids is not valid.
        ValueError: ``timeout`` is not a number of seconds from 0.
        OSError: ENOSYS: it is not known how to wait on this machine (:func:`ruth.futex.available`).

    """
    if timeout is not None:
        nanoseconds(timeout)
    if not available():
        raise OSError(errno.ENOSYS, f"no futex is known for {os.uname().machine}")
    return Stream(
        camera_id,
        model_id,
        roots_of(export_root, state_root),
        timeout,
        newest_only=newest_only,
        warn_slow=warn_slow,
    )

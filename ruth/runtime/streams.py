"""The frames that one model may have of many cameras, for one thread of the process that runs it.

    with ruth.attach_all("person") as streams:
        for frame in streams:
            ...

One wait serves all of them (:mod:`ruth.runtime.state_folders`). It pulls, as a stream of one camera does: a
camera that was heard of is looked at when its turn comes, and its newest frame is given. Nothing queues: a
camera that is heard of again meanwhile still has one turn, which is behind all that wait already. So a fast
camera never starves a slow one, and a slow model only drops.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from ruth.errors import SharedMemoryError
from ruth.identity import check_id
from ruth.runtime.batches import Batches
from ruth.runtime.camera_turn import CameraTurn, Counts
from ruth.runtime.frame_iterator import FrameIterator
from ruth.runtime.in_use import FramesInUse
from ruth.runtime.roots import roots_of
from ruth.runtime.state_folders import StateFolders
from ruth.runtime.timeout import POLL_NS, nanoseconds
from ruth.runtime.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ruth.runtime.async_frames import AsyncFrames
    from ruth.runtime.cursor import CameraFrames
    from ruth.runtime.frame import Frame
    from ruth.runtime.roots import Roots


OVERDUE_NS: Final = 500_000_000  # what is heard at the end of a wait is still looked at, no longer than this


class Streams(FrameIterator):
    """One model's eligible frames of many cameras. Made by :func:`attach_all`.

    An iterator: it blocks until a frame of any camera is allowed and there. Only one thread, or one task, may
    take frames from it; :meth:`close` may be called from anywhere.

    Attributes:
        model_id: The model.
        timeout: Seconds that iteration waits for a frame before it ends, or None.

    """

    __slots__ = (
        "__weakref__",
        "_cameras",
        "_closed",
        "_folders",
        "_gone",
        "_in_use",
        "_inside",
        "_looked_ns",
        "_named",
        "_roots",
        "_to_release",
        "_turns",
        "_wakers",
        "model_id",
        "timeout",
    )

    def __init__(
        self,
        model_id: str,
        cameras: Iterable[str] | None,
        roots: Roots,
        timeout: float | None,
        *,
        warn_slow: bool = True,
    ) -> None:
        self._closed = True  # for __del__, should what follows raise
        self.model_id = check_id("model", model_id)
        self.timeout = timeout
        self._named = None if cameras is None else [check_id("camera", camera) for camera in cameras]
        self._roots = roots
        self._folders = StateFolders(roots.state, self._named)
        self._cameras: dict[str, CameraTurn] = {}
        self._gone = Counts(0, 0, 0)
        self._wakers: list[Callable[[], object]] = []
        self._inside: list[None] = []
        self._to_release = [None]
        self._in_use = FramesInUse(warn=warn_slow)
        self._turns = Turns(self._folders, self._in_use)
        self._looked_ns = time.monotonic_ns()
        self._closed = False
        for camera_id in self._named or self._folders.known():
            self._turns.give(self._camera(camera_id))
        self._turns.poll(len(self._cameras) + 1)

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        return f"Streams({self.model_id!r}, {state}, {len(self.cameras)} cameras, {self.counts})"

    def __reduce_ex__(self, _protocol: object) -> str:
        """It is neither copied nor pickled. Raises SharedMemoryError."""
        call = f"ruth.attach_all({self.model_id!r})"
        raise SharedMemoryError(f"streams hold mappings of this process: use {call} where they are needed")

    def __aiter__(self) -> AsyncFrames[Frame]:
        from ruth.runtime.async_frames import AsyncFrames, Readable  # asyncio costs 40 ms, and few need it

        return AsyncFrames(self, Readable(self.fileno()))

    @property
    def cameras(self) -> dict[str, CameraFrames]:
        """By id: the named cameras; or, if none was named, those known to subscribe the model.

        Each has ``received``, ``lost``, ``dropped``, ``problem``. A camera whose folder is gone is not there
        any more, unless it was named.
        """
        return {
            camera_id: camera
            for camera_id, camera in self._cameras.items()
            if self._named is not None or not camera.record.unsubscribed
        }

    @property
    def counts(self) -> Counts:
        """Frames received, lost and dropped, of all cameras together, also those that have gone."""
        each = [(camera.received, camera.lost, camera.dropped) for camera in self._cameras.values()]
        return Counts(*map(sum, zip(self._gone, *each, strict=True)))

    def fileno(self) -> int:
        """A descriptor for select, epoll and the loops of GUIs; -1 once closed.

        When it is readable, call ``next_frame(0)`` until that returns None: only then it is asked again.
        """
        return self._folders.fileno()

    def next_frame(self, timeout: float | None = None) -> Frame | None:
        """The newest frame of the camera that has waited longest; waited for if there is none.

        Args:
            timeout: Seconds, at least 0; None waits for ever.

        Returns:
            None if none came in time, or it is closed.

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
            while not self._closed:
                frame = self._turns.take()
                if frame is not None:
                    return frame
                left_ns = POLL_NS
                if deadline_ns is not None:
                    left_ns = max(0, min(POLL_NS, deadline_ns - time.monotonic_ns()))
                heard = self.wait(left_ns)
                if left_ns == 0 and not heard:
                    return None
                if deadline_ns is not None and time.monotonic_ns() > deadline_ns + OVERDUE_NS:
                    return self._turns.take()  # there is always something to hear: cameras without a frame
            return None
        finally:
            self._leave()

    def batches(self, n: int, *, wait: float) -> Batches:
        """Iterates over lists of frames: at most ``n``, at most one of each camera, never none.

        A batch is given as soon as ``n`` frames are there, or ``wait`` seconds after its first one was, with
        the newest frame of each camera at that moment; those that have waited longest come first. A frame may
        wait so long: ``wait`` has to be shorter than it takes a writer to come round to the frame's slot.

        Args:
            n: At least 1.
            wait: Seconds, at least 0.

        Returns:
            An iterator, and an asynchronous one; it ends as the iteration over frames does.

        Raises:
            ValueError: One of them is not such a number.

        """
        return Batches(self, n, wait)

    def pull(self, *, first: bool) -> tuple[Frame | None, None]:
        """For :mod:`ruth.runtime.async_frames`: a frame, if there is one; and not when there will be."""
        self._inside.append(None)
        try:
            if self._closed:
                return None, None
            if first:
                self._in_use.used()
            else:
                self.wait(0)
            return self._turns.take(), None
        finally:
            self._leave()

    def news(self, n: int) -> int:
        """For batches: looks at the cameras whose turn has come, until ``n`` have a frame. How many have."""
        return self._turns.poll(n)

    def take_batch(self, n: int) -> list[Frame]:
        """For batches: the newest frames of the first ``n`` cameras with news; fewer if some are lost."""
        return self._turns.take_batch(n)

    def wait(self, timeout_ns: int) -> bool:
        """For batches: waits until any camera is heard of, at most so long. Whether one was."""
        heard = self._folders.wait(timeout_ns) and not self._closed
        now_ns = time.monotonic_ns()
        if heard:
            self._hear()
        if now_ns - self._looked_ns >= POLL_NS:
            self._looked_ns = now_ns
            self._look_at_all()  # agents that cannot tell of changes, a root that was replaced
        return heard

    def used(self) -> None:
        """For batches: the frames given out so far are used by now."""
        self._in_use.used()

    def _hear(self) -> None:
        """Gives a turn to each camera that was heard of."""
        changed, replaced, everything = self._folders.read()
        for camera_id in changed:
            camera = self._cameras.get(camera_id) or self._camera(camera_id)
            self._turns.give(camera)
        if replaced:
            known = set(self._folders.known())
            for camera_id in replaced:
                self._compare(camera_id, known)
        if everything:
            self._look_at_all()

    def _look_at_all(self) -> None:
        """Gives a turn to every camera there is, behind those that wait already."""
        known = set(self._folders.scan())
        for camera_id in known:
            self._camera(camera_id)
        for camera_id in [*self._cameras]:
            self._compare(camera_id, known)
        for camera in self._cameras.values():
            self._turns.give(camera)

    def _compare(self, camera_id: str, known: set[str]) -> None:
        """A camera's file may be another one, or gone with its folder."""
        camera = self._cameras[camera_id]
        camera.record.compare()
        if camera_id in known or self._named is not None:
            return
        del self._cameras[camera_id]
        gone = (camera.received, camera.lost, camera.dropped)
        self._gone = Counts(*map(sum, zip(self._gone, gone, strict=True)))
        self._turns.forget(camera)
        camera.gone = True
        camera.close()

    def _camera(self, camera_id: str) -> CameraTurn:
        camera = self._cameras.get(camera_id)
        if camera is None:
            camera = self._cameras[camera_id] = CameraTurn(camera_id, self.model_id, self._roots)
        return camera

    def _interrupt(self) -> None:
        self._folders.interrupt()

    def _end(self) -> None:
        self._in_use.forget()
        self._folders.close()
        for camera in self._cameras.values():
            camera.close()


def attach_all(
    model_id: str,
    cameras: Iterable[str] | None = None,
    *,
    timeout: float | None = None,
    warn_slow: bool = True,
    export_root: str | None = None,
    state_root: str | None = None,
) -> Streams:
    """Attaches this process to a model's subscriptions of many cameras. Read-only; one wait for all.

    Args:
        model_id: The model, as ``ruth.toml`` names it.
        cameras: Ids of the cameras, which need not be there yet; None for every camera that subscribes the
            model, also those that come later.
        timeout: Seconds after which iteration ends if no frame of any camera came; None waits for ever.
        warn_slow: As of :func:`ruth.attach`.
        export_root: The same.
        state_root: The same.

    Raises:
        InvalidIdError: One of the ids is invalid.
        ValueError: ``timeout`` is not a number of seconds from 0.
        OSError: EMFILE: no inotify instance is left for this user; ENOSPC: no inotify watch is.

    """
    if timeout is not None:
        nanoseconds(timeout)
    if isinstance(cameras, str):
        raise TypeError(f"cameras {cameras!r}: a list of ids, or None for all")
    return Streams(model_id, cameras, roots_of(export_root, state_root), timeout, warn_slow=warn_slow)

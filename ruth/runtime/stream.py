"""The frames that one subscription may have, for the process that runs the model.

    with ruth.attach("front-door", "person") as stream:
        for frame in stream:
            ...

It pulls: it waits on the agent's record and looks for the frames that were allowed, nothing else. It
keeps no frame, catches nothing up and tells no process; whether an agent or a video server lives, it does not
ask. This folder is the one place in ``ruth`` that waits (docs/decisions/0011-runtimes-wait-in-ruth.md).

Which frames it gives (docs/decisions/0034-kept-frames.md): those that the record keeps, in order, as far as
they are still in the export; so all of a burst. If the last one given was overwritten while it was used,
the process is too slow for that, and it gets the newest alone until it has caught up.
"""

from __future__ import annotations

import errno
import math
import os
import time
from typing import TYPE_CHECKING, Final, Self

from ruth.errors import SharedMemoryError
from ruth.futex import Bell, available
from ruth.identity import export_root as _export_root
from ruth.identity import state_root as _state_root
from ruth.runtime.frame_maker import FrameMaker
from ruth.runtime.problem import problem_of
from ruth.runtime.watch import SubscriptionWatch
from ruth.units import NANOSECONDS

if TYPE_CHECKING:
    from ruth.agent.last_allowed import LastAllowed
    from ruth.runtime.async_frames import AsyncFrames
    from ruth.runtime.frame import Frame

# The longest wait: a state file that was made again must be found within a second
# (docs/decisions/0005-waiting.md has the same for agents).
POLL_NS: Final = 980_000_000
_LONGEST_S: Final = 1_000_000_000  # 31 years; added to the clock, still far below its 63 bits


class Stream:
    """One subscription's eligible frames, in their order. Made by :func:`attach`.

    An iterator: it blocks until a frame is allowed and there, and drops what came and went meanwhile. Only
    one thread, or one task, may take frames from it; :meth:`close` may be called from anywhere.

    Attributes:
        camera_id: The camera.
        model_id: The model.
        timeout: Seconds that iteration waits for a frame before it ends, or None.
        newest_only: Whether only the newest frame is given, and those before it are dropped.
        received: Frames given out.
        lost: Frames that were looked for and not there any more: overwritten, replaced, or held back because
            this process keeps too many old mappings alive.
        dropped: Frames never looked for: more were allowed before this process looked again than a record
            keeps, or only the newest was to be given.

    """

    __slots__ = (
        "__weakref__",
        "_agent",
        "_attached_ns",
        "_behind",
        "_bell",
        "_closed",
        "_given",
        "_inside",
        "_maker",
        "_roots",
        "_seen",
        "_standing",
        "_to_release",
        "_watch",
        "camera_id",
        "dropped",
        "lost",
        "model_id",
        "newest_only",
        "received",
        "timeout",
    )

    def __init__(
        self,
        camera_id: str,
        model_id: str,
        export_root: str,
        state_root: str,
        timeout: float | None,
        *,
        newest_only: bool = False,
    ) -> None:
        self._closed = True  # for __del__, should what follows raise
        self.timeout = timeout
        self._watch = SubscriptionWatch(state_root, camera_id, model_id)
        self._maker = FrameMaker(export_root, camera_id, model_id)
        self._roots = (state_root, export_root)
        self.camera_id = camera_id
        self.model_id = model_id
        self.received = self.lost = self.dropped = 0
        self._bell = Bell()
        self._inside: list[None] = []  # one entry for each call under way: append and pop are atomic
        self._to_release = [None]
        self._agent = b""
        self.newest_only = newest_only
        self._seen = 0  # frames of the agent that were given, lost or dropped
        self._given = 0  # the number of the frame given last, while there may be more without a wait
        self._behind = False
        self._standing = False
        self._attached_ns = time.monotonic_ns()
        self._closed = False
        allowed = self._watch.poll()
        if allowed is not None:
            self._start_agent(allowed)

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        return (
            f"Stream({self.camera_id!r}, {self.model_id!r}, {state}, received={self.received}, "
            f"lost={self.lost}, dropped={self.dropped})"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if not self._closed:
            self.close()

    def __reduce_ex__(self, _protocol: object) -> str:
        """A stream is neither copied nor pickled. Raises SharedMemoryError."""
        call = f"ruth.attach({self.camera_id!r}, {self.model_id!r})"
        raise SharedMemoryError(f"a stream holds mappings of this process: use {call} where it is needed")

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Frame:
        frame = self.next_frame(self.timeout)
        if frame is None:
            raise StopIteration
        return frame

    def __aiter__(self) -> AsyncFrames:
        from ruth.runtime.async_frames import AsyncFrames  # asyncio costs 40 ms, and few need it

        return AsyncFrames(self)

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._closed

    @property
    def problem(self) -> str | None:
        """Why no frame comes, in words, as far as can be told from here; None if nothing speaks against it.

        For a human: looked up again each time it is asked for, and nothing is decided from it.
        """
        return problem_of(*self._roots, self.camera_id, self.model_id)

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
            while True:
                rung = self._bell.rung
                if self._closed:
                    return None
                frame = self._poll(again=False)
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
            return None if self._closed else self._poll(again=True)
        finally:
            self._leave()

    def wait_for_change(self, timeout_ns: int) -> None:
        """Waits until it is worth another poll: for :mod:`ruth.runtime.async_frames`, in a thread not ours.

        Args:
            timeout_ns: At most so many nanoseconds, at least 0.

        """
        self._inside.append(None)
        try:
            rung = self._bell.rung
            if not self._closed:
                self._watch.wait(self._bell, rung, min(POLL_NS, timeout_ns))
        finally:
            self._leave()

    def interrupt(self) -> None:
        """Ends a wait that is under way, as if there were a frame."""
        self._bell.ring()

    def close(self) -> None:
        """Ends iteration at once, and releases everything. From any thread or signal handler, also twice.

        Arrays still held stay valid; :attr:`Frame.intact` of a ring's frame is False from then on.
        """
        self._closed = True
        self._bell.ring()
        if not self._inside:
            self._release()

    def _leave(self) -> None:
        """A call ends; the last one of a closed stream releases everything."""
        self._inside.pop()
        if self._closed and not self._inside:
            self._release()

    def _poll(self, *, again: bool) -> Frame | None:
        """One poll; the counters are updated here.

        Args:
            again: Whether a frame that was given out, or looked for, before is wanted as well.

        """
        allowed = self._watch.poll()
        if allowed is None:
            return None
        if allowed.life != self._agent:
            self._start_agent(allowed)
        if not allowed.export_version:
            self._maker.release()  # the agent has released it: keeping it would keep its memory
        standing, self._standing = self._standing, False
        if allowed.allowed > self._seen:
            return self._take(allowed, self._first_to_take(allowed, newest=again or self.newest_only))
        self._given = 0
        self._behind = False
        if not allowed.allowed or not (standing or again):
            self._standing = standing
            return None
        frame = self._maker.make(allowed, allowed.allowed)
        if frame is not None and standing:
            self.received += 1
        return frame

    def _first_to_take(self, allowed: LastAllowed, *, newest: bool) -> int:
        """The number of the first frame to be looked for; those before it are dropped."""
        if allowed.allowed - self._seen > 1 and self._given and not self._behind:
            self._behind = not self._maker.is_intact(allowed, self._given)
        if newest or self._behind:
            return allowed.allowed
        return max(self._seen + 1, allowed.first_kept)

    def _take(self, allowed: LastAllowed, first: int) -> Frame | None:
        """The first frame, from number ``first`` on, that is still intact; the others are lost."""
        self.dropped += first - self._seen - 1
        for number in range(first, allowed.allowed + 1):
            self._seen = number
            frame = self._maker.make(allowed, number)
            if frame is not None:
                self.received += 1
                self._given = number
                return frame
            self.lost += 1
        return None

    def _start_agent(self, allowed: LastAllowed) -> None:
        """Another agent: its numbers start again. What it allowed before this stream existed is not lost."""
        self._agent = allowed.life
        before = allowed.started_ns <= self._attached_ns
        self._seen = allowed.allowed if before else 0
        self._given = 0
        self._behind = False
        self._standing = before and allowed.allowed > 0

    def _release(self) -> None:
        try:
            self._to_release.pop()
        except IndexError:  # released before, or another thread was faster
            return
        self._watch.close()
        self._maker.release()


def attach(
    camera_id: str,
    model_id: str,
    *,
    timeout: float | None = None,
    newest_only: bool = False,
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
        _export_root(os.environ) if export_root is None else export_root,
        _state_root(os.environ) if state_root is None else state_root,
        timeout,
        newest_only=newest_only,
    )


def nanoseconds(seconds: float) -> int:
    """``seconds`` as whole nanoseconds, at most 31 years of them.

    Raises:
        ValueError: They are below 0, infinite or no number.

    """
    if not isinstance(seconds, int | float) or not 0 <= seconds < math.inf:
        raise ValueError(f"timeout {seconds!r}: a number of seconds from 0, or None")
    return int(min(seconds, _LONGEST_S) * NANOSECONDS)

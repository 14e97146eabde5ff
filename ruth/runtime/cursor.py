"""Where a runtime is in one subscription's frames: which it was given, and which it lost. It never waits.

It pulls: it reads the agent's record and looks for the frames that were allowed, nothing else. It keeps no
frame, catches nothing up and tells no process; whether an agent or a video server lives, it does not ask.

Which frames it gives (docs/decisions/0034-kept-frames.md): those that the record keeps, in order, as far as
they are still in the export; so all of a burst. If the last one given was overwritten while it was used,
the process is too slow for that, and it gets the newest alone until it has caught up.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ruth.runtime.frame_maker import FrameMaker
from ruth.runtime.problem import problem_of

if TYPE_CHECKING:
    from ruth.agent.last_allowed import LastAllowed
    from ruth.runtime.frame import Frame
    from ruth.runtime.roots import Roots
    from ruth.runtime.watch import SubscriptionRecord


class CameraFrames:
    """One camera's frames for one model, as one process has them. Made by a stream, not by hand.

    Attributes:
        camera_id: The camera.
        model_id: The model.
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
        "_given",
        "_maker",
        "_record",
        "_roots",
        "_seen",
        "_standing",
        "camera_id",
        "dropped",
        "lost",
        "model_id",
        "newest_only",
        "received",
    )

    def __init__(
        self, record: SubscriptionRecord, camera_id: str, model_id: str, roots: Roots, *, newest_only: bool
    ) -> None:
        self._record = record
        self._roots = roots
        self._maker = FrameMaker(roots.export, camera_id, model_id)
        self.camera_id = camera_id
        self.model_id = model_id
        self.received = self.lost = self.dropped = 0
        self.newest_only = newest_only
        self._agent = b""
        self._seen = 0  # frames of the agent that were given, lost or dropped
        self._given = 0  # the number of the frame given last, while there may be more without a wait
        self._behind = False
        self._standing = False
        self._attached_ns = time.monotonic_ns()

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.camera_id!r}, {self.model_id!r}, received={self.received}, "
            f"lost={self.lost}, dropped={self.dropped})"
        )

    @property
    def problem(self) -> str | None:
        """Why no frame comes, in words, as far as can be told from here; None if nothing speaks against it.

        For a human: found out again each time it is asked for, and nothing is decided from it.
        """
        return problem_of(self._roots.state, self._roots.export, self.camera_id, self.model_id)

    def poll(self) -> LastAllowed | None:
        """What the agent last allowed; None if there is no agent's record, or no such model in it."""
        allowed = self._record.poll()
        if allowed is None:
            return None
        if allowed.life != self._agent:
            self._start_agent(allowed)
        if not allowed.export_version:
            self._maker.release()  # the agent has released it: keeping it would keep its memory
        return allowed

    def has_news(self, allowed: LastAllowed) -> bool:
        """Whether there is a frame to look for that was not given, lost or dropped before."""
        return allowed.allowed > self._seen or self._standing

    def take(self, allowed: LastAllowed, *, again: bool = False) -> Frame | None:
        """The next frame, as far as it is still there; the counters are updated here.

        Args:
            allowed: What :meth:`poll` has returned.
            again: Whether a frame that was given out, or looked for, before is wanted as well.

        """
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
        if newest and self.newest_only:
            return allowed.allowed
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
        """Another agent: its numbers start again. Frames allowed before this process came are not lost."""
        self._agent = allowed.life
        before = allowed.started_ns <= self._attached_ns
        self._seen = allowed.allowed if before else 0
        self._given = 0
        self._behind = False
        self._standing = before and allowed.allowed > 0

    def _close(self) -> None:
        """Releases files and mappings."""
        self._record.close()
        self._maker.release()

"""Subscription (SPEC.md, phase 3.2): one model's wish for one camera's frames, and what came of it.

Identity is ``(camera_id, model_id)``. Its bookkeeping is the gate's whole memory; it holds no frame.
"""

from __future__ import annotations

from typing import Final

from ruth.errors import InvalidCapError
from ruth.identity import check_id
from ruth.subscription.gate import INVALID_INTERVAL, NO_FRAME, Decision, decide, interval_ns

_ALLOW: Final = Decision.ALLOW
_SKIP_INTERVAL: Final = Decision.SKIP_INTERVAL
_SKIP_BACKWARDS: Final = Decision.SKIP_BACKWARDS


class Subscription:
    """One subscription and its bookkeeping.

    Args:
        camera_id: The camera.
        model_id: The model.
        max_fps: At most this many frames a second of frame time, a finite number above 0; None for
            every frame.
        active: Whether it wants frames now; if not, every frame is skipped.

    Raises:
        InvalidIdError: One of the ids is none.
        InvalidCapError: ``max_fps`` is not a finite number above 0.

    Attributes:
        allowed: Frames found eligible.
        skipped: Frames found not eligible, for whatever reason.
        last_frame_id: Id last allowed in the present export, or ``NO_FRAME`` (-1).
        last_timestamp_ns: Timestamp last allowed, or None.
        last_decision: What was decided last.

    """

    __slots__ = (
        "_active",
        "_anchor_ns",
        "_interval",
        "_max_fps",
        "_skip_from",
        "_skip_until",
        "allowed",
        "camera_id",
        "last_decision",
        "last_frame_id",
        "last_timestamp_ns",
        "model_id",
        "skipped",
    )

    def __init__(
        self, camera_id: str, model_id: str, max_fps: float | None = None, active: bool = True
    ) -> None:
        self.camera_id = check_id("camera", camera_id)
        self.model_id = check_id("model", model_id)
        self._interval = interval_ns(max_fps)
        if self._interval == INVALID_INTERVAL:
            raise InvalidCapError(max_fps)
        self._max_fps = max_fps
        self._active = active
        self.allowed = 0
        self.skipped = 0
        self.last_frame_id = NO_FRAME
        self.last_timestamp_ns: int | None = None
        self._anchor_ns: int | None = None
        self._skip_from = self._skip_until = 0  # timestamps that are surely too early, while active
        self.last_decision = Decision.NONE

    def __repr__(self) -> str:
        return (
            f"Subscription({self.camera_id!r}, {self.model_id!r}, max_fps={self._max_fps}, "
            f"active={self.active}, allowed={self.allowed}, skipped={self.skipped}, "
            f"last_decision={self.last_decision.name})"
        )

    @property
    def max_fps(self) -> float | None:
        """The cap, as it was given; fixed for the life of the subscription."""
        return self._max_fps

    @property
    def active(self) -> bool:
        """Whether it wants frames now; may be changed at any time."""
        return self._active

    @active.setter
    def active(self, active: bool) -> None:
        self._active = active
        self.anchor_ns = self._anchor_ns

    @property
    def anchor_ns(self) -> int | None:
        """What the interval is counted from (:func:`ruth.subscription.gate.decide`), or None."""
        return self._anchor_ns

    @anchor_ns.setter
    def anchor_ns(self, anchor_ns: int | None) -> None:
        self._anchor_ns = anchor_ns
        self._skip_from = self._skip_until = 0
        if anchor_ns is not None and self._interval is not None and self._active:
            self._skip_from, self._skip_until = anchor_ns, anchor_ns + self._interval

    def judge(self, frame_id: int, timestamp_ns: int) -> Decision:
        """Decides about one frame, and keeps the books.

        Args:
            frame_id: The frame's id, 0 to 2^64 - 1.
            timestamp_ns: Its timestamp, 0 to 2^64 - 1.

        """
        # The two commonest answers of decide(), without the call, which costs more than they do. That they
        # are its answers is tested (tests/unit/ruth/subscription).
        if self._skip_from <= timestamp_ns < self._skip_until and frame_id > self.last_frame_id:
            self.skipped += 1
            self.last_decision = _SKIP_INTERVAL
            return _SKIP_INTERVAL
        if self._interval is None and self._active and frame_id > self.last_frame_id:
            self.allowed += 1
            self.last_decision = _ALLOW
            self.last_frame_id = frame_id
            self.last_timestamp_ns = self._anchor_ns = timestamp_ns
            return _ALLOW
        decision = decide(
            frame_id,
            timestamp_ns,
            self.last_frame_id,
            self._anchor_ns,
            self._interval,
            self._active,
            self.last_timestamp_ns,
        )
        self.last_decision = decision
        if decision is _ALLOW:
            self.allowed += 1
            self.last_frame_id = frame_id
            self.last_timestamp_ns = self.anchor_ns = timestamp_ns
        else:
            self.skipped += 1
            if decision is _SKIP_BACKWARDS:
                self.anchor_ns = timestamp_ns
        return decision

    def skip(self, reason: Decision) -> None:
        """Books a frame that the gate was not asked about: a stopped agent, a fault."""
        self.last_decision = reason
        self.skipped += 1

    def begin_export(self) -> None:
        """Another export has begun: its ids start anew. The anchor stays, so that the cap holds across."""
        self.last_frame_id = NO_FRAME

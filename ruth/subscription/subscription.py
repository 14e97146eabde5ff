"""Subscription (docs/specification.md, phase 3.2): one model's request for one camera, and its counters.

Identity is ``(camera_id, model_id)``. Its counters, last dispatched frame and anchor are the gate's whole
memory; it holds no frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from ruth.errors import InvalidCapError
from ruth.identity import check_id
from ruth.subscription.gate import INVALID_INTERVAL, NO_FRAME, Decision, decide, interval_ns

if TYPE_CHECKING:
    from collections.abc import Iterable

_ALLOW: Final = Decision.ALLOW
_SKIP_BACKWARDS: Final = Decision.SKIP_BACKWARDS
_UINT64_MAX: Final = 2**64 - 1


class ShortForm(NamedTuple):
    """What the gate's table comes to for the next frames of one subscription, as values to be followed.

    It stands for these rows of the table (:mod:`ruth.subscription.gate`), and for no other: not active; there
    is no cap; nothing was dispatched before; the interval has passed since the anchor; else (too early).
    It may be applied to any number of frames, one after the other, each with an id above the one before it:

    * a timestamp below ``from_ns``: the table must be asked, and this form is void;
    * less than ``wait_ns`` after ``from_ns``: the decision is ``early``;
    * else it is ``due``;
    * and if that was ALLOW and ``interval`` is not None, ``from_ns`` becomes the frame's timestamp and
      ``wait_ns`` the interval.

    All numbers fit 64 bits without a sign.
    """

    from_ns: int
    wait_ns: int
    early: Decision
    due: Decision
    interval: int | None


_EVERY_FRAME: Final = ShortForm(0, 0, _ALLOW, _ALLOW, None)
_INACTIVE: Final = ShortForm(0, 0, Decision.SKIP_INACTIVE, Decision.SKIP_INACTIVE, None)


class SubscriptionState(NamedTuple):
    """What a subscription has come to; fields as the attributes of :class:`Subscription`."""

    allowed: int
    skipped: int
    last_frame_id: int
    last_timestamp_ns: int | None
    last_decision: Decision


class Subscription:
    """One subscription, its counters and the gate's memory.

    Args:
        camera_id: The camera.
        model_id: The model.
        max_fps: At most this many frames per second of frame time, a finite number above 0; None for
            every frame.
        active: Whether it takes frames now; if not, every frame is skipped.

    Raises:
        InvalidIdError: One of the ids is not valid.
        InvalidCapError: ``max_fps`` is not a finite number above 0.

    Attributes:
        active: Whether it takes frames now; may be changed at any time.
        allowed: Frames found eligible.
        skipped: Frames found not eligible, for whatever reason.
        last_frame_id: Id last allowed in the present export, or ``NO_FRAME`` (-1).
        last_timestamp_ns: Timestamp last allowed, or None.
        anchor_ns: What the interval is counted from (:func:`ruth.subscription.gate.decide`), or None.
        last_decision: What was decided last.
        interval: The least distance of two eligible frames, in nanoseconds; None without a cap.

    """

    __slots__ = (
        "_max_fps",
        "active",
        "allowed",
        "anchor_ns",
        "camera_id",
        "interval",
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
        self.interval = interval_ns(max_fps)
        if self.interval == INVALID_INTERVAL:
            raise InvalidCapError(max_fps)
        self._max_fps = max_fps
        self.active = active
        self.allowed = 0
        self.skipped = 0
        self.last_frame_id = NO_FRAME
        self.last_timestamp_ns: int | None = None
        self.anchor_ns: int | None = None
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

    def judge(self, frame_id: int, timestamp_ns: int) -> Decision:
        """Decides about one frame, and updates the counters and the gate's memory.

        Args:
            frame_id: The frame's id, 0 to 2^64 - 1.
            timestamp_ns: Its timestamp, 0 to 2^64 - 1.

        """
        decision = decide(
            frame_id, timestamp_ns, self.last_frame_id, self.anchor_ns, self.interval, self.active
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

    def short_form(self) -> ShortForm | None:
        """What may be decided elsewhere, from now on; None where the table must be asked for each frame."""
        interval = self.interval
        if not self.active:
            return _INACTIVE
        if interval is None:
            return _EVERY_FRAME
        if not 0 <= interval <= _UINT64_MAX:  # an invalid cap, or one that 64 bits do not hold
            return None
        if self.anchor_ns is None:
            return ShortForm(0, 0, Decision.SKIP_INTERVAL, _ALLOW, interval)
        return ShortForm(self.anchor_ns, interval, Decision.SKIP_INTERVAL, _ALLOW, interval)

    def state(self) -> SubscriptionState:
        """What it has come to."""
        return SubscriptionState(
            self.allowed, self.skipped, self.last_frame_id, self.last_timestamp_ns, self.last_decision
        )

    def adopt(self, state: SubscriptionState) -> None:
        """Goes on from what it has come to elsewhere, by its :meth:`short_form`."""
        if state.allowed != self.allowed:
            self.anchor_ns = state.last_timestamp_ns
        self.allowed, self.skipped, self.last_frame_id, self.last_timestamp_ns, self.last_decision = state

    def skip(self, reason: Decision) -> None:
        """Counts a frame that the gate was not asked about: a stopped agent, a fault."""
        self.last_decision = reason
        self.skipped += 1

    def start_export(self) -> None:
        """Another export has begun: its ids start again. The anchor stays, so that the cap holds across."""
        self.last_frame_id = NO_FRAME


def judge_each(subscriptions: Iterable[Subscription], frame_id: int, timestamp_ns: int) -> None:
    """Each subscription's :meth:`Subscription.judge` of one frame; SKIP_FAULT where that raised.

    A subscription fails alone: what one of them raises never reaches the others (docs/specification.md,
    "Failure rules").

    Args:
        subscriptions: Whose; any number.
        frame_id: The frame's id, 0 to 2^64 - 1.
        timestamp_ns: Its timestamp, 0 to 2^64 - 1.

    """
    for subscription in subscriptions:
        try:
            subscription.judge(frame_id, timestamp_ns)
        except Exception:  # noqa: BLE001 - docs/specification.md, "Failure rules": a subscription fails alone
            subscription.skip(Decision.SKIP_FAULT)

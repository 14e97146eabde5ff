"""Subscription (SPEC.md, phase 3.2): one model's wish for one camera's frames, and what came of it.

Identity is ``(camera_id, model_id)``. Its bookkeeping is the gate's whole memory; it holds no frame.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ruth.errors import InvalidCapError
from ruth.identity import check_id
from ruth.subscription.gate import INVALID_INTERVAL, NO_FRAME, Decision, decide, interval_ns

if TYPE_CHECKING:
    from collections.abc import Iterable

_ALLOW: Final = Decision.ALLOW
_SKIP_INTERVAL: Final = Decision.SKIP_INTERVAL
_SKIP_BACKWARDS: Final = Decision.SKIP_BACKWARDS
_NEVER: Final = 1 << 64  # after every timestamp


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
        interval: The least distance of two eligible frames, in nanoseconds; None without a cap.
        steady_from: While it is steady, the timestamp from which on a frame is too early before
            ``steady_until`` and eligible after; else 2^64, which no timestamp reaches. Steady: active,
            something dispatched, and no time run backwards since; the gate's table has two rows left then.
        steady_until: As above.

    """

    __slots__ = (
        "_active",
        "_backwards_ns",
        "_max_fps",
        "allowed",
        "camera_id",
        "interval",
        "last_decision",
        "last_frame_id",
        "last_timestamp_ns",
        "model_id",
        "skipped",
        "steady_from",
        "steady_until",
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
        self._active = active
        self.allowed = 0
        self.skipped = 0
        self.last_frame_id = NO_FRAME
        self.last_timestamp_ns: int | None = None
        self._backwards_ns: int | None = None  # the time that ran backwards since the last dispatch
        self.steady_from = self.steady_until = _NEVER
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
        self._settle()

    @property
    def anchor_ns(self) -> int | None:
        """What the interval is counted from (:func:`ruth.subscription.gate.decide`), or None."""
        return self.last_timestamp_ns if self._backwards_ns is None else self._backwards_ns

    def judge(self, frame_id: int, timestamp_ns: int) -> Decision:
        """Decides about one frame, and keeps the books.

        Args:
            frame_id: The frame's id, 0 to 2^64 - 1.
            timestamp_ns: Its timestamp, 0 to 2^64 - 1.

        """
        decision = decide(
            frame_id,
            timestamp_ns,
            self.last_frame_id,
            self.anchor_ns,
            self.interval,
            self._active,
            self.last_timestamp_ns,
        )
        self.last_decision = decision
        if decision is _ALLOW:
            self.allowed += 1
            self.last_frame_id = frame_id
            self.last_timestamp_ns = timestamp_ns
            self._backwards_ns = None
            self._settle()
        else:
            self.skipped += 1
            if decision is _SKIP_BACKWARDS:
                self._backwards_ns = timestamp_ns
                self._settle()
        return decision

    @property
    def steady(self) -> bool:
        """Whether a later frame can only be eligible or too early (``steady_from``)."""
        return self.steady_from != _NEVER

    def book_allowed(self, allowed: int, last_frame_id: int, last_timestamp_ns: int) -> None:
        """Books what was found eligible elsewhere while it was steady (docs/decisions/0015).

        Args:
            allowed: Frames found eligible by now, all told.
            last_frame_id: Id of the last of them.
            last_timestamp_ns: Its timestamp.

        """
        self.allowed = allowed
        self.last_frame_id = last_frame_id
        self.last_timestamp_ns = last_timestamp_ns
        self._settle()

    def skip(self, reason: Decision) -> None:
        """Books a frame that the gate was not asked about: a stopped agent, a fault."""
        self.last_decision = reason
        self.skipped += 1

    def begin_export(self) -> None:
        """Another export has begun: its ids start anew. The anchor stays, so that the cap holds across."""
        self.last_frame_id = NO_FRAME

    def _settle(self) -> None:
        """Finds out whether it is steady."""
        last = self.last_timestamp_ns
        self.steady_from = self.steady_until = _NEVER
        if self._active and last is not None and self._backwards_ns is None:
            if self.interval is None:
                self.steady_from = self.steady_until = 0  # every frame is eligible
            else:
                self.steady_from, self.steady_until = last, last + self.interval


def judge_each(subscriptions: Iterable[Subscription], frame_id: int, timestamp_ns: int) -> None:
    """Each subscription's :meth:`Subscription.judge` of one frame; SKIP_FAULT where that raised.

    A subscription fails alone: what one of them raises never reaches the others (SPEC.md, "Failure rules").

    Args:
        subscriptions: Whose; any number.
        frame_id: The frame's id, 0 to 2^64 - 1.
        timestamp_ns: Its timestamp, 0 to 2^64 - 1.

    """
    for subscription in subscriptions:
        try:
            # A steady subscription needs no more than this; a call of judge() would cost more than all of it.
            # That answers and books are judge()'s is tested (tests/unit/ruth/subscription).
            if timestamp_ns >= subscription.steady_from and frame_id > subscription.last_frame_id:
                if timestamp_ns < subscription.steady_until:
                    subscription.skipped += 1
                    subscription.last_decision = _SKIP_INTERVAL
                else:
                    subscription.allowed += 1
                    subscription.last_decision = _ALLOW
                    subscription.last_frame_id = frame_id
                    subscription.last_timestamp_ns = timestamp_ns
                    interval = subscription.interval
                    if interval is not None:
                        subscription.steady_from = timestamp_ns
                        subscription.steady_until = timestamp_ns + interval
            else:
                subscription.judge(frame_id, timestamp_ns)
        except Exception:  # noqa: BLE001 - SPEC.md, "Failure rules": a subscription fails alone
            subscription.skip(Decision.SKIP_FAULT)

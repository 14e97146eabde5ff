"""Stream Agent (docs/specification.md, phases 3.1 and 3.4): one camera, its subscriptions, and nothing else.

A logical entity, pure state: CREATED -> RUNNING -> STOPPED. ``stream_agent_id == camera_id``. It must not
know where frames lie, what time it is, or which process hosts it. It holds no frame, only the id and the
timestamp of the last one it was shown.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from ruth.errors import AgentStateError, SubscriptionError
from ruth.identity import check_id
from ruth.subscription.gate import NO_FRAME, Decision
from ruth.subscription.subscription import judge_each

if TYPE_CHECKING:
    from ruth.subscription.subscription import Subscription


class AgentState(Enum):
    """Where an agent is in its life. There is no way back."""

    CREATED = "created"
    RUNNING = "running"
    STOPPED = "stopped"


_RUNNING: Final = AgentState.RUNNING


class StreamAgent:
    """The agent of one camera.

    Args:
        camera_id: The camera; the agent's own id as well.

    Raises:
        InvalidIdError: ``camera_id`` is not a valid id.

    Attributes:
        state: CREATED, RUNNING or STOPPED.
        subscriptions: In the order in which they came, at most one per model.
        frames: Frames observed.
        frames_in_session: Those of the present export.
        missed: Frames that the export had and this agent never saw, by the gaps between their ids.
        frame_id: Id of the newest frame observed in the present export, or ``NO_FRAME`` (-1).
        timestamp_ns: Its timestamp, or 0.

    """

    __slots__ = (
        "camera_id",
        "frame_id",
        "frames",
        "frames_in_session",
        "missed",
        "state",
        "subscriptions",
        "timestamp_ns",
    )

    def __init__(self, camera_id: str) -> None:
        self.camera_id = check_id("camera", camera_id)
        self.state = AgentState.CREATED
        self.subscriptions: tuple[Subscription, ...] = ()
        self.frames = self.frames_in_session = 0
        self.missed = 0
        self.frame_id = NO_FRAME
        self.timestamp_ns = 0

    def __repr__(self) -> str:
        models = ", ".join(subscription.model_id for subscription in self.subscriptions)
        return f"StreamAgent({self.camera_id!r}, {self.state.value}, models=[{models}])"

    @property
    def stream_agent_id(self) -> str:
        """The same as ``camera_id``, always (docs/specification.md, phase 3.1)."""
        return self.camera_id

    def start(self) -> None:
        """CREATED -> RUNNING. Raises AgentStateError from any other state, and changes nothing."""
        self._move(AgentState.CREATED, AgentState.RUNNING, "start")

    def stop(self) -> None:
        """RUNNING -> STOPPED. Raises AgentStateError from any other state, and changes nothing."""
        self._move(AgentState.RUNNING, AgentState.STOPPED, "stop")

    def subscribe(self, subscription: Subscription) -> None:
        """Adds a subscription of this camera.

        Raises:
            AgentStateError: The agent is stopped.
            SubscriptionError: It is another camera's, or the model has one already.

        """
        if self.state is AgentState.STOPPED:
            raise AgentStateError(self.camera_id, self.state.value, "take a subscription")
        if subscription.camera_id != self.camera_id:
            raise SubscriptionError(
                subscription.camera_id,
                subscription.model_id,
                f"is not of camera {self.camera_id!r}",
            )
        if self.subscription(subscription.model_id) is not None:
            raise SubscriptionError(self.camera_id, subscription.model_id, "exists already")
        self.subscriptions = (*self.subscriptions, subscription)

    def unsubscribe(self, model_id: str) -> None:
        """Removes one model's subscription. Raises SubscriptionError if it has none."""
        gone = self.subscription(model_id)
        if gone is None:
            raise SubscriptionError(self.camera_id, model_id, "does not exist")
        self.subscriptions = tuple(kept for kept in self.subscriptions if kept is not gone)

    def subscription(self, model_id: str) -> Subscription | None:
        """The subscription of one model, or None."""
        for subscription in self.subscriptions:
            if subscription.model_id == model_id:
                return subscription
        return None

    def start_export(self) -> None:
        """Another export of this camera has begun: frame ids start again, nothing else changes."""
        self.frame_id = NO_FRAME
        self.frames_in_session = 0
        for subscription in self.subscriptions:
            subscription.start_export()

    def observe(self, frame_id: int, timestamp_ns: int) -> bool:
        """Decides about one frame for each subscription, each alone.

        Args:
            frame_id: The frame's id, 0 to 2^64 - 1.
            timestamp_ns: Its timestamp, 0 to 2^64 - 1.

        Returns:
            Whether the frame was looked at. An id already decided within this export is not.

        """
        previous = self.frame_id
        if frame_id - previous != 1:
            if frame_id <= previous:
                return False
            if previous != NO_FRAME:
                self.missed += frame_id - previous - 1
        self.frame_id = frame_id
        self.timestamp_ns = timestamp_ns
        self.frames += 1
        self.frames_in_session += 1
        if self.state is _RUNNING:
            judge_each(self.subscriptions, frame_id, timestamp_ns)
        else:
            for subscription in self.subscriptions:
                subscription.skip(Decision.SKIP_STOPPED)
        return True

    def _move(self, expected: AgentState, reached: AgentState, wanted: str) -> None:
        if self.state is not expected:
            raise AgentStateError(self.camera_id, self.state.value, wanted)
        self.state = reached

"""Ruth AI Core (docs/specification.md, phases 3.1 and 3.2): which agent exists for which camera and model.

An agent exists from a camera's first subscription to its last, and there is exactly one for a camera. Who
runs it, and whether one does, is not known here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ruth.agent.agent import AgentState, StreamAgent
from ruth.errors import SubscriptionError
from ruth.subscription.subscription import Subscription

if TYPE_CHECKING:
    from collections.abc import Iterator


class RuthCore:
    """The agents of one host, by camera."""

    __slots__ = ("_agents",)

    def __init__(self) -> None:
        self._agents: dict[str, StreamAgent] = {}

    def __repr__(self) -> str:
        return f"RuthCore({len(self._agents)} agents)"

    def __iter__(self) -> Iterator[StreamAgent]:
        """The agents, in the order in which their cameras came."""
        return iter(tuple(self._agents.values()))

    def __len__(self) -> int:
        return len(self._agents)

    def agent(self, camera_id: str) -> StreamAgent | None:
        """The agent of one camera, or None if it has no subscription."""
        return self._agents.get(camera_id)

    def subscribe(
        self, camera_id: str, model_id: str, max_fps: float | None = None, active: bool = True
    ) -> Subscription:
        """Subscribes a model to a camera; the first one of a camera creates its agent.

        Args:
            camera_id: The camera.
            model_id: The model.
            max_fps: A finite number above 0, or None for every frame.
            active: Whether it is active: frames are decided for it.

        Raises:
            InvalidIdError: One of the ids is not valid.
            InvalidCapError: ``max_fps`` is not a finite number above 0.
            SubscriptionError: The model is subscribed to the camera already.
            AgentStateError: The camera's agent is stopped.

        """
        subscription = Subscription(camera_id, model_id, max_fps, active)
        agent = self._agents.get(camera_id)
        if agent is None:
            agent = StreamAgent(camera_id)
        agent.subscribe(subscription)
        self._agents[camera_id] = agent  # only now: a refused subscription creates no agent
        return subscription

    def unsubscribe(self, camera_id: str, model_id: str) -> None:
        """Ends one subscription; the last one of a camera ends its agent.

        Raises:
            SubscriptionError: The model is not subscribed to the camera.

        """
        agent = self._agents.get(camera_id)
        if agent is None:
            raise SubscriptionError(camera_id, model_id, "does not exist")
        agent.unsubscribe(model_id)
        if not agent.subscriptions:
            if agent.state is AgentState.RUNNING:
                agent.stop()
            del self._agents[camera_id]

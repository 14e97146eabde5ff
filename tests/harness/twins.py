"""Two agents of one camera in tests, with what is compiled and without, that must come to the same."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Generic, Protocol, Self, TypeVar

from conftest import Roots, open_roots
from doubles.stepped_agent import CAMERA, AgentInC, SteppedAgent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.compiled_steps import StepLibrary
    from ruth.subscription.subscription import Subscription

MS = 1_000_000
CAPS: dict[str, float | None] = {"person": 5, "plate": 2.5, "count": 12.5, "audit": None}
# Around the intervals of these caps, to either side.
STEPS = [
    sign * (step * MS + by) for sign in (1, 1, 1, -1) for step in (0, 40, 80, 200, 400) for by in (-1, 0, 1)
]


class Frames(Protocol):
    """An export written by hand."""

    def frame(self, step_ns: int, ids: int = 1) -> None:
        """One more frame, so much later, with an id so much higher."""


Export = TypeVar("Export", bound=Frames)


class Twins(Generic[Export]):
    """Both agents, after their first step.

    Args:
        library: What the one has.
        export: Makes what they look at.
        caps: Of their models.
        inactive: A model that takes no frames.
        before: Done to the export before they look.

    Attributes:
        camera: The export that both look at.
        plain: The agent in Python.
        compiled: The agent in C.

    """

    def __init__(
        self,
        library: StepLibrary,
        export: Callable[[Path], Export],
        caps: dict[str, float | None] = CAPS,
        inactive: str = "",
        before: Callable[[Export], None] = lambda _: None,
    ) -> None:
        self._stack = ExitStack()
        roots = self._stack.enter_context(open_roots())
        other = Roots(roots.export, roots.state.with_name("other"))
        self.camera = export(roots.export / CAMERA)
        before(self.camera)
        self.plain = self._stack.enter_context(SteppedAgent(other, caps))
        self.compiled = self._stack.enter_context(AgentInC(library, roots, caps))
        for agent in (self.plain.agent, self.compiled.agent):
            for subscription in agent.subscriptions:
                subscription.active = subscription.model_id != inactive
        self.step()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def step(self) -> bool:
        """Lets both step, compares all that they know, and says whether they observed a frame."""
        observed = self.plain.step()
        assert self.compiled.step() == observed
        assert self.compiled.record == self.plain.record
        assert self.compiled.source.taken == self.plain.source.taken
        one, other = self.compiled.agent, self.plain.agent
        for name in ("frame_id", "timestamp_ns", "frames", "frames_in_session", "missed"):
            assert getattr(one, name) == getattr(other, name), name
        for mine, its in zip(one.subscriptions, other.subscriptions, strict=True):
            assert memory(mine) == memory(its)
        return observed

    def frame(self, step_ns: int = 40 * MS, ids: int = 1) -> bool:
        """One more frame, and a step."""
        self.camera.frame(step_ns, ids)
        return self.step()


def memory(subscription: Subscription) -> tuple[object, ...]:
    """All that a subscription keeps."""
    return tuple(getattr(subscription, name) for name in type(subscription).__slots__)


def taken(twins: Twins[Export], frames: int = 1, step_ns: int = 40 * MS) -> int:
    """How many of so many further frames were taken in C."""
    before = twins.compiled.taken
    for _ in range(frames):
        twins.frame(step_ns)
    return twins.compiled.taken - before

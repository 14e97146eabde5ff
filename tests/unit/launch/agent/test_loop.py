"""One step of an agent, and where it goes on from when it was elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from conftest import Roots
from doubles.stepped_agent import CAMERA, SteppedAgent, publish
from harness.published import exporter_of
from launch.agent.handover import Handover, short_forms
from ruth.agent.agent import StreamAgent
from ruth.export.outcome import NO_RECORD, Taken
from ruth.subscription.gate import NO_FRAME, Decision
from ruth.subscription.subscription import Subscription

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ruth.vas.exporter import FrameExporter

CAPS: dict[str, float | None] = {"person": 5, "audit": None}


@pytest.fixture
def exporter(roots: Roots) -> Iterator[FrameExporter]:
    """Of the camera."""
    made = exporter_of(roots, CAMERA)
    yield made
    made.close()


def other(roots: Roots) -> Roots:
    """The same exports, and states elsewhere."""
    return Roots(roots.export, roots.state.with_name("other"))


def test_a_step_never_waits(roots: Roots, exporter: FrameExporter) -> None:
    """Whether there is no export, nothing new, or a frame: a thousand steps are taken in no time."""
    with SteppedAgent(roots) as agent:
        began = time.process_time(), time.monotonic()
        for _ in range(1000):
            agent.step()
        exporter.close()
        for _ in range(1000):
            agent.step()
        spent, passed = time.process_time() - began[0], time.monotonic() - began[1]
        assert passed < 10 * spent + 5


def test_a_burst_is_one_step(roots: Roots, exporter: FrameExporter) -> None:
    """All frames that the ring holds are decided on, each by its own id and time."""
    with SteppedAgent(roots, CAPS) as agent:
        publish(exporter, agent)
        publish(exporter, frames=4)
        assert agent.step()
        assert (agent.agent.frames, agent.agent.missed) == (5, 0)
        person = agent.agent.subscription("person")
        assert person is not None
        assert (person.allowed, person.skipped) == (1, 4)
        assert not agent.step()


def test_what_is_handed_over_is_adopted_whole(roots: Roots, exporter: FrameExporter) -> None:
    """An agent that adopts it goes on as the one that handed it over would have, and takes no frame twice."""
    with SteppedAgent(roots, CAPS) as one, SteppedAgent(other(roots), CAPS) as second:
        for _ in range(7):
            publish(exporter, one)
        handover = one.loop.release()
        second.loop.adopt(handover)
        assert second.loop.release() == handover
        for _ in range(7):
            publish(exporter)
            assert one.step()
            assert second.step()
            assert second.loop.release() == one.loop.release()


def test_nothing_is_open_of_an_export_that_was_handed_over(roots: Roots, exporter: FrameExporter) -> None:
    """The loop that adopts it opens what is in place then."""
    with SteppedAgent(roots) as agent:
        publish(exporter, agent)
        assert agent.source.ring is not None
        agent.loop.release()
        assert agent.source.ring is None


def test_a_new_agent_has_met_nothing(roots: Roots) -> None:
    """What it passes on is empty."""
    with SteppedAgent(roots, {}) as agent:
        assert agent.loop.release() == Handover(0, 0, Taken(), NO_FRAME, 0, 0, 0, 0, ())
        assert Taken().ring_record == Taken().renamed_record == NO_RECORD


def test_short_forms_are_of_all_subscriptions_or_of_none() -> None:
    """An agent goes to C whole: if one of its subscriptions must be asked for each frame, all are."""
    agent = StreamAgent(CAMERA)
    for model_id, cap in CAPS.items():
        agent.subscribe(Subscription(CAMERA, model_id, cap))
    forms = short_forms(agent)
    assert forms is not None
    assert [form.due for form in forms] == [Decision.ALLOW] * 2
    agent.subscribe(Subscription(CAMERA, "slow", 1e-300))
    assert short_forms(agent) is None

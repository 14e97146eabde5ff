from __future__ import annotations

import math

import pytest

from ruth.agent.agent import AgentState, StreamAgent
from ruth.core import RuthCore
from ruth.errors import AgentStateError, InvalidCapError, InvalidIdError, RuthError, SubscriptionError


def known(core: RuthCore) -> dict[str, list[str]]:
    """Which agent exists for which camera, and for which models."""
    return {agent.camera_id: [one.model_id for one in agent.subscriptions] for agent in core}


def test_a_new_core_knows_no_agent() -> None:
    """Without subscriptions there are no agents."""
    core = RuthCore()
    assert len(core) == 0
    assert core.agent("front-door") is None


def test_the_first_subscription_creates_the_agent() -> None:
    """A camera's first subscription creates its agent, in state CREATED, with the camera's id."""
    core = RuthCore()
    core.subscribe("front-door", "person", 5)
    agent = core.agent("front-door")
    assert agent is not None
    assert (agent.stream_agent_id, agent.state) == ("front-door", AgentState.CREATED)


def test_a_camera_has_exactly_one_agent() -> None:
    """A camera's further subscriptions go to the agent that it has."""
    core = RuthCore()
    core.subscribe("front-door", "person")
    first = core.agent("front-door")
    core.subscribe("front-door", "plate")
    assert core.agent("front-door") is first
    assert len(core) == 1


def test_cameras_and_models_keep_their_order() -> None:
    """Agents stand in the order in which their cameras came, subscriptions in theirs."""
    core = RuthCore()
    for camera_id, model_id in [("z", "b"), ("a", "x"), ("z", "a"), ("m", "x")]:
        core.subscribe(camera_id, model_id)
    assert known(core) == {"z": ["b", "a"], "a": ["x"], "m": ["x"]}
    assert list(known(core)) == ["z", "a", "m"]


def test_a_subscription_is_as_it_was_asked_for() -> None:
    """Subscribing gives the subscription that the agent holds, with its cap and its switch."""
    core = RuthCore()
    subscription = core.subscribe("front-door", "person", 2.5, active=False)
    agent = core.agent("front-door")
    assert agent is not None
    assert agent.subscription("person") is subscription
    assert (subscription.max_fps, subscription.active) == (2.5, False)


def test_a_subscription_is_active_and_without_a_cap_by_default() -> None:
    """Subscribing without more asks for every frame, now."""
    subscription = RuthCore().subscribe("front-door", "audit")
    assert (subscription.max_fps, subscription.active) == (None, True)


def test_a_model_may_subscribe_to_many_cameras() -> None:
    """The identity is (camera_id, model_id): one model on two cameras is two subscriptions."""
    core = RuthCore()
    assert core.subscribe("a", "person") is not core.subscribe("b", "person")


@pytest.mark.parametrize(
    ("camera_id", "model_id", "max_fps", "error"),
    [
        ("..", "person", None, InvalidIdError),
        ("yard", "a/b", None, InvalidIdError),
        ("yard", "person", 0, InvalidCapError),
        ("yard", "person", math.nan, InvalidCapError),
        ("front-door", "person", 5, SubscriptionError),
        ("front-door", "plate", -1, InvalidCapError),
    ],
    ids=["camera id", "model id", "zero cap", "no number", "second of a model", "negative cap"],
)
def test_a_refused_subscription_changes_nothing(
    camera_id: str, model_id: str, max_fps: float | None, error: type[RuthError]
) -> None:
    """A refused subscription raises, creates no agent and changes none."""
    core = RuthCore()
    core.subscribe("front-door", "person", 5)
    with pytest.raises(error):
        core.subscribe(camera_id, model_id, max_fps)
    assert known(core) == {"front-door": ["person"]}


def test_a_stopped_agent_takes_no_subscription() -> None:
    """A stopped agent refuses a new subscription and is not replaced by another agent."""
    core = RuthCore()
    core.subscribe("front-door", "person")
    agent = core.agent("front-door")
    assert agent is not None
    agent.start()
    agent.stop()
    with pytest.raises(AgentStateError):
        core.subscribe("front-door", "plate")
    assert core.agent("front-door") is agent


def test_an_agent_outlives_all_but_its_last_subscription() -> None:
    """Ending one of several subscriptions leaves the agent and the others as they are."""
    core = RuthCore()
    for model_id in ("person", "plate"):
        core.subscribe("front-door", model_id)
    agent = core.agent("front-door")
    core.unsubscribe("front-door", "person")
    assert core.agent("front-door") is agent
    assert known(core) == {"front-door": ["plate"]}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (AgentState.CREATED, AgentState.CREATED),
        (AgentState.RUNNING, AgentState.STOPPED),
        (AgentState.STOPPED, AgentState.STOPPED),
    ],
    ids=lambda state: state.value,
)
def test_the_last_subscription_ends_the_agent(before: AgentState, after: AgentState) -> None:
    """With its last subscription an agent is gone, in whatever state it is; one that ran is stopped."""
    core = RuthCore()
    core.subscribe("front-door", "person")
    core.subscribe("yard", "person")
    agent = core.agent("front-door")
    assert agent is not None
    if before is not AgentState.CREATED:
        agent.start()
    if before is AgentState.STOPPED:
        agent.stop()
    core.unsubscribe("front-door", "person")
    assert agent.state is after
    assert known(core) == {"yard": ["person"]}


def test_a_camera_that_comes_back_has_a_new_agent() -> None:
    """After its last subscription a camera's next one creates another agent, which remembers nothing."""
    core = RuthCore()
    core.subscribe("front-door", "person")
    gone = core.agent("front-door")
    assert gone is not None
    gone.start()
    gone.observe(7, 7)
    core.unsubscribe("front-door", "person")
    core.subscribe("front-door", "person")
    agent = core.agent("front-door")
    assert agent is not None
    assert agent is not gone
    assert (agent.state, agent.frames) == (AgentState.CREATED, 0)


@pytest.mark.parametrize(
    ("camera_id", "model_id"), [("yard", "person"), ("front-door", "plate"), ("..", "x")]
)
def test_what_does_not_exist_cannot_be_ended(camera_id: str, model_id: str) -> None:
    """Ending a subscription that does not exist is refused, names it, and changes nothing."""
    core = RuthCore()
    core.subscribe("front-door", "person")
    with pytest.raises(SubscriptionError) as raised:
        core.unsubscribe(camera_id, model_id)
    assert (raised.value.camera_id, raised.value.model_id) == (camera_id, model_id)
    assert known(core) == {"front-door": ["person"]}


def test_cores_share_nothing() -> None:
    """Two cores, like two hosts, know nothing of each other."""
    one, other = RuthCore(), RuthCore()
    one.subscribe("front-door", "person")
    assert known(other) == {}


def test_agents_of_different_cameras_share_nothing() -> None:
    """What one camera's agent sees changes nothing about another's."""
    core = RuthCore()
    core.subscribe("a", "person", 5)
    core.subscribe("b", "person", 5)
    one, other = core
    one.start()
    one.observe(7, 7)
    assert (other.state, other.frames, other.subscriptions[0].skipped) == (AgentState.CREATED, 0, 0)


def test_agents_may_change_while_they_are_walked() -> None:
    """Walking over the agents goes on undisturbed while subscriptions come and go."""
    core = RuthCore()
    for camera_id in "abc":
        core.subscribe(camera_id, "person")
    walked: list[StreamAgent] = []
    for agent in core:
        core.unsubscribe(agent.camera_id, "person")
        walked.append(agent)
    assert [agent.camera_id for agent in walked] == ["a", "b", "c"]
    assert len(core) == 0


def test_a_core_says_how_many_it_knows() -> None:
    """The representation names the number of agents."""
    core = RuthCore()
    core.subscribe("front-door", "person")
    assert repr(core) == "RuthCore(1 agents)"

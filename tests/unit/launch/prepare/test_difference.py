from __future__ import annotations

import pytest

from launch.observe.liveness import Sighting
from launch.prepare.config.plan import CameraPlan, HostPlan, ModelPlan
from launch.prepare.difference import Difference, DifferenceKind, compare, model_differences, sentences
from ruth.agent.agent import StreamAgent
from ruth.agent.state import STATE_SIZE, parse_state
from ruth.agent.state_writer import AgentIdentity, StateWriter
from ruth.subscription.subscription import Subscription

NUMBER, LAUNCHER = 0xC0, 77
PERSON, PLATE = ModelPlan("person", 5), ModelPlan("plate", 2.5, active=False)


def live(camera: str, *models: ModelPlan, number: int = NUMBER) -> Sighting:
    """A camera with a live agent that has these models."""
    agent = StreamAgent(camera)
    for model in models:
        agent.subscribe(Subscription(camera, model.model_id, model.max_fps, active=model.active))
    memory = memoryview(bytearray(STATE_SIZE))
    StateWriter(agent, number).initialise(memory, AgentIdentity(2, 3, 4, LAUNCHER))
    return Sighting(camera, claimed=True, alive=True, record=parse_state(bytes(memory)), process=None)


def dead(camera: str, *, claimed: bool = True) -> Sighting:
    """A camera without a live agent."""
    return Sighting(camera, claimed=claimed, alive=False, record=None, process=None)


def found(
    plan: dict[str, tuple[ModelPlan, ...]], *seen: Sighting, version: str | None = None
) -> list[Difference]:
    """What differs."""
    host = HostPlan(tuple(CameraPlan(camera, models) for camera, models in plan.items()))
    return (
        compare(host, seen, NUMBER, "f.toml")
        if version is None
        else compare(host, seen, NUMBER, "f.toml", version)
    )


@pytest.mark.parametrize(
    ("runs", "file", "phrases"),
    [
        ([PERSON, PLATE], [PLATE, PERSON], []),
        ([PERSON], [ModelPlan("person", 8)], ["person 5, file 8"]),
        ([PERSON], [ModelPlan("person")], ["person 5, file every frame"]),
        ([ModelPlan("person")], [ModelPlan("person", 0.5)], ["person every frame, file 0.5"]),
        ([PERSON], [ModelPlan("person", 5, active=False)], ["person 5, file 5 inactive"]),
        ([PERSON], [PERSON, PLATE], ["plate missing, file 2.5 inactive"]),
        ([PERSON, PLATE], [PERSON], ["plate 2.5 inactive, not in the file"]),
        ([ModelPlan("p", 1 / 3)], [ModelPlan("p", 0.333333)], ["p 0.3333333333333333, file 0.333333"]),
    ],
)
def test_how_models_differ(runs: list[ModelPlan], file: list[ModelPlan], phrases: list[str]) -> None:
    """Each model that differs has its phrase, what runs first; the order of models does not matter."""
    record = live("a", *runs).record
    assert record is not None
    assert model_differences(record.models, file) == phrases


def test_each_kind() -> None:
    """A camera as the file says is none; of each other kind one, those of the file first."""
    plan = {"same": (PERSON,), "new": (PERSON,), "gone": (PERSON,), "cap": (ModelPlan("person", 8),)}
    seen = [
        live("same", PERSON),
        dead("new", claimed=False),
        dead("gone"),
        live("cap", PERSON),
        live("out", PERSON),
    ]
    assert found(plan, *seen) == [
        Difference("new", DifferenceKind.LAUNCH, "no agent yet"),
        Difference("gone", DifferenceKind.LAUNCH, "dead"),
        Difference("cap", DifferenceKind.CHANGE, "person 5, file 8", LAUNCHER),
        Difference("out", DifferenceKind.REMOVE, "no longer in f.toml", LAUNCHER),
    ]


def test_an_agent_of_another_file_is_no_ones_to_remove() -> None:
    """A camera that is not in the file, and was not launched from it, is another launch's."""
    assert found({"a": (PERSON,)}, live("a", PERSON), live("b", PERSON, number=NUMBER + 1), dead("c")) == []


def test_another_version_of_ruth() -> None:
    """An agent of another version differs by that alone; where its models differ too, by these."""
    plan = {"a": (PERSON,), "b": (PLATE,)}
    kinds = [each.kind for each in found(plan, live("a", PERSON), live("b", PERSON), version="9")]
    assert kinds == [DifferenceKind.VERSION, DifferenceKind.CHANGE]


def test_an_agent_of_which_nothing_is_known() -> None:
    """A refused record is named with its reason, and with whether it is of another layout."""
    refused = Sighting("a", True, True, None, None, "state version 2", other_layout=4711)
    (difference,) = found({"a": (PERSON,)}, refused)
    assert (difference.kind, difference.other_layout) == (DifferenceKind.UNKNOWN, 4711)
    assert "state version 2" in difference.text


def test_what_is_said() -> None:
    """Live agents that differ have a line each, ten at most; then what to do; versions have one line."""
    many = [Difference(f"c{number}", DifferenceKind.CHANGE, "person 5, file 8", 1) for number in range(12)]
    lines = sentences([*many, Difference("n", DifferenceKind.LAUNCH, "no agent yet")], "f.toml")
    assert lines[0] == "c0: differs from f.toml: person 5, file 8"
    assert lines[10:] == ["2 more cameras differ from f.toml", lines[-1]]
    assert "ruth apply" in lines[-1]
    versions = [Difference(camera, DifferenceKind.VERSION, "runs Ruth 1, this is 2", 1) for camera in "abc"]
    (line,) = sentences(versions, "f.toml")
    assert line.startswith("a and 2 more: runs Ruth 1, this is 2")
    assert sentences([Difference("n", DifferenceKind.LAUNCH, "dead")], "f.toml") == []

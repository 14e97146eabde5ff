"""The schema of ruth.toml, which editors read, says what the parser says, as far as a schema can."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from launch.prepare.config.model_rules import FPS_MAX
from launch.prepare.config.plan import ConfigError, plan_of
from launch.prepare.config_file import schema_text
from ruth.agent.state import MODELS_MAX
from ruth.identity import ID_LENGTH_MAX, id_problem

SCHEMA: dict[str, Any] = json.loads(schema_text())
VALIDATOR = Draft202012Validator(SCHEMA)

# What depends on what another table says, which no schema can state, by how its reason begins or ends.
BEYOND = ("to leave out", "is not in", "too, which names it as well", "models for camera", "no model",
          "no camera", "missing", "with those inherited", "a boolean, not a number", "is left")  # fmt: skip

IDS = st.sampled_from(
    ["person", "plate", "front-door", "a.b", "A" * 64, "x" * 65, "a b", "", "..", "max_fps", "active"]
)
CAPS = st.sampled_from(
    [5, 2.5, 1e-3, FPS_MAX, FPS_MAX + 1, 0, -1, float("inf"), "5", True, False, None, [1], {}]
)
MODEL = st.one_of(
    st.fixed_dictionaries(
        {}, optional={"max_fps": CAPS, "active": st.sampled_from([True, False, 1, "no"]), "fps": st.just(5)}
    ),
    st.sampled_from([True, False, 5, "x", [], [{}]]),
)
MODELS = st.one_of(st.dictionaries(IDS, MODEL, max_size=3), st.sampled_from([5, []]))
CAMERA = st.one_of(
    st.fixed_dictionaries({}, optional={"models": MODELS, "url": st.just("x")}), st.sampled_from([5, []])
)
LIST = st.one_of(st.lists(st.one_of(IDS, st.just(5)), max_size=3), st.sampled_from(["a", {}]))
GROUP = st.one_of(st.fixed_dictionaries({}, optional={"cameras": LIST, "models": MODELS}), st.just(5))
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "models": MODELS,
        "groups": st.one_of(st.dictionaries(IDS, GROUP, max_size=2), st.just([])),
        "cameras": st.one_of(st.dictionaries(IDS, CAMERA, max_size=2), st.just(5)),
        "version": st.just(1),
    },
)


def reasons(document: dict[str, Any]) -> list[str]:
    """What the parser says is wrong with a document."""
    try:
        plan_of(document)
    except ConfigError as error:
        return [problem.reason for problem in error.problems]
    return []


def test_the_schema_is_one() -> None:
    """It is a valid schema of its own version."""
    Draft202012Validator.check_schema(SCHEMA)


def test_its_limits_are_those_of_the_rules() -> None:
    """Every number in it is the constant of the rule that it states."""
    definitions = SCHEMA["$defs"]
    assert definitions["cap"]["maximum"] == FPS_MAX
    assert SCHEMA["properties"]["models"]["maxProperties"] == MODELS_MAX
    assert definitions["changes"]["maxProperties"] == MODELS_MAX
    assert f"{{0,{ID_LENGTH_MAX - 1}}}" in definitions["id"]["pattern"]


@given(st.one_of(IDS, st.text(max_size=70)))
def test_an_id_is_one_in_both(text: str) -> None:
    """The pattern and the rule accept the same ids."""
    matches = Draft202012Validator({**SCHEMA["$defs"]["id"]}).is_valid(text)
    # Python's $ also matches before a last newline; that of JSON Schema (ECMA-262) does not.
    assert (matches and not text.endswith("\n")) == (id_problem(text) is None)


@settings(deadline=None, max_examples=500)
@given(DOCUMENTS)
def test_what_the_parser_takes_the_schema_takes(document: dict[str, Any]) -> None:
    """No editor marks a valid configuration."""
    if not reasons(document):
        VALIDATOR.validate(document)


@settings(deadline=None, max_examples=500)
@given(DOCUMENTS)
def test_what_the_schema_takes_the_parser_refuses_for_other_tables_only(document: dict[str, Any]) -> None:
    """What an editor does not mark is wrong at most in what several tables say together."""
    if VALIDATOR.is_valid(document):
        assert [reason for reason in reasons(document) if not any(part in reason for part in BEYOND)] == []


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"models": {"p": {}}},
        {"cameras": {"a b": {}}},
        {"cameras": {"a": {"models": {"p": {"max_fps": 0}}}}},
        {"cameras": {"a": {"models": {"p": {"maxfps": 5}}}}},
        {"cameras": {"a": {"models": {"p": True}}}},
        {"models": {"p": {"max_fps": False}}, "cameras": {}},
        {"groups": {"g": {}}},
        {"groups": {"g": {"cameras": ["a", "a"]}}},
        {"cameras": {}, "version": 1},
    ],
)
def test_an_editor_marks_what_is_wrong_in_one_table(document: dict[str, Any]) -> None:
    """The schema is not a mere list of keys: it refuses what the parser refuses."""
    assert not VALIDATOR.is_valid(document)
    assert reasons(document)

from __future__ import annotations

import inspect

import pytest

from ruth import errors
from ruth.errors import (
    AgentStateError,
    ExportError,
    InvalidCapError,
    InvalidIdError,
    RuthError,
    SharedMemoryError,
    SubscriptionError,
)

# One of each type, the facts that it must carry, and what it says.
RAISED: list[tuple[RuthError, dict[str, object], str]] = [
    (
        InvalidIdError("camera", "a/b", "contains '/'"),
        {"kind": "camera", "value": "a/b", "reason": "contains '/'"},
        "camera id 'a/b': contains '/'",
    ),
    (
        InvalidCapError(-1),
        {"value": -1},
        "max_fps -1: a finite number above 0, or absent for every frame",
    ),
    (
        AgentStateError("gate", "stopped", "start"),
        {"camera_id": "gate", "state": "stopped", "wanted": "start"},
        "agent 'gate' is stopped: cannot start",
    ),
    (
        SubscriptionError("gate", "person", "exists already"),
        {"camera_id": "gate", "model_id": "person"},
        "subscription ('gate', 'person') exists already",
    ),
    (
        ExportError("/r/gate", "no memory"),
        {"directory": "/r/gate"},
        "/r/gate: no memory",
    ),
    (
        SharedMemoryError("a frame is a view of shared memory"),
        {},
        "a frame is a view of shared memory",
    ),
]
NAMES = [type(error).__name__ for error, _, _ in RAISED]


@pytest.mark.parametrize(("error", "facts"), [raised[:2] for raised in RAISED], ids=NAMES)
def test_the_facts_are_fields(error: RuthError, facts: dict[str, object]) -> None:
    """An error carries its facts as fields, as they were given."""
    assert {name: getattr(error, name) for name in facts} == facts


@pytest.mark.parametrize(("error", "message"), [raised[::2] for raised in RAISED], ids=NAMES)
def test_the_message_says_it_in_words(error: RuthError, message: str) -> None:
    """An error's message is one line that says whom it concerns and what is wrong."""
    assert str(error) == message


@pytest.mark.parametrize("kind", [type(error) for error, _, _ in RAISED])
def test_every_error_has_the_one_base(kind: type[RuthError]) -> None:
    """Whatever Ruth raises on purpose is a RuthError."""
    assert issubclass(kind, RuthError)


@pytest.mark.parametrize("kind", [InvalidIdError, InvalidCapError])
def test_a_bad_argument_is_also_a_value_error(kind: type[RuthError]) -> None:
    """A refused id or cap is a ValueError as well, for callers that know nothing of Ruth."""
    assert issubclass(kind, ValueError)


@pytest.mark.parametrize("kind", [AgentStateError, SubscriptionError, ExportError])
def test_a_refused_change_is_no_value_error(kind: type[RuthError]) -> None:
    """What the moment refuses, and not the argument, is not a ValueError."""
    assert not issubclass(kind, ValueError)


def test_every_type_is_tested() -> None:
    """The base and the types tested here are all the errors that there are."""
    defined = {found for _, found in inspect.getmembers(errors, inspect.isclass)}
    assert defined == {RuthError, *(type(error) for error, _, _ in RAISED)}

from __future__ import annotations

import os
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruth import identity
from ruth.errors import InvalidIdError
from ruth.identity import camera_directory, check_id, export_root, id_problem, state_root

# docs/specification.md, "Names", as it is there.
PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

GOOD = ["a", "Z", "7", "front-door", "yard.2", "A_b", "0--", "a..b", "x" * 64]
BAD = {
    "": "empty",
    ".": "begins with '.'",
    "..": "begins with '.'",
    ".hidden": "begins with '.'",
    "-rf": "begins with '-'",
    "_a": "begins with '_'",
    "/etc": "begins with '/'",
    "a/b": "contains '/'",
    "a/../b": "contains '/'",
    "a b": "contains ' '",
    "a\n": r"contains '\n'",
    "a\0b": r"contains '\x00'",
    "caf\u00e9": "contains '\u00e9'",
    "\u0663": "begins with '\u0663'",
    "x" * 65: "65 characters",
    "x" * 300: "300 characters",
}
# What a user might write to get out of a root, and anything else.
texts = st.text(max_size=70) | st.text(alphabet="ab7._-/\0\n ", max_size=70)


@pytest.mark.parametrize("value", GOOD)
def test_an_id_is_itself(value: str) -> None:
    """A letter or digit, then up to 63 letters, digits, dots, underscores or hyphens, is an id."""
    assert check_id("camera", value) is value


@pytest.mark.parametrize(("value", "reason"), BAD.items(), ids=[repr(value[:12]) for value in BAD])
def test_what_is_no_id_is_refused_with_its_reason(value: str, reason: str) -> None:
    """Anything else is refused, and the reason says what is wrong with it."""
    problem = id_problem(value)
    assert problem is not None
    assert reason in problem


@pytest.mark.parametrize("value", [None, 7, 1.5, True, b"a", ["a"], object])
def test_only_text_is_an_id(value: object) -> None:
    """What is not a text is refused and named by its type, not converted."""
    assert id_problem(value) == f"not a text but {type(value).__name__}"


@settings(derandomize=True, max_examples=200, deadline=None)
@given(texts)
def test_the_rule_is_the_pattern_of_the_design_over_the_whole_value(value: str) -> None:
    """A text is an id exactly if all of it matches [A-Za-z0-9][A-Za-z0-9._-]{0,63}."""
    assert (id_problem(value) is None) == (PATTERN.fullmatch(value) is not None)


@pytest.mark.parametrize("kind", ["camera", "model"])
def test_a_refusal_carries_its_facts(kind: str) -> None:
    """A refused id is an InvalidIdError with what it names, the value and the reason as fields."""
    with pytest.raises(InvalidIdError) as raised:
        check_id(kind, "a/b")
    assert (raised.value.kind, raised.value.value) == (kind, "a/b")
    assert raised.value.reason == id_problem("a/b")


def test_a_camera_directory_is_root_and_id() -> None:
    """A camera's directory is its id below the root, and nothing more."""
    assert camera_directory("/r/vas", "front-door") == "/r/vas/front-door"


@settings(derandomize=True, max_examples=200, deadline=None)
@given(texts)
def test_no_id_leads_out_of_its_root(value: str) -> None:
    """Whatever a camera is called, its directory lies directly below the root, or it is refused."""
    try:
        path = camera_directory("/r", value)
    except InvalidIdError:
        return
    assert os.path.normpath(path) == path
    assert os.path.dirname(path) == "/r"


@pytest.mark.parametrize("value", ["..", "/etc", "a/b", "", "x" * 300, "a\n"])
def test_no_path_is_built_from_what_is_no_id(value: str) -> None:
    """A path is never built from anything but an id: everything else raises."""
    with pytest.raises(InvalidIdError):
        camera_directory("/r", value)


def test_roots_have_the_defaults_of_the_contract() -> None:
    """Without variables, exports lie below /dev/shm/vas and states below /dev/shm/ruth."""
    assert export_root({}) == "/dev/shm/vas"
    assert state_root({}) == "/dev/shm/ruth"


def test_each_root_is_moved_by_its_own_variable() -> None:
    """VAS_EXPORT_ROOT moves the export root and RUTH_STATE_ROOT the state root, neither the other."""
    environ = {"VAS_EXPORT_ROOT": "/e", "RUTH_STATE_ROOT": "/s"}
    assert (export_root(environ), state_root(environ)) == ("/e", "/s")
    assert export_root({"RUTH_STATE_ROOT": "/s"}) == export_root({})
    assert state_root({"VAS_EXPORT_ROOT": "/e"}) == state_root({})


def test_an_empty_variable_moves_nothing() -> None:
    """A root variable that is set but empty counts as absent, so that no path starts at /."""
    environ = {"VAS_EXPORT_ROOT": "", "RUTH_STATE_ROOT": ""}
    assert (export_root(environ), state_root(environ)) == (export_root({}), state_root({}))


def test_file_names_are_those_of_the_contract() -> None:
    """An export is frame.meta and frame.data; an agent's record is agent.state."""
    names = (identity.META_NAME, identity.DATA_NAME, identity.STATE_NAME)
    assert names == ("frame.meta", "frame.data", "agent.state")

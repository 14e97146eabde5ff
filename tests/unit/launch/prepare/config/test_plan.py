from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.configurations import problem, problems
from launch.prepare.config.plan import (
    CameraPlan,
    ConfigError,
    HostPlan,
    ModelPlan,
    _syntax_problem,
    _unreadable,
    parse_config,
)
from ruth.errors import InvalidCapError, InvalidIdError, RuthError

if TYPE_CHECKING:
    from launch.prepare.config.problem import Problem

EXAMPLE = """\
# ruth.toml
[cameras.front-door.models]
person = { max_fps = 5 }
plate  = { max_fps = 2.5 }
audit  = {}                      # every frame

[cameras."yard.2".models]
person.max_fps = 10
person.active = false
"""
PLAN = HostPlan(
    (
        CameraPlan(
            "front-door",
            (ModelPlan("person", 5, True), ModelPlan("plate", 2.5, True), ModelPlan("audit")),
        ),
        CameraPlan("yard.2", (ModelPlan("person", 10, False),)),
    )
)


@pytest.mark.parametrize(
    "text",
    [
        EXAMPLE,
        EXAMPLE.replace("\n", "\r\n"),
        EXAMPLE.rstrip(),
        "\ufeff" + EXAMPLE,
    ],
    ids=["LF", "CRLF", "no last newline", "byte order mark"],
)
def test_a_text_becomes_a_plan_in_its_order(text: str) -> None:
    """Cameras and models keep the order of the file, whatever editor has written it."""
    assert parse_config(text) == PLAN


def test_no_max_fps_is_every_frame_and_active_is_the_default() -> None:
    """An empty model has no cap and is active."""
    (camera,) = parse_config("[cameras.a.models]\naudit = {}").cameras
    assert camera.models == (ModelPlan("audit", None, True),)


def test_a_cap_keeps_the_number_as_given() -> None:
    """An integer stays one: nothing is rounded on the way to the gate."""
    caps = [model.max_fps for model in parse_config(EXAMPLE).cameras[0].models]
    assert [type(cap) for cap in caps] == [int, float, type(None)]


def test_a_camera_is_found_by_its_id() -> None:
    """An id that is not configured is None, not an error."""
    assert PLAN.camera("yard.2") is PLAN.cameras[1]
    assert PLAN.camera("nobody") is None


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        (PLAN, "cameras"),
        (PLAN.cameras[0], "models"),
        (PLAN.cameras[0].models[0], "max_fps"),
    ],
)
def test_plans_are_frozen_and_slotted(plan: object, field: str) -> None:
    """A plan is a value."""
    with pytest.raises(FrozenInstanceError):
        setattr(plan, field, None)
    assert not hasattr(plan, "__dict__")


@pytest.mark.parametrize("cap", [0, -1, float("nan"), float("inf"), True, "5", 1_000_001])
def test_a_plan_made_by_hand_is_held_to_the_same_rules(cap: float) -> None:
    """No plan exists with an id or a cap that a file could not have."""
    with pytest.raises(InvalidCapError):
        ModelPlan("person", cap)
    with pytest.raises(InvalidIdError):
        ModelPlan("..", 5)
    with pytest.raises(InvalidIdError):
        CameraPlan("a/b", ())


def test_all_problems_come_at_once_sorted_by_line() -> None:
    """One run of a check names everything there is to repair, from top to bottom."""
    found = problems(
        "[cameras.a]\n"
        "[cameras.b.models]\n"
        "person = { max_fps = -1, maxfps = 5 }\n"
        "[other]\n"
        "[cameras.a.models.plate]\n"
        "active = 1\n"
        "[cameras.c]\n"
        "models.x = 5\n"
    )
    assert [(each.line, each.key) for each in found] == [
        (3, "cameras.b.models.person.max_fps"),
        (3, "cameras.b.models.person.maxfps"),
        (4, "other"),
        (6, "cameras.a.models.plate.active"),
        (8, "cameras.c.models.x"),
    ]


def test_an_error_says_all_its_problems() -> None:
    """The error is one of Ruth's, and its text has a line for each problem."""
    with pytest.raises(RuthError) as raised:
        parse_config("[cameras.a.models]\nperson = { maxfps = 5 }\nplate = { max_fps = 0 }")
    assert str(raised.value) == (
        "ruth.toml:2: cameras.a.models.person.maxfps = 5: unknown key; "
        "allowed: max_fps, active; did you mean 'max_fps'?\n"
        "ruth.toml:3: cameras.a.models.plate.max_fps = 0: zero; "
        "allowed: a number above 0, or no max_fps for every frame; "
        "active = false skips every frame"
    )


@pytest.mark.parametrize(
    ("text", "line", "value", "reason"),
    [
        ("a = 1\nb = = 2\n", 2, "b = = 2", "invalid value (column 5)"),
        ("a = 1\r\n  b\r\n", 2, "b", "expected '=' after a key"),
        ("a = 1\na = 2\nb = 3", 2, "a = 2", "this key is there already (column 6)"),
        ("a = 1\na = 2", 2, "a = 2", "this key is there already"),
        ("[a]\n\n[a]\n", 3, "[a]", "this table is there already (column 3)"),
        ("a = {}\na.b = 1\n", 2, "a.b = 1", "this table is complete already"),
        ("a = 1\x00", 1, "a = 1\\u0000", "expected newline or end of document"),
        ("a = 'x\ny'", 1, "a = 'x", ""),
        ("a = [\n1,\n\n", 2, "1,", "invalid value"),
        ("\x0b", 1, "", "invalid statement"),
    ],
)
def test_a_text_that_is_no_toml_is_one_problem_with_its_line(
    text: str, line: int, value: str, reason: str
) -> None:
    """Syntax and contradictions: the line as tomllib counts it, and what is there."""
    found = problem(text)
    assert (found.line, found.key, found.value) == (line, "", value)
    assert found.reason.startswith(reason)
    assert found.allowed == "TOML, as on toml.io"


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("a = 1\nb = [\n 1,\n\n 2\n", "does what begins on line 2 have its end?"),
        ("a = 1\nb = '''\n\n x\n", "does what begins on line 2 have its end?"),
        ("a = 1\nb = [1, 2\n", None),
        ("b = [\n1,\n2]\nb = [\n1]", "the first is on line 1"),
    ],
)
def test_a_value_without_an_end_names_the_line_where_it_begins(text: str, suggestion: str | None) -> None:
    """The error is at the end of the file, the cause where the value begins."""
    found = problem(text)
    assert found.line == len(text.rstrip().splitlines())
    assert found.suggestion == suggestion


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("9" * 5_000, "too many digits"),
        ("[" * 5_000, "nested too deeply"),
        ("[" * 5_000 + "]" * 5_000, "nested too deeply"),
        ("{a=" * 5_000, "nested too deeply"),
        ("[\n" * 5_000 + "]\n" * 5_000, "nested too deeply"),
    ],
    ids=["digits", "open arrays", "arrays", "tables", "lines"],
)
def test_a_value_that_no_reader_takes_is_a_problem_with_its_line(value: str, reason: str) -> None:
    """Python's own limits are problems of the text, not tracebacks."""
    found = problem(f"\n[cameras.a.models]\np = {value}\n")
    assert (found.line, found.reason) == (3, reason)
    assert found.value.startswith("p = ")


def test_a_problem_of_an_unread_text_can_be_without_a_line() -> None:
    """Where no statement is to blame alone, the text is."""
    assert _unreadable("a = 1", None, "no", "yes").text("f") == "f: no; allowed: yes"


def test_a_message_of_another_form_is_still_a_problem() -> None:
    """A tomllib that words its place differently costs the line, not a traceback."""
    found = _syntax_problem("a = 1\nb\n", "Something else")
    assert (found.line, found.value) == (2, "b")


def test_a_thousand_cameras_with_a_hundred_problems_are_all_placed() -> None:
    """Each of many problems in a long file has its own line."""
    blocks = [
        f"[cameras.cam-{number}.models]\n"
        f"person = {{ max_fps = {0 if number % 10 == 0 else 5} }}\n"
        "plate = { max_fps = 2.5 }\naudit = {}\n\n"
        for number in range(1_000)
    ]
    found = problems("".join(blocks))
    assert [each.line for each in found] == [2 + 5 * number for number in range(0, 1_000, 10)]


@settings(deadline=None)
@given(st.text(st.characters(), max_size=200))
def test_no_text_is_a_traceback(text: str) -> None:
    """Any text is a plan or a ConfigError, also with NUL and lone surrogates in it."""
    check(text)


PIECES = [
    *("\n", "\r", "=", ".", ",", "[", "]", "[[", "]]", "{", "}", "{}", "'", '"', "'''", '"""', "#"),
    *("cameras", "models", "max_fps", "active", "person", "true", "nan", "-1", "1e400", "\x00"),
    *(
        "\n[cameras]\n",
        "\n[[cameras.front-door]]\n",
        "\nmodels = 5\n",
        "\ud800",
        "2020-01-01",
        "\\",
    ),
    "9" * 5_000,
    "[" * 2_000,
    "a." * 200,
    "\n[cameras.a.b.models]\n",
    " = { max_fps = 5 }\n",
]


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 20), st.sampled_from(PIECES)), max_size=5))
def test_no_change_to_a_valid_text_is_a_traceback(edits: list[tuple[float, int, str]]) -> None:
    """A valid configuration with pieces cut out and put in is a plan or a ConfigError."""
    text = EXAMPLE
    for where, cut, piece in edits:
        start = int(where * len(text))
        text = text[:start] + piece + text[start + cut :]
    check(text)


def check(text: str) -> None:
    """Parses, and looks at what comes out."""
    found: tuple[Problem, ...] = ()
    cameras: tuple[CameraPlan, ...] = ()
    try:
        cameras = parse_config(text).cameras
    except ConfigError as error:
        found = error.problems
    assert bool(cameras) != bool(found)
    assert all(camera.models for camera in cameras)
    lines = [each.line for each in found if each.line is not None]
    assert lines == sorted(lines)
    assert all(1 <= line <= text.count("\n") + 1 for line in lines)
    shown = [each.text("ruth.toml") for each in found]
    assert all(line.isprintable() and len(line) < 1_000 for line in shown)

from __future__ import annotations

import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.configurations import problem, problems
from launch.prepare.config.model_rules import FPS_MAX, cap_reason
from launch.prepare.config.plan import parse_config
from ruth.agent.state import MODELS_MAX
from ruth.identity import ID_ALLOWED
from ruth.subscription.gate import interval_ns
from ruth.units import NANOSECONDS

MODELS = "[cameras.front-door.models]\n"
CAP_ALLOWED = "a number above 0, or no max_fps for every frame"
SHAPE_ALLOWED = "[cameras.NAME.models] with lines like person = { max_fps = 5 }"


@pytest.mark.parametrize(
    ("cap", "reason", "suggestion"),
    [
        ('"5"', "a string, not a number", "write 5 without quotes"),
        ("'29.97'", "a string, not a number", "write 29.97 without quotes"),
        ('" 1e3 "', "a string, not a number", "write 1000 without quotes"),
        ('"1000000"', "a string, not a number", "write 1000000 without quotes"),
        ('"five"', "a string, not a number", None),
        ('"-5"', "a string, not a number", None),
        ('"nan"', "a string, not a number", None),
        ("0", "zero", "active = false skips every frame"),
        ("-0.0", "zero", "active = false skips every frame"),
        ("1e-400", "zero", "active = false skips every frame"),
        ("-1", "negative", None),
        ("-2.5", "negative", None),
        ("-inf", "negative", None),
        ("inf", "infinite", "leave max_fps out for every frame"),
        ("1e400", "infinite", "leave max_fps out for every frame"),
        ("nan", "not a number", None),
        ("true", "a boolean, not a number", None),
        ("false", "a boolean, not a number", None),
        ("2020-01-01", "a date, not a number", None),
        ("2020-01-01T07:00:00Z", "a date, not a number", None),
        ("07:00:00", "a time, not a number", None),
        ("[5]", "an array, not a number", None),
        ("{}", "a table, not a number", None),
        (f"{FPS_MAX + 1}", "more than 1000000", None),
        ("1000000.1", "more than 1000000", None),
        ("9" * 400, "more than 1000000", None),
        ("0x" + "f" * 9_000, "more than 1000000", None),
    ],
)
def test_a_cap_is_a_number_above_zero(cap: str, reason: str, suggestion: str | None) -> None:
    """Whatever else max_fps is, the reason says so, and what is allowed is always the same."""
    found = problem(f"{MODELS}person = {{ max_fps = {cap} }}\n")
    assert found.line == 2
    assert found.key == "cameras.front-door.models.person.max_fps"
    assert (found.reason, found.allowed, found.suggestion) == (reason, CAP_ALLOWED, suggestion)


@pytest.mark.parametrize("cap", ["1", "2.5", "1e-3", "5e-324", "1_000_000", "0x10", "1e6"])
def test_a_number_above_zero_is_a_cap(cap: str) -> None:
    """Every number from the smallest to FPS_MAX is a cap, however TOML writes it."""
    assert parse_config(f"{MODELS}person = {{ max_fps = {cap} }}\n")


@given(st.one_of(st.floats(), st.integers(), st.booleans(), st.text(), st.none()))
def test_what_is_a_cap_here_is_one_for_the_gate(value: object) -> None:
    """A cap of a valid configuration never reaches the gate as an invalid one."""
    if cap_reason(value) is None:
        interval = interval_ns(value)
        assert interval is not None
        assert interval >= NANOSECONDS // FPS_MAX


@pytest.mark.parametrize(
    ("value", "reason", "suggestion"),
    [
        ('"true"', "a string, not a boolean", "write active = true"),
        ('"Off"', "a string, not a boolean", "write active = false"),
        ("0", "a number, not a boolean", "write active = false"),
        ("1", "a number, not a boolean", "write active = true"),
        ("2", "a number, not a boolean", None),
        ("[]", "an array, not a boolean", None),
    ],
)
def test_active_is_a_boolean(value: str, reason: str, suggestion: str | None) -> None:
    """Only true and false are; what other formats take for them is named in TOML's words."""
    found = problem(f"{MODELS}person = {{ active = {value} }}\n")
    assert found.key == "cameras.front-door.models.person.active"
    assert (found.reason, found.allowed) == (reason, "true or false")
    assert found.suggestion == suggestion


@pytest.mark.parametrize(
    ("key", "suggestion"),
    [
        ("maxfps", "did you mean 'max_fps'?"),
        ("MAX_FPS", "did you mean 'max_fps'?"),
        ("fps", "did you mean 'max_fps'?"),
        ("activ", "did you mean 'active'?"),
        ("colour", None),
        ("k" * 300, None),
        ('"max_fps\\n"', "did you mean 'max_fps'?"),
    ],
)
def test_an_unknown_key_of_a_model_is_refused(key: str, suggestion: str | None) -> None:
    """A slip is never ignored, and the known key it is nearest to is named."""
    found = problem(f"{MODELS}person = {{ {key} = 5 }}\n")
    assert (found.line, found.value, found.reason) == (2, "5", "unknown key")
    assert (found.allowed, found.suggestion) == ("max_fps, active", suggestion)


@pytest.mark.parametrize(
    ("text", "key", "suggestion"),
    [
        ("[camera.a.models]\np = {}", "camera", "did you mean 'cameras'?"),
        ("[a.models]\np = {}", "a", "did you mean [cameras.a.models]?"),
        ('["a b".models]\np = {}', '"a b"', 'did you mean [cameras."a b".models]?'),
    ],
)
def test_an_unknown_table_at_the_top_is_refused_with_a_guess(text: str, key: str, suggestion: str) -> None:
    """A slip in "cameras" or its absence is one problem, not a second one of missing cameras."""
    found = problem(text)
    assert (found.line, found.key, found.reason) == (1, key, "unknown key")
    assert (found.allowed, found.suggestion) == ("models, groups, cameras", suggestion)


def test_an_unknown_key_at_the_top_beside_valid_cameras_is_refused() -> None:
    """No other key is allowed at the top."""
    found = problem("version = 2\n" + MODELS + "p = {}\n")
    assert found.text("f") == "f:1: version = 2: unknown key; allowed: models, groups, cameras"


@pytest.mark.parametrize("text", ["", "# nothing\n"])
def test_a_configuration_without_cameras_is_refused(text: str) -> None:
    """No text, no cameras: there is no line to name."""
    assert problem(text).text("f") == f"f: cameras: missing; allowed: {SHAPE_ALLOWED}"


def test_an_unknown_key_without_a_guess_does_not_hide_that_cameras_are_missing() -> None:
    """Both are reported."""
    assert [each.key for each in problems("zzz = 1\n")] == ["cameras", "zzz"]


@pytest.mark.parametrize(
    ("text", "line", "key", "reason", "suggestion"),
    [
        ("cameras = 5", 1, "cameras", "a number, not a table", None),
        ("[cameras]", 1, "cameras", "no camera", None),
        ("[cameras]\na = 5", 2, "cameras.a", "a number, not a table", None),
        ("cameras = ['a']", 1, "cameras", "an array, not a table", None),
        (
            "[[cameras]]\nid = 'a'",
            1,
            "cameras",
            "an array, not a table",
            "single brackets make a table: [cameras]",
        ),
    ],
)
def test_cameras_are_tables(text: str, line: int, key: str, reason: str, suggestion: str | None) -> None:
    """Cameras and each camera are tables, and there is at least one."""
    found = problem(text)
    assert (found.line, found.key, found.reason) == (line, key, reason)
    assert (found.allowed, found.suggestion) == (SHAPE_ALLOWED, suggestion)


@pytest.mark.parametrize(
    ("text", "line", "key", "reason"),
    [
        ("[cameras]\n[cameras.a]\n", 2, "cameras.a.models", "missing"),
        ("\n[cameras.a.models]\n", 2, "cameras.a.models", "no model"),
        ("[cameras.a]\nmodels = 5\n", 2, "cameras.a.models", "a number, not a table"),
        ("[[cameras.a.models]]\nx = 1", 1, "cameras.a.models", "an array, not a table"),
    ],
)
def test_a_camera_has_models(text: str, line: int, key: str, reason: str) -> None:
    """A camera without a model is refused; what is missing has the line of its camera."""
    found = problem(text)
    assert (found.line, found.key, found.reason) == (line, key, reason)
    assert found.allowed == f"1 to {MODELS_MAX} models, like person = {{ max_fps = 5 }}"


def test_a_camera_has_as_many_models_as_its_state_has_room_for() -> None:
    """MODELS_MAX models are allowed, one more is not."""
    lines = [f"m{number} = {{}}\n" for number in range(MODELS_MAX + 1)]
    assert len(parse_config(MODELS + "".join(lines[:-1])).cameras[0].models) == MODELS_MAX
    found = problem(MODELS + "".join(lines))
    assert (found.line, found.reason) == (1, f"{MODELS_MAX + 1} models")
    assert found.key == "cameras.front-door.models"


@pytest.mark.parametrize(
    ("line", "suggestion"),
    [
        ("max_fps = 5", "it belongs to a model: person = { max_fps = 5 }"),
        ("active = false", "it belongs to a model: person = { active = false }"),
        ("plate = 2.5", "did you mean plate = { max_fps = 2.5 }?"),
        ("plate = -1", None),
        ("plate = 'fast'", None),
        ("[[cameras.front-door.models.p]]", None),
        (
            "[[cameras.front-door.models.p]]\nmax_fps = 5",
            "single brackets make a table: [cameras.front-door.models.p]",
        ),
    ],
)
def test_a_model_is_a_table(line: str, suggestion: str | None) -> None:
    """A setting or a number in place of a model is shown the way it is meant."""
    found = problem(MODELS + line)
    assert found.line == 2
    assert found.reason.endswith("not a table")
    assert found.allowed == "a table, like { max_fps = 5 }, or {} for every frame"
    if suggestion is not None:
        assert found.suggestion == suggestion


@pytest.mark.parametrize(
    ("line", "suggestion"),
    [
        ("model.p = {}", "did you mean 'models'?"),
        ("max_fps = 5", "it belongs to a model: person = { max_fps = 5 } in [cameras.a.models]"),
        (
            "active = true",
            "it belongs to a model: person = { active = true } in [cameras.a.models]",
        ),
        ("person = { max_fps = 5 }", "did you mean cameras.a.models.person?"),
        ('"x y" = {}', 'did you mean cameras.a.models."x y"?'),
    ],
)
def test_an_unknown_key_of_a_camera_is_refused_with_a_guess(line: str, suggestion: str) -> None:
    """What is a level too high is one problem, not a second one of missing models."""
    found = problem("[cameras.a]\n" + line)
    assert (found.line, found.reason) == (2, "unknown key")
    assert (found.allowed, found.suggestion) == ("models", suggestion)


def test_an_unknown_key_without_a_guess_does_not_hide_that_models_are_missing() -> None:
    """Both are reported."""
    found = problems("[cameras.a]\nurl = 'x'\n")
    assert [(each.line, each.key) for each in found] == [
        (1, "cameras.a.models"),
        (2, "cameras.a.url"),
    ]


def test_a_camera_id_with_dots_needs_quotes() -> None:
    """Unquoted dots nest tables: each camera meant so is one problem on its own line."""
    found = problems(
        "[cameras.a.b.models]\np = {}\n"
        "[cameras.192.168.1.10.models]\np = {}\n"
        "[cameras.192.168.1.11.models]\np = {}\n"
    )
    assert [(each.line, each.key, each.suggestion) for each in found] == [
        (1, "cameras.a.b", 'an id with dots needs quotes: [cameras."a.b".models]'),
        (
            3,
            "cameras.192.168.1.10",
            'an id with dots needs quotes: [cameras."192.168.1.10".models]',
        ),
        (
            5,
            "cameras.192.168.1.11",
            'an id with dots needs quotes: [cameras."192.168.1.11".models]',
        ),
    ]


def test_a_camera_id_with_dots_beside_a_camera_is_found() -> None:
    """[cameras.a.b.models] is noticed also if camera a itself is fine."""
    found = problem("[cameras.a.models]\np = {}\n[cameras.a.b.models]\np = {}\n")
    assert (found.line, found.key) == (3, "cameras.a.b")


@pytest.mark.parametrize(
    ("line", "suggestion"),
    [
        ("yolo.v8 = { max_fps = 5 }", '"yolo.v8" = { max_fps = 5 }'),
        ("yolo.v8 = {}", '"yolo.v8" = {}'),
        ("yolo.v8.max_fps = 5", '"yolo.v8" = { max_fps = 5 }'),
        ("yolo.8.0.1 = { active = false }", '"yolo.8.0.1" = { active = false }'),
    ],
)
def test_a_model_id_with_dots_needs_quotes(line: str, suggestion: str) -> None:
    """Unquoted dots nest tables in a model too."""
    found = problem(MODELS + line)
    assert (found.line, found.reason) == (2, "unknown key")
    assert found.suggestion == f"an id with dots needs quotes: {suggestion}"


@pytest.mark.parametrize(
    "text",
    [
        '[cameras.a."b c".models]\np = {}\n[cameras.a.models]\np = {}\n',
        f"[cameras.a.{'.'.join('b' * 2_000)}.models]\np = {{}}\n[cameras.a.models]\np = {{}}\n",
        MODELS + 'yolo."v 8" = {}\n',
        MODELS + f"yolo.{'.'.join('b' * 2_000)} = {{}}\n",
    ],
    ids=["camera character", "camera length", "model character", "model length"],
)
def test_dots_that_make_no_id_are_no_guess(text: str) -> None:
    """Quotes are suggested only if they make a valid id."""
    found = problem(text)
    assert (found.reason, found.suggestion) == ("unknown key", None)


@pytest.mark.parametrize(
    ("camera_id", "shown"),
    [
        ('".."', '".."'),
        ('"/etc"', '"/etc"'),
        ('"a/b"', '"a/b"'),
        ('""', '""'),
        ("a" * 300, "a" * 57 + "..."),
        ('"a\\nb"', '"a\\nb"'),
        ('"\\u0000"', '"\\u0000"'),
        ("_a", "_a"),
        ('"caf\u00e9"', '"caf\u00e9"'),
        ('"\ud800"', '"\\uD800"'),
    ],
)
def test_an_id_is_checked(camera_id: str, shown: str) -> None:
    """No path can be built from a bad id, of a camera or a model, and its line is named."""
    found = problem(f"[cameras.{camera_id}.models]\np = {{}}\n")
    assert (found.line, found.key, found.value) == (1, f"cameras.{shown}", "")
    assert found.reason.startswith("camera id: ")
    assert found.allowed == ID_ALLOWED
    found = problem(f"{MODELS}{camera_id} = {{}}\n")
    assert (found.line, found.key) == (2, f"cameras.front-door.models.{shown}")
    assert found.reason.startswith("model id: ")


def test_below_a_bad_id_everything_else_is_still_checked() -> None:
    """A bad id hides no other problem."""
    found = problems('[cameras."a b".models]\n"c d" = { max_fps = 0, x = 1 }\n')
    assert [each.reason for each in found] == [
        "camera id: contains ' ', allowed are letters, digits, '.', '_' and '-'",
        "model id: contains ' ', allowed are letters, digits, '.', '_' and '-'",
        "zero",
        "unknown key",
    ]


def test_a_valid_configuration_does_not_pay_for_guessing() -> None:
    """Difflib is loaded only when there is something to guess."""
    code = (
        "import sys, launch.prepare.config.plan as c; c.parse_config('[cameras.a.models]\\np = {}'); "
        "sys.exit('difflib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_number_that_is_none_is_no_cap() -> None:
    """The reason for nan is that it is not a number."""
    assert cap_reason(math.nan) == "not a number"

from __future__ import annotations

import datetime as dt
from dataclasses import FrozenInstanceError

import pytest

from launch.prepare.config.problem import (
    SHOWN_MAX,
    Problem,
    kind,
    show_key,
    show_text,
    show_value,
)
from ruth.text import CUT


def test_text_gives_place_key_value_reason_allowed_and_suggestion_on_one_line() -> None:
    """A problem is one line that begins with the source and the line, as compilers write it."""
    problem = Problem(12, "a.b", "5", "unknown key", "max_fps", "did you mean 'max_fps'?")
    assert problem.text("ruth.toml") == (
        "ruth.toml:12: a.b = 5: unknown key; allowed: max_fps; did you mean 'max_fps'?"
    )


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem(None, "cameras", "", "missing", "one", None), "f: cameras: missing; allowed: one"),
        (Problem(3, "", "a = =", "invalid", "TOML", None), "f:3: a = =: invalid; allowed: TOML"),
        (Problem(None, "", "", "invalid", "TOML", None), "f: invalid; allowed: TOML"),
    ],
)
def test_text_leaves_out_what_a_problem_does_not_have(problem: Problem, text: str) -> None:
    """Line, key, value and suggestion appear only if they are known."""
    assert problem.text("f") == text


def test_a_problem_is_frozen_and_slotted() -> None:
    """A problem is a value."""
    problem = Problem(1, "a", "b", "c", "d", None)
    with pytest.raises(FrozenInstanceError):
        problem.line = 2  # type: ignore[misc]
    assert not hasattr(problem, "__dict__")


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (("cameras", "front-door", "models"), "cameras.front-door.models"),
        (("cameras", "a.b"), 'cameras."a.b"'),
        (("",), '""'),
        (("a b", 'say "x"'), '"a b"."say \\"x\\""'),
        (("a\nb\x00",), '"a\\nb\\u0000"'),
        (("\u202egnp", "\ud800", "\U000e0001"), '"\\u202Egnp"."\\uD800"."\\U000E0001"'),
    ],
)
def test_a_key_is_shown_as_toml_writes_it(path: tuple[str, ...], shown: str) -> None:
    """A part that TOML needs quoted is quoted, and nothing unprintable gets through."""
    assert show_key(path) == shown


@pytest.mark.parametrize("part", ["k" * 300, "k " * 300, "\n" * 300], ids=["bare", "quoted", "escaped"])
def test_a_long_key_is_cut(part: str) -> None:
    """Each part of a key is at most SHOWN_MAX characters and ends in the mark if it is cut."""
    shown = show_key((part,))
    assert len(shown) == SHOWN_MAX
    assert shown.endswith(CUT)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, "true"),
        (False, "false"),
        (5, "5"),
        (2.5, "2.5"),
        (float("inf"), "inf"),
        ("5", '"5"'),
        ('a "b"\t\\\r', '"a \\"b\\"\\t\\\\\\r"'),
        ([], "[]"),
        ([1, "a"], '[1, "a"]'),
        ({}, "{}"),
        ({"a": {"b c": 1}}, '{ a = { "b c" = 1 } }'),
        (dt.date(2020, 1, 2), "2020-01-02"),
        (dt.time(7, 30), "07:30:00"),
        ([[[[1]]]], "[[[[...]]]]"),
        ({"a": {"b": {"c": {"d": 1}}}}, "{ a = { b = { c = { ... } } } }"),
        (list(range(9)), "[0, 1, 2, 3, 4, 5, 6, 7, ...]"),
    ],
)
def test_a_value_is_shown_as_toml_writes_it(value: object, shown: str) -> None:
    """Values look as in the file, down to a few levels and items."""
    assert show_value(value) == shown


@pytest.mark.parametrize(
    "value",
    ["x" * 10**6, 10**400, 1 << 10**6, ["x" * 50] * 8, {"k" * 300: 1}, "\x00" * 100],
    ids=["text", "decimal", "hexadecimal", "array", "table", "control characters"],
)
def test_a_long_value_is_cut(value: object) -> None:
    """A value is at most SHOWN_MAX characters and ends in the mark if it is cut."""
    shown = show_value(value)
    assert len(shown) == SHOWN_MAX
    assert shown.endswith(CUT)


def test_an_integer_that_str_refuses_is_shown_in_hexadecimal() -> None:
    """An integer of any length can be shown."""
    assert show_value(1 << 100_000).startswith("0x1000")


def test_a_value_of_any_depth_is_shown() -> None:
    """Depth costs no stack."""
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    assert show_value(value) == "[[[[...]]]]"


def test_a_text_is_shown_as_it_stands_but_printable() -> None:
    """A line of the file keeps its quotes and loses its control characters."""
    assert show_text('a = "\x1b[31m"') == 'a = "\\u001B[31m"'


@pytest.mark.parametrize(
    ("value", "name"),
    [(1, "a number"), (True, "a boolean"), ([], "an array"), (1j, "complex")],
)
def test_kind_names_what_a_value_is(value: object, name: str) -> None:
    """TOML's kinds have plain names, anything else the name of its type."""
    assert kind(value) == name

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from launch.prepare.config import lines
from launch.prepare.config.lines import Path, line_of_first, line_of_unreadable, lines_of, split_lines

EXAMPLE = '''\
# a comment [not.a.header]

[cameras.front-door.models]     # header
person = { max_fps = 5 }
plate.max_fps = [
  1,  # ]
  2,
]

[ cameras . "a.b" ]
text = """
[cameras.no]
audit = 1
"""
models."x\\ny".max_fps = 1
[cameras]
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("cameras",), 3),
        (("cameras", "front-door"), 3),
        (("cameras", "front-door", "models"), 3),
        (("cameras", "front-door", "models", "person"), 4),
        (("cameras", "front-door", "models", "person", "max_fps"), 4),
        (("cameras", "front-door", "models", "plate"), 5),
        (("cameras", "front-door", "models", "plate", "max_fps"), 5),
        (("cameras", "a.b"), 10),
        (("cameras", "a.b", "text"), 11),
        (("cameras", "a.b", "models"), 15),
        (("cameras", "a.b", "models", "x\ny", "max_fps"), 15),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_key_is_on_the_line_where_its_statement_begins(path: Path, line: int, newline: str) -> None:
    """Headers, dotted keys, inline tables and values of several lines, with LF and CRLF."""
    assert lines_of(EXAMPLE.replace("\n", newline), {path}) == {path: line}


def test_a_table_of_several_headers_is_on_the_line_of_the_first() -> None:
    """A table is where it first comes into being, also if only as the parent of another."""
    text = "[a.b.c]\n[x]\n[a.b]\n[a]\nk = 1\n"
    paths = [("a",), ("a", "b"), ("a", "b", "c"), ("a", "k"), ("x",)]
    assert lines_of(text, paths) == dict(zip(paths, [1, 1, 1, 5, 2], strict=True))


def test_a_key_that_is_not_in_the_text_has_no_line() -> None:
    """Only what exists is found."""
    assert lines_of("[a]\nb = 1\n", {("b",), ("a", "c")}) == {}


def test_no_paths_need_no_reading() -> None:
    """Nothing is asked, nothing is found."""
    assert lines_of("a = 1", ()) == {}


def test_only_lf_and_crlf_end_a_line() -> None:
    """Lines are counted as tomllib does: no other separator of Unicode counts."""
    text = "a = '\u2028\x85'\r\nb = 1 # \u2029\nc = 2"
    assert lines_of(text, {("c",)}) == {("c",): 3}
    assert len(split_lines(text)) == 3


def test_keys_below_an_array_of_tables_do_not_confuse_the_others() -> None:
    """An array of tables has the line of its first header; tables after it are found as ever."""
    text = "[[a.b]]\nx = 1\n[[a.b]]\n[a.b.c]\ny = 1\n[d]\ny = 1\n"
    assert lines_of(text, {("a", "b"), ("d", "y")}) == {("a", "b"): 1, ("d", "y"): 7}


def test_a_key_of_any_number_of_parts_is_read() -> None:
    """Depth costs no stack, and paths longer than those asked for are not made."""
    deep = ".".join("a" * 2_000)
    assert lines_of(f"{deep} = 1\n[b.{deep}]\nc = 1\n", {("b",)}) == {("b",): 2}


def test_the_search_ends_at_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """After REREAD_MAX characters read in vain what comes later has no line, at no wrong one."""
    text = "a = 1\nb = [\n" + "[],\n" * 100 + "]\nc = 1\n"
    paths = {("a",), ("b",), ("c",)}
    assert lines_of(text, paths) == {("a",): 1, ("b",): 2, ("c",): 104}
    monkeypatch.setattr(lines, "REREAD_MAX", 1_000)
    assert lines_of(text, paths) == {("a",): 1}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = 1\n", None),
        ("", None),
        ("a = 1\na = 2\n", None),
        ("a = 1\nb = [\n1,\n", 2),
        ("a = 1\nb = '''\n]\n", 2),
        ("a = 1\n\nb = " + "9" * 5_000, 3),
        ("a = 1\n\nb = [\n" + "9" * 5_000 + "]", 3),
        ("a = " + "[" * 10_000, 1),
        ("a = 1\na =\nb = 1", 2),
    ],
    ids=range(9),
)
def test_the_statement_that_cannot_be_read_is_found(text: str, line: int | None) -> None:
    """The first statement that is not TOML by itself, or whose value no reader takes."""
    assert line_of_unreadable(text) == line


def all_paths(table: dict[str, Any], base: Path = ()) -> set[Path]:
    """The paths of all keys that lead through no array."""
    found = set()
    for key, value in table.items():
        found.add((*base, key))
        if isinstance(value, dict):
            found |= all_paths(value, (*base, key))
    return found


def lines_by_prefixes(text: str) -> dict[Path, int]:
    """Line of each path by the definition: what the shortest prefix of lines that has it adds."""
    lines = split_lines(text)
    found: dict[Path, int] = {}
    start = 1
    for count in range(1, len(lines) + 1):
        try:
            table = tomllib.loads("\n".join(lines[:count]))
        except tomllib.TOMLDecodeError:
            continue
        for path in all_paths(table):
            found.setdefault(path, start)
        start = count + 1
    return found


STATEMENTS = [
    "",
    "   # ] ''' = [x]",
    "[t{n}]",
    "[t{n}.a.b]\n[t{n}]\nc = 1",
    "  [ 't {n}' . \"\\n]\" ]  # [x]",
    "[[u{n}]]\nx = [[1],\n[2]]",
    "[[u{n}]]\n[[u{n}]]\n[u{n}.v]\nw.x = 1",
    "k{n} = 1",
    "k{n}.a.'b c'.d = false # k = 2",
    "k{n} = {{ a = 1, b.c = {{ d = [] }} }}",
    "k{n} = [\n  1, # ]\n  [ 2 ],\n  {{ a = 3 }},\n]\nl{n} = 1",
    "k{n} = '''\n[x]\ny = 1\n]'''",
    'k{n} = """\\\n   y = 1 ]\n[x]\n\\"""\n"""\nl{n} = 1',
    "k{n} = [[\n],'''\n]\n''', [\n]\n]",
]


@given(
    st.lists(st.sampled_from(STATEMENTS), max_size=12),
    st.sampled_from(["\n", "\r\n"]),
)
@settings(deadline=None, max_examples=200)
def test_lines_are_those_that_reading_ever_longer_prefixes_gives(statements: list[str], newline: str) -> None:
    """Statement by statement is the same as the slow definition: the prefix that first has it."""
    text = "\n".join(each.format(n=n) for n, each in enumerate(statements))
    text = text.replace("\n", newline)
    paths = all_paths(tomllib.loads(text))
    by_prefixes = lines_by_prefixes(text)
    assert lines_of(text, paths) == {path: by_prefixes[path] for path in paths}


ARRAY = """\
[groups.g]
cameras = [  # "x"
  "a", "b",
  "c" # ]
  , "d",

  "e",
]
list.of = ["f",
"g"]
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        *((("groups", "g", "cameras", place), line) for place, line in enumerate([3, 3, 4, 5, 7])),
        (("groups", "g", "list", "of", 0), 9),
        (("groups", "g", "list", "of", 1), 10),
    ],
)
def test_an_item_of_an_array_is_on_its_own_line(path: Path, line: int) -> None:
    """Each item of a list of several lines is found, whatever comments and commas are around it."""
    assert lines_of(ARRAY, [path])[path] == line


def test_an_item_that_cannot_be_told_apart_has_the_line_of_its_array() -> None:
    """Where the lines end within an item or a table, what is before them is not read."""
    assert lines_of('a = [\n"""b\nc""", "d"]\n', [("a", 1)])[("a", 1)] == 1
    assert lines_of("x = { a = [\n1,\n2] }\n", [("x", "a", 1)])[("x", "a", 1)] == 1


def test_the_search_for_an_item_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without characters left to read in vain, an item has the line of its array."""
    monkeypatch.setattr(lines, "REREAD_MAX", 0)
    text = "a = ['b',\n'c']\n"
    statement = "a = ['b']"
    assert lines_of(statement, [("a", 0)])[("a", 0)] == 1
    assert lines_of(text, [("a", 1)]) == {}


@pytest.mark.parametrize(
    ("text", "line", "first"),
    [
        ("a = 1\nb = 2\na = 3\n", 3, 1),
        ("[a.b]\n[a.c]\n[a.c]\n", 3, 2),
        ("[a]\nb.c = 1\nb.c = 2\n", 3, 2),
        ("a = {}\na.b = 1\n", 2, 1),
        ("a = 1\n", 1, None),
        ("a = 1\n", 9, None),
    ],
)
def test_what_a_statement_repeats_is_found(text: str, line: int, first: int | None) -> None:
    """The line where a key or table was made for the first time; None if it was not."""
    assert line_of_first(text, line) == first

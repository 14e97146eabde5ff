"""Where in a TOML text a key is: the line numbers that :mod:`tomllib` does not give.

There is no second TOML reader here; tomllib itself is asked. The text is cut into statements, and
tomllib says where each ends: the first run of whole lines that parses is one statement. That is
exact. TOML is read from left to right and a statement ends with its line, so a cut inside a value
leaves a bracket or a quote open and never parses, and the first cut after the value always does.
One statement alone cannot contradict another, so it parses anywhere.

What a statement says, tomllib's answer shows. One that begins with ``[`` is a header (no key can),
and the chain of tables that it makes is the path of the keys after it. The line of a key or table
is the first line of the first statement that makes it exist, be it by a header, a dotted key or an
inline table; the keys of an inline table share the line on which their statement begins. An item of
an array is on the first line that, closed with a bracket, makes the array hold it.

Cost: one small parse a line, together about as much as one parse of the whole text. Only a value of
several lines is read again for each line that could end it, and an array for each halving of the lines
that an item can be on, so the sum of that is limited: after ``REREAD_MAX`` characters the search ends,
and what was not found by then has no line, an item that of its array.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Path = tuple[str | int, ...]
"""Keys from the top of the document; a number is a place in an array, counted from 0."""

REREAD_MAX = 4_000_000
"""Characters of unfinished statements that are read in vain before the search for lines ends."""

_DEPTH_COMPARED = 6
"""Parts of the longest key of which a repetition is looked for; a configuration has five."""

_CLOSING = ("]", "}", '"""', "'''")
"""One of these is in the last line of every value of several lines."""


class _Statement(NamedTuple):
    """One statement, comment or empty line of a TOML text."""

    line: int
    is_header: bool
    lines: list[str]
    says: dict[str, Any] | None
    """What tomllib makes of it alone; None if it cannot be read, which ends the text."""


def lines_of(text: str, paths: Iterable[Path]) -> dict[Path, int]:
    """The line, counted from 1, of each of ``paths`` that ``text`` contains.

    Args:
        text: A TOML document that tomllib reads.
        paths: Keys, each as its parts from the top of the document, and items of arrays, with their place as
            the last part. None leads through an array.

    """
    missing = set(paths)
    places: dict[Path, list[int]] = {}
    for path in [path for path in missing if path and isinstance(path[-1], int)]:
        missing.remove(path)
        places.setdefault(path[:-1], []).append(int(path[-1]))
    missing |= places.keys()
    depth = max(map(len, missing), default=0)
    found: dict[Path, int] = {}
    budget = _Budget()
    for base, statement, says in _placed(text):
        if not missing:
            break
        for path in _paths(says, base, depth):
            if path in missing:
                missing.remove(path)
                found[path] = statement.line
                inner = path[len(base) :]
                for place in places.get(path, ()):
                    found[*path, place] = statement.line + _line_in(statement.lines, inner, place, budget)
    return found


def line_of_unreadable(text: str) -> int | None:
    """The first line of the statement at which ``text`` stops being TOML.

    None if each statement can be read alone: then two of them contradict each other.
    """
    return next((each.line for each in _statements(text) if each.says is None), None)


def line_of_first(text: str, line: int) -> int | None:
    """Where the key or table is made for the first time that the statement at ``line`` makes again."""
    made: dict[Path, int] = {}
    for base, statement, says in _placed(text):
        paths = list(_paths(says, base, _DEPTH_COMPARED))
        if statement.line <= line < statement.line + len(statement.lines):
            return next((made[path] for path in sorted(paths, key=len, reverse=True) if path in made), None)
        for path in paths:
            made.setdefault(path, statement.line)
    return None


def split_lines(text: str) -> list[str]:
    """The lines as tomllib counts them: only LF and CRLF end one."""
    return text.replace("\r\n", "\n").split("\n")


class _Budget:
    """How many characters may still be read in vain."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = REREAD_MAX

    def read(self, piece: str) -> dict[str, Any] | None:
        self.left -= len(piece)
        return _read(piece)


def _placed(text: str) -> Iterator[tuple[Path, _Statement, dict[str, Any]]]:
    """The statements that can be read, each with the path of the table that its keys are in."""
    inside: Path = ()
    for statement in _statements(text):
        says = statement.says
        if says is None:
            return
        if statement.is_header:
            inside = _chain(says)
        yield () if statement.is_header else inside, statement, says


def _statements(text: str) -> Iterator[_Statement]:
    """The statements in order; one that cannot be read is the last."""
    lines = split_lines(text)
    start = 0
    budget = _Budget()
    says: dict[str, Any] | None = {}
    while says is not None and start < len(lines):
        is_header = lines[start].lstrip(" \t").startswith("[")
        end = start
        says = _read(lines[start])
        while says is None and budget.left > 0 and (end := _next_closing(lines, end)):
            says = budget.read("\n".join(lines[start : end + 1]))
        yield _Statement(start + 1, is_header, lines[start : end + 1], says)
        start = end + 1


def _line_in(lines: list[str], path: Path, place: int, budget: _Budget) -> int:
    """On which of a statement's lines, counted from 0, an item of its array is; 0 if it cannot be told."""
    first, last = 0, len(lines) - 1
    while first < last:
        middle = (first + last) // 2
        if budget.left <= 0:
            return 0
        array: Any = budget.read("\n".join([*lines[: middle + 1], "]"]))
        for key in path:
            array = array.get(key) if isinstance(array, dict) else None
        if not isinstance(array, list):  # cut within an item of several lines, or an inline table
            return 0
        first, last = (first, middle) if len(array) > place else (middle + 1, last)
    return first


def _next_closing(lines: list[str], after: int) -> int:
    """The next line that could end a value of several lines; 0 if there is none."""
    for index in range(after + 1, len(lines)):
        if any(mark in lines[index] for mark in _CLOSING):
            return index
    return 0


def _read(piece: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(piece)
    except (ValueError, RecursionError):  # no TOML (yet), too many digits, nested too deeply
        return None


def _chain(table: dict[str, Any]) -> Path:
    """The path that a header alone makes: tables of one key each, down to the empty one."""
    path: list[str] = []
    inner: Any = table
    while isinstance(inner, dict) and inner:
        key, inner = next(iter(inner.items()))
        path.append(key)
    return tuple(path)


def _paths(table: dict[str, Any], base: Path, depth: int) -> Iterator[Path]:
    """The paths of the keys in ``table``, itself at ``base``, of at most ``depth`` parts."""
    open_tables = [(base, table)]
    while open_tables:
        path, inner = open_tables.pop()
        if len(path) >= depth:
            continue
        for key, value in inner.items():
            yield (*path, key)
            if isinstance(value, dict):
                open_tables.append(((*path, key), value))

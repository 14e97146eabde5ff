"""Where in a TOML text a key is: the line numbers that :mod:`tomllib` does not give.

There is no second TOML reader here; tomllib itself is asked. The text is cut into statements, and
tomllib says where each ends: the first run of whole lines that parses is one statement. That is
exact. TOML is read from left to right and a statement ends with its line, so a cut inside a value
leaves a bracket or a quote open and never parses, and the first cut after the value always does.
One statement alone cannot contradict another, so it parses wherever it stood.

What a statement says, tomllib's answer shows. One that begins with ``[`` is a header (no key can),
and the chain of tables that it makes is the path of the keys after it. The line of a key or table
is the first line of the first statement that makes it exist, be it by a header, a dotted key or an
inline table; the keys of an inline table share the line on which their statement begins.

Cost: one small parse a line, together about as much as one parse of the whole text. Only a value of
several lines is read again for each line that could end it, so the sum of that is limited: after
``REREAD_MAX`` characters the search ends, and what was not found by then has no line.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Path = tuple[str, ...]

REREAD_MAX = 4_000_000
"""Characters of unfinished statements that are read in vain before the search for lines ends."""

_CLOSING = ("]", "}", '"""', "'''")
"""One of these is in the last line of every value of several lines."""


class _Statement(NamedTuple):
    """One statement, comment or empty line of a TOML text."""

    line: int
    is_header: bool
    says: dict[str, Any] | None
    """What tomllib makes of it alone; None if it cannot be read, which ends the text."""


def lines_of(text: str, paths: Iterable[Path]) -> dict[Path, int]:
    """The line, counted from 1, of each of ``paths`` that ``text`` contains.

    Args:
        text: A TOML document that tomllib reads.
        paths: Keys, each as its parts from the top of the document. None leads through an array.

    """
    missing = set(paths)
    depth = max(map(len, missing), default=0)
    found: dict[Path, int] = {}
    inside: Path = ()
    for statement in _statements(text):
        if not missing or statement.says is None:
            break
        if statement.is_header:
            inside = _chain(statement.says)
        base = () if statement.is_header else inside
        for path in _paths(statement.says, base, depth):
            if path in missing:
                missing.remove(path)
                found[path] = statement.line
    return found


def line_of_unreadable(text: str) -> int | None:
    """The first line of the statement at which ``text`` stops being TOML.

    None if each statement can be read alone: then two of them contradict each other.
    """
    return next((each.line for each in _statements(text) if each.says is None), None)


def split_lines(text: str) -> list[str]:
    """The lines as tomllib counts them: only LF and CRLF end one."""
    return text.replace("\r\n", "\n").split("\n")


def _statements(text: str) -> Iterator[_Statement]:
    """The statements in order; one that cannot be read is the last."""
    lines = split_lines(text)
    start = reread = 0
    says: dict[str, Any] | None = {}
    while says is not None and start < len(lines):
        is_header = lines[start].lstrip(" \t").startswith("[")
        end = start
        says = _read(lines[start])
        while says is None and reread < REREAD_MAX and (end := _next_closing(lines, end)):
            piece = "\n".join(lines[start : end + 1])
            reread += len(piece)
            says = _read(piece)
        yield _Statement(start + 1, is_header, says)
        start = end + 1


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

"""A problem of a document before it has a line, and the three kinds of it that any table may have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from launch.prepare.config.problem import kind, show_key, show_value
from launch.screen.nearest import closest
from ruth.identity import ID_ALLOWED, ID_LENGTH_MAX, id_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from launch.prepare.config.lines import Path

MISSING = "missing"
"""The reason of a fault whose path is not in the document."""

_DOTS_MAX = ID_LENGTH_MAX // 2
"""Parts of the longest id that dots can divide."""


class Fault(NamedTuple):
    """A problem before it has a line: see :class:`launch.prepare.config.problem.Problem`."""

    path: Path
    value: str
    reason: str
    allowed: str
    suggestion: str | None = None


def unknown(path: Path, value: object, known: tuple[str, ...], guess: str | None) -> Fault:
    """A key that no rule knows."""
    return Fault(path, show_value(value), "unknown key", ", ".join(known), guess)


def no_table(path: Path, value: object, allowed: str, guess: str | None = None) -> Fault:
    """A value in the place of a table."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        guess = f"single brackets make a table: [{show_key(path)}]"
    return Fault(path, show_value(value), f"{kind(value)}, not a table", allowed, guess)


def id_faults(what: str, path: Path) -> Iterator[Fault]:
    """The fault of an id that is a key, the last of ``path``, if it is not a valid one."""
    problem = id_problem(path[-1])
    if problem is not None:
        yield Fault(path, "", f"{what} id: {problem}", ID_ALLOWED)


def close(key: str, known: tuple[str, ...]) -> str | None:
    """Names the known key that ``key`` is most likely a slip of."""
    near = closest(key, known)
    return None if near is None else f"did you mean '{near}'?"


def dotted_ids(
    path: Path, value: object, is_meant: Callable[[dict[str, Any]], bool]
) -> Iterator[tuple[Path, str, dict[str, Any]]]:
    """The tables that an id with dots and without quotes has nested below an unknown key.

    Args:
        path: Of the unknown key, in the table that has the first part of the id as its own key.
        value: What is there.
        is_meant: Tells a table that an id of this kind would have.

    Yields:
        For each such table its path, the id as it was meant, and the table.

    """
    start = len(path) - 2  # of the id's first part
    pending = [(path, value)]
    while pending:
        inner, table = pending.pop()
        if not isinstance(table, dict) or len(inner) > len(path) + _DOTS_MAX:
            continue
        meant = ".".join(map(str, inner[start:]))
        if is_meant(table) and id_problem(meant) is None:
            yield inner, meant, table
        pending.extend(((*inner, key), table[key]) for key in reversed(table))

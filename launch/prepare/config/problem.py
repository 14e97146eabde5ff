"""One thing wrong in ruth.toml, as a value and as one line of text.

What a file says is shown to people on a terminal, so nothing of it is passed through as it came:
keys and values are written the way TOML writes them, with everything unprintable escaped
(:mod:`ruth.text`) and everything long cut. Rendering is bounded: a file can be as deep, wide or long as
it likes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from ruth.text import CUT, ESCAPED, printable

if TYPE_CHECKING:
    from collections.abc import Iterable

SHOWN_MAX = 60
"""Characters of one key or value that are shown; what is longer ends in :data:`ruth.text.CUT`."""

_SHOWN_DEPTH = 3
_SHOWN_ITEMS = 8
_DECIMAL_BITS = 2048
_BARE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
_KINDS = {
    "bool": "a boolean",
    "int": "a number",
    "float": "a number",
    "str": "a string",
    "list": "an array",
    "dict": "a table",
    "datetime": "a date",
    "date": "a date",
    "time": "a time",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at one place of a configuration.

    Attributes:
        line: The line it is on, counted from 1; None if it is on none, or on none that was found.
        key: The full dotted key as one would write it; empty if the text is not TOML.
        value: The offending value, short; empty if there is none or the key itself is the offence.
        reason: What is wrong.
        allowed: What is allowed there.
        suggestion: What was probably meant, as a sentence; None without a good guess.

    """

    line: int | None
    key: str
    value: str
    reason: str
    allowed: str
    suggestion: str | None

    def text(self, source: str, level: str = "") -> str:
        """One line: ``ruth.toml:12: key = value: reason; allowed: what; did you mean 'this'?``.

        Args:
            source: The name of the text, before the line.
            level: What kind of problem it is, behind the line; without one it is an error.

        """
        where = source if self.line is None else f"{source}:{self.line}"
        what = " = ".join(part for part in (self.key, self.value) if part)
        said = [self.reason, f"allowed: {self.allowed}"]
        if self.suggestion is not None:
            said.append(self.suggestion)
        return ": ".join(part for part in (where, level, what, "; ".join(said)) if part)


def kind(value: object) -> str:
    """What a value from a TOML document is, with its article: ``"a number"``, ``"a table"``."""
    name = type(value).__name__
    return _KINDS.get(name, name)


def show_key(path: Iterable[str | int]) -> str:
    """A key path as TOML writes it: ``cameras."a.b".models``; places in an array are no part of it."""
    return ".".join(_shown_part(part) for part in path if isinstance(part, str))


def show_value(value: object) -> str:
    """A value as TOML writes it, cut to :data:`SHOWN_MAX` characters."""
    return _cut(_shown(value, _SHOWN_DEPTH))


def show_text(text: str) -> str:
    """A piece of the file as it is, without quotes: printable and cut."""
    return printable(text, SHOWN_MAX, keep=ESCAPED)


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - len(CUT)] + CUT


def _quoted(text: str) -> str:
    """``text`` as TOML writes it between quotes; of a long one, enough that :func:`_cut` can cut it."""
    shown = printable(text[: SHOWN_MAX + 1], None).replace('"', '\\"')
    return f'"{shown}"'


def _shown_part(part: str) -> str:
    if part and _BARE.issuperset(part):
        return _cut(part)
    return _cut(_quoted(part))


def _shown(value: object, depth: int) -> str:
    """``value`` in TOML's words, at most ``depth`` levels of it and a few items of each."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        # str() refuses long integers (640 digits, if told so); hexadecimal has no such limit.
        return str(value) if value.bit_length() < _DECIMAL_BITS else f"{value:#x}"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, list):
        items = [_shown(item, depth - 1) for item in islice(value, _SHOWN_ITEMS if depth else 0)]
        return f"[{_joined(items, len(value))}]"
    if isinstance(value, dict):
        pairs = islice(value.items(), _SHOWN_ITEMS if depth else 0)
        items = [f"{_shown_part(key)} = {_shown(item, depth - 1)}" for key, item in pairs]
        return f"{{ {_joined(items, len(value))} }}" if value else "{}"
    return str(value)


def _joined(items: list[str], count: int) -> str:
    return ", ".join(items if len(items) == count else [*items, CUT])

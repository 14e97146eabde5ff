from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruth.text import COMPOSED, CUT, SHOWN_MAX, printable

ANY_TEXT = st.text(st.characters(exclude_categories=()))  # surrogates too


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("front-door", "front-door"),
        ("d\u00e9j\u00e0 vu \u65e5\u672c", "d\u00e9j\u00e0 vu \u65e5\u672c"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x1b]0;X\x07", "\\u001B]0;X\\u0007"),
        ("\x00\x7f\x9b", "\\u0000\\u007F\\u009B"),
        ("\u202egnp.exe\u200b\u2028", "\\u202Egnp.exe\\u200B\\u2028"),
        ("\U000e0001", "\\U000E0001"),
        ("\ud800", "\\uD800"),
        (os.fsdecode(b"caf\xe9.toml"), "caf\\xE9.toml"),
        ("a\\nb", "a\\\\nb"),
        ("", ""),
    ],
)
def test_escapes(text: str, shown: str) -> None:
    """What is printable stays, everything else is written as an escape, a backslash is doubled."""
    assert printable(text) == shown


@given(ANY_TEXT)
def test_everything_is_printable(text: str) -> None:
    """Whatever the text, what is shown of it is printable and can be encoded in UTF-8."""
    shown = printable(text)
    assert shown.isprintable()
    shown.encode()


@given(ANY_TEXT, ANY_TEXT)
def test_unambiguous(one: str, other: str) -> None:
    """Two texts are shown alike only if they are the same."""
    assert (printable(one, None) == printable(other, None)) == (one == other)


@given(ANY_TEXT)
def test_unambiguous_beside_its_own_escapes(text: str) -> None:
    """A text that spells out how another is shown is not shown like that other."""
    spelled = printable(text, None)
    assert (printable(spelled, None) == spelled) == (spelled == text)


@given(ANY_TEXT, st.integers(len(CUT), 40))
def test_cut(text: str, limit: int) -> None:
    """A result is within its limit; what is longer ends in the mark, and never inside an escape."""
    whole, shown = printable(text, None), printable(text, limit)
    if len(whole) <= limit:
        assert shown == whole
        return
    assert len(shown) <= limit
    assert shown.endswith(CUT)
    begin = shown.removesuffix(CUT)
    assert begin in {printable(text[:end], None) for end in range(len(text) + 1)}


def test_long() -> None:
    """Of a text of any length no more is looked at than can be shown."""
    shown = printable("\x00" * 50_000_000)
    assert SHOWN_MAX - 10 < len(shown) <= SHOWN_MAX


def test_composed() -> None:
    """A message keeps its line ends and the escapes that its pieces have already."""
    assert printable(f"a\x1b: {printable(chr(27))}\nb", keep=COMPOSED) == "a\\u001B: \\u001B\nb"

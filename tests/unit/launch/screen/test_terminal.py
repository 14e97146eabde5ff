from __future__ import annotations

import io
import os
import pty
from typing import TYPE_CHECKING

import pytest

from launch.screen.terminal import columns_of, ellipsis_of, escape_unencodable, in_colour

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[TextIO]:
    """A real terminal of 33 columns, open for writing."""
    for name in ("COLUMNS", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    master, slave = pty.openpty()
    try:
        import termios

        termios.tcsetwinsize(slave, (10, 33))
        with os.fdopen(slave, "w") as out:
            yield out
    finally:
        os.close(master)


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[TextIO]:
    """The writing end of a pipe."""
    monkeypatch.delenv("COLUMNS", raising=False)
    reader, writer = os.pipe()
    try:
        with os.fdopen(writer, "w") as out:
            yield out
    finally:
        os.close(reader)


def test_a_terminal_says_how_wide_it_is(terminal: TextIO) -> None:
    """The width is the terminal's own."""
    assert columns_of(terminal) == 33


def test_a_pipe_has_no_limit(pipe: TextIO) -> None:
    """What is not a terminal takes lines of any length, and no colour."""
    assert columns_of(pipe) is None
    assert not in_colour(pipe)


def test_columns_in_the_environment_count_first(
    terminal: TextIO, pipe: TextIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    """COLUMNS counts for terminals and pipes; what is not a number above 0 does not."""
    monkeypatch.setenv("COLUMNS", "50")
    assert (columns_of(terminal), columns_of(pipe)) == (50, 50)
    for wrong in ("", "0", "-3", "wide"):
        monkeypatch.setenv("COLUMNS", wrong)
        assert (columns_of(terminal), columns_of(pipe)) == (33, None)


def test_colour_needs_a_terminal_that_can(terminal: TextIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """Colour is for terminals, unless NO_COLOR is set or the terminal is a dumb one."""
    assert in_colour(terminal)
    monkeypatch.setenv("TERM", "dumb")
    assert not in_colour(terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not in_colour(terminal)


@pytest.mark.parametrize(
    ("encoding", "mark"), [("utf-8", "\N{HORIZONTAL ELLIPSIS}"), ("ascii", "..."), ("latin-1", "...")]
)
def test_the_mark_can_be_encoded(encoding: str, mark: str) -> None:
    """The mark is one that the stream can write."""
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    assert ellipsis_of(out) == mark
    out.write(mark)


@pytest.mark.parametrize(
    ("encoding", "written"),
    [
        ("ascii", b"caf\\xe9 \\u65e5"),
        ("latin-1", b"caf\xe9 \\u65e5"),
        ("utf-8", "caf\u00e9 \u65e5".encode()),
    ],
)
def test_what_cannot_be_encoded_is_escaped(encoding: str, written: bytes) -> None:
    """A stream of a narrow encoding writes what it has no character for as an escape, and raises nothing."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding=encoding, errors="strict")
    escape_unencodable(out, None, io.StringIO())
    out.write("caf\u00e9 \u65e5")
    out.flush()
    assert raw.getvalue() == written


def test_bytes_that_are_no_text_do_not_pass_through() -> None:
    """A name that is not UTF-8 is escaped also where Python would hand its bytes on, as in the C locale."""
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="utf-8", errors="surrogateescape")
    escape_unencodable(out)
    out.write(os.fsdecode(b"caf\xe9"))
    out.flush()
    assert raw.getvalue() == b"caf\\udce9"

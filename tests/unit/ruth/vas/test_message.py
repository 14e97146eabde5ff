from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from doubles.unread_output import UNREAD, stopped_terminal
from ruth.vas.message import write_nonblocking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Processes

WRITING = """
import sys
from ruth.vas.message import write_nonblocking
try:
    write_nonblocking(sys.stderr, "hello\\n")
except OSError:
    sys.exit(7)
"""


@pytest.fixture(params=[os.pipe, pty.openpty], ids=["pipe", "terminal"])
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """Both ends of something that is read."""
    pair = request.param()
    yield pair
    for end in pair:
        os.close(end)


def test_written(ends: tuple[int, int]) -> None:
    """A line is written whole to a pipe or a terminal that is read."""
    with open(ends[1], "w", closefd=False) as stream:
        write_nonblocking(stream, "h\u00e9llo\n")
        assert os.read(ends[0], 100).decode().splitlines() == ["h\u00e9llo"]


def test_narrow_encoding(tmp_path: Path) -> None:
    """What the encoding of the stream has no character for is written as an escape."""
    with open(tmp_path / "log", "w", encoding="latin-1") as stream:
        write_nonblocking(stream, "h\u00e9llo \u65e5\udce9\n")
    assert (tmp_path / "log").read_bytes() == b"h\xe9llo \\u65e5\\udce9\n"


def test_shared_flags_stay(ends: tuple[int, int]) -> None:
    """A process that shares the descriptor can wait on it as before."""
    with open(ends[1], "w", closefd=False) as stream:
        write_nonblocking(stream, "hello\n")
    assert os.get_blocking(ends[1])


def test_file(tmp_path: Path) -> None:
    """In a file lines follow each other, also where others append."""
    with open(tmp_path / "log", "a") as stream, open(tmp_path / "log", "a") as other:
        write_nonblocking(stream, "one\n")
        other.write("two\n")
        other.flush()
        write_nonblocking(stream, "three\n")
    assert (tmp_path / "log").read_text() == "one\ntwo\nthree\n"


def test_memory() -> None:
    """A stream without a descriptor gets the line as any other."""
    stream = io.StringIO()
    write_nonblocking(stream, "hello\n")
    assert stream.getvalue() == "hello\n"


def test_nowhere() -> None:
    """Where there is no stream the line is lost; at a closed one it is lost with ValueError."""
    write_nonblocking(None, "hello\n")
    stream = io.StringIO()
    stream.close()
    with pytest.raises(ValueError, match="closed"):
        write_nonblocking(stream, "hello\n")


@pytest.mark.parametrize("make", UNREAD)
def test_unread(processes: Processes, make: Callable[[], tuple[int, int]]) -> None:
    """A full pipe, a full socket and a stopped terminal lose the line, with OSError and at once."""
    read_end, write_end = make()
    try:
        process = processes.start(sys.executable, "-c", WRITING, stderr=write_end)
        assert process.wait(timeout=60) == 7
    finally:
        os.close(read_end)
        os.close(write_end)


def test_no_terminal_of_its_own(processes: Processes) -> None:
    """A session without a controlling terminal has none afterwards: Ctrl-C there is not for it."""
    master, terminal = pty.openpty()
    ask = f"{WRITING}\nprint(open('/proc/self/stat').read().rpartition(')')[2].split()[4])"
    try:
        process = processes.start(
            sys.executable,
            "-c",
            ask,
            stderr=terminal,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert process.communicate(timeout=60)[0] == "0\n"
    finally:
        os.close(master)
        os.close(terminal)


def test_unread_places_do_wait(processes: Processes) -> None:
    """The stopped terminal of these tests holds up a process that writes in the ordinary way."""
    master, terminal = stopped_terminal()
    try:
        process = processes.start("sh", "-c", "echo hello >&2", stderr=terminal)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.3)
    finally:
        os.close(master)
        os.close(terminal)

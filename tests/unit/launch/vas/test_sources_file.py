from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

import pytest

from launch.vas.source import SourceError, parse_sources
from launch.vas.sources_file import parse_sources_text, read_sources

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GOOD = 'front-door = "rtsp://u:S3cret@h/x"\n\n"yard.2" = "test"\n'


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Writes a file of sources that only its owner may read, unless told otherwise."""

    def write(content: str | bytes, mode: int = 0o600) -> str:
        path = tmp_path / "sources.toml"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        return str(path)

    return write


def problems(path: str) -> tuple[str, ...]:
    """What is wrong with a file of sources."""
    with pytest.raises(SourceError) as caught:
        parse_sources([], read_sources(path))
    return caught.value.problems


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700])
def test_read(write: Callable[..., str], mode: int) -> None:
    """Sources are read in the order of the file, after those of the command line."""
    sources = parse_sources(["gate=test"], read_sources(write(GOOD, mode)))
    assert [source.camera_id for source in sources] == ["gate", "front-door", "yard.2"]
    assert sources[1].where == "rtsp://u:S3cret@h/x"


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dash stands for standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(GOOD.encode())))
    assert [given.camera_id for given in read_sources("-")] == ["front-door", "yard.2"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644])
def test_shared_file_is_refused(write: Callable[..., str], mode: int) -> None:
    """A file that others may read or change is refused, with the command that fixes it."""
    path = write(GOOD, mode)
    assert problems(path) == (f"{path}: others may read or change it (mode {mode:04o}): chmod 600 {path}",)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_file_of_another_user_is_refused(write: Callable[..., str]) -> None:
    """A file that belongs to neither this user nor root is refused: its owner could change it."""
    path = write(GOOD)
    os.chown(path, 12345, -1)
    (problem,) = problems(path)
    assert "belongs to user 12345" in problem
    assert f"chown {os.geteuid()} {path}" in problem


def test_no_regular_file(tmp_path: Path) -> None:
    """A path that does not exist, or is not a regular file, is refused, and nothing blocks."""
    os.mkfifo(tmp_path / "fifo", 0o600)
    assert problems(f"{tmp_path}/fifo") == (f"{tmp_path}/fifo: not a regular file",)
    assert problems(f"{tmp_path}/none") == (f"{tmp_path}/none: No such file or directory",)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('a = "test"\nb = "rtsp://u:S3cret@h/x\n', 2),
        ('a = "test"\nS3cret\n', 2),
        ('b = "rtsp://u:S3cret@h/\\S3cret"\n', 1),
        ('a = "test"\n\na = "rtsp://u:S3cret@h/x"\n', 3),
        ('a = "test"\nb = """rtsp://u:S3cret@h/x\n', 2),
    ],
)
def test_not_toml(write: Callable[..., str], content: str, line: int) -> None:
    """What is not TOML is told with its line, and none of its words."""
    path = write(content)
    (problem,) = problems(path)
    assert problem.startswith(f"{path}:{line}: ")
    assert 'CAMERA = "SOURCE"' in problem
    assert "S3cret" not in problem


def test_not_text(write: Callable[..., str]) -> None:
    """A file that is not UTF-8 is told where."""
    path = write(b'a = "\xe9"\n')
    assert problems(path) == (f"{path}: not UTF-8 at byte 5",)


def test_every_problem_with_line_and_key(write: Callable[..., str]) -> None:
    """All problems are told at once, each with line and key, none with a password."""
    path = write(
        'a = "rtsp://u:S3cret@h:99999/x"\n"bad id" = "test"\nb = "tset"\n\n'
        '"rtsp://u:S3cret@h/x" = "test"\nok = "test"\n'
    )
    found = problems(path)
    assert [problem.removeprefix(f"{path}:").split(": ")[0] for problem in found] == ["1", "2", "3", "5"]
    assert found[0] == f"{path}:1: a: the port must be 1 to 65535"
    assert found[1].startswith(f'{path}:2: "bad id": camera id: ')
    assert not any("S3cret" in problem for problem in found)


def test_values_are_texts() -> None:
    """A value that is not a string is refused, unseen; each with line and key."""
    given = parse_sources_text('a = 5\nok = "test"\n[b]\nc = "rtsp://u:S3cret@h/x"\n', "f")
    with pytest.raises(SourceError) as caught:
        parse_sources(["cam"], given)
    assert caught.value.problems == (
        "'cam': not CAMERA=SOURCE",
        'f:1: a: a number; allowed: CAMERA = "SOURCE"',
        'f:3: b: a table; allowed: CAMERA = "SOURCE"',
    )


def test_camera_of_command_line_and_file(write: Callable[..., str]) -> None:
    """A camera has one source, wherever it is given."""
    with pytest.raises(SourceError, match="camera 'front-door' is given twice"):
        parse_sources(["front-door=test"], read_sources(write(GOOD)))

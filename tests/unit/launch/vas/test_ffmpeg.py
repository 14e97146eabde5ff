from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from launch.vas.ffmpeg import FFmpegMissingError, find_ffmpeg

if TYPE_CHECKING:
    from pathlib import Path


def program(folder: Path, name: str, help_text: str) -> str:
    """A program that answers every call with ``help_text``."""
    path = folder / name
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{help_text}\nEND\n")
    path.chmod(0o755)
    return str(path)


GOOD = "-fps_mode\nlibx264 AVOptions:"


def test_variable_before_path(tmp_path: Path) -> None:
    """RUTH_FFMPEG goes before the FFmpeg on PATH."""
    ours = program(tmp_path, "ours", GOOD)
    program(tmp_path, "ffmpeg", GOOD)
    assert find_ffmpeg({"RUTH_FFMPEG": ours, "PATH": str(tmp_path)}).path == ours


def test_path(tmp_path: Path) -> None:
    """Without RUTH_FFMPEG it is the FFmpeg on PATH."""
    ffmpeg = program(tmp_path, "ffmpeg", GOOD)
    assert find_ffmpeg({"PATH": str(tmp_path)}).path == ffmpeg


@pytest.mark.parametrize(
    ("help_text", "problem"),
    [("libx264 AVOptions:", "older than 5.1"), ("-fps_mode", "without libx264"), ("", "not an FFmpeg")],
)
def test_unusable(tmp_path: Path, help_text: str, problem: str) -> None:
    """An FFmpeg that is too old, has no libx264, or is none at all, is refused with the reason."""
    path = program(tmp_path, "ffmpeg", help_text)
    with pytest.raises(FFmpegMissingError, match=problem) as caught:
        find_ffmpeg({"RUTH_FFMPEG": path})
    assert caught.value.path == path


def test_variable_names_no_program(tmp_path: Path) -> None:
    """A RUTH_FFMPEG that is not a program is an error: no other FFmpeg is taken for it."""
    with pytest.raises(FFmpegMissingError, match="RUTH_FFMPEG"):
        find_ffmpeg({"RUTH_FFMPEG": str(tmp_path), "PATH": "/usr/bin:/bin"})


def test_no_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any FFmpeg the error says how to get one."""
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(FFmpegMissingError, match="pip install") as caught:
        find_ffmpeg({"PATH": str(tmp_path)})
    assert caught.value.path is None

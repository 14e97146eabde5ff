from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from launch.vas.playlist import ENTRIES, Playlist, path_of

if TYPE_CHECKING:
    from pathlib import Path


def entries(descriptor: int) -> list[bytes]:
    """The entries of a list."""
    with open(path_of(descriptor), "rb") as file:
        return [line for line in file.read().split(b"\n") if line.startswith(b"file ")]


def test_three_lists() -> None:
    """Each list repeats the one below it, and the lowest the file: a thousand times each."""
    playlist = Playlist("/v/a.mp4")
    inner, middle, outer = (entries(descriptor) for descriptor in playlist.descriptors)
    assert inner == [b"file 'file:/v/a.mp4'"] * ENTRIES
    assert middle == [f"file 'file:{path_of(playlist.descriptors[0])}'".encode()] * ENTRIES
    assert outer == [f"file 'file:{path_of(playlist.descriptors[1])}'".encode()] * ENTRIES
    assert playlist.path == path_of(playlist.descriptors[2])
    playlist.close()


def test_quotes() -> None:
    """A quote in a name ends no entry."""
    playlist = Playlist("/v/it's.mp4")
    assert entries(playlist.descriptors[0])[0] == rb"file 'file:/v/it'\''s.mp4'"
    playlist.close()


@pytest.mark.parametrize("name", ["a\nfile 'b'.mp4", "a\rb.mp4"])
def test_line_ends(tmp_path: Path, name: str) -> None:
    """A file whose name holds a line end is given as a descriptor: a list has one entry per line."""
    (tmp_path / name).write_bytes(b"content")
    playlist = Playlist(str(tmp_path / name))
    opened, inner, *_ = playlist.descriptors
    assert os.pread(opened, 9, 0) == b"content"
    assert set(entries(inner)) == {f"file 'file:{path_of(opened)}'".encode()}
    playlist.close()


def test_nothing_is_left() -> None:
    """Closed, or not made because the file is gone, it holds no descriptor."""
    before = os.listdir("/proc/self/fd")
    Playlist("/v/a.mp4").close()
    with pytest.raises(FileNotFoundError):
        Playlist("/gone\n.mp4")
    assert os.listdir("/proc/self/fd") == before

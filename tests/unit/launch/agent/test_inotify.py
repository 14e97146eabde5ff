"""What is watched of a camera's directory."""

from __future__ import annotations

import ctypes
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from launch.agent.inotify import BYTES_MAX, DirectoryWatch, Events
from ruth.identity import DATA_NAME, META_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOTHING = Events(came=False, gone=False)
CAME = Events(came=True, gone=False)
GONE = Events(came=False, gone=True)


class Watched:
    """A directory, and its watch."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = ctypes.create_string_buffer(os.fsencode(folder))
        self.watch = DirectoryWatch(ctypes.addressof(self._path))

    def put(self, name: str) -> None:
        """A file, renamed into place as version 1 does it."""
        temporary = self.folder / "frame.tmp"
        temporary.write_bytes(b"content")
        temporary.rename(self.folder / name)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """One directory, watched."""
    folder = tmp_path / "camera"
    folder.mkdir()
    watched = Watched(folder)
    yield watched
    watched.watch.close()


def test_a_frame_is_seen(watched: Watched) -> None:
    """The rename of frame.meta, which is the last thing that a writer does for a frame."""
    assert not watched.watch.wait(0)
    watched.put(DATA_NAME)
    assert watched.watch.wait(1000)
    assert watched.watch.take_events() == NOTHING
    watched.put(META_NAME)
    assert watched.watch.wait(1000)
    assert watched.watch.take_events() == CAME
    assert watched.watch.take_events() == NOTHING


def test_what_brings_no_frame_wakes_nothing(watched: Watched) -> None:
    """Neither a file that is only made or written, nor one whose mode or name changes away."""
    file = watched.folder / META_NAME
    file.write_bytes(b"")
    file.write_bytes(b"content")
    file.chmod(0o600)
    file.rename(watched.folder.parent / "elsewhere")
    assert not watched.watch.wait(0)


@pytest.mark.parametrize("how", ["removed", "moved"])
def test_a_directory_that_goes_is_seen(watched: Watched, how: str) -> None:
    """Whatever is at its path then is another one."""
    if how == "removed":
        shutil.rmtree(watched.folder)
    else:
        watched.folder.rename(watched.folder.with_name("moved"))
    assert watched.watch.wait(1000)
    assert watched.watch.take_events() == GONE


def test_events_that_were_lost_are_seen(watched: Watched) -> None:
    """A queue that overflowed is like a directory that has gone: the watch begins again."""
    with open("/proc/sys/fs/inotify/max_queued_events", encoding="ascii") as limit:
        most = int(limit.read())
    file, other = watched.folder / META_NAME, watched.folder / DATA_NAME
    file.write_bytes(b"")
    for _ in range(most // 2 + 2):  # names that differ from one to the next are not joined
        file.rename(other)
        other.rename(file)
    found = NOTHING
    while watched.watch.wait(0):
        events = watched.watch.take_events()
        found = Events(found.came or events.came, found.gone or events.gone)
    assert found == Events(came=True, gone=True)


def test_many_events_are_taken_in_turns(watched: Watched) -> None:
    """More than one read gives are all taken, one read at a time."""
    for _ in range(BYTES_MAX // 16):
        watched.put(DATA_NAME)
        watched.put(META_NAME)
    turns = 0
    while watched.watch.wait(0):
        turns += 1
        assert watched.watch.take_events() == CAME
    assert turns > 1


@pytest.mark.parametrize("place", ["missing", "file", "link"])
def test_what_is_no_directory_is_not_watched(tmp_path: Path, place: str) -> None:
    """And nothing stays open of it."""
    path = tmp_path / place
    if place == "file":
        path.write_bytes(b"")
    elif place == "link":
        path.symlink_to(tmp_path)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="inotify_add_watch"):
        Watched(path)
    assert os.listdir("/proc/self/fd") == before

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

import pytest

from launch.observe.launchers import (
    FOLDER,
    LIFE_BYTE,
    MAGIC,
    Launcher,
    flock,
    live_launchers,
    packed,
    parse_launcher,
)

if TYPE_CHECKING:
    from pathlib import Path

LAUNCHER = Launcher(7, "/etc/ruth/ruth.toml", "/dev/shm/vas", "off", "0.1.0", 1, (8, 9))


@pytest.mark.parametrize("launcher", [LAUNCHER, Launcher(1, "", "/vas", "", "1")])
def test_a_record_reads_back(launcher: Launcher) -> None:
    """What a launcher writes of itself, a reader gets."""
    assert parse_launcher(launcher.content(), launcher.pid) == launcher


@pytest.mark.parametrize(
    "content",
    [
        b"",
        MAGIC,
        LAUNCHER.content()[:-1],
        LAUNCHER.content().replace(MAGIC, b"ruth launcher 9"),
        packed(MAGIC, b"/c", b"/vas", b"", b"1"),
        packed(MAGIC, b"relative", b"/vas", b"", b"1", b"0"),
        packed(MAGIC, b"/c", b"vas", b"", b"1", b"0"),
        packed(MAGIC, b"/c", b"/vas", b"", b"1", b"0", b"-8"),
        packed(MAGIC, b"/c", b"/vas", b"", b"1", b"0", b"99999999"),
    ],
)
def test_what_is_no_record(content: bytes) -> None:
    """A record that is cut short, of another form, with a relative path or an impossible number is none."""
    assert parse_launcher(content, 7) is None


def test_only_a_holder_of_the_lock_is_a_launcher(tmp_path: Path) -> None:
    """A file proves nothing: it counts only if the process that it is named after holds its lock."""
    folder = tmp_path / FOLDER
    folder.mkdir()
    (folder / "1").write_bytes(LAUNCHER.content())  # a process that lives, and is not a launcher
    (folder / "x").write_bytes(LAUNCHER.content())
    held = os.open(folder / "2", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        os.write(held, LAUNCHER.content())
        fcntl.fcntl(held, fcntl.F_OFD_SETLK, flock(fcntl.F_WRLCK, LIFE_BYTE))  # of an open file, no process's
        assert live_launchers(str(tmp_path)) == []
    finally:
        os.close(held)


def test_no_folder_is_no_launcher(tmp_path: Path) -> None:
    """Where no launcher has been, there is none."""
    assert live_launchers(str(tmp_path)) == []

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from launch.observe.peek.output import put, replaceable

if TYPE_CHECKING:
    from pathlib import Path


def test_a_new_file(tmp_path: Path) -> None:
    """A file that was not there gets the mode that the umask leaves, and nothing else appears."""
    path = tmp_path / "frame.png"
    before = os.umask(0o027)
    try:
        put(str(path), b"new")
    finally:
        os.umask(before)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """A process that has the old file open goes on reading the old one; the new one has its mode."""
    path = tmp_path / "frame.png"
    path.write_bytes(b"old")
    path.chmod(0o600)
    with path.open("rb") as old:
        put(str(path), b"new")
        assert old.read() == b"old"
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """What a symbolic link leads to is replaced, in its own folder, and the link stays."""
    folder = tmp_path / "folder"
    folder.mkdir()
    target = folder / "frame.png"
    target.write_bytes(b"old")
    link = tmp_path / "link.png"
    link.symlink_to(target)
    put(str(link), b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert list(folder.iterdir()) == [target]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    """When the new file cannot be put in place, the old one stays and nothing else is left."""
    path = tmp_path / "frame.png"
    path.mkdir()  # a directory cannot be renamed over: the last step fails
    with pytest.raises(IsADirectoryError):
        put(str(path), b"new")
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    """When there is no room for all of it, the old file is as it was and nothing else is left."""
    import resource

    path = tmp_path / "frame.png"
    path.write_bytes(b"old")
    pid = os.fork()
    if pid == 0:  # the limit stays in the child
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
        try:
            put(str(path), bytes(1000))
        except OSError:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_can_be_replaced(tmp_path: Path) -> None:
    """Nothing, or a regular file, can be replaced; a folder, a device and a pipe are left alone."""
    file, folder, pipe = tmp_path / "file", tmp_path / "folder", tmp_path / "pipe"
    file.touch()
    folder.mkdir()
    os.mkfifo(pipe)
    assert replaceable(str(file)) is None
    assert replaceable(str(tmp_path / "new")) is None
    for other in (folder, pipe, "/dev/null"):
        assert "not a regular file" in str(replaceable(str(other)))
    assert "no folder" in str(replaceable(str(tmp_path / "none" / "new")))

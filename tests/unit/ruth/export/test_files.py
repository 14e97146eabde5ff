from __future__ import annotations

import fcntl
import os
import socket
import stat
from typing import TYPE_CHECKING

import pytest

from harness.open_descriptors import descriptors_of
from harness.waiting import within
from ruth.export.files import is_same_file, numbers_files_in_order, open_export_directory, open_export_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Roots

CONTENT = b"content"


@pytest.fixture
def camera(roots: Roots) -> Path:
    """A camera's directory with one file in it."""
    path = roots.export / "front-door"
    path.mkdir(parents=True)
    (path / "file").write_bytes(CONTENT)
    return path


@pytest.fixture
def directory(camera: Path) -> Iterator[int]:
    """A descriptor of that directory."""
    descriptor = open_export_directory(str(camera))
    yield descriptor
    os.close(descriptor)


def put(kind: str, path: Path) -> None:
    """Puts something that is not a regular file at a path."""
    if kind == "FIFO":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))
    elif kind == "link to a file":
        path.symlink_to("file")
    elif kind == "link to nothing":
        path.symlink_to("nothing")
    elif kind == "device":
        try:
            os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))
        except PermissionError:
            pytest.skip("making a device needs root")


def test_a_file_is_opened_for_reading_only(directory: int) -> None:
    """The descriptor can be read, not written, does not survive exec, and comes with the file's status."""
    descriptor, status = open_export_file(directory, "file")
    try:
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
        assert flags & os.O_ACCMODE == os.O_RDONLY
        assert not os.get_inheritable(descriptor)
        assert os.read(descriptor, 100) == CONTENT
        assert (status.st_size, status.st_ino) == (len(CONTENT), os.fstat(descriptor).st_ino)
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.write(descriptor, b"x")
    finally:
        os.close(descriptor)


def test_a_directory_is_opened_for_reading_only(directory: int, camera: Path) -> None:
    """The descriptor is that directory's, and does not survive exec."""
    assert os.fstat(directory).st_ino == camera.stat().st_ino
    assert fcntl.fcntl(directory, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
    assert not os.get_inheritable(directory)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("nothing", "No such file or directory"),
        ("FIFO", "not a regular file"),
        ("directory", "not a regular file"),
        ("device", "not a regular file|Permission denied"),
        ("socket", "No such device or address"),
        ("link to a file", "Too many levels of symbolic links"),
        ("link to nothing", "Too many levels of symbolic links"),
    ],
)
def test_what_is_no_regular_file_is_refused_at_once(
    camera: Path, directory: int, kind: str, error: str
) -> None:
    """Anything but a regular file is an OSError, without waiting and with no descriptor left."""
    put(kind, camera / "wrong")
    before = descriptors_of(camera)
    with within(30), pytest.raises(OSError, match=error):
        open_export_file(directory, "wrong")
    assert descriptors_of(camera) == before


@pytest.mark.parametrize("kind", ["nothing", "FIFO", "socket", "link to a file", "link to nothing"])
def test_what_is_no_directory_is_refused_at_once(camera: Path, kind: str) -> None:
    """Anything but a real directory in place of a camera's is an OSError, without waiting."""
    put(kind, camera / "wrong")
    with within(30), pytest.raises(OSError, match=r"Not a directory|No such file"):
        open_export_directory(str(camera / "wrong"))
    assert descriptors_of(camera) == []


def test_a_link_to_a_directory_is_refused(camera: Path) -> None:
    """A link that leads to another camera's real directory is refused like one that leads nowhere."""
    (camera.parent / "other").symlink_to(camera)
    with pytest.raises(OSError, match="Not a directory"):
        open_export_directory(str(camera.parent / "other"))


def test_a_root_may_be_a_link(roots: Roots, camera: Path) -> None:
    """Only the camera's directory and its files must be real: a host may link its export root."""
    linked = roots.export.parent / "linked"
    linked.symlink_to(roots.export)
    os.close(open_export_directory(str(linked / "front-door")))


def test_a_path_names_the_file_that_stands_there(camera: Path) -> None:
    """A path names a file by device and inode: not another file's, and not a removed one's."""
    status = (camera / "file").stat()
    path = str(camera / "file")
    assert is_same_file(path, status.st_dev, status.st_ino)
    assert not is_same_file(path, status.st_dev, status.st_ino + 1)
    assert not is_same_file(path, status.st_dev + 1, status.st_ino)
    (camera / "file").rename(camera / "old")
    assert not is_same_file(path, status.st_dev, status.st_ino)
    (camera / "file").write_bytes(CONTENT)
    assert not is_same_file(path, status.st_dev, status.st_ino)
    (camera / "old").replace(camera / "file")
    assert is_same_file(path, status.st_dev, status.st_ino)


def test_a_link_to_a_file_does_not_name_it(camera: Path) -> None:
    """A path that is a link to the file is another name for it, and is not accepted as its own."""
    status = (camera / "file").stat()
    (camera / "link").symlink_to("file")
    assert not is_same_file(str(camera / "link"), status.st_dev, status.st_ino)


def test_a_path_that_cannot_be_asked_names_nothing(camera: Path) -> None:
    """If it cannot be told what is at a path, the answer is no."""
    status = (camera / "file").stat()
    for path in (camera / "file" / "below", camera / ("x" * 300), camera / "missing" / "file"):
        assert not is_same_file(str(path), status.st_dev, status.st_ino)


@pytest.mark.parametrize(
    ("release", "counts"), [("5.9.0", True), ("6.1.0-13-amd64", True), ("5.8.18", False), ("unknown", False)]
)
def test_the_kernel_that_counts_files(
    directory: int, monkeypatch: pytest.MonkeyPatch, release: str, counts: bool
) -> None:
    """A tmpfs counts its files in order since Linux 5.9; of a kernel that has no number nothing is known."""
    here = os.uname()
    monkeypatch.setattr(os, "uname", lambda: os.uname_result((*here[:2], release, *here[3:])))
    assert numbers_files_in_order(directory) is counts


def test_what_cannot_be_told_of_a_file_system() -> None:
    """A descriptor of which the kernel tells nothing is of no tmpfs."""
    assert not numbers_files_in_order(-1)

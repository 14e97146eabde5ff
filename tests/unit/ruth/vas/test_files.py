from __future__ import annotations

import os
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.open_descriptors import descriptors_of
from harness.waiting import wait_until
from ruth.export.layout import (
    FLAG_CLOSED,
    FLAG_WAKES,
    FLAGS_OFFSET,
    META_SIZE_V1,
    META_SIZE_V2,
    VERSION_1,
    VERSION_2,
    WAKE_OFFSET,
)
from ruth.futex import WOKEN
from ruth.identity import META_NAME
from ruth.vas.files import ExportDirectory, NewFile, retire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Processes, Roots

SIZE = 3 * 4096

# Makes a file as the writer does, and is killed before it is put in place.
KILLED_WRITER = """
import os, signal, sys
from ruth.vas.files import ExportDirectory
file = ExportDirectory(sys.argv[1]).new_file("frame.data", 4096)
file.write(b"half a file")
os.kill(os.getpid(), signal.SIGKILL)
"""

# Waits for the wake word of a frame.meta that it found at 0, and ends with the result as its exit code.
WAITER = f"""
import mmap, os, sys
from ruth.futex import FutexWord
page = mmap.mmap(os.open(sys.argv[1], os.O_RDONLY), {META_SIZE_V2}, mmap.MAP_SHARED, mmap.PROT_READ)
word = FutexWord(page, {WAKE_OFFSET})
print("ready", flush=True)
sys.exit(word.wait(0, 30_000_000_000))
"""


@pytest.fixture
def directory(camera: Path) -> Iterator[ExportDirectory]:
    """The directory, made and open."""
    opened = ExportDirectory(str(camera))
    yield opened
    opened.close()


@contextmanager
def umask(mask: int) -> Iterator[None]:
    """Another umask for a block."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def mode(path: Path) -> int:
    """The permission bits of a path."""
    return stat.S_IMODE(path.stat().st_mode)


def meta_page(version: int, *, wake: int = 0, flags: int = FLAG_WAKES, size: int = META_SIZE_V2) -> bytes:
    """A ``frame.meta`` of which only what :func:`retire` looks at is filled in."""
    page = bytearray(size)
    page[:4] = version.to_bytes(4, "little")
    if size > FLAGS_OFFSET:
        page[WAKE_OFFSET : WAKE_OFFSET + 4] = wake.to_bytes(4, "little")
        page[FLAGS_OFFSET : FLAGS_OFFSET + 4] = flags.to_bytes(4, "little")
    return bytes(page)


def number(content: bytes, offset: int) -> int:
    """The u32 at an offset."""
    return int.from_bytes(content[offset : offset + 4], "little")


# --- a file in the making ---------------------------------------------------------------------------------


def test_a_new_file_has_another_name_until_it_is_put_in_place(
    camera: Path, directory: ExportDirectory
) -> None:
    """A file appears under its name only when it is whole, in one rename."""
    with directory.new_file("frame.data", SIZE) as file:
        assert os.listdir(camera) == ["frame.data.tmp"]
        file.write(b"content")
        file.put_in_place()
        assert os.listdir(camera) == ["frame.data"]
    assert os.listdir(camera) == ["frame.data"]
    assert (camera / "frame.data").read_bytes() == b"content".ljust(SIZE, b"\0")
    assert (camera / "frame.data").stat().st_ino == file.inode


def test_the_memory_of_a_new_file_is_reserved(camera: Path, directory: ExportDirectory) -> None:
    """Every page of a new file exists and is zero: a store into it needs no memory any more."""
    with directory.new_file("frame.data", SIZE):
        made = camera / "frame.data.tmp"
        assert made.stat().st_blocks * 512 == SIZE
        assert made.read_bytes() == bytes(SIZE)


def test_a_new_file_that_is_not_put_in_place_is_removed(camera: Path, directory: ExportDirectory) -> None:
    """Leaving before the rename, also by an exception, leaves no file and no descriptor."""
    before = descriptors_of(camera)
    with directory.new_file("frame.data", SIZE):
        pass
    with pytest.raises(KeyError), directory.new_file("frame.data", SIZE):
        raise KeyError
    assert os.listdir(camera) == []
    assert descriptors_of(camera) == before


@pytest.mark.parametrize("size", [0, -1, 2**62], ids=["nothing", "negative", "more than there is"])
def test_memory_that_cannot_be_had_leaves_nothing(
    camera: Path, directory: ExportDirectory, size: int
) -> None:
    """A size that cannot be reserved is an OSError, and neither file nor descriptor is left."""
    before = descriptors_of(camera)
    with pytest.raises(OSError, match=r"Invalid argument|No space left|File too large"):
        directory.new_file("frame.data", size)
    assert os.listdir(camera) == []
    assert descriptors_of(camera) == before


def test_a_new_file_replaces_what_stands(camera: Path, directory: ExportDirectory) -> None:
    """Who has the old file open keeps it, unchanged; who opens the name finds the new one."""
    standing = camera / "frame.data"
    standing.write_bytes(b"old")
    with standing.open("rb") as old, directory.new_file("frame.data", SIZE) as file:
        file.put_in_place()
        assert old.read() == b"old"
        assert standing.read_bytes() == bytes(SIZE)


def test_leftovers_of_a_killed_writer_are_replaced(camera: Path, processes: Processes) -> None:
    """A writer killed while it made a file leaves only the unfinished file, and the next one reuses it."""
    assert processes.start(sys.executable, "-c", KILLED_WRITER, camera).wait(timeout=60) == -9
    assert os.listdir(camera) == ["frame.data.tmp"]
    directory = ExportDirectory(str(camera))
    with directory.new_file("frame.data", SIZE) as file:
        file.put_in_place()
    directory.close()
    assert os.listdir(camera) == ["frame.data"]
    assert (camera / "frame.data").read_bytes() == bytes(SIZE)


def test_a_link_in_place_of_a_leftover_is_not_followed(
    camera: Path, directory: ExportDirectory, roots: Roots
) -> None:
    """A symbolic link with the unfinished file's name is replaced, and what it points at stays as it was."""
    precious = roots.export / "precious"
    precious.write_bytes(b"precious")
    (camera / "frame.data.tmp").symlink_to(precious)
    with directory.new_file("frame.data", SIZE) as file:
        file.put_in_place()
    assert precious.read_bytes() == b"precious"
    assert not (camera / "frame.data").is_symlink()


def test_a_mapping_outlives_the_making(camera: Path, directory: ExportDirectory) -> None:
    """The mapping of a new file is shared with the file that was put in place, for reading and writing."""
    with directory.new_file("frame.data", SIZE) as file:
        mapping = file.map()
        file.put_in_place()
    with mapping:
        mapping[SIZE - 4 :] = b"last"
        assert (camera / "frame.data").read_bytes()[-4:] == b"last"


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o777])
def test_modes_do_not_depend_on_the_umask(camera: Path, mask: int) -> None:
    """Agents of other users can reach and read an export, and only its writer can write, whatever umask."""
    with umask(mask):
        directory = ExportDirectory(str(camera))
        with directory.new_file("frame.data", SIZE) as file:
            file.put_in_place()
        directory.close()
    assert [oct(mode(path)) for path in (camera.parent, camera, camera / "frame.data")] == [
        "0o755",
        "0o755",
        "0o644",
    ]


# --- the directory ----------------------------------------------------------------------------------------


def test_modes_that_stand_are_left_alone(camera: Path) -> None:
    """A directory that an operator made with modes of his own keeps them."""
    camera.mkdir(parents=True)
    camera.parent.chmod(0o750)
    camera.chmod(0o700)
    ExportDirectory(str(camera)).close()
    assert (mode(camera.parent), mode(camera)) == (0o750, 0o700)


@pytest.mark.parametrize("target", ["another camera", "nothing"])
def test_a_link_in_place_of_the_directory_is_refused(roots: Roots, camera: Path, target: str) -> None:
    """A camera's directory that is a symbolic link is an OSError, and nothing is made behind the link."""
    other = roots.export / "other"
    roots.export.mkdir()
    if target != "nothing":
        other.mkdir()
    camera.symlink_to(other)
    before = descriptors_of(camera)
    with pytest.raises(OSError, match="Not a directory"):
        ExportDirectory(str(camera))
    assert not other.exists() or os.listdir(other) == []
    assert descriptors_of(camera) == before


def test_a_file_in_place_of_the_directory_is_refused(camera: Path) -> None:
    """A camera's directory that is a file is an OSError, and the file stays."""
    camera.parent.mkdir()
    camera.write_bytes(b"file")
    with pytest.raises(OSError, match="Not a directory"):
        ExportDirectory(str(camera))
    assert camera.read_bytes() == b"file"


def test_only_the_file_with_that_inode_is_removed(camera: Path, directory: ExportDirectory) -> None:
    """A file of the same name that is another one stays; a name that is gone is not an error."""
    ours = camera / "ours"
    ours.write_bytes(b"")
    inode = ours.stat().st_ino
    directory.remove("ours", inode + 1)
    assert ours.exists()
    directory.remove("ours", inode)
    assert not ours.exists()
    directory.remove("ours", inode)


def test_a_link_to_the_file_with_that_inode_stays(camera: Path, directory: ExportDirectory) -> None:
    """What a name is compared by is the name's own inode, never that of a link's target."""
    target = camera / "target"
    target.write_bytes(b"")
    (camera / "ours").symlink_to(target)
    directory.remove("ours", target.stat().st_ino)
    assert (camera / "ours").is_symlink()


def test_a_directory_can_be_closed_twice(camera: Path) -> None:
    """Closing leaves the directory in place, and closing again does nothing."""
    before = descriptors_of(camera)
    directory = ExportDirectory(str(camera))
    directory.close()
    directory.close()
    assert descriptors_of(camera) == before
    assert camera.is_dir()


# --- the frame.meta that is replaced ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["nothing", "a link", "a directory"])
def test_what_is_no_file_is_no_standing_meta(camera: Path, directory: ExportDirectory, kind: str) -> None:
    """Only a file that can be opened is retired; anything else in its place is none."""
    meta = camera / META_NAME
    if kind == "a link":
        (camera / "target").write_bytes(meta_page(VERSION_2))
        meta.symlink_to(camera / "target")
    elif kind == "a directory":
        meta.mkdir()
    assert directory.open_current_meta() == -1


def test_a_page_is_closed_before_its_wake_word_moves(camera: Path, directory: ExportDirectory) -> None:
    """Who meets the word moved meets the flag as well, and does not wait for a word that moves no more."""
    meta = camera / META_NAME
    meta.write_bytes(meta_page(VERSION_2, wake=7))
    standing = directory.open_current_meta()
    stored: list[tuple[int, int]] = []

    def watch(_: object, event: str, function: object) -> None:
        if event == "c_return" and function is os.pwrite:
            page = meta.read_bytes()
            stored.append((number(page, FLAGS_OFFSET), number(page, WAKE_OFFSET)))

    sys.setprofile(watch)
    try:
        retire(standing)
    finally:
        sys.setprofile(None)
    closed = FLAG_WAKES | FLAG_CLOSED
    assert stored == [(closed, 7), (closed, 8)]


def test_retiring_tells_readers_that_no_frame_will_follow(camera: Path, directory: ExportDirectory) -> None:
    """A replaced version 2 page gets its closed flag and another wake word; its other bytes stay."""
    meta = camera / META_NAME
    meta.write_bytes(meta_page(VERSION_2, wake=7))
    before = descriptors_of(camera)
    retire(directory.open_current_meta())
    assert meta.read_bytes() == meta_page(VERSION_2, wake=8, flags=FLAG_WAKES | FLAG_CLOSED)
    assert descriptors_of(camera) == before


def test_retiring_twice_closes_once_and_wakes_again(camera: Path, directory: ExportDirectory) -> None:
    """The closed flag stays as it is, and the wake word passes from 2^32 - 1 to 0."""
    meta = camera / META_NAME
    meta.write_bytes(meta_page(VERSION_2, wake=2**32 - 2))
    for wake in (2**32 - 1, 0):
        retire(directory.open_current_meta())
        content = meta.read_bytes()
        assert (number(content, WAKE_OFFSET), number(content, FLAGS_OFFSET)) == (wake, 3)


def test_retiring_wakes_a_reader(camera: Path, directory: ExportDirectory, processes: Processes) -> None:
    """A process that waits on the replaced page is woken."""
    meta = camera / META_NAME
    meta.write_bytes(meta_page(VERSION_2))
    waiter = processes.start(sys.executable, "-c", WAITER, meta, stdout=subprocess.PIPE)
    assert waiter.stdout is not None
    assert waiter.stdout.readline() == b"ready\n"
    status = Path(f"/proc/{waiter.pid}/stat")
    # From here on there is nothing else that it could sleep for.
    wait_until(lambda: status.read_text().rpartition(")")[2].split()[0] == "S", "the reader sleeps")
    retire(directory.open_current_meta())
    assert waiter.wait(timeout=60) == WOKEN


@pytest.mark.parametrize(
    "content",
    [
        b"",
        meta_page(VERSION_1, size=META_SIZE_V1),
        meta_page(VERSION_2, size=META_SIZE_V2 - 1),
        meta_page(VERSION_1),
        meta_page(3),
        bytes(META_SIZE_V2),
    ],
    ids=["empty", "version 1", "short", "version 1 in a page", "version 3", "zeros"],
)
def test_what_is_no_version_2_page_is_not_retired(
    camera: Path, directory: ExportDirectory, content: bytes
) -> None:
    """Nothing is written into a file that is not a whole version 2 page; its descriptor is closed."""
    meta = camera / META_NAME
    meta.write_bytes(content)
    before = descriptors_of(camera)
    retire(directory.open_current_meta())
    assert meta.read_bytes() == content
    assert descriptors_of(camera) == before


def test_a_fifo_in_place_of_the_meta_blocks_nobody(camera: Path, directory: ExportDirectory) -> None:
    """A FIFO named frame.meta is neither waited for nor written to; its descriptor is closed."""
    os.mkfifo(camera / META_NAME)
    before = descriptors_of(camera)
    retire(directory.open_current_meta())
    assert descriptors_of(camera) == before


def test_a_new_file_says_where_it_is_made(directory: ExportDirectory) -> None:
    """The directory makes its files, and a file knows its size and inode."""
    with directory.new_file("frame.data", SIZE) as file:
        assert isinstance(file, NewFile)
        assert file.size == SIZE
        assert file.inode > 0

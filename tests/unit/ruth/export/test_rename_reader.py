from __future__ import annotations

import errno
import os
import shutil
from typing import TYPE_CHECKING, TypeAlias

import pytest

from harness.open_descriptors import descriptors_of
from ruth.export.files import numbers_files_in_order
from ruth.export.layout import FrameRecord, pack_record
from ruth.export.outcome import TORN, UNCHANGED, Absent, Torn, Unchanged
from ruth.export.rename_reader import RenameReader
from ruth.identity import DATA_NAME, META_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Poll: TypeAlias = Callable[[], FrameRecord | Unchanged | Torn | Absent]

WIDTH, HEIGHT = 16, 8
FRAME_SIZE = WIDTH * HEIGHT * 3 // 2

_ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


def record_of(frame_id: int, timestamp_ns: int = 5) -> FrameRecord:
    """The record of a version 1 frame of 16 x 8 pixels."""
    return FrameRecord(1, 0, frame_id, timestamp_ns, WIDTH, HEIGHT, 0, WIDTH, FRAME_SIZE, 0, 0)


@pytest.fixture
def reader(camera: Path) -> Iterator[RenameReader]:
    """A reader of that camera's directory, closed afterwards."""
    made = RenameReader(str(camera))
    yield made
    made.close()


@pytest.fixture
def poll(reader: RenameReader) -> Poll:
    """Binds the reader and looks through it, as ExportSource does."""

    def poll_once() -> FrameRecord | Unchanged | Torn | Absent:
        if not reader.bound:
            reader.bind()
        return reader.read()

    return poll_once


def put(camera: Path, name: str, content: bytes) -> None:
    """Writes a file again beside the old one and renames it over, as the frozen VAS does."""
    temporary = camera / f"{name}.tmp"
    temporary.write_bytes(content)
    temporary.rename(camera / name)


def publish(camera: Path, record: FrameRecord) -> None:
    """One frame: data first, then meta."""
    put(camera, DATA_NAME, bytes(FRAME_SIZE))
    put(camera, META_NAME, pack_record(record))


def test_each_frame_is_given_once(camera: Path, poll: Poll) -> None:
    """A record is given once; the same one again is unchanged, also in a file rewritten."""
    for n in range(5):
        publish(camera, record_of(n))
        assert poll() == record_of(n)
        assert poll() is UNCHANGED
        publish(camera, record_of(n))
        assert poll() is UNCHANGED


def test_only_the_directory_is_held(camera: Path, reader: RenameReader, poll: Poll) -> None:
    """Of what was looked at only the directory stays open, whatever was found; after close not even that."""
    for content in (pack_record(record_of(1)), pack_record(record_of(2)), b"", bytes(64)):
        publish(camera, record_of(0))
        put(camera, META_NAME, content)
        poll()
        assert descriptors_of(camera) == [str(camera)]
    reader.close()
    reader.close()
    assert descriptors_of(camera) == []


@pytest.mark.parametrize("end", ["removed", "renamed away", "made again", "a link"])
def test_a_path_that_leads_elsewhere_is_noticed(
    camera: Path, reader: RenameReader, poll: Poll, end: str
) -> None:
    """Once the camera's path leads elsewhere or nowhere, the open directory is not the camera's any more."""
    publish(camera, record_of(1))
    poll()
    assert reader.path_leads_here()
    if end == "removed":
        shutil.rmtree(camera)
    else:
        camera.rename(camera.parent / "elsewhere")
    if end == "made again":
        camera.mkdir()
    elif end == "a link":
        camera.symlink_to("elsewhere")
    assert not reader.path_leads_here()


def test_closing_forgets_no_frame(camera: Path, reader: RenameReader, poll: Poll) -> None:
    """After close the frame that was given before is still an old one."""
    publish(camera, record_of(1))
    poll()
    reader.close()
    assert poll() is UNCHANGED


def test_reserved_bytes_mean_nothing(camera: Path, poll: Poll) -> None:
    """What is in the bytes that version 1 reserves is neither an offset nor a sequence."""
    publish(camera, record_of(1)._replace(picture=2**32 - 1, data_offset=2**64 - 1, sequence=7))
    assert poll() == record_of(1)
    publish(camera, record_of(1)._replace(data_offset=1, sequence=8))
    assert poll() is UNCHANGED


@pytest.mark.parametrize(
    ("first", "second", "restarted"),
    [
        ((5, 100), (6, 101), False),
        ((5, 100), (500, 101), False),
        ((5, 100), (6, 100), False),
        ((5, 100), (6, 0), False),
        ((5, 100), (5, 101), True),
        ((5, 100), (5, 99), True),
        ((5, 100), (0, 101), True),
        ((0, 100), (0, 101), True),
        ((2**64 - 1, 100), (0, 101), True),
    ],
)
def test_an_id_that_does_not_grow_is_a_writer_started_again(
    camera: Path,
    reader: RenameReader,
    poll: Poll,
    first: tuple[int, int],
    second: tuple[int, int],
    restarted: bool,
) -> None:
    """Ids only grow while VAS lives; the wall clock's steps do not matter."""
    publish(camera, record_of(*first))
    assert poll() == record_of(*first)
    assert reader.restarted
    publish(camera, record_of(*second))
    assert poll() == record_of(*second)
    assert reader.restarted is restarted


@pytest.mark.parametrize("field", FrameRecord._fields)
@pytest.mark.parametrize("value", [0, 1, 2, 8, 4096, 2**31])
def test_a_later_frame_is_judged_like_the_first_one(
    camera: Path, poll: Poll, reader: RenameReader, field: str, value: int
) -> None:
    """Who has been given frames answers about the next one as who comes again, field by field."""
    publish(camera, record_of(1))
    assert poll() == record_of(1)
    publish(camera, record_of(2, 6)._replace(**{field: value}))
    other = RenameReader(str(camera))
    other.bind()
    try:
        assert reader.read() == other.read()
    finally:
        other.close()


def test_data_of_another_size_is_a_pair_being_changed(camera: Path, poll: Poll) -> None:
    """While frame.data is already the next frame's, of another size, nothing is taken; then it is."""
    larger = record_of(2)._replace(width=32, stride=32, data_size=2 * FRAME_SIZE)
    publish(camera, record_of(1))
    assert poll() == record_of(1)
    put(camera, DATA_NAME, bytes(2 * FRAME_SIZE))
    assert poll() is TORN
    put(camera, META_NAME, pack_record(larger))
    assert poll() == larger


@pytest.mark.parametrize("size", [0, 1, FRAME_SIZE - 1, FRAME_SIZE + 1, 4096])
def test_data_cut_short_is_not_taken(camera: Path, poll: Poll, size: int) -> None:
    """A frame.data that has not the size of its header's frame gives no frame, however often it is met."""
    publish(camera, record_of(1))
    os.truncate(camera / DATA_NAME, size)
    assert poll() is TORN
    assert poll() is TORN
    os.truncate(camera / DATA_NAME, FRAME_SIZE)
    assert poll() == record_of(1)


@pytest.mark.parametrize("kind", ["missing", "directory", "FIFO", "link"])
def test_a_header_without_its_data_is_absent(camera: Path, poll: Poll, kind: str) -> None:
    """A frame.data that is missing or not a regular file is not a frame."""
    publish(camera, record_of(1))
    data = camera / DATA_NAME
    data.rename(camera / "elsewhere")
    if kind == "directory":
        data.mkdir()
    elif kind == "FIFO":
        os.mkfifo(data)
    elif kind == "link":
        data.symlink_to("elsewhere")
    outcome = poll()
    assert isinstance(outcome, Absent)
    assert outcome.reason.startswith("frame.data: ")


@pytest.mark.parametrize("length", [4, 8, 63, 65, 128, 4096])
def test_a_header_of_another_length_is_absent(camera: Path, poll: Poll, length: int) -> None:
    """A version 1 frame.meta has exactly 64 bytes."""
    publish(camera, record_of(1))
    put(camera, META_NAME, pack_record(record_of(1)).ljust(length, b"\0")[:length])
    assert poll() == Absent("frame.meta has not the 64 bytes of version 1")


@pytest.mark.parametrize(
    "change",
    [
        {"width": 0},
        {"width": 15},
        {"height": 7},
        {"height": 0, "data_size": 0},
        {"pixel_format": 1},
        {"stride": 14},
        {"stride": 2**32 - 1},
        {"data_size": FRAME_SIZE - 1},
        {"data_size": 2**64 - 1},
    ],
)
def test_a_header_that_is_no_frame_is_absent(camera: Path, poll: Poll, change: dict[str, int]) -> None:
    """A header with an invalid number is not a frame and, unlike a changing pair, never becomes one."""
    publish(camera, record_of(1)._replace(**change))
    assert isinstance(poll(), Absent)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 3},
        {"width": 15},
        {"stride": 14},
        {"pixel_format": 1},
        {"data_size": 0},
        {"height": 16},
    ],
)
def test_each_header_is_judged_whole(camera: Path, poll: Poll, change: dict[str, int]) -> None:
    """After any number of good frames a bad header is refused, and the next good one is taken."""
    for n in range(3):
        publish(camera, record_of(n))
        assert poll() == record_of(n)
    publish(camera, record_of(3)._replace(**change))
    assert isinstance(poll(), Absent | Torn)
    publish(camera, record_of(4))
    assert poll() == record_of(4)


def test_a_new_resolution_is_taken_at_once(camera: Path, poll: Poll) -> None:
    """A header of another geometry beside data of its size is the next frame."""
    publish(camera, record_of(1))
    assert poll() == record_of(1)
    larger = record_of(2)._replace(width=32, stride=32, data_size=2 * FRAME_SIZE)
    put(camera, DATA_NAME, bytes(2 * FRAME_SIZE))
    put(camera, META_NAME, pack_record(larger))
    assert poll() == larger
    publish(camera, record_of(3))
    assert poll() == record_of(3)


@pytest.mark.parametrize("more", [b"x", bytes(10_000)])
def test_a_header_that_grew_is_refused(camera: Path, poll: Poll, more: bytes) -> None:
    """A frame.meta of more than 64 bytes is refused also after good ones."""
    publish(camera, record_of(0))
    poll()
    put(camera, META_NAME, pack_record(record_of(1)) + more)
    assert isinstance(poll(), Absent)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_pixels_that_may_not_be_read_are_no_frame_as_a_user(camera: Path, poll: Poll) -> None:
    """A frame whose data may not be read is none, until it may."""
    publish(camera, record_of(0))
    poll()
    publish(camera, record_of(1))
    (camera / DATA_NAME).chmod(0)
    assert isinstance(poll(), Absent)
    (camera / DATA_NAME).chmod(0o644)
    assert poll() == record_of(1)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda data: data.chmod(0o600), id="mode"),
        pytest.param(lambda data: os.chown(data, 12345, -1), id="owner", marks=_ROOT_ONLY),
        pytest.param(lambda data: os.chown(data, -1, 12345), id="group", marks=_ROOT_ONLY),
    ],
)
def test_pixels_that_may_not_be_read_are_no_frame(camera: Path, change: Callable[[Path], None]) -> None:
    """A frame whose data cannot be opened is none, until it can; asked again whenever its rights change."""
    refused: list[str] = []

    def opener(path: str, flags: int, *, dir_fd: int | None = None) -> int:
        if path in refused:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return os.open(path, flags, dir_fd=dir_fd)

    reader = RenameReader(str(camera), opener)
    publish(camera, record_of(0))
    reader.bind()
    assert reader.read() == record_of(0)
    refused.append(DATA_NAME)
    publish(camera, record_of(1))
    change(camera / DATA_NAME)
    assert reader.read() == Absent("frame.data: Permission denied")
    refused.clear()
    assert reader.read() == record_of(1)
    reader.close()


def test_what_was_opened_is_judged(camera: Path) -> None:
    """If another file gets the name between the look at it and its opening, what was opened counts."""
    link = "x" * FRAME_SIZE  # a link has the size of a frame, so that only its kind can tell

    def opener(path: str, flags: int, *, dir_fd: int | None = None) -> int:
        if path == DATA_NAME and (camera / DATA_NAME).is_symlink():
            put(camera, DATA_NAME, b"cut short")
        return os.open(path, flags, dir_fd=dir_fd)

    reader = RenameReader(str(camera), opener)
    publish(camera, record_of(0))
    reader.bind()
    assert reader.read() == record_of(0)
    publish(camera, record_of(1))
    (camera / DATA_NAME).unlink()
    (camera / DATA_NAME).symlink_to(link)
    assert reader.read() is TORN
    put(camera, DATA_NAME, bytes(FRAME_SIZE))
    assert reader.read() == record_of(1)
    reader.close()


def test_pixels_are_of_the_record_given_last(camera: Path, reader: RenameReader, poll: Poll) -> None:
    """Of any other record there are none, be it right in itself."""
    publish(camera, record_of(1))
    given = poll()
    assert isinstance(given, FrameRecord)
    found = reader.pixels(given)
    assert found is not None
    found.close()
    assert reader.pixels(record_of(2)) is None


def test_without_a_directory_nothing_is_found(camera: Path, reader: RenameReader) -> None:
    """A reader that is not bound finds no frame, also if it is there."""
    publish(camera, record_of(1))
    assert reader.find(1, 5) is None
    reader.bind()
    found = reader.find(1, 5)
    assert found is not None
    found.close()


@pytest.mark.parametrize("name", [META_NAME, DATA_NAME])
def test_a_frame_that_has_lost_a_file_is_gone(camera: Path, reader: RenameReader, name: str) -> None:
    """Whichever of its two files is missing, no pixels are found and nothing is raised."""
    publish(camera, record_of(1))
    reader.bind()
    (camera / name).unlink()
    assert reader.find(1, 5) is None
    assert descriptors_of(camera) == [str(camera)]


@pytest.mark.parametrize("size", [0, FRAME_SIZE - 1, FRAME_SIZE + 1, 2 * FRAME_SIZE])
def test_data_of_another_size_is_not_the_frame_s(camera: Path, reader: RenameReader, size: int) -> None:
    """Data that is longer or shorter than its header says is no frame's, though its file is the right one."""
    publish(camera, record_of(1))
    reader.bind()
    os.truncate(camera / DATA_NAME, size)
    assert reader.find(1, 5) is None


def test_a_header_of_another_version_is_not_found(camera: Path, reader: RenameReader) -> None:
    """Of a header that has the size of version 1 the version is compared all the same."""
    publish(camera, record_of(1)._replace(version=2))
    reader.bind()
    assert reader.find(1, 5) is None


def test_data_cut_while_it_is_opened(
    camera: Path, reader: RenameReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Data that is shortened between the look at its size and its mapping is not a frame."""
    publish(camera, record_of(1))
    reader.bind()

    def cut(descriptor: int) -> bool:  # what is asked in between
        os.truncate(camera / DATA_NAME, FRAME_SIZE - 1)
        return numbers_files_in_order(descriptor)

    monkeypatch.setattr("ruth.export.rename_reader.numbers_files_in_order", cut)
    assert reader.find(1, 5) is None
    assert descriptors_of(camera) == [str(camera)]

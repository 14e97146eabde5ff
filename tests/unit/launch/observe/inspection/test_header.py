from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from harness.exports import (
    DATA_V2,
    EXPORTS,
    FRAME_SIZE,
    META_V1,
    META_V2,
    RECORD,
    RING,
    SLOT_SIZE,
    both_versions,
    patched,
    put,
)
from launch.observe.inspection.header import ExportHeader, read_header
from ruth.errors import InvalidIdError
from ruth.export.layout import (
    DATA_OFFSET_OFFSET,
    DATA_SIZE_OFFSET,
    FLAG_CLOSED,
    FLAGS_OFFSET,
    HEIGHT_OFFSET,
    NO_FRAME_EVER,
    PIXEL_FORMAT_OFFSET,
    SEQUENCE_OFFSET,
    SLOT_COUNT_OFFSET,
    SLOT_SIZE_OFFSET,
    STRIDE_OFFSET,
    VERSION_OFFSET,
    WIDTH_OFFSET,
)
from ruth.export.outcome import Absent, Fresh
from ruth.export.source import ExportSource

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def camera(tmp_path: Path) -> Path:
    """The empty folder of a camera."""
    folder = tmp_path / "a"
    folder.mkdir()
    return folder


def header(camera: Path) -> ExportHeader:
    """What is there."""
    return read_header(str(camera.parent), camera.name)


@both_versions
def test_every_field_is_shown(camera: Path, version: int) -> None:
    """A valid export has no problem; every field is as it was written, the ring's in version 2."""
    put(camera, *EXPORTS[version])
    found = header(camera)
    assert (found.directory, found.problem, found.present) == (str(camera), None, True)
    assert (found.meta_bytes, found.data_bytes) == (
        (64, FRAME_SIZE) if version == 1 else (4096, 4 * SLOT_SIZE)
    )
    expected = RECORD if version == 2 else RECORD._replace(version=1, data_offset=0, sequence=0)
    assert (found.record, found.ring) == (expected, RING if version == 2 else None)


def test_nothing_there(tmp_path: Path, camera: Path) -> None:
    """No folder, or one without a header, is not an export, and the reason is told."""
    assert read_header(str(tmp_path), "b") == ExportHeader(str(tmp_path / "b"), "No such file or directory")
    found = header(camera)
    assert (found.present, found.problem) == (False, "frame.meta: No such file or directory")


def test_a_header_without_data(camera: Path) -> None:
    """A header without pixels is shown with what is missing."""
    (camera / "frame.meta").write_bytes(META_V2)
    found = header(camera)
    assert (found.record, found.data_bytes) == (RECORD, None)
    assert found.problem == "frame.data: No such file or directory"


@pytest.mark.parametrize("length", [0, 3, 63, 64, 127, 128, 4095])
def test_a_header_cut_short(camera: Path, length: int) -> None:
    """A header that is too short is shown as far as it goes."""
    put(camera, META_V2[:length], DATA_V2)
    found = header(camera)
    assert found.problem is not None
    assert (f"{length} bytes" if length else NO_FRAME_EVER) in found.problem
    assert (found.record is None, found.ring is None) == (length < 64, length < 128)


@pytest.mark.parametrize("kind", ["fifo", "link", "folder"])
def test_no_regular_file(camera: Path, tmp_path: Path, kind: str) -> None:
    """What is not a regular file is not opened, and nothing blocks."""
    meta = camera / "frame.meta"
    if kind == "fifo":
        os.mkfifo(meta)
    elif kind == "link":
        (tmp_path / "other").write_bytes(META_V1)
        meta.symlink_to(tmp_path / "other")
    else:
        meta.mkdir()
    assert not header(camera).present


def test_a_writer_killed_in_the_middle(camera: Path) -> None:
    """A record whose sequence stays odd is shown, with what that means."""
    put(camera, patched(META_V2, (SEQUENCE_OFFSET, 8, 13)), DATA_V2)
    found = header(camera)
    assert found.record is not None
    assert found.record.sequence == 13
    assert "half-written" in (found.problem or "")


def test_no_frame_yet(camera: Path) -> None:
    """An export before its first frame is not a problem."""
    put(camera, patched(META_V2, *((offset, 8, 0) for offset in range(0, 64, 8)), (0, 4, 2)), DATA_V2)
    assert header(camera).problem is None


@pytest.mark.parametrize("value", [0, 1, 2, 3, 15, 16, 17, 4095, 4096, 4097, 2**31, 2**32 - 1])
@pytest.mark.parametrize(
    ("offset", "size"),
    [(VERSION_OFFSET, 4), (WIDTH_OFFSET, 4), (HEIGHT_OFFSET, 4), (PIXEL_FORMAT_OFFSET, 4), (STRIDE_OFFSET, 4),
     (DATA_SIZE_OFFSET, 8), (DATA_OFFSET_OFFSET, 8), (SLOT_COUNT_OFFSET, 4), (SLOT_SIZE_OFFSET, 8),
     (FLAGS_OFFSET, 4)],
)  # fmt: skip
@both_versions
def test_a_problem_is_what_an_agent_refuses(
    camera: Path, version: int, offset: int, size: int, value: int
) -> None:
    """There is a problem with a header if, and only if, an agent takes no frame from it."""
    meta, data = EXPORTS[version]
    if offset + size > len(meta):
        return
    put(camera, patched(meta, (offset, size, value)), data)
    found = header(camera)
    with ExportSource(str(camera.parent), camera.name) as source:
        outcome = source.try_read()
    assert (found.problem is None) == isinstance(outcome, Fresh), (found.problem, outcome)
    if isinstance(outcome, Absent) and found.problem is not None and version == 2:
        assert found.problem.split()[0] == outcome.reason.split()[0]


def test_a_closed_export(camera: Path) -> None:
    """That its writer has ended an export is not a problem: its last frame may still be taken."""
    put(camera, patched(META_V2, (FLAGS_OFFSET, 4, FLAG_CLOSED)), DATA_V2)
    found = header(camera)
    assert found.problem is None
    assert found.ring is not None
    assert found.ring.closed


def test_no_camera_id(tmp_path: Path) -> None:
    """A name that is not a valid camera id is refused."""
    with pytest.raises(InvalidIdError):
        read_header(str(tmp_path), "../a")

from __future__ import annotations

import os
import random
import shutil
from typing import TYPE_CHECKING

import pytest

from doubles.frozen_vas import Version1Writer
from harness.exports import META_V2, WIDTH, patched, put
from harness.open_descriptors import left_of
from harness.rings import FRAME_SIZE, HEIGHT, SLOT_SIZE, SLOTS, STRIDE, publish
from harness.rings import WIDTH as RING_WIDTH
from ruth.export.finder import FrameFinder
from ruth.export.layout import (
    DATA_INODE_OFFSET,
    DATA_OFFSET_OFFSET,
    EPOCH_OFFSET,
    HEIGHT_OFFSET,
    SEQUENCE_OFFSET,
    STRIDE_OFFSET,
    VERSION_OFFSET,
    WIDTH_OFFSET,
    slot_record_offset,
    unpack_ring,
)
from ruth.vas.ring import FrameRing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Roots


@pytest.fixture
def finder(roots: Roots) -> Iterator[FrameFinder]:
    """Finds frames of the camera."""
    with FrameFinder(str(roots.export), "front-door") as made:
        yield made


@pytest.fixture
def ring(camera: Path) -> FrameRing:
    """A ring of three slots."""
    return FrameRing(str(camera), RING_WIDTH, HEIGHT, STRIDE, SLOTS)


def identity(camera: Path) -> tuple[int, int]:
    """Inode and epoch of what is at the camera's path."""
    meta = camera / "frame.meta"
    return meta.stat().st_ino, unpack_ring(meta.read_bytes()).epoch


def change(camera: Path, offset: int, value: int, size: int = 4) -> None:
    """Stores a number into ``frame.meta``, in place."""
    descriptor = os.open(camera / "frame.meta", os.O_RDWR)
    os.pwrite(descriptor, value.to_bytes(size, "little"), offset)
    os.close(descriptor)


def test_each_frame_of_the_ring_is_found(camera: Path, ring: FrameRing, finder: FrameFinder) -> None:
    """Every frame that the ring holds is found by id and time, not only the newest, with its own pixels."""
    bound = finder.bind_ring(*identity(camera))
    assert bound is not None
    for newest in range(8):
        publish(ring, 100 + newest)
        found = {
            frame_id: pixels.memory[pixels.record.data_offset]
            for frame_id in range(newest + 2)
            if (pixels := bound.find(frame_id, 100 + frame_id))
        }
        assert found == {frame_id: frame_id for frame_id in range(max(0, newest - SLOTS + 1), newest + 1)}


def test_a_frame_of_another_time_is_not_found(camera: Path, ring: FrameRing, finder: FrameFinder) -> None:
    """The id alone is not enough."""
    bound = finder.bind_ring(*identity(camera))
    assert bound is not None
    publish(ring, 100)
    assert bound.find(0, 101) is None
    assert bound.find(0, 100) is not None


def test_a_frame_never_published_is_not_found(camera: Path, ring: FrameRing, finder: FrameFinder) -> None:
    """A fresh slot's record, all zero but its geometry, is not frame 0 at time 0."""
    bound = finder.bind_ring(*identity(camera))
    assert bound is not None
    assert bound.find(0, 0) is None
    publish(ring, 0)
    assert bound.find(0, 0) is not None


def test_a_frame_under_change_is_not_found(camera: Path, ring: FrameRing, finder: FrameFinder) -> None:
    """A slot that is being filled holds no frame, neither the old one nor the new one."""
    bound = finder.bind_ring(*identity(camera))
    assert bound is not None
    publish(ring, 1, 2, 3)
    ring.begin_frame()
    assert (bound.find(0, 1), bound.find(3, 4)) == (None, None)
    ring.commit(4)
    assert bound.find(0, 1) is None
    assert bound.find(3, 4) is not None


@pytest.mark.parametrize("judged", [False, True], ids=["first poll", "later look"])
@pytest.mark.parametrize(
    ("field", "value", "size"),
    [
        (VERSION_OFFSET, 1, 4),
        (WIDTH_OFFSET, RING_WIDTH + 1, 4),
        (HEIGHT_OFFSET, 2 * HEIGHT, 4),
        (STRIDE_OFFSET, 2**31, 4),
        (DATA_OFFSET_OFFSET, SLOT_SIZE, 8),
        (DATA_OFFSET_OFFSET, 1, 8),
        (DATA_OFFSET_OFFSET, 2**63, 8),
        (SEQUENCE_OFFSET, 3, 8),
        (SEQUENCE_OFFSET, 0, 8),
    ],
)
def test_a_slot_that_is_not_valid_is_refused(
    camera: Path, ring: FrameRing, finder: FrameFinder, field: int, value: int, size: int, judged: bool
) -> None:
    """A slot's record is judged again when its lasting fields have changed: no view leaves its slot."""
    bound = finder.bind_ring(*identity(camera))
    assert bound is not None
    publish(ring, 100)
    if judged:
        assert bound.find(0, 100) is not None
    change(camera, slot_record_offset(0) + field, value, size)
    assert bound.find(0, 100) is None
    assert bound.find(0, 100) is None  # nor is it taken for judged


def test_a_slot_that_was_cut_off_holds_no_frame(camera: Path, ring: FrameRing, finder: FrameFinder) -> None:
    """Where frame.meta has become too short for a slot's record there is no frame, and nothing is raised."""
    publish(ring, 100)
    ring_bytes, data = ((camera / name).read_bytes() for name in ("frame.meta", "frame.data"))
    ring.close()
    put(camera, patched(ring_bytes, (DATA_INODE_OFFSET, 8, 0)), data)  # which no writer maps
    bound = finder.bind_ring(*identity(camera))
    assert bound is not None
    assert bound.find(0, 100) is not None
    for size in (slot_record_offset(1) - 1, slot_record_offset(0), 0):
        os.truncate(camera / "frame.meta", size)
        assert bound.find(0, 100) is None


def test_random_slot_records_never_raise(camera: Path, ring: FrameRing, finder: FrameFinder) -> None:
    """Whatever is in a slot's record, a poll returns pixels inside the ring or nothing."""
    bound = finder.bind_ring(*identity(camera))
    assert bound is not None
    generator = random.Random(6)
    descriptor = os.open(camera / "frame.meta", os.O_RDWR)
    for _ in range(3000):
        os.pwrite(descriptor, generator.randbytes(64), slot_record_offset(1))
        os.pwrite(descriptor, (1).to_bytes(8, "little") + bytes(8), slot_record_offset(1) + 8)
        assert bound.find(1, 0) is None
    os.close(descriptor)


@pytest.mark.parametrize("wrong", ["inode", "epoch"])
def test_another_export_is_not_bound(camera: Path, ring: FrameRing, finder: FrameFinder, wrong: str) -> None:
    """What is at the path is bound only if it is the export that was asked for, in the very same life."""
    inode, epoch = identity(camera)
    asked = (inode + 1, epoch) if wrong == "inode" else (inode, epoch + 1)
    held = left_of(camera)
    assert finder.bind_ring(*asked) is None
    assert finder.ring is None
    assert left_of(camera) == held
    ring_bound = finder.bind_ring(inode, epoch)
    assert ring_bound is not None
    assert ring_bound is finder.ring
    assert ring_bound.identity[1:] == (inode, epoch)


def test_a_replaced_export_is_let_go(camera: Path, ring: FrameRing, finder: FrameFinder) -> None:
    """Binding another export releases the one before, also if the other cannot be had."""
    held = left_of(camera)  # by its writer, which is this process as well
    assert finder.bind_ring(*identity(camera)) is not None
    assert len(left_of(camera)) > len(held)
    assert finder.bind_ring(1, 1) is None
    assert left_of(camera) == held


@pytest.mark.parametrize("what", ["no folder", "no meta", "no data", "a link", "version 1", "short", "sizes"])
def test_what_is_no_export_is_not_bound(
    roots: Roots, camera: Path, ring: FrameRing, finder: FrameFinder, what: str
) -> None:
    """Anything that is not a whole export of version 2 is not bound, raises nothing and leaks nothing."""
    asked = identity(camera)
    if what == "no folder":
        shutil.rmtree(camera)
    elif what == "no meta":
        (camera / "frame.meta").unlink()
    elif what == "no data":
        (camera / "frame.data").unlink()
    elif what == "a link":
        camera.rename(camera.with_name("elsewhere"))
        camera.symlink_to("elsewhere")
    elif what == "version 1":
        change(camera, VERSION_OFFSET, 1)
    elif what == "short":
        os.truncate(camera / "frame.meta", 100)
    else:
        os.truncate(camera / "frame.data", SLOT_SIZE)
    descriptors = os.listdir("/proc/self/fd")
    assert finder.bind_ring(*asked) is None
    assert os.listdir("/proc/self/fd") == descriptors


def test_the_same_files_written_anew_are_another_export(
    camera: Path, ring: FrameRing, finder: FrameFinder
) -> None:
    """A writer that begins again in the same files states another epoch, and is another export."""
    inode, epoch = identity(camera)
    assert finder.bind_ring(inode, epoch) is not None
    change(camera, EPOCH_OFFSET, epoch + 1, 8)
    renewed = finder.bind_ring(inode, epoch + 1)
    assert renewed is not None
    assert renewed.identity[2] == epoch + 1


def test_a_renamed_frame_is_found_if_it_is_the_newest(camera: Path, finder: FrameFinder) -> None:
    """Of version 1 the newest frame is found, by id and time, and no other."""
    writer = Version1Writer(camera)
    for frame_id in range(4):
        writer.write(frame_id, 10 + frame_id)
        found = [wanted for wanted in range(6) if finder.find_renamed(wanted, 10 + wanted)]
        assert found == [frame_id]
        assert finder.find_renamed(frame_id, 9) is None
    pixels = finder.find_renamed(3, 13)
    assert pixels is not None
    assert set(pixels.memory[:]) == {3}
    pixels.close()


def test_a_renamed_frame_that_is_not_valid_is_refused(camera: Path, finder: FrameFinder) -> None:
    """A version 1 header is judged before its pixels are looked for."""
    Version1Writer(camera).write(5, 50)
    change(camera, WIDTH_OFFSET, 63)
    assert finder.find_renamed(5, 50) is None


def test_version_2_is_not_found_as_version_1(camera: Path, finder: FrameFinder) -> None:
    """A header of another version is not taken for one of version 1."""
    put(camera, META_V2, bytes(4 * 4096))
    assert WIDTH == 16
    assert finder.find_renamed(5, 1000) is None


def test_finding_renamed_frames_leaves_nothing_open(camera: Path, finder: FrameFinder) -> None:
    """Between two polls for version 1 nothing is open, and what was found is released with its pixels."""
    writer = Version1Writer(camera)
    for frame_id in range(3):
        writer.write(frame_id, 1)
        pixels = finder.find_renamed(frame_id, 1)
        assert pixels is not None
        pixels.close()
        assert left_of(camera) == []
    shutil.rmtree(camera)
    assert finder.find_renamed(2, 1) is None


def test_a_finder_shows_what_it_has(camera: Path, ring: FrameRing, finder: FrameFinder) -> None:
    """The repr tells where it looks, and whether it is bound."""
    assert repr(finder) == f"FrameFinder({str(camera)!r}, bound=False)"
    finder.bind_ring(*identity(camera))
    assert repr(finder) == f"FrameFinder({str(camera)!r}, bound=True)"
    assert FRAME_SIZE < SLOT_SIZE

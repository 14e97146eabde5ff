from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from harness.vectors import DAMAGED_FRAMES
from ruth.export.layout import FrameRecord, slot_record_offset, unpack_record, unpack_ring
from ruth.export.nv12 import nv12_views
from ruth.export.outcome import UNCHANGED, Fresh
from ruth.export.picture import Picture, unpack_picture
from ruth.export.source import ExportSource

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from conftest import Roots

WIDTH, HEIGHT = 16, 8


@pytest.fixture
def vector(roots: Roots, vectors: Path) -> Callable[[str], Path]:
    """Copies one of the example exports into the test's own root."""

    def copy(version: str) -> Path:
        camera = roots.export / "front-door"
        camera.mkdir(parents=True)
        for file in (vectors / version / "front-door").iterdir():
            shutil.copyfile(file, camera / file.name)  # the content alone: the originals are read-only
        return camera

    return copy


def luma(frame_id: int) -> NDArray[np.uint8]:
    """Y[r][c] = 7f + 3r + c, modulo 256."""
    rows, columns = np.indices((HEIGHT, WIDTH))
    return ((7 * frame_id + 3 * rows + columns) % 256).astype(np.uint8)


def chroma(frame_id: int) -> NDArray[np.uint8]:
    """UV[r][c] = 200 - 5f + r - c, modulo 256, as pairs."""
    rows, columns = np.indices((HEIGHT // 2, WIDTH))
    flat = ((200 - 5 * frame_id + rows - columns) % 256).astype(np.uint8)
    return flat.reshape(HEIGHT // 2, WIDTH // 2, 2)


def assert_pixels(data: bytes, record: FrameRecord) -> None:
    """The frame that a record describes has the pixels of its id."""
    views = nv12_views(data, record)
    assert np.array_equal(views.y, luma(record.frame_id))
    assert np.array_equal(views.uv, chroma(record.frame_id))


def test_the_example_of_version_1_is_read(roots: Roots, vector: Callable[[str], Path]) -> None:
    """The example of the frozen VAS gives its one frame, once, with its own pixels."""
    camera = vector("v1")
    with ExportSource(str(roots.export), "front-door") as source:
        outcome = source.try_read()
        assert isinstance(outcome, Fresh)
        assert outcome.record == FrameRecord(1, 0, 41, 1795294536609118200, 16, 8, 0, 16, 192, 0, 0)
        assert (outcome.session, source.version) == (1, 1)
        assert source.try_read() is UNCHANGED
    assert_pixels((camera / "frame.data").read_bytes(), outcome.record)


def test_the_example_of_version_2_is_read(roots: Roots, vector: Callable[[str], Path]) -> None:
    """The example ring gives its newest frame, once, with its own pixels in the mapping that was bound."""
    vector("v2")
    with ExportSource(str(roots.export), "front-door") as source:
        outcome = source.try_read()
        assert isinstance(outcome, Fresh)
        assert outcome.record == FrameRecord(2, 0, 5, 5_200_000_000, 16, 8, 0, 16, 192, 4096, 12)
        assert (outcome.session, source.version) == (1, 2)
        assert source.ring is not None
        assert source.ring.data_map is not None
        assert (source.ring.wake, source.ring.wakes) == (6, True)
        assert_pixels(source.ring.data_map[:], outcome.record)
        assert source.try_read() is UNCHANGED


def test_the_slots_of_the_example_ring_are_read(vector: Callable[[str], Path]) -> None:
    """Of six frames in four slots the last four are whole, each where its slot's record says."""
    camera = vector("v2")
    meta, data = (camera / "frame.meta").read_bytes(), (camera / "frame.data").read_bytes()
    ring = unpack_ring(meta)
    assert (ring.slot_count, ring.slot_size, ring.data_inode, ring.epoch) == (4, 4096, 0, 123_456_789_000)
    assert (ring.flags, ring.wakes, ring.closed) == (1, True, False)
    found = {}
    for slot in range(ring.slot_count):
        record = unpack_record(meta, slot_record_offset(slot))
        assert record.data_offset == slot * ring.slot_size
        assert record.sequence % 2 == 0
        assert_pixels(data, record)
        found[record.frame_id] = record.timestamp_ns
    assert found == {n: 5_000_000_000 + 40_000_000 * n for n in (2, 3, 4, 5)}


def test_the_example_with_a_picture_is_read(roots: Roots, vector: Callable[[str], Path]) -> None:
    """Range, matrix and damage are what each record says; all else is as in the example without them."""
    camera = vector("v2-picture")
    with ExportSource(str(roots.export), "front-door") as source:
        outcome = source.try_read()
        assert isinstance(outcome, Fresh)
    assert outcome.record == FrameRecord(2, 0x010202, 5, 5_200_000_000, 16, 8, 0, 16, 192, 4096, 12)
    assert unpack_picture(outcome.record.picture) == Picture("full", "bt709", damaged=True)
    assert_pixels((camera / "frame.data").read_bytes(), outcome.record)
    meta = (camera / "frame.meta").read_bytes()
    records = [unpack_record(meta, slot_record_offset(slot)) for slot in range(4)]
    damaged = {record.frame_id for record in records if unpack_picture(record.picture).damaged}
    assert damaged == set(DAMAGED_FRAMES)

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from doubles.frozen_vas import Version1Writer
from harness.exports import DATA_V2, META_V1, META_V2, patched, put
from harness.open_descriptors import left_of
from harness.rings import FRAME_SIZE, HEIGHT, SLOTS, STRIDE, WIDTH, publish
from harness.waiting import within
from launch.observe.peek.frame import ABSENCE_S, CopiedFrame, NoFrame, _copy, copy_newest
from ruth.export.layout import NO_FRAME_EVER, SEQUENCE_OFFSET
from ruth.export.outcome import Fresh
from ruth.export.source import ExportSource
from ruth.vas.ring import FrameRing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Roots


@pytest.fixture
def camera(roots: Roots) -> Path:
    """The folder of camera "a"."""
    folder = roots.export / "a"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def ring(camera: Path) -> Iterator[FrameRing]:
    """A version 2 export of camera "a" whose frames are filled with the low byte of their ids."""
    made = FrameRing(str(camera), WIDTH, HEIGHT, STRIDE, SLOTS)
    yield made
    made.close()


@pytest.fixture
def source(roots: Roots) -> Iterator[ExportSource]:
    """A reader of camera "a"."""
    with ExportSource(str(roots.export), "a") as reader:
        yield reader


def copied(source: ExportSource, patience_s: float = 1) -> CopiedFrame:
    """The newest frame, which there is."""
    found = copy_newest(source, patience_s)
    assert isinstance(found, CopiedFrame), found
    return found


def reason(source: ExportSource, patience_s: float = 0.05) -> NoFrame:
    """Why there is no frame."""
    found = copy_newest(source, patience_s)
    assert isinstance(found, NoFrame), found
    return found


def test_the_newest_frame_of_version_2(ring: FrameRing, source: ExportSource) -> None:
    """A copy is the newest frame from its first byte to its last, whatever slot it was in."""
    publish(ring, 10, 20)
    frame = copied(source)
    assert (frame.record.frame_id, frame.record.timestamp_ns, frame.record.data_offset) == (1, 20, 0)
    assert bytes(frame.memory) == bytes([1]) * FRAME_SIZE


def test_the_newest_frame_of_version_1(camera: Path, source: ExportSource) -> None:
    """Version 1 is copied as well."""
    Version1Writer(camera).write(7, 1000)
    frame = copied(source)
    assert (frame.record.frame_id, frame.record.timestamp_ns, frame.record.version) == (7, 1000, 1)
    assert bytes(frame.memory) == bytes([7]) * (64 * 48 * 3 // 2)


def test_a_copy_outlives_its_export(ring: FrameRing, camera: Path, source: ExportSource) -> None:
    """A copy stays what it was when its slot is used again and the export goes."""
    publish(ring, 10)
    frame = copied(source)
    publish(ring, *range(20, 20 + SLOTS))
    source.close()
    (camera / "frame.data").unlink()
    assert bytes(frame.memory) == bytes(FRAME_SIZE)


def test_nothing_is_left_open(ring: FrameRing, roots: Roots) -> None:
    """After a poll neither a descriptor nor a mapping of the export is left."""
    publish(ring, 10)
    before = left_of(roots.export)
    with ExportSource(str(roots.export), "a") as source:
        copied(source)
    assert left_of(roots.export) == before


def test_never_a_torn_frame(ring: FrameRing, source: ExportSource) -> None:
    """From a writer at full speed, every frame that is taken is whole: all its bytes are its id's."""
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            publish(ring, 1)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        taken: list[CopiedFrame] = []
        for _ in range(300):
            frame = copy_newest(source, 0.2)
            if isinstance(frame, CopiedFrame):
                taken.append(frame)
            if len(taken) == 60:
                break
    finally:
        stop.set()
        writer.join()
    assert len(taken) > 30
    for frame in taken:
        assert bytes(frame.memory) == bytes([frame.record.frame_id % 256]) * FRAME_SIZE


def test_frames_overwritten_while_they_are_copied(
    ring: FrameRing, source: ExportSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frame whose slot is written to during the copy is not taken, and the reason is told."""
    write = os.write

    def write_late(descriptor: int, content: memoryview) -> int:
        publish(ring, *range(SLOTS))
        return write(descriptor, content)

    publish(ring, 10)
    monkeypatch.setattr("launch.observe.peek.frame.os.write", write_late)
    found = reason(source)
    assert "overwritten faster than they can be copied" in found.reason
    assert not found.absent


def test_a_frame_that_is_cut_off_while_it_is_copied(
    ring: FrameRing, camera: Path, source: ExportSource
) -> None:
    """If frame.data is shortened before the copy, there is no copy, and no process dies of SIGBUS."""
    publish(ring, 10)
    fresh = source.try_read()
    assert isinstance(fresh, Fresh)
    pixels = source.pixels(fresh)
    assert pixels is not None
    os.truncate(camera / "frame.data", 0)
    assert _copy(pixels) is None


def test_only_torn_headers(camera: Path, source: ExportSource) -> None:
    """A header that stays half-written is told from an export that is not there."""
    put(camera, patched(META_V2, (SEQUENCE_OFFSET, 8, 13)), DATA_V2)
    found = reason(source)
    assert "half-written" in found.reason
    assert not found.absent


@pytest.mark.parametrize("length", [0, FRAME_SIZE - 1, FRAME_SIZE + 1])
def test_version_1_data_of_another_size(camera: Path, source: ExportSource, length: int) -> None:
    """Version 1 data of a wrong size is blamed on the data: a version 1 header is never half-written."""
    put(camera, META_V1, bytes(length))
    found = reason(source)
    assert "frame.data stays of another size" in found.reason
    assert not found.absent


def test_an_empty_header_file(camera: Path, source: ExportSource) -> None:
    """An empty header is what the frozen video server makes before its first frame; that is what is said."""
    put(camera, b"", b"")
    assert reason(source).reason == NO_FRAME_EVER


@pytest.mark.parametrize("length", [3, 63])
def test_a_header_file_cut_short(camera: Path, source: ExportSource, length: int) -> None:
    """A header without a version is told by its length: no writer has stored a version 0."""
    put(camera, bytes(length), b"")
    assert reason(source).reason == f"frame.meta has {length} bytes"


def test_pixels_of_another_frame(camera: Path, source: ExportSource) -> None:
    """Version 1 pixels that are older than their header are not shown: they are not its own."""
    (camera / "frame.meta").write_bytes(META_V1)
    (camera / "frame.data.tmp").write_bytes(bytes(16 * 8 * 3 // 2))
    (camera / "frame.data.tmp").rename(camera / "frame.data")
    found = reason(source)
    assert "cannot be shown to be its own" in found.reason
    assert not found.absent


def test_an_export_without_a_frame(ring: FrameRing, source: ExportSource) -> None:
    """An export that holds no frame yet is told from one that is not there."""
    found = reason(source)
    assert found == NoFrame("its export holds no frame yet")


def test_a_frame_that_comes_in_time(ring: FrameRing, source: ExportSource) -> None:
    """The first frame of an export is waited for."""
    late = threading.Timer(0.05, publish, (ring, 10))
    late.start()
    try:
        assert copied(source, 5).record.frame_id == 0
    finally:
        late.join()


def test_no_export(source: ExportSource) -> None:
    """An export that is not there is given up soon, with what the system says of it."""
    started = time.monotonic()
    with within(2):
        found = copy_newest(source, 60)
    assert isinstance(found, NoFrame)
    assert found.absent
    assert "No such file or directory" in found.reason
    assert time.monotonic() - started >= ABSENCE_S


def test_an_export_that_comes_back(camera: Path, source: ExportSource) -> None:
    """An export that is replaced at the moment of the look is looked at again."""
    made: list[FrameRing] = []

    def make() -> None:
        made.append(FrameRing(str(camera), WIDTH, HEIGHT, STRIDE, SLOTS))
        publish(made[0], 10)

    late = threading.Timer(0.05, make)
    late.start()
    try:
        assert copied(source, 5).record.frame_id == 0
    finally:
        late.join()
        made[0].close()

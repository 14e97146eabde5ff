"""Frames between the last one that was decided on and the newest, as far as the ring still holds them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from conftest import PROJECT
from doubles.frozen_vas import Version1Writer
from harness.rings import publish
from harness.waiting import wait_until
from ruth.export.layout import EPOCH_OFFSET, META_SIZE_V2, FrameRecord, slot_record_offset
from ruth.export.outcome import Fresh
from ruth.export.ring_reader import RingReader
from ruth.export.source import ExportSource
from ruth.identity import META_NAME
from ruth.vas.ring import FrameRing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Processes, Roots

CAMERA, SLOTS = "front-door", 4
SPREAD = 0x9E3779B97F4A7C15
WRITER = f"""
import sys
from ruth.vas.ring import FrameRing
ring = FrameRing(sys.argv[1], 16, 8, 16, {SLOTS})
print("ready", flush=True)
n = 0
while True:
    for _ in range(3):
        ring.begin_frame()
        ring.commit(n * {SPREAD} % 2**64)
        n += 1
"""
"""Publishes without a pause; each timestamp is a function of the frame's id, so that a mixture shows."""


@pytest.fixture
def ring(roots: Roots) -> Iterator[FrameRing]:
    """A ring with one frame in it."""
    made = FrameRing(str(roots.export / CAMERA), 16, 8, 16, SLOTS)
    publish(made, 1000)
    yield made
    made.close()


@pytest.fixture
def source(roots: Roots, ring: FrameRing) -> Iterator[ExportSource]:
    """Bound to it, the first frame taken."""
    with ExportSource(str(roots.export), CAMERA) as found:
        assert isinstance(found.try_read(), Fresh)
        yield found


def walked(source: ExportSource, after: int) -> list[tuple[int, int]]:
    """Id and timestamp of each frame between."""
    newest = source.try_read()
    assert isinstance(newest, Fresh)
    return [(record.frame_id, record.timestamp_ns) for record in source.between(after, newest)]


@pytest.mark.parametrize("frames", [2, 3, 4])
def test_frames_that_came_since_are_found_in_order(
    ring: FrameRing, source: ExportSource, frames: int
) -> None:
    """As many as the ring holds, but for the newest itself."""
    publish(ring, *range(2000, 2000 + frames))
    assert walked(source, after=0) == [(number, 1999 + number) for number in range(1, frames)]


@pytest.mark.parametrize("frames", [5, 6, 11])
def test_frames_that_are_gone_are_left_out(ring: FrameRing, source: ExportSource, frames: int) -> None:
    """The oldest were overwritten: what the ring holds is found."""
    publish(ring, *range(2000, 2000 + frames))
    assert [frame_id for frame_id, _ in walked(source, after=0)] == list(range(frames - 3, frames))


def test_a_frame_that_is_being_overwritten_is_left_out(ring: FrameRing, source: ExportSource) -> None:
    """Its slot's sequence is odd."""
    publish(ring, 2000, 2001, 2002, 2003)
    assert ring.begin_frame() is not None  # frame 5 goes where frame 1 was
    assert [frame_id for frame_id, _ in walked(source, after=0)] == [2, 3]


@pytest.mark.parametrize("after", [3, 4, 2**64 - 1])
def test_nothing_lies_between_neighbours(ring: FrameRing, source: ExportSource, after: int) -> None:
    """Also if the newest is not above what was taken before."""
    publish(ring, 2000, 2001, 2002, 2003)
    assert walked(source, after) == []


def test_nothing_is_found_in_a_ring_of_another_session(
    ring: FrameRing, source: ExportSource, roots: Roots
) -> None:
    """The epoch is taken after the slots: a writer that restarted in these files has filled none of them."""
    publish(ring, 2000, 2001)
    newest = source.try_read()
    assert isinstance(newest, Fresh)
    with (roots.export / CAMERA / META_NAME).open("r+b") as meta:
        os.pwrite(meta.fileno(), bytes(8), EPOCH_OFFSET)
    assert source.between(0, newest) == []


@pytest.mark.parametrize("size", [0, 64, slot_record_offset(SLOTS) - 1])
def test_nothing_is_found_in_a_file_that_was_cut(
    ring: FrameRing, source: ExportSource, roots: Roots, size: int
) -> None:
    """Between the look and the walk."""
    publish(ring, 2000, 2001)
    newest = source.try_read()
    assert isinstance(newest, Fresh)
    meta = roots.export / CAMERA / META_NAME
    os.truncate(meta, size)
    found = source.between(0, newest)
    os.truncate(meta, META_SIZE_V2)  # before its writer stores into it again
    assert found == []


def test_nothing_is_found_after_it_was_closed(ring: FrameRing, source: ExportSource) -> None:
    """After the ring was released the answer is False."""
    publish(ring, 2000, 2001)
    newest = source.try_read()
    assert isinstance(newest, Fresh)
    reader = source.ring
    assert isinstance(reader, RingReader)
    source.close()
    assert reader.between(0, newest.record) == []
    assert source.between(0, newest) == []


def test_version_1_holds_one_frame(roots: Roots) -> None:
    """There is nothing between."""
    folder = roots.export / CAMERA
    folder.mkdir(parents=True)
    writer = Version1Writer(folder, 16, 8)
    with ExportSource(str(roots.export), CAMERA) as source:
        writer.write(1, 1000)
        assert isinstance(source.try_read(), Fresh)
        writer.write(5, 1001)
        assert walked(source, after=1) == []


def test_a_writer_at_full_speed_deceives_no_walk(roots: Roots, processes: Processes) -> None:
    """Every frame that is found has the time of its id, ids only grow, and many are found."""
    folder = roots.export / CAMERA
    writer = processes.start(
        sys.executable, "-c", WRITER, folder, stdout=subprocess.PIPE, cwd=PROJECT, env=roots.environ()
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"ready\n"
    found, after = 0, -1

    def taken(record: FrameRecord) -> None:
        nonlocal after
        assert record.frame_id > after
        assert record.timestamp_ns == record.frame_id * SPREAD % 2**64
        after = record.frame_id

    with ExportSource(str(roots.export), CAMERA) as source:

        def walk() -> bool:
            nonlocal found
            newest = source.try_read()
            if isinstance(newest, Fresh):
                between = source.between(after, newest) if after >= 0 else []
                found += len(between)
                for record in (*between, newest.record):
                    taken(record)
            return found >= 500

        for _ in range(200):
            if walk():
                break
        wait_until(walk, "frames are found between", 60)

from __future__ import annotations

import contextlib
import mmap
import os
from typing import TYPE_CHECKING

import pytest

from launch.vas.tap import Tap

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FRAME = 64


class ListExporter:
    """Keeps every committed frame and its timestamp; can refuse buffers."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.stamps: list[int] = []
        self.abandoned = 0
        self.closed = 0
        self.full = False
        self.memory: memoryview | None = None
        self.slot: memoryview | None = None
        self.last_slot = memoryview(b"")

    @property
    def published(self) -> int:
        """Frames committed."""
        return len(self.frames)

    def begin(self) -> memoryview | None:
        """The memory given to it, or fresh memory; None when full."""
        assert self.slot is None, "begun twice"
        if self.full:
            return None
        self.slot = self.last_slot = self.memory or memoryview(bytearray(FRAME))
        return self.slot

    def commit(self, timestamp_ns: int) -> bool:
        """Keeps what is in the slot."""
        assert self.slot is not None, "not begun"
        self.frames.append(bytes(self.slot))
        self.stamps.append(timestamp_ns)
        self.slot = None
        return True

    def abandon(self) -> None:
        """Counts."""
        self.abandoned += 1
        self.slot = None

    def close(self) -> None:
        """Counts."""
        self.closed += 1


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Read end, non-blocking, and write end."""
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    yield read_end, write_end
    os.close(read_end)
    with contextlib.suppress(OSError):  # a test has closed it
        os.close(write_end)


@pytest.fixture
def exporter() -> ListExporter:
    """An exporter that keeps what it is given."""
    return ListExporter()


def frame(number: int) -> bytes:
    """A frame of one value."""
    return bytes([number]) * FRAME


def test_whole_frame(pipe: tuple[int, int], exporter: ListExporter) -> None:
    """A frame that is there in one piece is published by one reading."""
    tap = Tap(pipe[0], exporter, FRAME)
    os.write(pipe[1], frame(1))
    assert tap.drain() == FRAME
    assert (exporter.frames, tap.read, tap.published) == ([frame(1)], 1, 1)


def test_frame_in_pieces(pipe: tuple[int, int], exporter: ListExporter) -> None:
    """A frame that comes in pieces is put together in its slot, and published once it is whole."""
    tap = Tap(pipe[0], exporter, FRAME)
    whole = bytes(range(FRAME))
    for cut in range(0, FRAME, 16):
        assert exporter.frames == []
        os.write(pipe[1], whole[cut : cut + 16])
        tap.drain()
    assert exporter.frames == [whole]


def test_never_beyond_a_frame(pipe: tuple[int, int], exporter: ListExporter) -> None:
    """One reading takes no byte of the next frame."""
    tap = Tap(pipe[0], exporter, FRAME)
    os.write(pipe[1], frame(1) + frame(2) + frame(3)[:5])
    assert [tap.drain() for _ in range(3)] == [FRAME, FRAME, 5]
    assert exporter.frames == [frame(1), frame(2)]


def test_read_into_the_slot(pipe: tuple[int, int], exporter: ListExporter) -> None:
    """The bytes go from the pipe into the exporter's own memory, even of a frame not yet whole."""
    tap = Tap(pipe[0], exporter, FRAME)
    os.write(pipe[1], b"abc")
    tap.drain()
    assert bytes(exporter.last_slot[:3]) == b"abc"


def test_timestamp_is_of_the_last_byte(pipe: tuple[int, int], exporter: ListExporter) -> None:
    """A frame's timestamp is taken once, when its last byte has come."""
    ticks = iter([100, 200])
    tap = Tap(pipe[0], exporter, FRAME, clock=lambda: next(ticks))
    for _ in range(2):
        os.write(pipe[1], frame(1)[:30])
        tap.drain()
        os.write(pipe[1], frame(1)[30:])
        tap.drain()
    assert exporter.stamps == [100, 200]


def test_drains_without_a_slot(pipe: tuple[int, int], exporter: ListExporter) -> None:
    """Without a slot to read into the pipe is drained all the same, frame by frame."""
    tap = Tap(pipe[0], exporter, FRAME)
    exporter.full = True
    os.write(pipe[1], frame(1) + frame(2)[:10])
    tap.drain()
    tap.drain()
    exporter.full = False
    os.write(pipe[1], frame(2)[10:] + frame(3))
    tap.drain()
    tap.drain()
    assert (tap.read, exporter.frames) == (3, [frame(3)])


def test_end_of_pipe(pipe: tuple[int, int], exporter: ListExporter) -> None:
    """At the end of the pipe a reading gives 0, and half a frame is never published."""
    tap = Tap(pipe[0], exporter, FRAME)
    os.write(pipe[1], frame(1)[:10])
    tap.drain()
    os.close(pipe[1])
    assert tap.drain() == 0
    tap.close()
    assert (exporter.frames, exporter.abandoned, exporter.closed) == ([], 1, 1)


@pytest.mark.parametrize("before", [0, 10])
def test_slot_cut_off(pipe: tuple[int, int], exporter: ListExporter, tmp_path: Path, before: int) -> None:
    """A slot whose file was cut short ends the export; every frame after it is still drained whole."""
    tap = Tap(pipe[0], exporter, FRAME)
    with open(tmp_path / "frame.data", "w+b") as data:
        data.truncate(mmap.PAGESIZE)
        with mmap.mmap(data.fileno(), 0) as mapped, memoryview(mapped) as whole:
            exporter.memory = whole[:FRAME]
            os.write(pipe[1], frame(1)[:before])
            for _ in range(min(before, 1)):
                tap.drain()
            data.truncate(0)
            os.write(pipe[1], frame(1)[before:] + frame(2))
            tap.drain()
            tap.drain()
            exporter.memory.release()
            exporter.last_slot = memoryview(b"")
    assert (tap.read, exporter.frames, exporter.abandoned) == (2, [], 1)

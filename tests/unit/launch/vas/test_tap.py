from __future__ import annotations

import contextlib
import mmap
import os
from typing import TYPE_CHECKING

import pytest

from doubles.handwritten_nut import frame, header, main_header, stream_header
from doubles.handwritten_nut import frame_header as nut_frame_header
from doubles.handwritten_nut import syncpoint as nut_syncpoint
from launch.vas.nut import IDENTIFIER
from launch.vas.nut_fields import NutError
from launch.vas.tap import SIDE_MAX, RawOutputError, Tap

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WIDTH, HEIGHT = 8, 4
FRAME = WIDTH * HEIGHT * 3 // 2
HEADER = header(WIDTH, HEIGHT)
PERIOD = 40_000_000


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

    problem: str | None = None

    @property
    def published(self) -> int:
        """Frames committed."""
        return len(self.frames)

    def begin_frame(self) -> memoryview | None:
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


def pixels(number: int) -> bytes:
    """A frame of one value."""
    return bytes([number]) * FRAME


def frames(*numbers: int) -> bytes:
    """Frames of these values, at these times."""
    return b"".join(frame(pixels(number), number) for number in numbers)


@pytest.fixture
def tap(pipe: tuple[int, int], exporter: ListExporter) -> Tap:
    """A tap that has read the header, and exports."""
    tap = Tap(pipe[0])
    os.write(pipe[1], HEADER)
    drain(tap)
    tap.export_to(exporter)
    return tap


def drain(tap: Tap) -> int:
    """Reads what there is."""
    count = 0
    with contextlib.suppress(BlockingIOError):
        while read := tap.drain():
            count += read
    return count


def test_waits_for_its_exporter(pipe: tuple[int, int], exporter: ListExporter) -> None:
    """After the header the size is known and nothing more is published until there is an exporter for it."""
    tap = Tap(pipe[0])
    os.write(pipe[1], HEADER + frames(1))
    tap.drain()
    assert (tap.size, tap.waits_for_exporter, tap.read) == ((WIDTH, HEIGHT), True, 0)
    tap.export_to(exporter)
    assert (exporter.frames, tap.waits_for_exporter) == ([pixels(1)], False)


def test_whole_frames(pipe: tuple[int, int], exporter: ListExporter, tap: Tap) -> None:
    """Frames that are there in one piece are published in order, each whole."""
    os.write(pipe[1], frames(1, 2, 3))
    drain(tap)
    assert (exporter.frames, tap.read, tap.published) == ([pixels(1), pixels(2), pixels(3)], 3, 3)


@pytest.mark.parametrize("step", [1, 7, 16, 50])
def test_frame_in_pieces(pipe: tuple[int, int], exporter: ListExporter, tap: Tap, step: int) -> None:
    """A frame that comes in pieces is put together in its slot, and published once it is whole."""
    content = frame(bytes(range(FRAME)), 1) + frames(2)
    for start in range(0, len(content), step):
        os.write(pipe[1], content[start : start + step])
        tap.drain()
    assert exporter.frames == [bytes(range(FRAME)), pixels(2)]


def test_read_into_the_slot(pipe: tuple[int, int], exporter: ListExporter, tap: Tap) -> None:
    """The bytes go from the pipe into the exporter's own memory, even of a frame not yet whole."""
    os.write(pipe[1], frames(1)[: -FRAME + 5])
    tap.drain()
    assert bytes(exporter.last_slot[:6]) == b"\1\1\1\1\1\0"
    os.write(pipe[1], b"\1\1")
    tap.drain()
    assert bytes(exporter.last_slot[:8]) == b"\1\1\1\1\1\1\1\0"


def test_timestamp_is_the_presentation_time_on_our_clock(
    pipe: tuple[int, int], exporter: ListExporter
) -> None:
    """Frames that come all at once carry the times at which they were due, none later than its arrival."""
    ticks = iter([10**12, 10**12 + PERIOD, 10**12 + 5 * PERIOD, 10**12 + 5 * PERIOD + 1])
    tap = Tap(pipe[0], clock=lambda: next(ticks))
    os.write(pipe[1], HEADER + frames(1, 2, 3, 4))
    drain(tap)
    tap.export_to(exporter)
    assert [stamp - 10**12 for stamp in exporter.stamps] == [0, PERIOD, 2 * PERIOD, 3 * PERIOD]


def test_arrival_is_of_the_last_byte(pipe: tuple[int, int], exporter: ListExporter) -> None:
    """The clock is read once a frame, when its last byte has come."""
    ticks = iter([100, 200])
    tap = Tap(pipe[0], clock=lambda: next(ticks))
    os.write(pipe[1], HEADER + frames(1)[:-1])
    tap.drain()
    tap.export_to(exporter)
    assert exporter.stamps == []
    os.write(pipe[1], pixels(1)[:1])
    tap.drain()
    assert exporter.stamps == [100]


def test_drains_without_a_slot(pipe: tuple[int, int], exporter: ListExporter, tap: Tap) -> None:
    """Without a slot to read into the pipe is drained all the same, frame by frame."""
    exporter.full = True
    os.write(pipe[1], frames(1))
    drain(tap)
    os.write(pipe[1], frames(2)[:-10])
    drain(tap)
    exporter.full = False
    os.write(pipe[1], pixels(2)[:10] + frames(3))
    drain(tap)
    assert (tap.read, exporter.frames) == (3, [pixels(3)])


def test_a_large_frame_without_a_slot(pipe: tuple[int, int], exporter: ListExporter) -> None:
    """What is thrown away needs no memory of a frame's size."""
    tap = Tap(pipe[0])
    width, height = 1024, 512
    content = header(width, height) + frame(bytes(width * height * 3 // 2), 0) + frame(bytes(16), 1)
    exporter.full = True
    position = 0
    while position < len(content) - 16:
        position += os.write(pipe[1], content[position : position + 60_000])
        if tap.waits_for_exporter:
            tap.export_to(exporter)
        with contextlib.suppress(RawOutputError):
            drain(tap)
        if tap.waits_for_exporter:
            tap.export_to(exporter)
    assert tap.read == 1
    assert len(tap._thrown_away) < width * height


def test_end_of_pipe(pipe: tuple[int, int], exporter: ListExporter, tap: Tap) -> None:
    """At the end of the pipe a reading gives 0, and half a frame is never published."""
    os.write(pipe[1], frames(1)[:-10])
    tap.drain()
    os.close(pipe[1])
    assert tap.drain() == 0
    tap.close()
    assert (exporter.frames, exporter.abandoned, exporter.closed) == ([], 1, 1)


@pytest.mark.parametrize("before", [0, 10])
def test_slot_cut_off(
    pipe: tuple[int, int], exporter: ListExporter, tap: Tap, tmp_path: Path, before: int
) -> None:
    """A slot whose file was cut short ends the export; every frame after it is still drained whole."""
    content = frames(1)
    with open(tmp_path / "frame.data", "w+b") as data:
        data.truncate(mmap.PAGESIZE)
        with mmap.mmap(data.fileno(), 0) as mapped, memoryview(mapped) as whole:
            exporter.memory = whole[:FRAME]
            os.write(pipe[1], content[: len(content) - FRAME + before])
            tap.drain()
            data.truncate(0)
            os.write(pipe[1], content[len(content) - FRAME + before :] + frames(2))
            drain(tap)
            exporter.memory.release()
            exporter.last_slot = memoryview(b"")
    assert (tap.read, exporter.frames, exporter.abandoned) == (2, [], 1)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (header(99999998, 99999998), f"at most {SIDE_MAX}x{SIDE_MAX}"),
        (header(SIDE_MAX + 2, 2), f"at most {SIDE_MAX}x{SIDE_MAX}"),
        (header(7, 4), "7x4, both must be even"),
        (IDENTIFIER + main_header() + stream_header(8, 4, fourcc=b"RGB\x18"), "expected NV12"),
    ],
)
def test_a_header_that_cannot_be_exported(pipe: tuple[int, int], content: bytes, problem: str) -> None:
    """Other pixels, an odd size, or one larger than documented: refused before memory is asked for."""
    os.write(pipe[1], content)
    tap = Tap(pipe[0])
    with pytest.raises(RawOutputError, match=problem):
        tap.drain()
    assert (tap.size, tap.waits_for_exporter) == (None, False)


@pytest.mark.parametrize("size", [FRAME - 1, FRAME + 1, 0, 1 << 30])
def test_a_frame_of_another_size(pipe: tuple[int, int], exporter: ListExporter, tap: Tap, size: int) -> None:
    """A frame that does not have the size of the header ends the stream: it never reaches a slot."""
    os.write(pipe[1], nut_syncpoint() + nut_frame_header(size, 0))
    with pytest.raises(RawOutputError, match=f"a frame of {size} bytes among frames of 8x4"):
        drain(tap)
    assert exporter.slot is None


def test_bytes_that_are_no_stream(pipe: tuple[int, int]) -> None:
    """Whatever else comes out of the pipe is refused."""
    os.write(pipe[1], bytes(1000))
    with pytest.raises(NutError, match="not NUT"):
        Tap(pipe[0]).drain()

"""Ruth in Python against a writer and a reader in C, which are on libruth."""

from __future__ import annotations

import json
import os
import select
import shutil
import stat
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

from harness.agents import CAPS, launched, record, view_agent, wait_observed
from harness.published import Expected, expected, exporter_of
from harness.waiting import wait_until
from ruth.export.layout import META_SIZE_V2, FrameRecord, RingHeader, unpack_record, unpack_ring
from ruth.export.nv12 import nv12_views
from ruth.export.outcome import UNCHANGED, Absent, Fresh
from ruth.export.picture import Picture, unpack_picture
from ruth.export.source import ExportSource
from ruth.native.source import INCLUDE, whole_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from conftest import Processes, Roots

HERE = Path(__file__).resolve().parent
GCC = (
    "gcc",
    "-std=c11",
    "-O2",
    "-Wall",
    "-Wextra",
    "-Wconversion",
    "-Werror",
    "-D_GNU_SOURCE",
    f"-I{INCLUDE}",
)
CAMERA = "front-door"
WIDTH, HEIGHT, ROWS = 64, 48, 72
MANY = 100_000
PADDING = 0xEE

# The same conversation as writer.c: "ready", a byte, the frames, "published N", the end of its input.
RUTH_WRITER = """
import sys
from ruth.vas.exporter import open_exporter
path, (width, height, stride, slots, frames) = sys.argv[1], map(int, sys.argv[2:])
content = open(path, "rb").read()
size = len(content) // 256
patterns = [content[start : start + size] for start in range(0, len(content), size)]
meant = {"pixel_range": "full", "matrix": "bt709"}
exporter = open_exporter("front-door", width, height, stride=stride, slot_count=slots, **meant)
print("ready", flush=True)
sys.stdin.buffer.read(1)
for n in range(frames):
    exporter.begin_frame()[:] = patterns[n % 256]
    exporter.commit(1_000_000_000 + 40_000_000 * n, damaged=n % 3 == 0)
print("published", exporter.published, flush=True)
sys.stdin.buffer.read()
exporter.close()
"""


def timestamp_of(frame_id: int) -> int:
    """The timestamp of a frame, by its id."""
    return 1_000_000_000 + 40_000_000 * frame_id


def picture_of(frame_id: int) -> Picture:
    """How the pixels of a frame are said to be meant, by its id."""
    return Picture("full", "bt709", frame_id % 3 == 0)


@cache
def pattern(number: int, width: int = WIDTH, rows: int = ROWS) -> NDArray[np.uint8]:
    """The pixels of every frame whose id is ``number`` modulo 256: byte (r, c) is 7 * id + 3r + c."""
    row, column = np.ogrid[:rows, :width]
    return (7 * number + 3 * row + column).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Programs:
    """The two programs, compiled."""

    writer: Path
    reader: Path


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Programs:
    """Both C programs, compiled without a warning. No compiler is a failure, not a reason to skip."""
    if shutil.which("gcc") is None:
        pytest.fail("gcc is missing, so the contract was not tested with C: apt install gcc libc6-dev")
    folder = tmp_path_factory.mktemp("c")
    library = folder / "ruth.c"
    library.write_text(whole_source())
    for name in ("writer", "reader"):
        command = [*GCC, str(HERE / f"{name}.c"), str(library), "-o", str(folder / name)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.fail(f"{name}.c does not compile:\n{done.stderr}")
    return Programs(folder / "writer", folder / "reader")


@pytest.fixture
def apart() -> Iterator[Callable[[int, int], None]]:
    """Puts two processes on different cores, where there are two: on one they would only take turns."""
    cores = sorted(os.sched_getaffinity(0))

    def separate(one: int, other: int) -> None:
        os.sched_setaffinity(one, {cores[0]})
        os.sched_setaffinity(other, {cores[-1]})

    yield separate
    os.sched_setaffinity(0, cores)


class Writer:
    """A writer in a process of its own, in C or Ruth's: its files are in place once it is made."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        assert self._line() == b"ready\n"

    def go(self) -> None:
        """Lets it publish, as fast as it was told to."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"x")

    def published(self) -> int:
        """Waits until it has published everything: how many frames that were."""
        word, count = self._line().split()
        assert word == b"published"
        return int(count)

    def end(self) -> None:
        """Lets it end its export."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(timeout=60) == 0

    def _line(self) -> bytes:
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], 120)[0], "the writer says nothing"
        line: bytes = self.process.stdout.readline()
        return line


class Bench:
    """Starts writers and C readers of one camera."""

    def __init__(self, programs: Programs, roots: Roots, processes: Processes) -> None:
        self.camera = roots.export / CAMERA
        self._programs = programs
        self._roots = roots
        self._processes = processes

    def writer(
        self,
        kind: str,
        frames: int,
        slots: int = 4,
        size: tuple[int, int] = (WIDTH, HEIGHT),
        stride: int | None = None,
        interval_us: int = 0,
    ) -> Writer:
        """A writer of ``kind`` "c" or "ruth" whose files stand and that waits for the word."""
        stride = stride or size[0]
        numbers = [str(number) for number in (*size, stride, slots, frames)]
        command: list[str | Path]
        if kind == "c":
            command = [self._programs.writer, "--wait", self.camera, *numbers, str(interval_us)]
        else:
            content = self._roots.export.parent / "patterns"
            content.write_bytes(padded(stride))
            command = [sys.executable, "-c", RUTH_WRITER, content, *numbers]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "bufsize": 0}
        environ = self._roots.environ()
        return Writer(self._processes.start(*command, env=environ, stderr=sys.stderr, **pipes))

    def reader(self, last: int, timeout_s: float = 120) -> subprocess.Popen[bytes]:
        """The C reader, on its way."""
        command = (self._programs.reader, self.camera, str(last), str(timeout_s))
        return self._processes.start(*command, stdout=subprocess.PIPE, stderr=sys.stderr)

    def bound_reader(self, last: int) -> subprocess.Popen[bytes]:
        """The C reader, bound to the export that is in place."""
        process = self.reader(last)
        maps = Path(f"/proc/{process.pid}/maps")
        wait_until(lambda: str(self.camera / "frame.data") in maps.read_text(), "the C reader is bound")
        return process

    def source(self) -> ExportSource:
        """Ruth's reader."""
        return ExportSource(str(self._roots.export), CAMERA)

    def meta(self) -> tuple[FrameRecord, RingHeader]:
        """The newest record and the ring that stand now."""
        content = (self.camera / "frame.meta").read_bytes()
        return unpack_record(content), unpack_ring(content)


@pytest.fixture
def bench(programs: Programs, roots: Roots, processes: Processes) -> Bench:
    """Starts writers and C readers that are gone after the test."""
    return Bench(programs, roots, processes)


BOTH_WRITERS = pytest.mark.parametrize("kind", ["c", "ruth"])


def padded(stride: int) -> bytes:
    """The 256 patterns as frames in memory, with padding behind each row."""
    frames = np.full((256, ROWS, stride), PADDING, np.uint8)
    frames[:, :, :WIDTH] = [pattern(number) for number in range(256)]
    return frames.tobytes()


def answer(reader: subprocess.Popen[bytes], code: int = 0) -> dict[str, int]:
    """What a C reader found, once it has ended, with the exit code that is due."""
    output, _ = reader.communicate(timeout=150)
    found: dict[str, int] = json.loads(output)
    assert reader.returncode == code, found
    return found


class Found(NamedTuple):
    """What reading through Ruth came to."""

    ids: list[int]
    overwritten: int
    torn: int


def intact_by_document(source: ExportSource, fresh: Fresh, use: Callable[[], None]) -> bool:
    """Section 5 of the document, "Pixels": whether what ``use`` saw was the frame. One load for each word."""
    ring = source.ring
    assert ring is not None
    assert ring.meta_map is not None
    slot_size = unpack_ring(ring.meta_map[:128]).slot_size
    start = (128 + 64 * (fresh.record.data_offset // slot_size)) // 8
    with memoryview(ring.meta_map) as page, page.cast("Q") as words:
        before, frame_id, again = words[start + 7], words[start + 1], words[start + 7]
        if before != again or before % 2 or frame_id != fresh.record.frame_id:
            return False
        use()
        return words[start + 7] == before and words[start + 1] == frame_id


def intact_by_ruth(source: ExportSource, fresh: Fresh, use: Callable[[], None]) -> bool:
    """Whether what ``use`` saw was the frame, as Ruth itself says."""
    pixels = source.pixels(fresh)
    if pixels is None:
        return False
    use()
    return pixels.intact()


def read_to(
    source: ExportSource,
    last: int,
    intact: Callable[[ExportSource, Fresh, Callable[[], None]], bool] = intact_by_document,
    deadline_s: float = 30,
) -> Found:
    """Reads until frame ``last`` is accepted, and compares every byte of every accepted frame."""
    found = Found([], 0, 0)
    deadline = time.monotonic() + deadline_s
    while not found.ids or found.ids[-1] < last:
        assert time.monotonic() < deadline, f"frame {last} was not found: {found[1:]}, {found.ids[-3:]}"
        outcome = source.try_read()
        if not isinstance(outcome, Fresh):
            assert not isinstance(outcome, Absent), outcome
            found = found._replace(torn=found.torn + (outcome is not UNCHANGED))
            continue
        frame, same = outcome.record, False

        def compare(frame: FrameRecord = frame) -> None:
            nonlocal same
            assert source.ring is not None
            assert source.ring.data_map is not None
            views = nv12_views(source.ring.data_map, frame)
            same = np.array_equal(views.nv12, pattern(frame.frame_id % 256, *views.nv12.shape[::-1]))

        assert frame.timestamp_ns == timestamp_of(frame.frame_id)
        assert unpack_picture(frame.picture) == picture_of(frame.frame_id)
        if intact(source, outcome, compare):
            assert same, f"frame {frame.frame_id} is mixed"
            found.ids.append(frame.frame_id)
        else:
            found = found._replace(overwritten=found.overwritten + 1)
    return found


@pytest.fixture
def many(soaking: bool, processes: Processes) -> int:
    """How many frames are published: 100,000; in the longer form a million, while every core is busy."""
    if not soaking:
        return MANY
    for _ in os.sched_getaffinity(0):
        processes.start(sys.executable, "-c", "while True: pass")
    return 10 * MANY


@pytest.mark.soak
@pytest.mark.parametrize(("size", "slots"), [((64, 48), 8), ((320, 240), 2), ((320, 240), 8)])
@pytest.mark.parametrize("intact", [intact_by_document, intact_by_ruth])
def test_ruth_reads_what_c_writes(
    bench: Bench,
    apart: Callable[[int, int], None],
    record_property: Callable[[str, object], None],
    many: int,
    size: tuple[int, int],
    slots: int,
    intact: Callable[[ExportSource, Fresh, Callable[[], None]], bool],
) -> None:
    """Of 100,000 frames that C writes at full speed Ruth accepts some, all of them whole, and the last."""
    writer = bench.writer("c", many, slots, size)
    apart(0, writer.process.pid)
    with bench.source() as source:
        assert source.try_read() is UNCHANGED
        writer.go()
        found = read_to(source, many - 1, intact, deadline_s=120)
        assert writer.published() == many
        writer.end()
        assert isinstance(source.try_read(), Absent)
    assert found.ids == sorted(set(found.ids))
    tell(record_property, len(found.ids) / many, found.overwritten, found.torn)


@pytest.mark.soak
@pytest.mark.parametrize("slots", [2, 8])
@BOTH_WRITERS
def test_c_reads_what_either_writes(
    bench: Bench,
    apart: Callable[[int, int], None],
    record_property: Callable[[str, object], None],
    soaking: bool,
    many: int,
    kind: str,
    slots: int,
) -> None:
    """Of 100,000 frames at full speed, Ruth's or C's, C accepts some, all of them whole, and the last.

    In the longer form it goes on until a million have been accepted, each of their bytes compared.
    """
    accepted = published = 0
    while published == 0 or (soaking and slots > 2 and accepted < 10 * MANY):
        writer = bench.writer(kind, many, slots)
        reader = bench.bound_reader(many - 1)
        apart(reader.pid, writer.process.pid)
        writer.go()
        assert writer.published() == many
        found = answer(reader)
        writer.end()
        assert (found["mixed"], found["backwards"], found["last_frame_id"]) == (0, 0, many - 1)
        accepted += found["accepted"]
        published += many
    tell(record_property, accepted / published, found["overwritten"], found["torn"])


def tell(record_property: Callable[[str, object], None], share: float, overwritten: int, torn: int) -> None:
    """Shows the share of frames accepted, in the report and with ``pytest -rP``."""
    assert share > 0
    record_property("accepted", share)
    print(f"accepted {share:.2%}, overwritten in use {overwritten}, torn {torn}")  # noqa: T201


@BOTH_WRITERS
def test_the_last_frame_is_always_found(bench: Bench, kind: str) -> None:
    """Whatever a reader missed of a burst, it finds the one that the burst ended with, in either language."""
    for frames in range(1, 61, 3 if kind == "c" else 20):
        writer = bench.writer(kind, frames, slots=2)
        reader = bench.bound_reader(frames - 1)
        with bench.source() as source:
            writer.go()
            read_to(source, frames - 1)
        answer(reader)
        writer.end()


@BOTH_WRITERS
def test_the_end_is_seen_by_both(bench: Bench, kind: str) -> None:
    """An export that its writer ends is released by both readers, at once, and leaves no file behind."""
    writer = bench.writer(kind, 3)
    reader = bench.bound_reader(last=1000)  # a frame that never comes, and a minute to wait for it
    with bench.source() as source, (bench.camera / "frame.meta").open("rb") as meta:
        writer.go()
        read_to(source, 2)
        assert not unpack_ring(os.pread(meta.fileno(), 128, 0)).closed
        started = time.monotonic()
        writer.end()
        assert answer(reader, code=1)["last_frame_id"] == 2
        assert time.monotonic() - started < 5
        assert isinstance(source.try_read(), Absent)
        ring = unpack_ring(os.pread(meta.fileno(), 128, 0))
    assert (ring.closed, ring.wake) == (True, 4)  # three frames and the end
    assert list(bench.camera.iterdir()) == []


@BOTH_WRITERS
def test_padding_behind_rows_is_not_pixels(bench: Bench, kind: str) -> None:
    """Where the stride is more than the width, both readers see the rows without what is between them."""
    stride = 96
    writer = bench.writer(kind, 5, stride=stride)
    reader = bench.bound_reader(4)
    with bench.source() as source:
        writer.go()
        read_to(source, 4)
        newest, ring = bench.meta()
        assert (newest.stride, newest.data_size) == (stride, stride * ROWS)
        assert source.ring is not None
        assert source.ring.data_map is not None
        frame = source.ring.data_map[newest.data_offset : newest.data_offset + ring.slot_size]
    rows = np.frombuffer(frame, np.uint8, newest.data_size).reshape(ROWS, stride)
    assert (rows[:, WIDTH:] == PADDING).all()
    assert answer(reader)["mixed"] == 0


@BOTH_WRITERS
def test_files_and_ring_are_as_documented(bench: Bench, kind: str) -> None:
    """Sizes, modes, names and numbers of a new export, and its wake word, are what the document says."""
    earliest = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    old_mask = os.umask(0o077)
    try:
        writer = bench.writer(kind, 11, slots=3)
    finally:
        os.umask(old_mask)
    newest, ring = bench.meta()
    status = {path.name: path.stat() for path in (bench.camera, *bench.camera.iterdir())}
    assert {name: stat.S_IMODE(found.st_mode) for name, found in status.items()} == {
        CAMERA: 0o755,
        "frame.meta": 0o644,
        "frame.data": 0o644,
    }
    data = status["frame.data"]
    assert newest == FrameRecord(2, 0x0202, 0, 0, WIDTH, HEIGHT, 0, WIDTH, WIDTH * ROWS, 0, 0)
    assert ring._replace(epoch=0) == RingHeader(0, 3, 8192, data.st_ino, 0, 1)
    assert earliest < ring.epoch < time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    assert (status["frame.meta"].st_size, data.st_size) == (META_SIZE_V2, 3 * 8192)
    assert data.st_blocks * 512 >= data.st_size  # reserved: no store into it can fail
    writer.go()
    assert writer.published() == 11
    newest, ring = bench.meta()
    assert (newest.frame_id, newest.data_offset, newest.sequence) == (10, (10 % 3) * 8192, 22)
    assert (ring.wake, ring.flags) == (11, 1)


@pytest.mark.parametrize(("first", "second"), [("c", "ruth"), ("ruth", "c"), ("c", "c")])
def test_a_killed_writer_is_replaced(bench: Bench, first: str, second: str) -> None:
    """Who follows a killed writer tells the readers of the old files, and starts another session."""
    killed = bench.writer(first, 5)
    with bench.source() as source, (bench.camera / "frame.meta").open("rb") as old_meta:
        killed.go()
        read_to(source, 4)
        killed.process.kill()
        killed.process.wait(timeout=60)
        reader = bench.bound_reader(1000)
        _, old = bench.meta()
        follower = bench.writer(second, 2)
        assert answer(reader, code=1)["last_frame_id"] == 4
        retired = unpack_ring(old_meta.read(128))
        assert (retired.closed, retired.wake) == (True, old.wake + 1)
        newest, ring = bench.meta()
        assert newest.sequence == 0
        assert ring.epoch > old.epoch
        assert ring.data_inode not in (0, old.data_inode)
        follower.go()
        assert read_to(source, 1).ids[-1] == 1
        assert source.session == 2
        follower.end()


@BOTH_WRITERS
def test_foreign_data_is_refused(bench: Bench, kind: str) -> None:
    """A frame.data that frame.meta does not name is refused by both readers, and the right one taken."""
    writer = bench.writer(kind, 1)
    writer.go()
    assert writer.published() == 1
    data, kept, copy = (bench.camera / name for name in ("frame.data", "kept", "copy"))
    kept.hardlink_to(data)
    shutil.copyfile(data, copy)
    copy.rename(data)
    with bench.source() as source:
        outcome = source.try_read()
        assert isinstance(outcome, Absent)
        assert "inode" in outcome.reason
        assert answer(bench.reader(0, timeout_s=0.2), code=1)["accepted"] == 0
        waiting = bench.reader(0)
        kept.rename(data)
        assert read_to(source, 0).ids == [0]
        assert answer(waiting)["accepted"] == 1


@pytest.mark.parametrize(("wrong_bytes", "late_ns", "mixed"), [(0, 0, 0), (1, 0, 1), (0, 1, 1)])
def test_the_c_reader_finds_a_wrong_byte(
    bench: Bench, roots: Roots, wrong_bytes: int, late_ns: int, mixed: int
) -> None:
    """One wrong byte of a frame, or a timestamp that is off by one, and the C reader calls it mixed."""
    exporter = exporter_of(roots, CAMERA)
    frame = bytearray(pattern(0).tobytes())
    frame[-1] ^= wrong_bytes
    assert exporter.publish(frame, timestamp_of(0) + late_ns)
    assert answer(bench.reader(0), code=mixed)["mixed"] == mixed
    exporter.close()


def test_a_frame_given_up_is_seen_by_nobody(bench: Bench, roots: Roots) -> None:
    """What was begun and given up costs no reader anything: the next frame has its place and its id."""
    exporter = exporter_of(roots, CAMERA, pixel_range="full", matrix="bt709")
    reader = bench.bound_reader(9)
    with bench.source() as source:
        for frame_id in range(10):
            buffer = exporter.begin_frame()
            assert buffer is not None
            buffer[:] = bytes(len(buffer))
            exporter.abandon()
            damaged = picture_of(frame_id).damaged
            assert exporter.publish(pattern(frame_id).tobytes(), timestamp_of(frame_id), damaged)
            assert read_to(source, frame_id).ids == [frame_id]
    found = answer(reader)
    assert (found["mixed"], found["backwards"], found["last_frame_id"]) == (0, 0, 9)
    exporter.close()


@BOTH_WRITERS
def test_damage_is_of_one_frame_and_the_rest_of_all(bench: Bench, kind: str) -> None:
    """Range and matrix are told with every frame, damage with those that have it; no reader minds either."""
    writer = bench.writer(kind, 30, interval_us=0 if kind == "ruth" else 100_000)
    reader = bench.bound_reader(29)
    writer.go()
    with bench.source() as source:
        ids = read_to(source, 29).ids
    found = answer(reader)
    assert found["full_range_bt709"] == found["accepted"]
    assert found["mixed"] == 0
    assert ids == sorted(set(ids))
    if (
        kind == "c"
    ):  # at its pace a reader that is not held up takes every frame, and a third of them are damaged
        assert found["damaged"] == 10 if found["accepted"] == 30 else 0 < found["damaged"] <= 10
    writer.end()


def test_an_agent_observes_what_c_writes(bench: Bench, roots: Roots, processes: Processes) -> None:
    """An agent misses no frame from C, at a pace that a busy host keeps, and decides as the gate says."""
    writer = bench.writer("c", 50, interval_us=100_000)
    launched(roots, processes, CAMERA)
    wait_until(lambda: view_agent(roots, CAMERA).export == "v2", "the agent is bound")
    writer.go()
    assert writer.published() == 50
    wait_observed(roots, CAMERA, 49)
    found = record(roots, CAMERA)
    assert (found.frames, found.timestamp_ns) == (50, timestamp_of(49))
    frames = [(frame_id, timestamp_of(frame_id)) for frame_id in range(50)]
    assert {m.model_id: Expected(m.allowed, m.skipped, m.last_frame_id) for m in found.models} == {
        model: expected(max_fps, frames) for model, max_fps in CAPS.items()
    }
    writer.end()

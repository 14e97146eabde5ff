"""One camera of the benchmark ``rhythm``: its writer in a process of its own, and two models' runtimes.

The writer keeps the moments of a schedule: it sleeps until shortly before a frame is due and spins for the
rest. Before each frame that comes a while after the one before, it looks at the agent's record: so the
latency of a decision is known without another process that waits for it.
"""

from __future__ import annotations

import ctypes
import gc
import mmap
import os
import time
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import ruth
from benchmarks.agents import Watch
from benchmarks.bare import rhythm_functions
from benchmarks.schedules import INTERVAL_S
from benchmarks.stage import BenchmarkError
from ruth.export.layout import PIXEL_FORMAT_NV12, VERSION_1, FrameRecord, nv12_size, pack_record
from ruth.vas.exporter import open_exporter
from ruth.vas.flag import FLAG

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection

    from benchmarks.stage import Stage

CAMERA: Final = "camera"
SIDE: Final = 32  # pixels, both ways
SLOTS: Final = 12  # of the ring, version 2
WARM_FRAMES: Final = 30  # steady ones before anything counts: who was stopped finds its way back
QUIET_NS: Final = 2_000_000  # after a frame: by then its decision can be looked at
SETTLE_S: Final = 0.1
COUNTS_BYTES: Final = 64

_SPIN_S: Final = 0.000_2


class Played(NamedTuple):
    """What the writer did.

    Attributes:
        first_id: Of the first frame that counts.
        published_ns: CLOCK_MONOTONIC when each was about to be put in place.
        followed: Whether nothing came for :data:`QUIET_NS` after it, one for each frame.
        latencies_ns: Of the agent's decisions, for frames that were followed so and were decided on by then.

    """

    first_id: int
    published_ns: array[int]
    followed: list[bool]
    latencies_ns: array[int]


class Writer(Protocol):
    """Publishes one frame, captured at that time, and says when it was about to be put in place."""

    def __call__(self, frame_id: int, captured_ns: int) -> int:
        """Publishes it; both times are of CLOCK_MONOTONIC."""


class RenamingWriter:
    """Version 1, as VAS writes it (``rhythm.c``): stamped when it is written."""

    def __init__(self, folder: Path, width: int = SIDE, height: int = SIDE) -> None:
        folder.mkdir(parents=True)
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self.meta, self.data = renamed_frame(width, height)
        self._published_ns = ctypes.c_uint64()
        self._publish = rhythm_functions().publish_renamed

    def __call__(self, frame_id: int, captured_ns: int) -> int:  # noqa: ARG002 - VAS does not know it
        """Publishes it. Raises OSError."""
        at = ctypes.byref(self._published_ns)
        problem = self._publish(self._folder, frame_id, self.meta, self.data, len(self.data), at)
        if problem:
            raise OSError(-problem, os.strerror(-problem))
        return self._published_ns.value


def renamed_frame(width: int = SIDE, height: int = SIDE) -> tuple[ctypes.Array[ctypes.c_char], bytes]:
    """A header of version 1 that can be changed, and the pixels of its frame."""
    size = nv12_size(width, height)
    record = FrameRecord(
        VERSION_1, 0, 0, 0, width, height, PIXEL_FORMAT_NV12, width, size, data_offset=0, sequence=0
    )
    header = pack_record(record)
    return ctypes.create_string_buffer(header, len(header)), bytes(size)


class RingWriter:
    """Version 2, by the exporter that a decoder calls."""

    def __init__(self, root: Path) -> None:
        self._exporter = open_exporter(
            CAMERA, SIDE, SIDE, slot_count=SLOTS, root=str(root), environ={FLAG: "true"}
        )
        if self._exporter.problem is not None:
            raise OSError(self._exporter.problem)
        self._data = bytes(nv12_size(SIDE, SIDE))

    def __call__(self, frame_id: int, captured_ns: int) -> int:
        """Publishes the next frame; ids follow each other, so it has that id."""
        assert self._exporter.published == frame_id
        now_ns = time.monotonic_ns()
        self._exporter.publish(self._data, captured_ns)
        return now_ns


class Feeder:
    """The writer's process. Raises BenchmarkError if it does not begin."""

    def __init__(self, stage: Stage, version: int, root: Path) -> None:
        self._connection, theirs = stage.spawn.Pipe()
        self.pid = stage.worker(_feed, theirs, version, str(root))
        theirs.close()
        self._answer()

    def play(self, moments: Sequence[float], stamps: Sequence[float], state_root: Path | None) -> Played:
        """Publishes a frame at each of the moments, and waits until it is done.

        Args:
            moments: Seconds, ascending; :data:`WARM_FRAMES` steady ones if there are none.
            stamps: When they were captured, from the same start.
            state_root: Where the agent's record is that is to be looked at; None for none.

        """
        self._connection.send((list(moments), list(stamps), state_root and str(state_root)))
        found = self._answer()
        assert isinstance(found, Played)
        return found

    def warm(self) -> None:
        """Publishes the frames that do not count, alone."""
        self.play((), (), None)

    def _answer(self) -> object:
        if not self._connection.poll(120):
            raise BenchmarkError("the writer does not answer")
        try:
            return self._connection.recv()
        except EOFError:
            raise BenchmarkError("the writer has ended") from None


def _feed(connection: Connection, version: int, root: str) -> None:
    writer: Writer = RenamingWriter(Path(root) / CAMERA) if version == VERSION_1 else RingWriter(Path(root))
    writer(0, time.monotonic_ns())
    connection.send(None)
    gc.freeze()
    gc.disable()
    frame_id = 1
    while True:
        moments, stamps, state_root = connection.recv()
        begun = time.monotonic()
        for number in range(WARM_FRAMES if not moments else 0):
            _wait_until(begun + number * INTERVAL_S)
            writer(frame_id, time.monotonic_ns())
            frame_id += 1
        watch = None if state_root is None else Watch(Path(state_root), CAMERA)
        connection.send(_play(writer, frame_id, moments, stamps, watch))
        frame_id += len(moments)


def _play(
    writer: Writer, first_id: int, moments: Sequence[float], stamps: Sequence[float], watch: Watch | None
) -> Played:
    published, latencies, followed = array("q"), array("q"), [True] * len(moments)
    # The first frame was captured after the last one before this.
    begun = time.monotonic() + INTERVAL_S - min(0.0, *stamps[:1], 0.0)
    for number, moment in enumerate(moments):
        _wait_until(begun + moment)
        if number:
            before_ns = published[-1]
            followed[number - 1] = time.monotonic_ns() - before_ns >= QUIET_NS
            if watch is not None and followed[number - 1]:
                frame_id, observed_ns, _ = watch.newest()
                if frame_id == first_id + number - 1:
                    latencies.append(observed_ns - before_ns)
        published.append(writer(first_id + number, round((begun + stamps[number]) * 1e9)))
    time.sleep(SETTLE_S)
    return Played(first_id, published, followed, latencies)


def _wait_until(moment: float) -> None:
    left = moment - time.monotonic() - _SPIN_S
    if left > 0:
        time.sleep(left)
    while time.monotonic() < moment:
        pass


def run_model(export_root: str, state_root: str, model: str, counts: str) -> None:
    """A runtime that takes every frame it is given, and counts them in the first 8 bytes of a file."""
    with open(counts, "r+b") as file:
        received = memoryview(mmap.mmap(file.fileno(), COUNTS_BYTES)).cast("Q")
    with ruth.attach(CAMERA, model, export_root=export_root, state_root=state_root) as stream:
        for _ in stream:
            received[0] = stream.received

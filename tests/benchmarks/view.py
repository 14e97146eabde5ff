"""What it costs a model runtime to have a 1080p frame, beside mapping, reading and copying the same frame.

    python tests/benchmarks/view.py [ROUNDS]

Everything is measured in one process, interleaved: each round does each thing a number of times, in turn, and
the figure is the median over the rounds. Then a writer in a process of its own publishes at 25 fps, a real
agent decides, and this process takes the time from publishing to having the array. Prints one table.
"""

from __future__ import annotations

import mmap
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

import ruth
from ruth.export.layout import unpack_record
from ruth.identity import DATA_NAME, EXPORT_ROOT_VARIABLE, META_NAME, STATE_ROOT_VARIABLE
from ruth.vas.flag import FLAG
from ruth.vas.ring import FrameRing

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from conftest import Roots
from stepped import CAMERA, MODEL, SteppedAgent

if TYPE_CHECKING:
    from collections.abc import Callable

WIDTH, HEIGHT = 1920, 1080
ROUNDS_DEFAULT: Final = 200
FPS: Final = 25
LATENCIES: Final = 100

# A video server of its own: publishes at a pace until its input ends; the timestamp is taken at the commit.
WRITER = f"""
import select, time
from ruth.vas.exporter import open_exporter
exporter = open_exporter("{CAMERA}", {WIDTH}, {HEIGHT})
frame = bytes({WIDTH * HEIGHT * 3 // 2})
due = time.monotonic()
while not select.select([0], [], [], max(0.0, due - time.monotonic()))[0]:
    due += 1 / {FPS}
    exporter.begin()[:] = frame
    exporter.commit(time.monotonic_ns())
exporter.close()
"""


class Row(NamedTuple):
    """One line of the table."""

    what: str
    microseconds: float
    times_cheaper: float | None


class Bench:
    """An export with a frame in it, an agent that has allowed it, and the things to be measured."""

    def __init__(self, base: Path) -> None:
        self.roots = Roots(base / "vas", base / "ruth")
        self.folder = self.roots.export / CAMERA
        self._ring = FrameRing(str(self.folder), WIDTH, HEIGHT, WIDTH, 4)
        self._agent = SteppedAgent(self.roots)
        for frame_id in range(4):
            self._ring.begin()[:] = os.urandom(self._ring.frame_size)
            self._ring.commit(frame_id)
            self._agent.step()
        self.stream = self.attach()
        allowed = self.stream._watch.look()
        assert allowed is not None
        self.allowed = allowed

    def attach(self) -> ruth.Stream:
        """A stream of the camera's one model."""
        return ruth.attach(
            CAMERA, MODEL, export_root=str(self.roots.export), state_root=str(self.roots.state)
        )

    def view(self) -> object:
        """The array of a frame that is known to be allowed."""
        frame = self.stream._maker.make(self.allowed)
        assert frame is not None
        return frame.nv12

    def latest(self) -> object:
        """A look at the agent's record, and the array of what it allowed last."""
        frame = self.stream.latest()
        assert frame is not None
        return frame.nv12

    def checked(self) -> object:
        """As :meth:`latest`, and whether it is intact."""
        frame = self.stream.latest()
        assert frame is not None
        return frame.nv12, frame.intact

    def first(self) -> object:
        """From nothing to the first array, and everything let go again."""
        with self.attach() as stream:
            frame = stream.latest()
            assert frame is not None
            return frame.nv12

    def map_read_copy(self) -> object:
        """What one would write without Ruth: open, map, read the header, copy the frame, let go."""
        record = unpack_record((self.folder / META_NAME).read_bytes())
        frame = slice(record.data_offset, record.data_offset + record.data_size)
        with (
            open(self.folder / DATA_NAME, "rb") as data,
            mmap.mmap(data.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ) as whole,
        ):
            return np.frombuffer(whole[frame], np.uint8)

    def copy(self) -> object:
        """A copy of a frame that is mapped already."""
        frame = self.stream.latest()
        assert frame is not None
        return frame.copy()

    def close(self) -> None:
        """Lets go of everything."""
        self.stream.close()
        self._agent.die()
        self._ring.close()


def microseconds(do: Callable[[], object], times: int) -> float:
    """Mean of so many times."""
    began = time.perf_counter_ns()
    for _ in range(times):
        do()
    return (time.perf_counter_ns() - began) / times / 1000


def measure(bench: Bench, rounds: int) -> list[Row]:
    """The table's upper part; ``times_cheaper`` is against :meth:`Bench.map_read_copy`."""
    things = {
        "array of an allowed frame": (bench.view, 50),
        "newest allowed frame: look, find, array": (bench.latest, 50),
        "the same, and asked whether intact": (bench.checked, 50),
        "attach, first array, close": (bench.first, 2),
        "copy of a mapped frame": (bench.copy, 1),
        "map, read, copy": (bench.map_read_copy, 1),
    }
    taken: dict[str, list[float]] = {what: [] for what in things}
    for _ in range(rounds):
        for what, (do, times) in things.items():
            taken[what].append(microseconds(do, times))
    medians = {what: statistics.median(values) for what, values in taken.items()}
    copying = medians["map, read, copy"]
    return [Row(what, median, copying / median) for what, median in medians.items()]


def bytes_per_frame(bench: Bench, frames: int = 1000) -> float:
    """Peak of what Python allocates while it takes frames, over their number."""
    tracemalloc.start()
    try:
        for _ in range(frames):
            bench.latest()
        return tracemalloc.get_traced_memory()[1] / frames
    finally:
        tracemalloc.stop()


def latencies_us(base: Path, count: int) -> list[float]:
    """From publishing to having the array, with writer, agent and this as processes of their own."""
    os.environ[EXPORT_ROOT_VARIABLE], os.environ[STATE_ROOT_VARIABLE] = str(base / "vas"), str(base / "ruth")
    config = base / "ruth.toml"
    config.write_text(f"[cameras.{CAMERA}.models]\n{MODEL} = {{}}\n", encoding="utf-8")
    environ = os.environ | {FLAG: "true"}
    launcher = subprocess.Popen(
        [sys.executable, "-m", "launch.cli", "up", str(config)], stdout=subprocess.DEVNULL, env=environ
    )
    writer = subprocess.Popen([sys.executable, "-c", WRITER], stdin=subprocess.PIPE, env=environ)
    taken = []
    try:
        with ruth.attach(CAMERA, MODEL, timeout=30) as stream:
            for frame in stream:
                pixels = frame.nv12
                now_ns = time.monotonic_ns()
                taken.append((now_ns - frame.timestamp_ns) / 1000)
                if len(taken) >= count + 10 or not pixels.size:
                    break
    finally:
        assert writer.stdin is not None
        writer.stdin.close()
        writer.wait()
        launcher.terminate()
        launcher.wait()
    return sorted(taken[10:])


def main(rounds: int) -> None:
    """Measures and prints."""
    base = Path(tempfile.mkdtemp(prefix="ruth-benchmark-", dir="/dev/shm"))
    try:
        bench = Bench(base)
        try:
            rows = measure(bench, rounds)
            allocated = bytes_per_frame(bench)
        finally:
            bench.close()
        taken = latencies_us(base, min(LATENCIES, rounds))
    finally:
        shutil.rmtree(base)
    out = sys.stdout
    out.write(f"1080p, medians of {rounds} rounds, interleaved; numpy {np.__version__}\n")
    out.write(f"{'':42}{'us':>10}{'cheaper':>10}\n")
    for row in rows:
        cheaper = f"{row.times_cheaper:.1f} x" if row.times_cheaper is not None else ""
        out.write(f"{row.what:42}{row.microseconds:10.2f}{cheaper:>10}\n")
    out.write(f"{'allocated a frame at the most, bytes':42}{allocated:10.1f}\n")
    if taken:
        out.write(f"{f'publish to array, {FPS} fps, median':42}{statistics.median(taken):10.1f}\n")
        out.write(f"{f'publish to array, {FPS} fps, 99th of 100':42}{taken[int(len(taken) * 0.99)]:10.1f}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS_DEFAULT)

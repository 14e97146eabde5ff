"""What it costs a version 1 writer that an agent watches its directory: frames watched and not, in turn.

At a camera's pace, since what a rename costs beside a sleeping agent is to wake it. A frame is written and
renamed in C, as VAS does it (``rhythm.c``); the times are of the whole of it.
"""

from __future__ import annotations

import time
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.agents import launch
from benchmarks.result import Table
from benchmarks.rhythm_feed import RenamingWriter
from benchmarks.samples import ratio_by_round, summary_of
from benchmarks.stage import BenchmarkError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from benchmarks.result import Cell
    from benchmarks.stage import Stage

FPS: Final = 25
SIZES: Final = ((32, 32), (640, 360))
WATCHED: Final = "an agent"
ALONE: Final = "nothing"
HEADS: Final = ("frame", "watched by", "median, us", "p99, us", "x not watched")


def watched_table(stage: Stage) -> Table:
    """Measures; two rows per size."""
    rows: list[tuple[Cell, ...]] = []
    rounds, frames = (1, 10) if stage.quick else (6, 4 * FPS)
    for width, height in SIZES:
        stage.say(f"writing {width} x {height}, watched and not")
        folder = stage.new_folder()
        connection, theirs = stage.spawn.Pipe()
        writer = stage.worker(_write, theirs, str(folder / "vas"), width, height)
        theirs.close()
        launched = launch(stage, folder / "vas", folder / "ruth", ["watched"])
        took: dict[str, list[array[int]]] = {WATCHED: [], ALONE: []}
        for _ in range(rounds):
            connection.send(frames)
            if not connection.poll(60):
                raise BenchmarkError("the writer does not answer")
            for by, samples in zip(took, connection.recv(), strict=True):
                took[by].append(samples)
        launched.end()
        stage.end_workers([writer])
        for by, samples in took.items():
            summary = summary_of(sample / 1e3 for found in samples for sample in found)
            ratio = ratio_by_round(samples, took[ALONE])
            rows.append((f"{width} x {height}", by, summary.median, summary.p99, ratio))
    return Table(f"What being watched costs the writer, {FPS} frames per second", HEADS, tuple(rows))


def _write(connection: Connection, root: str, width: int, height: int) -> None:
    writers = [RenamingWriter(Path(root) / name, width, height) for name in ("watched", "alone")]
    number = 0
    while True:
        frames = connection.recv()
        took = (array("q"), array("q"))
        due = time.monotonic()
        for _ in range(frames):
            for arm in (0, 1) if number % 2 else (1, 0):
                due += 0.5 / FPS
                time.sleep(max(0.0, due - time.monotonic()))
                begun_ns = time.monotonic_ns()
                writers[arm](number, 0)
                took[arm].append(time.monotonic_ns() - begun_ns)
            number += 1
        connection.send(took)

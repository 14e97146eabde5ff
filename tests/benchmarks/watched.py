"""What it costs a version 1 writer that its directory is watched: by an agent, by a process in C, by nothing.

Frame by frame in turn, at a camera's pace, since what a rename costs beside a sleeping process is to wake it.
The process in C does nothing when it is woken: what it costs is what the kernel takes for any reader. A frame
is written and renamed in C, as VAS does it (``rhythm.c``); the times are of the whole of it.
"""

from __future__ import annotations

import os
import time
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.agents import launch
from benchmarks.bare import rhythm_functions
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
WOKEN: Final = "a process that is woken and does nothing"
ALONE: Final = "nothing"
_NAMES: Final = ("watched", "woken", "alone")  # cameras, one per arm
HEADS: Final = ("frame", "watched by", "median, us", "p99, us", "x not watched")


def watched_table(stage: Stage) -> Table:
    """Measures; three rows per size."""
    rows: list[tuple[Cell, ...]] = []
    rounds, frames = (1, 10) if stage.quick else (6, 4 * FPS)
    for width, height in SIZES:
        stage.say(f"writing {width} x {height}, watched and not")
        folder = stage.new_folder()
        connection, theirs = stage.spawn.Pipe()
        writer = stage.worker(_write, theirs, str(folder / "vas"), width, height)
        theirs.close()
        _answer_of(connection)
        woken = stage.worker(_be_woken, str(folder / "vas" / _NAMES[1]))
        launched = launch(stage, folder / "vas", folder / "ruth", [_NAMES[0]])
        took: dict[str, list[array[int]]] = {WATCHED: [], WOKEN: [], ALONE: []}
        for _ in range(rounds):
            connection.send(frames)
            for by, samples in zip(took, _answer_of(connection), strict=True):
                took[by].append(samples)
        launched.end()
        stage.check_workers()
        stage.end_workers([writer, woken])
        for by, samples in took.items():
            summary = summary_of(sample / 1e3 for found in samples for sample in found)
            ratio = ratio_by_round(samples, took[ALONE])
            rows.append((f"{width} x {height}", by, summary.median, summary.p99, ratio))
    return Table(f"What being watched costs the writer, {FPS} frames per second", HEADS, tuple(rows))


def _answer_of(connection: Connection) -> list[array[int]]:
    if not connection.poll(60):
        raise BenchmarkError("the writer does not answer")
    found: list[array[int]] = connection.recv()
    return found


def _be_woken(folder: str) -> None:
    problem = rhythm_functions().be_woken(folder.encode())
    raise OSError(problem, os.strerror(problem))


def _write(connection: Connection, root: str, width: int, height: int) -> None:
    writers = [RenamingWriter(Path(root) / name, width, height) for name in _NAMES]
    connection.send(None)
    number = 0
    while True:
        frames = connection.recv()
        took = [array("q") for _ in writers]
        due = time.monotonic()
        for _ in range(frames):
            for turn in range(len(writers)):
                arm = (turn + number) % len(writers)
                due += 1 / FPS / len(writers)
                time.sleep(max(0.0, due - time.monotonic()))
                begun_ns = time.monotonic_ns()
                writers[arm](number, 0)
                took[arm].append(time.monotonic_ns() - begun_ns)
            number += 1
        connection.send(took)

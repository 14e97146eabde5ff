"""Off: what a decoder's loop costs with the flag off, beside the same loop without anything of Ruth.

Instructions are counted by valgrind's callgrind: a number that hardly changes from run to run, unlike time.
The count of a short run is taken from that of a longer one, so that starting Python does not count. Then
time, by turns: for the loop alone, and for a loop that really moves a 1080p frame.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import benchmarks
import ruth
from benchmarks.decode_loop import bare, tapped
from benchmarks.result import Cell, Result, Table
from benchmarks.samples import order_of, ratio_by_round, summary_of
from benchmarks.stage import BenchmarkError
from ruth.vas.exporter import open_exporter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks.stage import Stage

NAME: Final = "off"
ABOUT: Final = "a decode loop with the flag off and without Ruth: instructions, time, what it brings"

BARE: Final = "without Ruth"
OFF: Final = "flag off"
FILES: Final = "files and folders made"
ALLOCATED: Final = "bytes allocated by 10,000 frames, beyond the loop without Ruth"
_VARIANTS: Final = {BARE: "bare", OFF: "off"}
_FRAME_BYTES: Final = 1920 * 1080 * 3 // 2
_COLLECTED: Final = re.compile(r"Collected : (\d+)")

# What must not be loaded while the flag is off: whatever maps memory, waits, or weighs something.
HEAVY: Final = ("mmap", "ctypes", "numpy", "struct", "ruth.vas.ring", "ruth.vas.files", "ruth.futex")


class Brought(NamedTuple):
    """What the flag's being off brings into a process.

    Attributes:
        modules: Loaded by it.
        allocated: Bytes that many frames allocate beyond the loop without Ruth.
        files: Whether the export root was made.

    """

    modules: tuple[str, ...]
    allocated: int
    files: bool


def run(stage: Stage) -> Result:
    """Measures, as the module says."""
    stage.say("what it brings")
    brought = _brought(stage)
    stage.say("time, by turns")
    empty = _times(1, 2_000 if stage.quick else 100_000, 3 if stage.quick else 30)
    whole = _times(_FRAME_BYTES, 10 if stage.quick else 200, 3 if stage.quick else 30)
    counts: dict[str, float] = {}
    notes = ["Instructions were not counted: valgrind is not installed (apt-get install valgrind)."]
    if shutil.which("valgrind"):
        stage.say("instructions")
        counts = _instructions(stage)
        notes = []
    return Result(NAME, tables_of(counts, empty, whole, brought), (), tuple(notes))


def tables_of(
    counts: Mapping[str, float],
    empty: Mapping[str, list[list[float]]],
    whole: Mapping[str, list[list[float]]],
    brought: Brought,
) -> tuple[Table, ...]:
    """What a frame costs, and what there is of Ruth.

    Args:
        counts: Instructions a frame, by arm; empty if they were not counted.
        empty: Nanoseconds a frame of one byte, by arm and round.
        whole: The same of a 1080p frame.
        brought: What the flag's being off brings.

    """
    rows = []
    for arm in _VARIANTS:
        alone, moved = (summary_of(sample for (sample,) in times[arm]).median for times in (empty, whole))
        ratio = ratio_by_round(whole[arm], whole[BARE])
        rows.append((arm, counts.get(arm), alone, moved / 1e3, ratio))
    headers = (
        "arm",
        "instructions per frame",
        "ns per frame of 1 byte",
        "us a 1080p frame",
        "x without Ruth",
    )
    heavy = [name for name in brought.modules if name in HEAVY]
    facts: tuple[tuple[Cell, ...], ...] = (
        (FILES, int(brought.files)),
        (ALLOCATED, brought.allocated),
        ("modules of Ruth loaded", ", ".join(name for name in brought.modules if "ruth." in name)),
        ("of those that map memory, wait or weigh something", ", ".join(heavy) or "none"),
    )
    return (
        Table("One frame of a decode loop", headers, tuple(rows)),
        Table("What the flag's being off brings", ("what", "found"), facts),
    )


def _times(frame_bytes: int, frames: int, rounds: int) -> dict[str, list[list[float]]]:
    """Nanoseconds a frame, by arm and round."""
    source, buffer = os.open("/dev/zero", os.O_RDONLY | os.O_CLOEXEC), memoryview(bytearray(frame_bytes))
    loops: dict[str, Callable[[int], None]] = {
        BARE: partial(bare, source, buffer),
        OFF: partial(tapped, source, buffer, exporter=open_exporter("front-door", 1920, 1080, environ={})),
    }
    measured: dict[str, list[list[float]]] = {arm: [] for arm in loops}
    try:
        for number in range(rounds):
            for arm in order_of(list(loops), number):
                begun = time.perf_counter_ns()
                loops[arm](frames)
                measured[arm].append([(time.perf_counter_ns() - begun) / frames])
    finally:
        os.close(source)
    return measured


def _brought(stage: Stage) -> Brought:
    folder = stage.new_folder()
    process = stage.python(
        *("-m", "benchmarks.decode_loop", "brings"),
        env=stage.environ(folder / "vas", folder / "ruth", flag=False),
        stdout=subprocess.PIPE,
    )
    said = process.communicate()[0].decode().splitlines()
    if process.returncode or len(said) != 3:
        raise BenchmarkError("the decode loop failed")
    return Brought(tuple(said[0].split()), int(said[1]), said[2] == "1")


def _instructions(stage: Stage) -> dict[str, float]:
    """Instructions a frame, by arm: the difference of two runs, by their frames; all runs at once."""
    few, many = (100, 2_100) if stage.quick else (1_000, 101_000)
    runs = {
        (arm, frames): stage.start(
            *("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"),
            # Without site-packages, which take most of Python's start; with one hash seed for all.
            *(sys.executable, "-S", "-m", "benchmarks.decode_loop", variant, str(frames)),
            env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": os.pathsep.join(_path())},
            stderr=subprocess.PIPE,
        )
        for arm, variant in _VARIANTS.items()
        for frames in (few, many)
    }
    found = {key: _collected(process.communicate()[1].decode()) for key, process in runs.items()}
    return {arm: (found[arm, many] - found[arm, few]) / (many - few) for arm in _VARIANTS}


def _path() -> list[str]:
    """Where this package and Ruth itself are imported from."""
    return [str(Path(package.__file__ or "").parent.parent) for package in (benchmarks, ruth)]


def _collected(said: str) -> int:
    found = _COLLECTED.search(said)
    if found is None:
        raise BenchmarkError(f"valgrind counted nothing: {said[-300:]}")
    return int(found[1])

"""Viewing: what it costs a model runtime to have a 1080p frame as an array, and how soon it has it.

An agent, launched by ``ruth up``, has allowed the frame. In one process, by turns: the runtime's ways to it,
and what one would write without Ruth: map the file, read the header, copy. Then the same agent at 25 fps:
from publishing until the runtime has the array.
"""

from __future__ import annotations

import mmap
import os
import signal
import time
import tracemalloc
from typing import TYPE_CHECKING, Final

import numpy as np

import ruth
from benchmarks.agents import launch
from benchmarks.result import Chart, Result, Series, Table
from benchmarks.samples import order_of, ratio_by_round, summary_of
from benchmarks.stage import BenchmarkError
from ruth.export.layout import unpack_record
from ruth.identity import DATA_NAME, META_NAME
from ruth.vas.exporter import open_exporter
from ruth.vas.flag import FLAG

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.stage import Stage

NAME: Final = "view"
ABOUT: Final = "a runtime's array of a 1080p frame, beside mapping, reading and copying"

WIDTH: Final = 1920
HEIGHT: Final = 1080
FPS: Final = 25
CAMERA: Final = "bench"
MODEL: Final = "audit"  # wants every frame

KNOWN: Final = "array of a frame known to be allowed"
NEWEST: Final = "newest allowed frame: look, find, array"
FLOOR: Final = "map, read, copy"
_TIMES: Final = {"attach, array, close": 2, "copy of a viewed frame": 1, FLOOR: 1}
_OFTEN: Final = 50  # times a round for what is not named above
_ALLOCATING: Final = 1_000  # frames over which allocation is counted
_WARM_UP: Final = 10  # frames at the camera's pace that do not count


def run(stage: Stage) -> Result:
    """Measures, as the module says."""
    folder = stage.new_folder()
    export_root, state_root = folder / "vas", folder / "ruth"
    exporter = open_exporter(CAMERA, WIDTH, HEIGHT, root=str(export_root), environ={FLAG: "true"})
    launched = launch(stage, export_root, state_root, [CAMERA])
    with ruth.attach(CAMERA, MODEL, export_root=str(export_root), state_root=str(state_root)) as stream:
        for _ in range(4):  # every slot has been written once
            exporter.publish(os.urandom(WIDTH * HEIGHT * 3 // 2), time.monotonic_ns())
            stage.wait_until(lambda: stream.next_frame(timeout=1), "the agent allows a frame")
        stage.say("views and copies, by turns")
        ways = _ways(stream, export_root, state_root)
        measured = _measure(ways, 3 if stage.quick else 200)
        allocated = _allocated(ways[NEWEST])
        exporter.close()
        stage.say(f"{FPS} fps")
        publisher = stage.worker(_publish, str(export_root))
        latencies = _latencies(stream, 10 if stage.quick else 500)
    stage.end_workers([publisher])
    launched.end()
    return Result(NAME, tables_of(measured, allocated, latencies), (chart_of(measured),))


def tables_of(
    measured: dict[str, list[list[float]]], allocated: float, latencies: list[float]
) -> tuple[Table, ...]:
    """Costs, and what there is at a camera's pace.

    Args:
        measured: Microseconds, by way and round.
        allocated: Bytes a frame.
        latencies: Microseconds.

    """
    rows = []
    for name, rounds in measured.items():
        times = summary_of(sample for samples in rounds for sample in samples)
        cheaper = 1 / ratio_by_round(rounds, measured[FLOOR])
        rows.append((name, times.median, times.p99, cheaper))
    soon = summary_of(latencies)
    paced = (
        ("from publishing to having the array, median", soon.median, "us"),
        ("from publishing to having the array, p99", soon.p99, "us"),
        ("allocated by Python per frame, at most", allocated, "bytes"),
    )
    return (
        Table("A 1080p frame for a runtime", ("way", "median, us", "p99, us", "times cheaper"), tuple(rows)),
        Table(f"A runtime at {FPS} fps", ("what", "value", "unit"), paced),
    )


def chart_of(measured: dict[str, list[list[float]]]) -> Chart:
    """Medians beside each other."""
    values = {
        name: summary_of(sample for one in rounds for sample in one) for name, rounds in measured.items()
    }
    return Chart(
        "a 1080p frame for a runtime",
        "us",
        ("",),
        tuple(Series(name, (times.median,)) for name, times in values.items()),
        log=True,
    )


def _ways(stream: ruth.Stream, export_root: Path, state_root: Path) -> dict[str, Callable[[], object]]:
    def latest() -> ruth.Frame:
        frame = stream.latest()
        assert frame is not None
        return frame

    allowed = stream._watch.poll()
    assert allowed is not None

    def known() -> object:
        frame = stream._maker.make(allowed, allowed.allowed)
        assert frame is not None
        return frame.nv12

    def first() -> object:
        roots = {"export_root": str(export_root), "state_root": str(state_root)}
        with ruth.attach(CAMERA, MODEL, **roots) as another:
            frame = another.latest()
            assert frame is not None
            return frame.nv12

    def map_read_copy() -> object:
        folder = export_root / CAMERA
        record = unpack_record((folder / META_NAME).read_bytes())
        wanted = slice(record.data_offset, record.data_offset + record.data_size)
        with (
            open(folder / DATA_NAME, "rb") as data,
            mmap.mmap(data.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ) as whole,
        ):
            return np.frombuffer(whole[wanted], np.uint8)

    return {
        KNOWN: known,
        NEWEST: lambda: latest().nv12,
        "the same, and whether it was intact": lambda: (frame := latest(), frame.nv12, frame.intact),
        "attach, array, close": first,
        "copy of a viewed frame": lambda: latest().copy(),
        FLOOR: map_read_copy,
    }


def _measure(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[list[float]]]:
    measured: dict[str, list[list[float]]] = {name: [] for name in ways}
    for number in range(rounds):
        for name in order_of(list(ways), number):
            way, times = ways[name], _TIMES.get(name, _OFTEN)
            begun = time.perf_counter_ns()
            for _ in range(times):
                way()
            measured[name].append([(time.perf_counter_ns() - begun) / times / 1e3])
    return measured


def _allocated(way: Callable[[], object]) -> float:
    """Peak of what Python allocates over many frames, by their number, in bytes."""
    tracemalloc.start()
    try:
        for _ in range(_ALLOCATING):
            way()
        return tracemalloc.get_traced_memory()[1] / _ALLOCATING
    finally:
        tracemalloc.stop()


def _latencies(stream: ruth.Stream, frames: int) -> list[float]:
    """Microseconds from publishing until this process has the array."""
    taken: list[float] = []
    while len(taken) < frames + _WARM_UP:
        frame = stream.next_frame(timeout=10)
        if frame is None:
            raise BenchmarkError("no frame is allowed any more")
        array = frame.nv12
        taken.append((time.monotonic_ns() - frame.timestamp_ns) / 1e3)
        del array
    return taken[_WARM_UP:]


def _publish(export_root: str) -> None:
    """A video server of its own: publishes at a pace until it is ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the benchmark, which ends this
    exporter = open_exporter(CAMERA, WIDTH, HEIGHT, root=export_root, environ={FLAG: "true"})
    frame = bytes(WIDTH * HEIGHT * 3 // 2)
    due = time.monotonic()
    while True:
        due += 1 / FPS
        time.sleep(max(0.0, due - time.monotonic()))
        buffer = exporter.begin_frame()
        if buffer is not None:
            buffer[:] = frame
        exporter.commit(time.monotonic_ns())

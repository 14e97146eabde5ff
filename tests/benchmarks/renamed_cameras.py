"""Many cameras of version 1 at once: files written and renamed in C, each camera at 25 frames per second."""

from __future__ import annotations

import ctypes
import os
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.agents import OBSERVED_WORD, Watch, camera_name, launch
from benchmarks.bare import rhythm_functions
from benchmarks.cost import cpu_ns_of, private_bytes
from benchmarks.feed import raise_descriptor_limit
from benchmarks.result import Table
from benchmarks.rhythm_feed import renamed_frame
from benchmarks.samples import summary_of
from benchmarks.stage import BenchmarkError
from ruth.agent.state import FRAME_ID_OFFSET

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection

    from benchmarks.result import Cell
    from benchmarks.stage import Stage

FPS: Final = 25
COUNTS: Final = (100, 1_000)
SECONDS: Final = 10
HEADS: Final = (
    "cameras",
    "frames",
    "missed",
    "median, us",
    "p99, us",
    "CPU, us per frame and agent",
    "private memory, MB",
    "writer late at most, ms",
)
_INSTANCES: Final = Path("/proc/sys/fs/inotify/max_user_instances")
_SAMPLE: Final = 20  # agents whose memory is looked at


class _Camera(ctypes.Structure):
    """As in ``rhythm.c``."""

    _fields_ = (
        ("folder", ctypes.c_int64),
        ("next_id", ctypes.c_uint64),
        ("published_ns", ctypes.c_uint64),
        ("state", ctypes.c_void_p),
    )


def cameras_table(stage: Stage) -> tuple[Table, tuple[str, ...]]:
    """Measures; a row a number of cameras, and what a reader of it must know."""
    rows = [_measure(stage, cameras) for cameras in ((2,) if stage.quick else COUNTS)]
    instances = _INSTANCES.read_text(encoding="ascii").strip() if _INSTANCES.exists() else "no"
    note = (
        f"This host grants a user {instances} inotify instances (fs.inotify.max_user_instances): "
        "agents beyond them poll by time."
    )
    return Table(f"Cameras of version 1 at {FPS} fps, four models each", HEADS, tuple(rows)), (note,)


def _measure(stage: Stage, cameras: int) -> tuple[Cell, ...]:
    stage.say(f"{cameras} cameras of version 1")
    folder = stage.new_folder()
    names = [camera_name(number) for number in range(cameras)]
    for name in names:
        (folder / "vas" / name).mkdir(parents=True)
    connection, theirs = stage.spawn.Pipe()
    writer = stage.worker(_feed, theirs, str(folder), names)
    theirs.close()
    launched = launch(stage, folder / "vas", folder / "ruth", names)
    _ask(connection, (FPS * 3, False))  # every agent finds its export
    watches = [Watch(folder / "ruth", name) for name in names]
    before = (sum(watch.frames for watch in watches), cpu_ns_of(launched.pids))
    frames = FPS * (1 if stage.quick else SECONDS)
    latencies_us, late_ms = _ask(connection, (frames, True))
    observed, cpu_ns = (
        sum(watch.frames for watch in watches) - before[0],
        cpu_ns_of(launched.pids) - before[1],
    )
    memory = statistics.median(private_bytes(pid) for pid in launched.pids[:: max(1, cameras // _SAMPLE)])
    launched.end()
    stage.end_workers([writer])
    summary = summary_of(latencies_us) if latencies_us else None
    return (
        cameras,
        frames * cameras,
        frames * cameras - observed,
        None if summary is None else summary.median,
        None if summary is None else summary.p99,
        cpu_ns / (frames * cameras) / 1e3,
        memory / 1e6,
        late_ms,
    )


def _ask(connection: Connection, order: tuple[int, bool]) -> tuple[Sequence[float], float]:
    connection.send(order)
    if not connection.poll(300):
        raise BenchmarkError("the writer does not answer")
    try:
        latencies_us, late_ms = connection.recv()
    except EOFError:
        raise BenchmarkError("the writer has ended") from None
    return latencies_us, late_ms


def _feed(connection: Connection, folder: str, names: Sequence[str]) -> None:
    raise_descriptor_limit()
    cameras = (_Camera * len(names))(
        *(_Camera(os.open(f"{folder}/vas/{name}", os.O_RDONLY | os.O_DIRECTORY)) for name in names)
    )
    meta, data = renamed_frame()
    places = (ctypes.c_uint64 * 2)(FRAME_ID_OFFSET // 8, OBSERVED_WORD)
    late_ns = ctypes.c_uint64()
    watches: list[Watch] = []
    while True:
        frames, watched = connection.recv()
        if watched and not watches:
            watches = [Watch(Path(folder) / "ruth", name) for name in names]
            for camera, watch in zip(cameras, watches, strict=True):
                camera.state = watch.address
        found = (ctypes.c_uint64 * (len(names) * frames))()
        count = rhythm_functions().feed_renamed(
            cameras,
            len(names),
            frames,
            round(1e9 / FPS),
            meta,
            data,
            len(data),
            places,
            found,
            ctypes.byref(late_ns),
        )
        if count < 0:
            raise OSError(-count, os.strerror(-count))
        time.sleep(0.2)  # until the last frames are decided on
        connection.send(([latency_ns / 1e3 for latency_ns in found[:count]], late_ns.value / 1e6))

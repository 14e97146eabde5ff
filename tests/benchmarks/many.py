"""Many: one process that runs a model for many cameras, by each of the ways that it has to their frames.

A feeder publishes to all cameras, spread over the interval, and agents launched by ``ruth up`` allow every
frame. Another process takes the frames, by one way at a time, in turns: what it costs it, and how soon it has
a frame.
"""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import signal
import statistics
import threading
import time
from array import array
from typing import TYPE_CHECKING, Final, NamedTuple

import ruth
from benchmarks.agents import Watch, camera_name, launch
from benchmarks.cameras import check_room
from benchmarks.cost import cpu_ns, cpu_ns_of, private_bytes
from benchmarks.feed import Feeder, raise_descriptor_limit
from benchmarks.result import Chart, Result, Series, Table
from benchmarks.samples import order_of, summary_of
from benchmarks.stage import BenchmarkError, NoRoomError
from ruth.agent.state import NOTIFY_OFFSET
from ruth.inotify import MODIFY, Inotify

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.connection import Connection
    from pathlib import Path

    from benchmarks.stage import Stage

NAME: Final = "many"
ABOUT: Final = "one model process for 16 to 1,000 cameras: one wait, threads, asyncio"

MODEL: Final = "audit"  # every frame
SETTINGS: Final = ((16, 25), (100, 10), (1_000, 5))
ONE_WAIT, BATCHES, ASYNC_ONE = "attach_all", "attach_all, batches of 16", "attach_all, asyncio"
THREADS, TASKS = "attach, a thread each", "attach, asyncio, a task each"
BATCH, BATCH_WAIT_S = 16, 0.02
_TIMES: Final = 20_000  # of a notice


class Taken(NamedTuple):
    """What one way came to in one round.

    Attributes:
        ages_ns: Of each frame, when it was taken.
        frames: By camera.
        missed: Frames lost or dropped.
        cpu_ns: CPU time of the process.

    """

    ages_ns: array[int]
    frames: dict[str, int]
    missed: int
    cpu_ns: int
    private_bytes: int


class _Tally:
    """Counts in the process that takes frames."""

    def __init__(self) -> None:
        self.ages = array("q")
        self.frames: dict[str, int] = {}
        self.counts: Callable[[], int] = int

    def add(self, frame: ruth.Frame) -> None:
        """A frame was taken."""
        self.ages.append(time.monotonic_ns() - frame.timestamp_ns)
        camera = frame.camera_id
        self.frames[camera] = self.frames.get(camera, 0) + 1


def run(stage: Stage) -> Result:
    """Measures, as the module says."""
    rows: list[tuple[str | int | float | None, ...]] = []
    notes: list[str] = []
    for cameras, fps in ((4, 25),) if stage.quick else SETTINGS:
        try:
            check_room(stage.folder, cameras)
            rows += _setting(stage, cameras, fps)
        except NoRoomError as error:
            notes.append(f"{cameras:,} cameras: {error}; they were left out.")
    notice = _notice(stage.new_folder())
    headers = (
        "cameras",
        "fps",
        "way",
        "frames",
        "CPU, us a frame",
        "median, us",
        "p99, us",
        "private memory, MB",
        "a camera's frames, least",
        "most",
        "lost or dropped",
        "CPU of an agent, us a frame",
    )
    tables = (
        Table(f"One process for many cameras, model {MODEL}", headers, tuple(rows)),
        Table("What an agent's notice takes, os.pwrite", ("watched", "median, ns"), notice),
    )
    return Result(NAME, tables, charts_of(rows), tuple(notes))


def charts_of(rows: Sequence[tuple[str | int | float | None, ...]]) -> tuple[Chart, ...]:
    """CPU and p99 by way and number of cameras."""
    places = tuple(dict.fromkeys(f"{row[0]} x {row[1]} fps" for row in rows))
    ways = tuple(dict.fromkeys(str(row[2]) for row in rows))

    def series(column: int) -> tuple[Series, ...]:
        found = {(f"{row[0]} x {row[1]} fps", row[2]): row[column] for row in rows}
        return tuple(Series(way, tuple(_number(found.get((place, way))) for place in places)) for way in ways)

    return (
        Chart("CPU of a model process", "us a frame", places, series(4)),
        Chart("from publishing to having the frame, p99", "us", places, series(6), log=True),
    )


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _setting(stage: Stage, cameras: int, fps: int) -> list[tuple[str | int | float | None, ...]]:
    folder = stage.new_folder()
    export_root, state_root = folder / "vas", folder / "ruth"
    names = [camera_name(number) for number in range(cameras)]
    stage.say(f"{cameras:,} cameras at {fps} fps: launch")
    feeder = Feeder(stage, export_root, names, fps)
    try:
        launched = launch(stage, export_root, state_root, names)
        try:
            watches = [Watch(state_root, name) for name in names]
            for watch in watches:
                stage.wait_until(lambda watch=watch: watch.frames, "every agent observes a frame")
            rounds: dict[str, list[tuple[Taken, float]]] = {way: [] for way in WAYS}
            for number in range(1 if stage.quick else 3):
                for way in order_of(list(WAYS), number):
                    stage.say(f"{cameras:,} cameras at {fps} fps: {way}")
                    rounds[way].append(
                        _measure(stage, way, names, (export_root, state_root), (launched.pids, watches))
                    )
        finally:
            launched.end()
    finally:
        feeder.end()
        shutil.rmtree(folder)
    return [_row(cameras, fps, way, found) for way, found in rounds.items()]


def _row(
    cameras: int, fps: int, way: str, found: Sequence[tuple[Taken, float]]
) -> tuple[str | int | float | None, ...]:
    """Medians over the rounds; the worst of what is counted."""
    times = [summary_of(age / 1e3 for age in taken.ages_ns) for taken, _ in found]
    return (
        cameras,
        fps,
        way,
        sum(len(taken.ages_ns) for taken, _ in found),
        statistics.median(taken.cpu_ns / len(taken.ages_ns) / 1e3 for taken, _ in found),
        statistics.median(one.median for one in times),
        statistics.median(one.p99 for one in times),
        statistics.median(taken.private_bytes for taken, _ in found) / 1e6,
        min(min(taken.frames.values()) if len(taken.frames) == cameras else 0 for taken, _ in found),
        max(max(taken.frames.values()) for taken, _ in found),
        sum(taken.missed for taken, _ in found),
        statistics.median(agents for _, agents in found),
    )


def _measure(
    stage: Stage,
    way: str,
    names: Sequence[str],
    roots: tuple[Path, Path],
    agents: tuple[Sequence[int], Sequence[Watch]],
) -> tuple[Taken, float]:
    """What a process of its own takes that way, and CPU of an agent meanwhile, in microseconds a frame."""
    connection, theirs = stage.spawn.Pipe()
    pid = stage.worker(_take, theirs, way, list(names), *map(str, roots))
    theirs.close()
    pids, watches = agents
    seconds = 0.5 if stage.quick else 5.0
    try:
        if not connection.poll(60):
            raise BenchmarkError(f"{way}: not ready within 60 s")
        connection.recv()
        time.sleep(seconds / 5)  # until it has its pace
        frames, agents_ns, begun_ns = sum(one.frames for one in watches), cpu_ns_of(pids), cpu_ns(pid)
        connection.send("begin")
        time.sleep(seconds)
        own_ns = cpu_ns(pid) - begun_ns
        memory = private_bytes(pid)
        agents_ns, frames = cpu_ns_of(pids) - agents_ns, sum(one.frames for one in watches) - frames
        connection.send("report")
        if not connection.poll(60):
            raise BenchmarkError(f"{way}: no report within 60 s")
        ages, counted, missed = connection.recv()
    except EOFError:
        raise BenchmarkError(f"{way}: the process has ended") from None
    finally:
        stage.end_workers([pid])
        connection.close()
    if not ages:
        raise BenchmarkError(f"{way}: no frame was taken")
    return Taken(ages, counted, missed, own_ns, memory), agents_ns / max(1, frames) / 1e3


def _take(connection: Connection, way: str, names: list[str], export_root: str, state_root: str) -> None:
    """Takes frames until it is killed; a thread answers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the benchmark, which ends this
    raise_descriptor_limit()
    threading.stack_size(256 * 1024)
    tally = _Tally()
    threading.Thread(target=_answer, args=(connection, tally), daemon=True).start()
    options = {"export_root": export_root, "state_root": state_root, "warn_slow": False}
    WAYS[way](tally, names, options)


def _answer(connection: Connection, tally: _Tally) -> None:
    while not tally.ages:
        time.sleep(0.01)
    gc.collect()
    gc.freeze()
    connection.send("ready")
    connection.recv()
    tally.frames.clear()
    del tally.ages[:]
    missed = tally.counts()
    connection.recv()
    connection.send((array("q", tally.ages), dict(tally.frames), tally.counts() - missed))


def _one_wait(tally: _Tally, names: list[str], options: dict[str, object]) -> None:
    streams = _all(tally, names, options)
    for frame in streams:
        tally.add(frame)


def _batches(tally: _Tally, names: list[str], options: dict[str, object]) -> None:
    for batch in _all(tally, names, options).batches(BATCH, wait=BATCH_WAIT_S):
        for frame in batch:
            tally.add(frame)


def _async_one(tally: _Tally, names: list[str], options: dict[str, object]) -> None:
    async def follow() -> None:
        async for frame in _all(tally, names, options):
            tally.add(frame)

    asyncio.run(follow())


def _threads(tally: _Tally, names: list[str], options: dict[str, object]) -> None:
    streams = _each(tally, names, options)

    def follow(stream: ruth.Stream) -> None:
        for frame in stream:
            tally.add(frame)

    for stream in streams:
        threading.Thread(target=follow, args=(stream,), daemon=True).start()
    threading.Event().wait()


def _tasks(tally: _Tally, names: list[str], options: dict[str, object]) -> None:
    async def follow(stream: ruth.Stream) -> None:
        async for frame in stream:
            tally.add(frame)

    async def all_of_them() -> None:
        await asyncio.gather(*map(follow, _each(tally, names, options)))

    asyncio.run(all_of_them())


def _all(tally: _Tally, _: list[str], options: dict[str, object]) -> ruth.Streams:
    streams = ruth.attach_all(MODEL, **options)  # type: ignore[arg-type]
    tally.counts = lambda: streams.counts.lost + streams.counts.dropped
    return streams


def _each(tally: _Tally, names: list[str], options: dict[str, object]) -> list[ruth.Stream]:
    streams = [ruth.attach(name, MODEL, **options) for name in names]  # type: ignore[arg-type]
    tally.counts = lambda: sum(stream.lost + stream.dropped for stream in streams)
    return streams


WAYS: Final[dict[str, Callable[[_Tally, list[str], dict[str, object]], None]]] = {
    ONE_WAIT: _one_wait,
    BATCHES: _batches,
    ASYNC_ONE: _async_one,
    THREADS: _threads,
    TASKS: _tasks,
}


def _notice(folder: Path) -> tuple[tuple[str, float], ...]:
    """A notice as agents write it, watched by no process and by one."""
    state = folder / "agent.state"
    state.write_bytes(bytes(4096))
    descriptor = os.open(state, os.O_RDWR)
    inotify = Inotify()

    def median_ns() -> float:
        samples = []
        for _ in range(20):
            begun = time.perf_counter_ns()
            for _ in range(_TIMES // 20):
                os.pwrite(descriptor, b"\0", NOTIFY_OFFSET)
            samples.append((time.perf_counter_ns() - begun) / (_TIMES // 20))
            inotify.read()
        return statistics.median(samples)

    try:
        alone = median_ns()
        inotify.add_watch(str(folder), MODIFY)
        return ("no", alone), ("yes", median_ns())
    finally:
        inotify.close()
        os.close(descriptor)

"""Cameras: how many one host carries, one process per camera, at 25 fps with four models each.

A feeder publishes to all of them, spread over the interval; the agents are launched by ``ruth up``, and for
fewer cameras also by multiprocessing (:mod:`benchmarks.instead`): the same agents, made in another way.
"""

from __future__ import annotations

import shutil
import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import psutil

from benchmarks.agents import Watch, camera_name, launch
from benchmarks.bare import bare_missing
from benchmarks.cost import cpu_ns_of, private_bytes
from benchmarks.feed import DESCRIPTORS, EXPORT_BYTES, Feeder, raise_descriptor_limit
from benchmarks.floor import wait_alone
from benchmarks.result import Chart, Result, Series, Table
from benchmarks.samples import summary_of
from benchmarks.stage import BenchmarkError, NoRoomError
from ruth.agent.state import STATE_SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.agents import Launched
    from benchmarks.floor import Floor
    from benchmarks.stage import Stage

NAME: Final = "cameras"
ABOUT: Final = "1 to 2,000 cameras and beyond: latency, CPU, memory, launch; spawn and forkserver"

FPS: Final = 25
OURS: Final = "Ruth"
COUNTS: Final = (1, 10, 100, 500, 1_000, 2_000)
STEP_BEYOND: Final = 1_000  # cameras more each time, until frames are missed or late
MOST: Final = 4_000
COMPARED: Final = (OURS, "forkserver", "spawn")
COMPARED_UP_TO: Final = 100
FLOORS: Final = (1, 100, 1_000)  # cameras for which waiting alone is measured as well
# Of all frames: it goes no further. The feeder that publishes runs on the same cores, so that frames can come
# too late before an agent misses one.
MISSED_FOR_GOOD: Final = 0.001
LATE_FOR_GOOD: Final = 0.01
_SAMPLE: Final = 20  # agents whose memory is looked at


@dataclass(frozen=True, slots=True)
class Measured:
    """One setting.

    Attributes:
        cameras: How many.
        by: How their processes were made.
        frames: Published while it was measured.
        missed: Frames that an agent never saw, as the agents count them.
        late: Frames that were not decided on when the camera's next one was published.
        median_us: From timestamp to decision.
        p99_us: The same.
        worst_us: The same.
        cpu_us: CPU time of an agent a frame.
        feeder_cores: What the feeder took: 1.0 is one core.
        late_us: How late frames were published, 99th percentile.
        private_mb: Of an agent, median, in 10^6 bytes.
        launch_s: Until all agents were ready.
        ps_s: Until ``ruth ps --json`` had said everything; None if it was not asked.

    """

    cameras: int
    by: str
    frames: int
    missed: int
    late: int
    median_us: float
    p99_us: float
    worst_us: float
    cpu_us: float
    feeder_cores: float
    late_us: float
    private_mb: float
    launch_s: float
    ps_s: float | None


def run(stage: Stage) -> Result:
    """Measures, as the module says."""
    measured: list[Measured] = []
    floors: list[Floor] = []
    notes = [f"Waiting in C was left out: {problem}."] if (problem := bare_missing()) else []
    waiters = ("Python",) if problem else ("C", "Python")
    counts = [1, 4] if stage.quick else [*COUNTS, *range(COUNTS[-1] + STEP_BEYOND, MOST + 1, STEP_BEYOND)]
    for cameras in counts:
        try:
            check_room(stage.folder, cameras)
            ways = COMPARED if cameras <= COMPARED_UP_TO else (OURS,)
            measured.extend(_measure_launched(stage, cameras, by) for by in ways)
            if cameras in FLOORS:
                floors.extend(_floor(stage, cameras, by) for by in waiters)
        except NoRoomError as error:
            notes.append(f"{cameras:,} cameras: {error}.")
            break
        last = measured[-1]
        if last.missed > last.frames * MISSED_FOR_GOOD or last.late > last.frames * LATE_FOR_GOOD:
            break
    tables = (*tables_of(measured), floor_table(measured, floors))
    return Result(NAME, tables, charts_of(measured), tuple(notes))


def check_room(folder: Path, cameras: int) -> None:
    """Raises NoRoomError if this machine has no room for so many cameras."""
    wanted, free = cameras * (EXPORT_BYTES + STATE_SIZE) * 2, shutil.disk_usage(folder).free
    if free < wanted:
        raise NoRoomError(f"/dev/shm has {free:,} bytes, they want {wanted:,}")
    wanted, limit = cameras * DESCRIPTORS + 100, raise_descriptor_limit()
    if limit < wanted:
        raise NoRoomError(f"a process may have {limit:,} descriptors, the feeder wants {wanted:,}")
    wanted = cameras * 1_500_000
    free = psutil.virtual_memory().available
    if free < wanted:
        raise NoRoomError(f"{free:,} bytes of memory are available, they want {wanted:,}")


def tables_of(measured: Sequence[Measured]) -> tuple[Table, ...]:
    """What happens with the frames, and what a process costs."""
    frames = Table(
        f"Cameras at {FPS} fps, four models each",
        (
            "cameras",
            "by",
            "frames",
            "missed",
            "not within 40 ms",
            "median, us",
            "p99, us",
            "worst, us",
            "CPU, us per frame and agent",
            "feeder's cores",
            "published late, p99, us",
        ),
        tuple(
            (
                one.cameras,
                one.by,
                one.frames,
                one.missed,
                one.late,
                one.median_us,
                one.p99_us,
                one.worst_us,
                one.cpu_us,
                one.feeder_cores,
                one.late_us,
            )
            for one in measured
        ),
    )
    single = {one.by: one.launch_s for one in measured if one.cameras == 1}
    processes = Table(
        "A process per camera",
        ("cameras", "by", "private memory, MB", "all ready after, s", "one more, ms", "ruth ps, s"),
        tuple(
            (
                one.cameras,
                one.by,
                one.private_mb,
                one.launch_s,
                (one.launch_s - single[one.by]) / (one.cameras - 1) * 1e3 if one.cameras > 1 else None,
                one.ps_s,
            )
            for one in measured
        ),
    )
    return frames, processes


def floor_table(measured: Sequence[Measured], floors: Sequence[Floor]) -> Table:
    """Waiting alone beside an agent."""
    agents = {one.cameras: one.cpu_us for one in measured if one.by == OURS}
    return Table(
        "Processes that only wait for the same frames",
        ("cameras", "waiting in", "wake-ups per second", "CPU, us a wake-up", "an agent takes, x"),
        tuple((*floor, agents[floor.cameras] / floor.cpu_us) for floor in floors),
    )


def charts_of(measured: Sequence[Measured]) -> tuple[Chart, ...]:
    """Latency, CPU and memory over the number of cameras."""
    places = tuple(sorted({one.cameras for one in measured}))

    def series(by: str, name: str, values: dict[int, float]) -> Series:
        return Series(f"{by}{name}", tuple(values.get(place) for place in places))

    def each(attribute: str, label: str = "") -> list[Series]:
        return [
            series(by, label, {one.cameras: getattr(one, attribute) for one in measured if one.by == by})
            for by in COMPARED
        ]

    latency = (*each("median_us", ", median"), *each("p99_us", ", p99"))
    return (
        Chart("from publishing to the decision", "us", places, latency, log=True, lines=True),
        Chart("CPU per frame and agent", "us", places, tuple(each("cpu_us")), lines=True),
        Chart("private memory of an agent", "MB", places, tuple(each("private_mb")), log=True, lines=True),
    )


def _measure_launched(stage: Stage, cameras: int, by: str) -> Measured:
    folder = stage.new_folder()
    export_root, state_root = folder / "vas", folder / "ruth"
    names = [camera_name(number) for number in range(cameras)]
    stage.say(f"{cameras:,} cameras, {by}: launch")
    feeder = Feeder(stage, export_root, names, FPS)
    try:
        launched = launch(stage, export_root, state_root, names, None if by == OURS else by)
        try:
            return _measure_agents(stage, cameras, by, feeder, launched, state_root)
        finally:
            launched.end()
    finally:
        feeder.end()
        shutil.rmtree(folder)


def _floor(stage: Stage, cameras: int, by: str) -> Floor:
    folder = stage.new_folder()
    names = [camera_name(number) for number in range(cameras)]
    stage.say(f"{cameras:,} cameras, processes that only wait, in {by}")
    feeder = Feeder(stage, folder, names, FPS)
    try:
        return wait_alone(stage, folder, names, by, _seconds(stage))
    finally:
        feeder.end()
        shutil.rmtree(folder)


def _seconds(stage: Stage) -> float:
    return 0.5 if stage.quick else 10.0


def _measure_agents(
    stage: Stage, cameras: int, by: str, feeder: Feeder, launched: Launched, state_root: Path
) -> Measured:
    seconds = _seconds(stage)
    names = [camera_name(number) for number in range(cameras)]
    feeder.watch(state_root)
    watches = [Watch(state_root, name) for name in names]
    for watch in watches:
        stage.wait_until(lambda watch=watch: watch.frames, "every agent observes a frame")
    time.sleep(seconds / 5)  # until every agent has its pace
    stage.say(f"{cameras:,} cameras, {by}: measure")
    before = _totals(launched, watches)
    fed = feeder.measure(seconds)
    after = _totals(launched, watches)
    cpu_ns, frames, missed = (new - old for old, new in zip(before, after, strict=True))
    times = summary_of(latency / 1e3 for latency in fed.latencies_ns)
    memory = [private_bytes(pid) for pid in launched.pids[:: max(1, cameras // _SAMPLE)]]
    return Measured(
        cameras=cameras,
        by=by,
        frames=fed.published,
        missed=missed,
        late=fed.published - len(fed.latencies_ns),
        median_us=times.median,
        p99_us=times.p99,
        worst_us=times.worst,
        cpu_us=cpu_ns / frames / 1e3,
        feeder_cores=fed.cpu_ns / 1e9 / fed.seconds,
        late_us=fed.late_ns / 1e3,
        private_mb=statistics.median(memory) / 1e6,
        launch_s=launched.seconds,
        ps_s=_ps(stage, state_root) if by == OURS else None,
    )


def _totals(launched: Launched, watches: Sequence[Watch]) -> tuple[int, int, int]:
    """CPU time in nanoseconds, frames observed and frames missed, of all agents so far."""
    cpu_ns = cpu_ns_of(launched.pids)
    return cpu_ns, sum(watch.frames for watch in watches), sum(watch.missed for watch in watches)


def _ps(stage: Stage, state_root: Path) -> float:
    """How long ``ruth ps --json`` takes, in seconds."""
    environ = stage.environ(state_root, state_root)
    begun = time.monotonic()
    asked = stage.python("-m", "launch.cli.main", "ps", "--json", env=environ)
    if asked.wait(120):
        raise BenchmarkError(f"ruth ps failed with {asked.returncode}")
    return time.monotonic() - begun

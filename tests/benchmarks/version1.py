"""Version 1: what it costs an agent to follow an export whose frames no process announces.

Files of 640 x 360 pixels are rewritten and renamed 25 times per second, as the frozen VAS does, each camera
at a moment of its own. Beside the agents, as many processes each: some that only sleep as often, which is
what this machine takes for waking up, and some that do nothing but the four system calls of a poll.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from benchmarks.agents import Watch, camera_name, launch
from benchmarks.cost import cpu_ns_of
from benchmarks.result import Result, Table
from doubles.frozen_vas import Version1Writer
from ruth.identity import DATA_NAME, META_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.stage import Stage

NAME: Final = "version1"
ABOUT: Final = "following version 1 at 25 fps: frames observed, CPU of an agent, beside bare loops"

FPS: Final = 25
OURS: Final = "Ruth"
CALLS: Final = "the four calls alone"
SLEEP: Final = "sleep alone"
COUNTS: Final = (1, 4, 16)
_WIDTH, _HEIGHT = 640, 360


class Measured(NamedTuple):
    """What one group of processes did.

    Attributes:
        cameras: How many, and processes.
        by: Which group.
        frames: Observed by agents; None for the others.
        missed: The same.
        percent: CPU of one of them: 100 is one core.

    """

    cameras: int
    by: str
    frames: int | None
    missed: int | None
    percent: float


def run(stage: Stage) -> Result:
    """Measures, as the module says."""
    measured: list[Measured] = []
    for cameras in (1, 2) if stage.quick else COUNTS:
        stage.say(f"{cameras} cameras")
        measured.extend(_measure(stage, cameras))
    return Result(NAME, (table_of(measured),))


def table_of(measured: Sequence[Measured]) -> Table:
    """A row a group, with its ratio to those that only sleep."""
    floor = {one.cameras: one.percent for one in measured if one.by == SLEEP}
    headers = ("cameras", "by", "frames", "missed", "CPU of one, % of a core", "x sleep alone")
    rows = tuple((*one, one.percent / floor[one.cameras]) for one in measured)
    return Table(f"Following version 1 at {FPS} fps", headers, rows)


def _measure(stage: Stage, cameras: int) -> list[Measured]:
    folder = stage.new_folder()
    names = [camera_name(number) for number in range(cameras)]
    for name in names:
        (folder / "vas" / name).mkdir(parents=True)
    feeder = stage.worker(_feed, str(folder / "vas"), names)
    calling = [stage.worker(_call, str(folder / "vas" / name)) for name in names]
    sleeping = [stage.worker(_sleep) for _ in names]
    launched = launch(stage, folder / "vas", folder / "ruth", names)
    watches = [Watch(folder / "ruth", name) for name in names]
    for watch in watches:
        # Until every agent knows its camera's pace, and as long as that for the others to begin.
        stage.wait_until(lambda watch=watch: watch.frames > FPS, "every agent follows")
    stage.check_workers()
    groups = {OURS: launched.pids, CALLS: calling, SLEEP: sleeping}
    before = {by: cpu_ns_of(pids) for by, pids in groups.items()}
    seen = [(watch.frames, watch.missed) for watch in watches]
    begun = time.monotonic()
    time.sleep(1.0 if stage.quick else 30.0)
    percent = {
        by: (cpu_ns_of(pids) - before[by]) / 1e7 / cameras / (time.monotonic() - begun)
        for by, pids in groups.items()
    }
    frames, missed = (
        sum(new) - sum(old)
        for new, old in zip(
            zip(*((watch.frames, watch.missed) for watch in watches), strict=True),
            zip(*seen, strict=True),
            strict=True,
        )
    )
    launched.end()
    stage.end_workers([feeder, *calling, *sleeping])
    return [
        Measured(cameras, OURS, frames, missed, percent[OURS]),
        Measured(cameras, CALLS, None, None, percent[CALLS]),
        Measured(cameras, SLEEP, None, None, percent[SLEEP]),
    ]


def _feed(export_root: str, cameras: Sequence[str]) -> None:
    writers = [Version1Writer(Path(export_root) / camera, _WIDTH, _HEIGHT) for camera in cameras]
    begun = time.monotonic()
    number = 0
    while True:
        frame, camera = divmod(number, len(writers))
        time.sleep(max(0.0, begun + number / FPS / len(writers) - time.monotonic()))
        writers[camera].write(frame, time.time_ns())
        number += 1


def _call(folder: str) -> None:
    """Opens, reads and closes the header, and asks for the status of the data, as an agent does a frame."""
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    while True:
        time.sleep(1 / FPS)
        try:
            meta = os.open(META_NAME, os.O_RDONLY, dir_fd=directory)
            os.pread(meta, 65, 0)
            os.close(meta)
            os.stat(DATA_NAME, dir_fd=directory)
        except FileNotFoundError:  # before the first frame
            continue


def _sleep() -> None:
    while True:
        time.sleep(1 / FPS)

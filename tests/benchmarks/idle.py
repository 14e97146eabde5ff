"""Idle: what agents cost whose cameras are off, or whose video server has stopped.

They poll again about once a second, as at their start, and nothing else. Counted by the kernel: how often a
process gave up the processor to wait, its CPU time, and its private memory before and after.
"""

from __future__ import annotations

import os
import signal
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from benchmarks.agents import Watch, camera_name, launch
from benchmarks.cost import cpu_ns_of, private_bytes
from benchmarks.feed import Feeder
from benchmarks.result import Result, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.stage import Stage

NAME: Final = "idle"
ABOUT: Final = "agents without an export, and with one that has stopped: wake-ups, CPU, memory"

ABSENT: Final = "no export"
FROZEN: Final = "an export that has stopped"
_FPS: Final = 25


class Measured(NamedTuple):
    """What idle agents did.

    Attributes:
        seconds: For how long.
        agents: How many.
        wake_ups: Of all of them.
        cpu_ns: Of all of them.
        grown: Bytes of private memory that an agent grew by, the median of all.

    """

    seconds: float
    agents: int
    wake_ups: int
    cpu_ns: int
    grown: float


def run(stage: Stage) -> Result:
    """Measures, as the module says."""
    agents, seconds = (2, 2.0) if stage.quick else (50, 20.0)
    folder = stage.new_folder()
    export_root = folder / "vas"
    frozen = [camera_name(number) for number in range(agents)]
    absent = [camera_name(number) for number in range(agents, 2 * agents)]
    feeder = Feeder(stage, export_root, frozen, _FPS)
    launched = launch(stage, export_root, folder / "ruth", [*frozen, *absent])
    for camera in frozen:
        watch = Watch(folder / "ruth", camera)
        stage.wait_until(lambda watch=watch: watch.frames, "every agent observes a frame")
    os.kill(feeder.pid, signal.SIGSTOP)
    stage.say("nothing happens")
    time.sleep(min(2.0, seconds))  # until the last frame is forgotten
    measured = _measure(seconds, {FROZEN: launched.pids[:agents], ABSENT: launched.pids[agents:]})
    feeder.end()
    launched.end()
    return Result(NAME, (table_of(measured),))


def table_of(measured: dict[str, Measured]) -> Table:
    """A row each."""
    return Table(
        "An idle agent",
        (
            "its camera has",
            "agents",
            "wake-ups per second",
            "CPU, us per second",
            "private memory grown, bytes",
        ),
        tuple(
            (
                name,
                found.agents,
                found.wake_ups / found.agents / found.seconds,
                found.cpu_ns / found.agents / found.seconds / 1e3,
                found.grown,
            )
            for name, found in measured.items()
        ),
    )


def wake_ups(pid: int) -> int:
    """How often a process has given up the processor to wait."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("voluntary_ctxt_switches"):
            return int(line.split()[1])
    raise ValueError(f"/proc/{pid}/status has no voluntary_ctxt_switches")


def _measure(seconds: float, groups: dict[str, Sequence[int]]) -> dict[str, Measured]:
    before = {name: _totals(pids) for name, pids in groups.items()}
    begun = time.monotonic()
    time.sleep(seconds)
    measured = {}
    for name, pids in groups.items():
        elapsed = time.monotonic() - begun
        woken, cpu_ns, private = _totals(pids)
        old_woken, old_cpu_ns, old_private = before[name]
        grown = statistics.median(new - old for new, old in zip(private, old_private, strict=True))
        measured[name] = Measured(elapsed, len(pids), woken - old_woken, cpu_ns - old_cpu_ns, grown)
    return measured


def _totals(pids: Sequence[int]) -> tuple[int, int, list[int]]:
    private = [private_bytes(pid) for pid in pids]
    return sum(map(wake_ups, pids)), cpu_ns_of(pids), private

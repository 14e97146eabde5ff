"""Publishing: how long a decoder is held up by handing over a frame, and what all sides of it cost.

Frames are published back to back, a slice of time an arm, every arm once a round. The floor is a copy of the
frame into as many mapped buffers as the ring has slots; with readers, also that copy and a wake-up for as
many processes that wait in C and do nothing. A reader notices the frame and decides for four models; it does
not look at the pixels.
"""

from __future__ import annotations

import time
from array import array
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from benchmarks.arms import Arm
from benchmarks.result import Chart, Result, Series, Table
from benchmarks.samples import order_of, ratio_by_round, summary_of
from benchmarks.transports import transport_named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.stage import Stage

NAME: Final = "publish"
ABOUT: Final = "handing over a frame: Ruth, a bare copy, renamed files, iceoryx2, ZeroMQ, Queue"

FLOOR: Final = "memcpy"
WAKING: Final = "memcpy, wake"
FLOORS: Final = (FLOOR, WAKING)
ARMS: Final = (*FLOORS, "Ruth", "iceoryx2", "rename", "ZeroMQ", "Queue")
# Without a reader these have nothing to do, or keep nothing that a later one could look at.
_NEED_READERS: Final = (WAKING, "ZeroMQ", "Queue")
SIZES: Final = {"360p": 640 * 360 * 3 // 2, "1080p": 1920 * 1080 * 3 // 2, "2160p": 3840 * 2160 * 3 // 2}
READERS: Final = (0, 1, 8)


@dataclass(slots=True)
class Measured:
    """What one arm did in one setting.

    Attributes:
        rounds: Nanoseconds from the call to its return, a frame each, by round.
        cpu_ns: Of publisher and readers together.
        seen: Frames that readers observed, all readers together.

    """

    rounds: list[array[int]] = field(default_factory=list)
    cpu_ns: int = 0
    seen: int = 0

    @property
    def published(self) -> int:
        """Frames."""
        return sum(map(len, self.rounds))


def run(stage: Stage) -> Result:
    """Measures, as the module says."""
    sizes = ["360p"] if stage.quick else list(SIZES)
    counts = (0, 1) if stage.quick else READERS
    names, notes = _arms_here()
    rows: list[tuple[str | int | float | None, ...]] = []
    ratios: dict[tuple[str, str, int], float] = {}
    for readers in counts:
        for size in sizes:
            stage.say(f"{size}, {readers} readers")
            used = [name for name in names if readers or name not in _NEED_READERS]
            measured = _measure(stage, used, SIZES[size], readers)
            for name in used:
                row, ratios[name, size, readers] = row_of(name, measured, readers)
                rows.append((size, readers, name, *row))
    headers = (
        "frame",
        "readers",
        "by",
        "median, us",
        "p99, us",
        "x memcpy",
        "CPU of all, us per frame",
        "seen by a reader, %",
    )
    return Result(
        NAME,
        (Table("Publishing a frame, back to back", headers, tuple(rows)),),
        charts_of(ratios, names, sizes, counts),
        tuple(notes),
    )


def row_of(
    name: str, measured: Mapping[str, Measured], readers: int
) -> tuple[tuple[int | float | None, ...], float]:
    """What the table shows of one arm beside its setting, and its ratio to the floor."""
    own = measured[name]
    times = summary_of(sample / 1e3 for samples in own.rounds for sample in samples)
    ratio = ratio_by_round(own.rounds, measured[FLOOR].rounds)
    seen = None if name in FLOORS or not readers else own.seen / readers / own.published * 100
    return (times.median, times.p99, ratio, own.cpu_ns / own.published / 1e3, seen), ratio


def charts_of(
    ratios: Mapping[tuple[str, str, int], float],
    names: Sequence[str],
    sizes: Sequence[str],
    counts: Sequence[int],
) -> tuple[Chart, ...]:
    """A chart a size: how many copies a publication costs, by the number of readers."""
    return tuple(
        Chart(
            f"publishing a {size} frame",
            "x memcpy",
            tuple(f"{readers} readers" for readers in counts),
            tuple(
                Series(name, tuple(ratios.get((name, size, readers)) for readers in counts))
                for name in names
                if name != FLOOR
            ),
            log=True,
        )
        for size in sizes
    )


def _arms_here() -> tuple[list[str], list[str]]:
    """The arms that can be used here, and why the others cannot."""
    missing = {name: transport_named(name).missing() for name in ARMS}
    notes = [f"{name} was left out: {reason}." for name, reason in missing.items() if reason]
    return [name for name, reason in missing.items() if not reason], notes


def _measure(stage: Stage, names: Sequence[str], frame_bytes: int, readers: int) -> dict[str, Measured]:
    rounds, seconds = (2, 0.05) if stage.quick else (8, 0.25)
    measured = {name: Measured() for name in names}
    with ExitStack() as stack:
        arms = [
            stack.enter_context(Arm(stage, name, frame_bytes, 0 if name == FLOOR else readers))
            for name in names
        ]
        for arm in arms:
            arm.pause()
        for number in range(rounds):
            for arm in order_of(arms, number):
                arm.resume()
                _slice(arm, seconds, measured[arm.name])
                arm.pause()
    return measured


def _slice(arm: Arm, seconds: float, measured: Measured) -> None:
    """Publishes back to back for so long, after a few frames that do not count."""
    publish, clock = arm.publish, time.monotonic_ns
    for _ in range(4):
        publish(clock())
    arm.settle()
    samples = array("q")
    cpu_ns, seen = time.process_time_ns() + arm.cpu_ns(), arm.frames()
    end = clock() + round(seconds * 1e9)
    while (begun := clock()) < end:
        publish(begun)
        samples.append(clock() - begun)
    arm.settle()
    measured.rounds.append(samples)
    measured.cpu_ns += time.process_time_ns() + arm.cpu_ns() - cpu_ns
    measured.seen += arm.frames() - seen

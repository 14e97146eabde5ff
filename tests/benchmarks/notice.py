"""Noticing: from publishing a frame until four models' decisions on it are taken, in another process.

Ruth's reader is an agent as ``ruth up`` launches it; the others learn of a frame by their own means and then
do what it does (:mod:`benchmarks.readers`). Frames are small: what is measured is the way of the news. Only
the readers of the arm at work run; all others are stopped meanwhile.
"""

from __future__ import annotations

import time
from array import array
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from benchmarks.arms import Arm
from benchmarks.awake import cores_awake
from benchmarks.result import Chart, Result, Series, Table
from benchmarks.samples import order_of, ratio_by_round, summary_of
from benchmarks.transports import transport_named

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.agents import Latencies
    from benchmarks.stage import Stage

NAME: Final = "notice"
ABOUT: Final = "from publishing to the decision: futex, poll, iceoryx2, ZeroMQ, Queue"

ARMS: Final = ("Ruth", "iceoryx2", "ZeroMQ", "Queue", "poll 5 ms")
OURS: Final = "Ruth"
FPS: Final = 25
_FRAME_BYTES: Final = 64 * 64 * 3 // 2
_LOOK_EVERY: Final = 16  # frames, when they come flat out

PACED: Final = "25 fps, idle cores"
AWAKE: Final = "25 fps, cores awake"
FLAT_OUT: Final = "flat out"


@dataclass(slots=True)
class Measured:
    """What one arm did in one setting.

    Attributes:
        rounds: Nanoseconds from timestamp to decision, by round.
        published: Frames.
        seen: Frames decided on.
        reader_cpu_ns: CPU time of the reader.
        publisher_cpu_ns: CPU time of the publisher, its pauses and this benchmark's looks included.

    """

    rounds: list[array[int]] = field(default_factory=list)
    published: int = 0
    seen: int = 0
    reader_cpu_ns: int = 0
    publisher_cpu_ns: int = 0


def run(stage: Stage) -> Result:
    """Measures, as the module says."""
    missing = {name: transport_named(name).missing() for name in ARMS}
    names = [name for name, reason in missing.items() if not reason]
    notes = [f"{name} was left out: {reason}." for name, reason in missing.items() if reason]
    settings: list[tuple[str, Callable[[Arm, Measured], None], int]] = [
        (PACED, _paced(5 if stage.quick else FPS), 1 if stage.quick else 12),
        (AWAKE, _paced(5 if stage.quick else FPS), 1 if stage.quick else 12),
        (FLAT_OUT, _flat_out(0.05 if stage.quick else 0.25), 2 if stage.quick else 8),
    ]
    measured: dict[str, dict[str, Measured]] = {}
    with ExitStack() as stack:
        arms = [stack.enter_context(Arm(stage, name, _FRAME_BYTES, 1)) for name in names]
        for arm in arms:
            arm.pause()
        for setting, part, rounds in settings:
            with cores_awake(stage) if setting == AWAKE else nullcontext():
                measured[setting] = _rounds(stage, setting, arms, part, rounds)
    rows = [(setting, *row) for setting, found in measured.items() for row in rows_of(found)]
    headers = (
        "frames",
        "by",
        "median, us",
        "p99, us",
        "worst, us",
        "x iceoryx2",
        "seen, %",
        "reader's CPU, us per frame seen",
        "publisher's CPU, us per frame",
    )
    chart = Chart(
        "from publishing to the decision, median",
        "us",
        tuple(measured),
        tuple(Series(name, tuple(_median_us(found[name]) for found in measured.values())) for name in names),
        log=True,
    )
    return Result(
        NAME, (Table("From publishing to the decision", headers, tuple(rows)),), (chart,), tuple(notes)
    )


def rows_of(measured: Mapping[str, Measured]) -> list[tuple[str | int | float | None, ...]]:
    """A row an arm, without the setting."""
    peer = measured.get("iceoryx2")
    rows: list[tuple[str | int | float | None, ...]] = []
    for name, own in measured.items():
        if not any(own.rounds):
            rows.append((name, None, None, None, None, 0.0, None, None))
            continue
        times = summary_of(sample / 1e3 for samples in own.rounds for sample in samples)
        ratio = ratio_by_round(own.rounds, peer.rounds) if peer is not None and any(peer.rounds) else None
        rows.append(
            (
                name,
                times.median,
                times.p99,
                times.worst,
                ratio,
                own.seen / own.published * 100,
                own.reader_cpu_ns / own.seen / 1e3,
                own.publisher_cpu_ns / own.published / 1e3,
            )
        )
    return rows


def _median_us(measured: Measured) -> float | None:
    samples = [sample / 1e3 for found in measured.rounds for sample in found]
    return summary_of(samples).median if samples else None


def _rounds(
    stage: Stage, setting: str, arms: Sequence[Arm], part: Callable[[Arm, Measured], None], rounds: int
) -> dict[str, Measured]:
    measured = {arm.name: Measured() for arm in arms}
    for number in range(rounds):
        stage.say(f"{setting}, round {number + 1} of {rounds}")
        for arm in order_of(arms, number):
            arm.resume()
            part(arm, measured[arm.name])
            arm.pause()
    return measured


def _paced(frames: int) -> Callable[[Arm, Measured], None]:
    def part(arm: Arm, measured: Measured) -> None:
        (latencies,) = arm.latencies()
        for _ in range(3):  # the reader has been stopped: let it find its pace again
            time.sleep(1 / FPS)
            arm.publish(time.monotonic_ns())
        time.sleep(1 / FPS)
        with _Counted(arm, latencies, measured):
            due = time.monotonic()
            for _ in range(frames):
                arm.publish(time.monotonic_ns())
                due += 1 / FPS
                time.sleep(max(0.0, due - time.monotonic()))
                latencies.poll()  # a whole interval later: every frame is seen here
            measured.published += frames

    return part


def _flat_out(seconds: float) -> Callable[[Arm, Measured], None]:
    def part(arm: Arm, measured: Measured) -> None:
        (latencies,) = arm.latencies()
        publish, clock, poll = arm.publish, time.monotonic_ns, latencies.poll
        with _Counted(arm, latencies, measured):
            end = clock() + round(seconds * 1e9)
            while clock() < end:
                for _ in range(_LOOK_EVERY):
                    publish(clock())
                poll()
                measured.published += _LOOK_EVERY

    return part


class _Counted:
    """Adds to ``measured`` what comes to pass inside the ``with``."""

    def __init__(self, arm: Arm, latencies: Latencies, measured: Measured) -> None:
        self._arm, self._latencies, self._measured = arm, latencies, measured

    def __enter__(self) -> None:
        self._latencies.poll()
        del self._latencies.nanoseconds[:]
        self._seen, self._reader = self._arm.frames(), self._arm.cpu_ns()
        self._publisher = time.process_time_ns()

    def __exit__(self, *_: object) -> None:
        self._arm.settle()
        self._measured.publisher_cpu_ns += time.process_time_ns() - self._publisher
        self._measured.reader_cpu_ns += self._arm.cpu_ns() - self._reader
        self._measured.seen += self._arm.frames() - self._seen
        self._measured.rounds.append(array("q", self._latencies.nanoseconds))

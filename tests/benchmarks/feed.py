"""Many cameras at once: a process that publishes to all of them, and looks at what their agents made of it.

Frames are tiny, since no agent looks at pixels, and spread evenly over the interval, as cameras are. Just
before the next frame of a camera, its agent's record is looked at: so the latency of every single decision is
known, and not a sample of them.
"""

from __future__ import annotations

import gc
import resource
import signal
import time
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.agents import Watch
from benchmarks.stage import BenchmarkError
from ruth.vas.exporter import open_exporter
from ruth.vas.flag import FLAG

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection

    from benchmarks.stage import Stage
    from ruth.vas.exporter import Exporter

SIDE = 32  # pixels, both ways
EXPORT_BYTES = 4096 * 5  # on tmpfs, a camera: four slots and frame.meta
DESCRIPTORS = 4  # a camera: directory, two mappings, the watch's mapping

_WATCH, _MEASURE, _REPORT = "watch", "measure", "report"
_NEAR_NS = 50_000  # what is due within the length of a short sleep is published at once


class Fed(NamedTuple):
    """What came of a measurement.

    Attributes:
        published: Frames, of all cameras.
        seconds: How long it was.
        latencies_ns: From timestamp to decision, of each frame that its agent had decided on when the next
            one was published.
        late_ns: How late the frames were published, 99th percentile.
        cpu_ns: CPU time of the feeder, its looks included.

    """

    published: int
    seconds: float
    latencies_ns: array[int]
    late_ns: int
    cpu_ns: int


class Feeder:
    """Publishes to cameras from a process of its own, from when it is made until :meth:`end`.

    Raises:
        BenchmarkError: It cannot export.

    """

    def __init__(self, stage: Stage, export_root: Path, cameras: Sequence[str], fps: float) -> None:
        self._stage = stage
        self._connection, theirs = stage.spawn.Pipe()
        self.pid = stage.worker(_feed, theirs, str(export_root), list(cameras), fps)
        theirs.close()
        self._answer()

    def watch(self, state_root: Path) -> None:
        """From now on looks at the agents of that launch."""
        self._connection.send((_WATCH, str(state_root)))
        self._answer()

    def measure(self, seconds: float) -> Fed:
        """Counts for so long."""
        self._connection.send((_MEASURE, None))
        self._answer()
        time.sleep(seconds)
        self._connection.send((_REPORT, None))
        found = self._answer()
        assert isinstance(found, Fed)
        return found

    def end(self) -> None:
        """Ends the process; its exports stay, as those of a killed VAS would."""
        self._stage.end_workers([self.pid])
        self._connection.close()

    def _answer(self) -> object:
        if not self._connection.poll(60):
            raise BenchmarkError("the feeder does not answer")
        try:
            answer: object = self._connection.recv()
        except EOFError:
            raise BenchmarkError("the feeder has ended") from None
        if isinstance(answer, str):
            raise BenchmarkError(answer)
        return answer


def raise_descriptor_limit() -> int:
    """Lets this process have as many descriptors as it may. How many that is."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def _feed(connection: Connection, export_root: str, cameras: Sequence[str], fps: float) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the benchmark, which ends this
    raise_descriptor_limit()
    exporters = [
        open_exporter(camera, SIDE, SIDE, root=export_root, environ={FLAG: "true"}) for camera in cameras
    ]
    problem = next((found.problem for found in exporters if found.problem is not None), None)
    connection.send(problem)
    gc.freeze()
    gc.disable()
    _Feeding(connection, cameras, exporters, fps).run()


class _Feeding:
    """The feeder's loop: a round is one frame of each camera."""

    def __init__(
        self, connection: Connection, cameras: Sequence[str], exporters: Sequence[Exporter], fps: float
    ) -> None:
        self._connection = connection
        self._cameras = cameras
        self._exporters = exporters
        self._interval_ns = round(1e9 / fps)
        self._watches: list[Watch] = []
        self._measuring = False
        self._latencies = array("q")
        self._late = array("q")
        self._published = 0
        self._begun_ns = self._begun_cpu_ns = 0

    def run(self) -> None:
        """Feeds until the process is killed."""
        start = time.monotonic_ns()
        number = 0
        while True:
            if self._connection.poll():
                self._handle(*self._connection.recv())
            due = start + number * self._interval_ns
            if (
                time.monotonic_ns() - due > 5 * self._interval_ns
            ):  # hopelessly late: no burst to make up for it
                start += time.monotonic_ns() - due
                due = start + number * self._interval_ns
            self._round(number, due)
            number += 1

    def _round(self, number: int, due: int) -> None:
        frame = bytes(SIDE * SIDE * 3 // 2)
        step = self._interval_ns / len(self._exporters)
        clock = time.monotonic_ns
        for place, exporter in enumerate(self._exporters):
            at = due + round(place * step)
            ahead = at - clock()
            if ahead > _NEAR_NS:
                time.sleep(ahead / 1e9)
            if self._measuring:
                frame_id, latency_ns = self._watches[place].latest()
                if frame_id == number - 1:
                    self._latencies.append(latency_ns)
                self._late.append(clock() - at)
            exporter.publish(frame, clock())
        self._published += len(self._exporters)

    def _handle(self, command: str, argument: str | None) -> None:
        """Between two rounds."""
        if command == _WATCH and argument is not None:
            self._watches = [Watch(Path(argument), camera) for camera in self._cameras]
        elif command == _MEASURE:
            self._measuring = True
            del self._latencies[:], self._late[:]
            self._published = 0
            self._begun_ns, self._begun_cpu_ns = time.monotonic_ns(), time.process_time_ns()
        else:
            self._measuring = False
            late = sorted(self._late)
            self._connection.send(
                Fed(
                    published=self._published,
                    seconds=(time.monotonic_ns() - self._begun_ns) / 1e9,
                    latencies_ns=self._latencies,
                    late_ns=late[len(late) * 99 // 100] if late else 0,
                    cpu_ns=time.process_time_ns() - self._begun_cpu_ns,
                )
            )
            return
        self._connection.send(None)

"""Publishing in tests: frames at a pace, what an agent has to make of them, what an exporter reports."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from harness import rings
from ruth.subscription.subscription import Subscription
from ruth.vas.exporter import FrameExporter, open_exporter

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Roots
    from ruth.export.picture import MatrixName, RangeName

WIDTH, HEIGHT = 64, 48
FRAME = bytes(WIDTH * HEIGHT * 3 // 2)


def exporter_of(
    roots: Roots,
    camera_id: str,
    width: int = WIDTH,
    height: int = HEIGHT,
    pixel_range: RangeName | None = None,
    matrix: MatrixName | None = None,
    slot_count: int | None = None,
) -> FrameExporter:
    """A real exporter of one camera below the test's own export root."""
    exporter = open_exporter(
        camera_id,
        width,
        height,
        slot_count=slot_count,
        pixel_range=pixel_range,
        matrix=matrix,
        environ=roots.environ(),
    )
    assert isinstance(exporter, FrameExporter)
    assert exporter.enabled, exporter.problem
    return exporter


def kill(exporter: FrameExporter) -> None:
    """As the kernel does to a writer that is killed: its lock is free from then on, and its files stay."""
    assert exporter._ring is not None
    rings.kill(exporter._ring)


class Messages(list[str]):
    """Collects the messages that an exporter leaves."""

    def __call__(self, problem: str) -> None:
        """What an exporter calls."""
        self.append(problem)


@dataclass(frozen=True, slots=True)
class Expected:
    """What one subscription must have come to."""

    allowed: int
    skipped: int
    last_frame_id: int | None


def expected(max_fps: float | None, frames: list[tuple[int, int]]) -> Expected:
    """What the gate makes of ``frames`` (id, timestamp_ns), judged here, in the test's own process."""
    subscription = Subscription("oracle", "oracle", max_fps)
    for frame_id, timestamp_ns in frames:
        subscription.judge(frame_id, timestamp_ns)
    last = subscription.last_frame_id
    return Expected(subscription.allowed, subscription.skipped, None if last < 0 else last)


class Feed:
    """Publishes frames to cameras from a thread, at a pace, until told to stop.

    Attributes:
        published: By camera, (id, timestamp_ns) of every frame published so far.

    """

    def __init__(
        self,
        exporters: dict[str, FrameExporter],
        fps: float = 25,
        picture: Callable[[int], bytes] = lambda _number: FRAME,
    ) -> None:
        """Keeps what it is given; ``picture`` makes the frame of each number, from 0."""
        self.published: dict[str, list[tuple[int, int]]] = {camera: [] for camera in exporters}
        self._exporters = exporters
        self._interval_s = 1 / fps
        self._picture = picture
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """No frame is published after this returns."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            # As a camera's frames: after a halt of this thread they come at their distance, not all at once.
            due = max(due, time.monotonic() - self._interval_s / 2) + self._interval_s
            for camera, exporter in self._exporters.items():
                timestamp_ns = time.monotonic_ns()
                frame_id = exporter.published
                if exporter.publish(self._picture(frame_id), timestamp_ns):
                    self.published[camera].append((frame_id, timestamp_ns))

"""A video server of a test: exports several cameras from a process of its own, at a pace, never waiting.

    python tests/doubles/video_server.py REPORT FPS FRAMES CAMERA...

Publishes FRAMES frames for each camera, or until the end of its standard input if that comes first; FPS 0 is
as fast as it can. What it publishes depends on nothing but the camera and the frame's id, so two runs of the
same length leave the same bytes. Before a slot is written again, it is compared with what was written there.

Prints ``serving`` when each camera has its first frame. At the end it writes REPORT, prints one more line,
``FRAMES SPOILED``, and leaves the exports standing. REPORT is, for each frame, for each camera, two u64:
CLOCK_MONOTONIC before the frame was published, and how long that took, in nanoseconds.
"""

from __future__ import annotations

import gc
import os
import random
import select
import sys
import time
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from ruth.export.layout import SLOT_COUNT_DEFAULT
from ruth.vas.exporter import FrameExporter, open_exporter

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT = 640, 360
_SIZE: Final = WIDTH * HEIGHT * 3 // 2
_PATTERNS: Final = 251

FRAME_INTERVAL_NS: Final = 40_000_000
_JITTER_NS: Final = 6_000_000
_FIRST_NS: Final = 1_000_000_000_000


class Publication(NamedTuple):
    """One frame of one camera: CLOCK_MONOTONIC before it was published, and how long that took."""

    started_ns: int
    took_ns: int


def read_report(path: Path) -> list[Publication]:
    """What a server has reported, in the order in which it published."""
    words = array("Q")
    words.frombytes(path.read_bytes())
    return [Publication(*words[at : at + 2]) for at in range(0, len(words), 2)]


def timestamp_ns(camera_id: str, frame_id: int) -> int:
    """When a frame of a camera was decoded: 25 fps, up to 6 ms early or late, always the same."""
    jitter = random.Random(f"{camera_id}/{frame_id}").randint(-_JITTER_NS, _JITTER_NS)
    return _FIRST_NS + frame_id * FRAME_INTERVAL_NS + jitter


def picture(camera: int, frame_id: int) -> bytes:
    """The bytes of one frame."""
    return bytes([(frame_id + 31 * camera) % _PATTERNS]) * _SIZE


class ServedCamera:
    """One camera's exporter, and what has become of the memory it wrote."""

    def __init__(self, number: int, camera_id: str) -> None:
        exporter = open_exporter(camera_id, WIDTH, HEIGHT)
        assert isinstance(exporter, FrameExporter)
        assert exporter.enabled, exporter.problem
        self._exporter = exporter
        self._number = number
        self._camera_id = camera_id
        self.spoiled = 0

    def publish(self, frame_id: int) -> tuple[int, int]:
        """Publishes one frame. When that began, and how long it took."""
        frame, timestamp = picture(self._number, frame_id), timestamp_ns(self._camera_id, frame_id)
        self._compare(frame_id - SLOT_COUNT_DEFAULT)
        started = time.monotonic_ns()
        published = self._exporter.publish(frame, timestamp)
        took = time.monotonic_ns() - started
        assert published, self._exporter.problem
        return started, took

    def _compare(self, frame_id: int) -> None:
        if frame_id >= 0:
            assert self._exporter._ring is not None
            slot, *_ = self._exporter._ring._slots[frame_id % SLOT_COUNT_DEFAULT]
            self.spoiled += bytes(slot) != picture(self._number, frame_id)


def serve(report: Path, fps: float, frames: int, camera_ids: Sequence[str]) -> None:
    """Publishes until it is done or told to end."""
    cameras = [ServedCamera(number, camera_id) for number, camera_id in enumerate(camera_ids)]
    publications = array("Q")
    gc.collect()
    gc.disable()
    interval_s = 1 / fps if fps else 0.0
    due = time.monotonic()
    frame_id = 0
    while frame_id < frames and not _told_to_end(due - time.monotonic()):
        for camera in cameras:
            publications.extend(camera.publish(frame_id))
        if frame_id == 0:
            print("serving", flush=True)  # noqa: T201 - what a test waits for
        frame_id += 1
        # A server that was late does not make up for it: two frames at once would be one for any reader.
        due = max(due + interval_s, time.monotonic() + 0.9 * interval_s)
    report.write_bytes(publications.tobytes())
    sys.stdout.write(f"{frame_id} {sum(camera.spoiled for camera in cameras)}\n")


def _told_to_end(seconds: float) -> bool:
    """Waits so long for the end of standard input."""
    readable, _, _ = select.select([0], [], [], max(0.0, seconds))
    return bool(readable) and not os.read(0, 1)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])

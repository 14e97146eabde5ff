"""A video server at work and model runtimes in processes of their own, in tests."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from conftest import PROJECT
from doubles.runtime_program import Got, parse
from doubles.stepped_agent import CAMERA
from harness.waiting import wait_until
from ruth.export.layout import SLOT_COUNT_DEFAULT

if TYPE_CHECKING:
    from conftest import Processes, Roots
    from ruth.vas.exporter import FrameExporter

WIDTH, HEIGHT = 1920, 1080
SIZE = WIDTH * HEIGHT * 3 // 2
RING_BYTES = -(-SIZE // 4096) * 4096 * SLOT_COUNT_DEFAULT
MODEL, CAP = "person", 5
PROGRAM = PROJECT / "tests" / "doubles" / "runtime_program.py"


class Server:
    """Publishes 1080p at 25 fps from a thread, each frame another one, as long as it is entered.

    Attributes:
        published: (id, timestamp_ns) of every frame so far.
        took_ns: How long each took to publish.

    """

    def __init__(self, exporter: FrameExporter) -> None:
        generator = np.random.default_rng(6)
        self._noise = [generator.bytes(SIZE) for _ in range(5)]
        self._exporter = exporter
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.published: list[tuple[int, int]] = []
        self.took_ns: list[int] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def digest(self, frame_id: int) -> str:
        """SHA-256 of what was published as that frame."""
        return hashlib.sha256(frame_id.to_bytes(8, "little") + self._noise[frame_id % 5][8:]).hexdigest()

    def publish(self, frames: int) -> None:
        """Waits until so many frames more are published."""
        target = len(self.published) + frames
        wait_until(lambda: len(self.published) >= target, f"{frames} frames", frames / 25 * 3 + 10)

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            due = max(due + 0.04, time.monotonic() + 0.036)
            frame_id = len(self.published)
            buffer = self._exporter.begin_frame()
            assert buffer is not None
            started = time.monotonic_ns()
            buffer[:] = self._noise[frame_id % 5]
            buffer[:8] = frame_id.to_bytes(8, "little")
            timestamp_ns = time.monotonic_ns()
            assert self._exporter.commit(timestamp_ns)
            self.took_ns.append(time.monotonic_ns() - started)
            self.published.append((frame_id, timestamp_ns))


class Runtime:
    """A runtime's process, and what it has got so far."""

    def __init__(
        self, roots: Roots, processes: Processes, keeps: str = "none", model_id: str = MODEL
    ) -> None:
        self.process = processes.start(
            sys.executable,
            PROGRAM,
            CAMERA,
            model_id,
            keeps,
            env=roots.environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.got: list[Got] = []
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "attached\n"
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.got.append(parse(line))

    def end(self) -> list[Got]:
        """Ends it, by Ctrl-C. All that it got."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(timeout=60) == -signal.SIGINT
        self._reader.join()
        return self.got

    def shared_bytes(self) -> int:
        """How much shared memory it has in its address space, as present pages."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("RssShmem"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no RssShmem")

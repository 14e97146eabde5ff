"""What runs beside a decoder: agents of many cameras, at work, and one that kills them."""

from __future__ import annotations

import os
import shutil
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from benchmarks.agents import Watch, camera_name, launch
from benchmarks.feed import Feeder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from benchmarks.stage import Stage

FPS = 25


class Killer:
    """Kills agents with SIGKILL, one after the other, evenly over a time; each once.

    Args:
        pids: Of agents that this run launched; their launcher never reaps, so a pid stays theirs.
        seconds: How long it takes for all of them.

    Attributes:
        killed: How many so far.

    """

    def __init__(self, pids: Sequence[int], seconds: float) -> None:
        self._pids = pids
        self._interval_s = seconds / max(1, len(pids))
        self._begun_s = time.monotonic()
        self.killed = 0

    def poll(self) -> None:
        """Kills those whose time has come."""
        due = min(len(self._pids), int((time.monotonic() - self._begun_s) / self._interval_s))
        while self.killed < due:
            os.kill(self._pids[self.killed], signal.SIGKILL)
            self.killed += 1


@contextmanager
def agents_at_work(
    stage: Stage, export_root: Path, cameras: Sequence[str], agents: int
) -> Iterator[tuple[int, ...]]:
    """Agents of ``cameras`` and of as many fed ones (:mod:`benchmarks.feed`) as make ``agents``. Their pids.

    Those of ``cameras`` look for an export that may come or not.
    """
    fed = [camera_name(number) for number in range(agents - len(cameras))]
    feeder = Feeder(stage, export_root, fed, FPS)
    state_root = stage.new_folder() / "ruth"
    launched = launch(stage, export_root, state_root, [*cameras, *fed])
    try:
        for name in fed:
            watch = Watch(state_root, name)
            stage.wait_until(lambda watch=watch: watch.frames, "every agent observes a frame")
        yield launched.pids
    finally:
        launched.end()
        feeder.end()
        for name in fed:
            shutil.rmtree(export_root / name)

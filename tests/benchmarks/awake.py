"""Keeps the cores awake: on each, a process that only runs when no other process wants to (SCHED_IDLE).

A core that sleeps takes tens of microseconds to wake up, more on a virtual machine. What is measured beside
these processes is without that; what is measured without them is what a mostly idle host has.
"""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.stage import Stage


@contextmanager
def cores_awake(stage: Stage) -> Iterator[None]:
    """No core sleeps inside the ``with``."""
    workers = [stage.worker(spin, core) for core in sorted(os.sched_getaffinity(0))]
    try:
        yield
    finally:
        stage.end_workers(workers)


def spin(core: int) -> None:
    """Runs on ``core`` for ever, after every other process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the benchmark, which ends this
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    os.sched_setaffinity(0, {core})
    while True:
        pass

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from doubles.stepped_agent import CAMERA, MODEL, MS, publish
from harness.open_descriptors import left_of
from ruth.agent.state import SEQUENCE_OFFSET
from ruth.futex import Bell
from ruth.identity import STATE_NAME
from ruth.runtime.watch import SubscriptionWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Roots
    from doubles.stepped_agent import SteppedAgent
    from ruth.vas.exporter import FrameExporter


@pytest.fixture
def watch(roots: Roots) -> Iterator[SubscriptionWatch]:
    """The model's part of the agent's record."""
    made = SubscriptionWatch(str(roots.state), CAMERA, MODEL)
    yield made
    made.close()


def after_preads(times: int, act: Callable[[], object]) -> None:
    """Does something after each of the next ``times`` preads of this thread, until sys.setprofile(None)."""

    def watching(_: object, event: str, function: object) -> None:
        nonlocal times
        if event == "c_return" and function is os.pread and times:
            times -= 1
            act()

    sys.setprofile(watching)


@pytest.mark.parametrize(
    ("changes", "found"), [(1, True), (3, True), (147, True), (148, False), (500, False)]
)
def test_a_record_has_to_keep_still_during_three_reads(
    roots: Roots,
    watch: SubscriptionWatch,
    agent: SteppedAgent,
    exporter: FrameExporter,
    changes: int,
    found: bool,
) -> None:
    """A record that changes during a poll is read again; one that never keeps still is none, and no wait."""
    publish(exporter, agent)
    assert watch.poll() is not None
    state = roots.state / CAMERA / STATE_NAME
    wakes = 0

    def change() -> None:
        nonlocal wakes
        wakes += 1
        with state.open("r+b") as file:
            file.seek(SEQUENCE_OFFSET)
            file.write((1000 + 2 * wakes).to_bytes(8, "little") + wakes.to_bytes(4, "little"))

    after_preads(changes, change)
    try:
        seen = watch.poll()
    finally:
        sys.setprofile(None)
    assert (seen is not None) is found
    assert watch.poll() is not None


@pytest.mark.parametrize("kind", ["nothing", "a FIFO", "a folder", "cut short"])
def test_what_is_no_record_is_waited_for(roots: Roots, watch: SubscriptionWatch, kind: str) -> None:
    """Where no record is there is nothing to see and nothing held, and a wait takes its whole time."""
    path: Path = roots.state / CAMERA / STATE_NAME
    path.parent.mkdir(parents=True)
    if kind == "a FIFO":
        os.mkfifo(path)
    elif kind == "a folder":
        path.mkdir()
    elif kind == "cut short":
        path.write_bytes(bytes(100))
    assert watch.poll() is None
    assert left_of(roots.state) == []
    bell = Bell()
    began = time.monotonic_ns()
    watch.wait(bell, bell.rung, 20 * MS)
    assert time.monotonic_ns() - began >= 20 * MS

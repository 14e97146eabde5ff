"""Frames that come together, through real agents to real streams (docs/runtimes.md, "What one gets")."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

import ruth
from harness.agents import CAPS, launched, record, wait_observed
from harness.published import FRAME, exporter_of
from harness.waiting import wait_until

if TYPE_CHECKING:
    from conftest import Processes, Roots
    from ruth.runtime.stream import Stream

CAMERA = "a"
BURST, FRAMES, INTERVAL_NS = 12, 1 + 5 * 12, 40_000_000


class Taker:
    """Takes all that a stream gives, in a thread, until it is closed."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.given: list[int] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        for frame in self.stream:
            self.given.append(frame.frame_id)

    def end(self) -> None:
        """Closes the stream and waits for the thread."""
        self.stream.close()
        self._thread.join()


@pytest.mark.parametrize("apart_s", [0.0, 0.0001, 0.002])
@pytest.mark.parametrize("native", ["", "off"], ids=["begins in C", "in Python"])
def test_all_of_a_burst_is_decided_and_given(
    roots: Roots, processes: Processes, monkeypatch: pytest.MonkeyPatch, native: str, apart_s: float
) -> None:
    """Of 12 frames at once in a ring of 12 slots each is decided on, and each that was allowed is given.

    The next burst comes when the last one was taken: on a busy machine nothing else can be asked of a ring.
    """
    monkeypatch.setenv("RUTH_NATIVE", native)
    exporter = exporter_of(roots, CAMERA, slot_count=BURST)
    launched(roots, processes, CAMERA)
    takers = {
        model: Taker(ruth.attach(CAMERA, model, export_root=str(roots.export), state_root=str(roots.state)))
        for model in CAPS
    }
    first_ns = time.monotonic_ns() - FRAMES * INTERVAL_NS
    # The first by itself: of what is there before it comes an agent takes the newest.
    bursts = [range(1), *(range(first, first + BURST) for first in range(1, FRAMES, BURST))]
    try:
        for burst in bursts:
            for number in burst:
                assert exporter.publish(FRAME, first_ns + number * INTERVAL_NS)
                time.sleep(apart_s)
            wait_observed(roots, CAMERA, burst[-1])
            allowed = {model.model_id: model.allowed for model in record(roots, CAMERA).models}
            for model, taker in takers.items():
                wait_until(
                    lambda taker=taker, wanted=allowed[model]: len(taker.given) >= wanted,
                    f"{model} is given what it was allowed",
                )
    finally:
        for taker in takers.values():
            taker.end()
    found = record(roots, CAMERA)
    assert (found.frames, found.missed) == (FRAMES, 0)
    for model_id, cap in CAPS.items():
        step = 1 if cap is None else round(25 / cap)
        assert takers[model_id].given == list(range(0, FRAMES, step)), model_id
        assert (takers[model_id].stream.lost, takers[model_id].stream.dropped) == (0, 0)
    exporter.close()

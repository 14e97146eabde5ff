"""A model that is slower than the ring is told so, once."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pytest

import ruth
from doubles.stepped_agent import CAMERA, MODEL, SteppedAgent, publish
from ruth.runtime.in_use import FRAMES_BEFORE_WARNING

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Roots
    from ruth.runtime.stream import Stream
    from ruth.vas.exporter import FrameExporter

    Attach = Callable[..., Stream]

SLOW = "none of the last 10 frames was intact after use: copy or shrink first"


def test_a_slow_model_is_warned_once(agent: SteppedAgent, exporter: FrameExporter, attach: Attach) -> None:
    """After ten frames in a row that were overwritten by the time the next one was asked for; not before."""
    stream = attach()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for number in range(3 * FRAMES_BEFORE_WARNING):
            publish(exporter, agent)
            next(stream)
            publish(exporter, frames=4)  # while it is used
            agent.step()
            assert bool(caught) is (number > FRAMES_BEFORE_WARNING - 1)
    assert [str(one.message)[: len(SLOW)] for one in caught] == [SLOW]
    assert caught[0].filename == __file__


def test_one_frame_in_time_is_enough(agent: SteppedAgent, exporter: FrameExporter, attach: Attach) -> None:
    """A frame that was still whole when the next one was asked for begins the count again."""
    stream = attach()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for number in range(3 * FRAMES_BEFORE_WARNING):
            publish(exporter, agent)
            next(stream)
            if number % FRAMES_BEFORE_WARNING:
                publish(exporter, frames=4)
                agent.step()


def test_a_model_that_copies_first_is_not_warned(
    agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """A frame that its user found intact, after a copy, may be overwritten while the copy is used."""
    stream = attach()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2 * FRAMES_BEFORE_WARNING):
            publish(exporter, agent)
            assert next(stream).intact
            publish(exporter, frames=4)
            agent.step()


def test_who_looks_in_from_time_to_time_is_not_warned(
    agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """With a timeout of 0 nothing tells when a frame was used last."""
    stream = attach()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3 * FRAMES_BEFORE_WARNING):
            publish(exporter, agent)
            assert stream.next_frame(0) is not None
            publish(exporter, frames=4)
            agent.step()


@pytest.mark.parametrize("warn_slow", [True, False])
def test_many_cameras_are_counted_together(roots: Roots, exporter: FrameExporter, warn_slow: bool) -> None:
    """The same for a many-camera stream; off where it is switched off."""
    options = {"export_root": str(roots.export), "state_root": str(roots.state)}
    with (
        SteppedAgent(roots) as agent,
        ruth.attach_all(MODEL, [CAMERA], warn_slow=warn_slow, timeout=5, **options) as streams,
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        batches = streams.batches(1, wait=0)
        for _ in range(FRAMES_BEFORE_WARNING + 2):
            publish(exporter, agent)
            next(batches)
            publish(exporter, frames=4)
            agent.step()
    assert len(caught) == warn_slow


def test_frames_that_are_not_asked_about_are_not_kept(
    agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """A process that looks in from time to time holds no frame but the last."""
    stream = attach()
    for _ in range(5):
        publish(exporter, agent)
        assert stream.next_frame(0) is not None
        assert len(stream._in_use._frames) <= 1

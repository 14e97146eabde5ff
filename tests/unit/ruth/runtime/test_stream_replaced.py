from __future__ import annotations

import gc
import os
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from doubles.stepped_agent import CAMERA, MODEL, MS, SteppedAgent, counts, publish
from harness.open_descriptors import left_of
from harness.published import FRAME, exporter_of, kill
from harness.waiting import wait_until, within

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Roots
    from ruth.runtime.stream import Stream
    from ruth.vas.exporter import FrameExporter

    Attach = Callable[..., Stream]


def test_a_new_export_is_followed(roots: Roots, agent: SteppedAgent, attach: Attach) -> None:
    """After a restart of the video server frames come from the new export, with ids from 0."""
    stream = attach()
    for _ in range(3):
        exporter = exporter_of(roots, CAMERA)
        publish(exporter, agent)
        assert next(stream).frame_id == 0
        exporter.close()
        assert not agent.step()
        assert stream.next_frame(0) is None
    assert counts(stream) == (3, 0, 0)


@pytest.mark.parametrize("decided_in", ["old", "new"])
def test_an_id_of_another_export_is_not_matched(
    roots: Roots, agent: SteppedAgent, attach: Attach, decided_in: str
) -> None:
    """A frame of the same id and the same time in another export is not the frame that was allowed."""
    stream = attach()
    old = exporter_of(roots, CAMERA)
    publish(old, agent)
    if decided_in == "new":
        assert next(stream).frame_id == 0  # the runtime is bound to the old one
    kill(old)
    new = exporter_of(roots, CAMERA)
    publish(new)
    if decided_in == "new":
        wait_until(agent.step, "the agent has found the new export")
        assert set(next(stream).nv12.flat) == {0}
        assert counts(stream) == (2, 0, 0)
    else:
        assert stream.next_frame(0) is None
        assert counts(stream) == (0, 1, 0)
    old.close()
    new.close()


def test_the_old_exports_frame_is_not_looked_for_in_the_new_one(
    roots: Roots, exporter: FrameExporter, attach: Attach
) -> None:
    """While a new export's frames are not allowed yet, the last allowed id belongs to none of its frames."""
    with SteppedAgent(roots, {MODEL: 5}) as agent:
        stream = attach()
        publish(exporter, agent)
        assert next(stream).frame_id == 0
        kill(exporter)
        new = exporter_of(roots, CAMERA)
        assert new.publish(FRAME, 40 * MS)  # the same id, the same time: too early for the cap
        wait_until(agent.step, "the agent has found the new export")
        assert stream.latest() is None
        assert counts(stream) == (1, 0, 0)
        new.close()


def test_an_export_let_go_is_let_go(
    roots: Roots, agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """When the agent has lost its export, a runtime that looks holds nothing of it either."""
    stream = attach()
    publish(exporter, agent)
    assert next(stream).intact
    gc.collect()
    assert left_of(roots.export / CAMERA / "frame.data")
    exporter.close()
    assert not agent.step()
    held = left_of(roots.export / CAMERA)
    assert stream.next_frame(0) is None
    assert len(left_of(roots.export / CAMERA)) < len(held)


def test_the_agents_death_is_waited_out(
    roots: Roots, agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """A new agent in the same file is followed, and what it allowed is counted from its own start."""
    stream = attach()
    publish(exporter, agent, frames=3)
    assert [next(stream).frame_id for _ in range(3)] == [0, 1, 2]
    agent.die()
    assert stream.next_frame(0) is None
    with SteppedAgent(roots, {"other": None, MODEL: None}) as successor:  # at another place in the record
        publish(exporter, successor, frames=2)
        assert [next(stream).frame_id for _ in range(2)] == [3, 4]
    assert counts(stream) == (5, 0, 0)


def test_a_record_under_change_for_ever_is_waited_out(
    roots: Roots, agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """An agent killed within a change gives no frame and costs no time, and its successor is followed."""
    stream = attach()
    publish(exporter, agent)
    agent.memory[8:16] = (int.from_bytes(agent.memory[8:16], "little") | 1).to_bytes(8, "little")
    agent.die()
    before = time.process_time_ns()
    assert stream.next_frame(0.2) is None
    assert time.process_time_ns() - before < 100 * MS
    with SteppedAgent(roots) as successor:
        publish(exporter, successor)
        assert next(stream).frame_id == 1


def test_a_state_that_comes_later_is_found(roots: Roots, exporter: FrameExporter, attach: Attach) -> None:
    """Who attaches before there is any agent gets the frames of the first one, all of them counted."""
    stream = attach()
    assert stream.next_frame(0) is None
    with SteppedAgent(roots) as agent:
        publish(exporter, agent, frames=2)
        with within(3):
            assert [next(stream).frame_id for _ in range(2)] == [0, 1]
    assert counts(stream) == (2, 0, 0)


def test_a_state_made_anew_is_found(
    roots: Roots, agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """An agent whose state is another file at the same path is found within a second, after a wait."""
    stream = attach()
    publish(exporter, agent)
    assert next(stream).frame_id == 0
    agent.die()
    shutil.rmtree(roots.state)
    with SteppedAgent(roots) as successor:
        publish(exporter, successor)
        with within(3):
            assert next(stream).frame_id == 1


def test_a_model_that_comes_later_is_found(
    roots: Roots, agent: SteppedAgent, exporter: FrameExporter, attach: Attach
) -> None:
    """Who attaches for a model that the agent does not have waits for an agent that has it."""
    stream = attach(model_id="plate")
    publish(exporter, agent)
    assert stream.next_frame(0) is None
    agent.die()
    with SteppedAgent(roots, {"plate": None}) as successor:
        publish(exporter, successor)
        assert next(stream).frame_id == 1


@pytest.mark.parametrize("size", [0, 100, 300, 5000])
def test_a_state_cut_short_is_no_end(
    roots: Roots, agent: SteppedAgent, exporter: FrameExporter, attach: Attach, size: int
) -> None:
    """A state file that is cut short gives no signal and no busy loop, and the next one is followed."""
    stream = attach()
    publish(exporter, agent)
    assert next(stream).frame_id == 0
    path = roots.state / CAMERA / "agent.state"
    agent.die()
    os.truncate(path, size)
    before = time.process_time_ns()
    assert stream.next_frame(0.2) is None
    assert time.process_time_ns() - before < 100 * MS
    path.unlink()
    with SteppedAgent(roots) as successor:
        publish(exporter, successor)
        with within(3):
            assert next(stream).frame_id == 1

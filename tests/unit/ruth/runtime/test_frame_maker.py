from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

import pytest

from doubles.frozen_vas import Version1Writer
from doubles.stepped_agent import CAMERA, MODEL, SteppedAgent
from harness.published import FRAME, exporter_of
from ruth.runtime.frame_maker import HELD_MAX, FrameMaker
from ruth.runtime.watch import SubscriptionWatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Roots
    from ruth.runtime.frame import Frame
    from ruth.runtime.stream import Stream
    from ruth.vas.exporter import FrameExporter

    Attach = Callable[..., Stream]


@pytest.fixture
def writer(roots: Roots) -> Version1Writer:
    """A version 1 export of the camera, still empty."""
    folder = roots.export / CAMERA
    folder.mkdir(parents=True)
    return Version1Writer(folder)


def test_version_1_frames_are_found(writer: Version1Writer, agent: SteppedAgent, attach: Attach) -> None:
    """Of version 1 each allowed frame is given with its own pixels, as long as it is the newest."""
    stream = attach()
    for frame_id in range(5):
        writer.write(frame_id, 1000 + frame_id)
        agent.step()
        frame = next(stream)
        assert (frame.frame_id, frame.timestamp_ns, set(frame.nv12.flat)) == (
            frame_id,
            1000 + frame_id,
            {frame_id},
        )
        assert frame.intact
    assert (stream.received, stream.lost, stream.dropped) == (5, 0, 0)


def test_a_version_1_frame_stays(writer: Version1Writer, agent: SteppedAgent, attach: Attach) -> None:
    """A version 1 frame that is held does not change, and is intact, whatever the writer does."""
    stream = attach()
    writer.write(7, 1)
    agent.step()
    frame = next(stream)
    writer.write(8, 2)
    agent.step()
    assert next(stream).frame_id == 8
    shutil.rmtree(writer.folder)
    assert frame.intact
    assert set(frame.nv12.flat) == {7}


def test_a_newer_version_1_frame_is_not_given(
    writer: Version1Writer, agent: SteppedAgent, attach: Attach
) -> None:
    """If the allowed frame was replaced, it is lost: its successor was not decided on."""
    stream = attach()
    writer.write(0, 1)
    agent.step()
    writer.write(1, 2)
    assert stream.next_frame(0) is None
    assert stream.lost == 1
    agent.step()
    assert next(stream).frame_id == 1


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_version_1_frame_half_replaced_is_lost(
    writer: Version1Writer, agent: SteppedAgent, attach: Attach, steps: int
) -> None:
    """Between two renames the old header is beside new pixels: they are never given with it."""
    stream = attach()
    writer.write(0, 1)
    agent.step()
    for step in writer.steps(1, 2)[:steps]:
        step()
    frame = stream.next_frame(0)
    if steps == 1:  # nothing is in place yet
        assert frame is not None
        assert set(frame.nv12.flat) == {0}
    else:
        assert frame is None
        assert stream.lost == 1


def test_a_version_1_frame_of_another_time_is_another_frame(
    writer: Version1Writer, agent: SteppedAgent, attach: Attach
) -> None:
    """After a restart the same id comes again; without its timestamp it is not the frame that was allowed."""
    stream = attach()
    writer.write(0, 1)
    agent.step()
    writer.write(0, 2)
    assert stream.next_frame(0) is None
    assert stream.lost == 1


def test_a_version_1_folder_made_anew_is_found(
    writer: Version1Writer, agent: SteppedAgent, attach: Attach
) -> None:
    """A camera's folder that was removed and made again is followed."""
    stream = attach()
    for timestamp in range(3):
        writer.write(0, timestamp)
        while not agent.step():
            pass
        assert next(stream).timestamp_ns == timestamp
        shutil.rmtree(writer.folder)
        writer.folder.mkdir()
        agent.step()


def test_held_version_1_frames_are_bounded(
    writer: Version1Writer, agent: SteppedAgent, attach: Attach
) -> None:
    """Held frames of version 1 are memory of the server: after so many the next are lost, until some go."""
    stream = attach()
    held: list[Frame] = []
    for frame_id in range(HELD_MAX + 3):
        writer.write(frame_id, frame_id + 1)
        agent.step()
        frame = stream.next_frame(0)
        if frame is not None:
            held.append(frame)
    del frame
    assert [frame.frame_id for frame in held] == list(range(HELD_MAX))
    assert (stream.received, stream.lost) == (HELD_MAX, 3)
    del held[3]
    writer.write(50, 50)
    agent.step()
    assert next(stream).frame_id == 50


def test_held_exports_are_bounded(roots: Roots, agent: SteppedAgent, attach: Attach) -> None:
    """Who holds a frame of each of many exports keeps no more than so many rings in memory."""
    stream = attach()
    held: list[Frame] = []
    for number in range(HELD_MAX + 2):
        exporter = exporter_of(roots, CAMERA)
        exporter.publish(bytes([number]) * len(FRAME), time.monotonic_ns())
        agent.step()
        frame = stream.next_frame(0)
        if frame is not None:
            held.append(frame)
        exporter.close()
        agent.step()
        stream.next_frame(0)
    del frame
    assert (stream.received, stream.lost) == (HELD_MAX, 2)
    assert [set(frame.nv12.flat) for frame in held] == [{number} for number in range(HELD_MAX)]
    held.clear()
    exporter = exporter_of(roots, CAMERA)
    exporter.publish(FRAME, time.monotonic_ns())
    agent.step()
    assert next(stream).frame_id == 0
    exporter.close()


def test_from_version_1_to_2_and_back(roots: Roots, attach: Attach) -> None:
    """A camera whose server changes the version of its export is followed."""
    folder = roots.export / CAMERA
    with SteppedAgent(roots, {MODEL: None}) as agent:
        stream = attach()
        for round_ in range(4):
            if round_ % 2:
                folder.mkdir(parents=True, exist_ok=True)
                Version1Writer(folder).write(0, round_ + 1)
                agent.step()
                assert next(stream).timestamp_ns == round_ + 1
                shutil.rmtree(folder)
            else:
                exporter = exporter_of(roots, CAMERA)
                exporter.publish(FRAME, round_ + 1)
                agent.step()
                assert next(stream).timestamp_ns == round_ + 1
                exporter.close()
            agent.step()


def test_an_export_of_a_later_version_is_not_guessed_at(
    roots: Roots, exporter: FrameExporter, agent: SteppedAgent
) -> None:
    """Of a version that it does not know it finds no frame, wherever the agent says that one is."""
    assert exporter.publish(FRAME, 1)
    assert agent.step()
    watch = SubscriptionWatch(str(roots.state), CAMERA, MODEL)
    allowed = watch.poll()
    watch.close()
    assert allowed is not None
    maker = FrameMaker(str(roots.export), CAMERA, MODEL)
    assert maker.make(allowed, allowed.allowed) is not None
    for version in (0, 3, 2**32 - 1):
        assert maker.make(allowed._replace(export_version=version), allowed.allowed) is None
    maker.release()

"""Steps in C whose camera does something between two of their system calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doubles.handwritten_exports import HandwrittenRing
from harness.interrupted_reads import INTERRUPTED, Interrupted
from harness.twins import MS, Twins, taken
from launch.agent.native.build import compile_library
from launch.agent.native.source import whole_source
from ruth.agent.state import (
    FRAME_ID_OFFSET as STATE_FRAME_ID_OFFSET,
)
from ruth.agent.state import (
    FRAMES_OFFSET,
    MISSED_OFFSET,
    OBSERVED_OFFSET,
    SEQUENCE_OFFSET,
)
from ruth.agent.state import TIMESTAMP_OFFSET as STATE_TIMESTAMP_OFFSET
from ruth.agent.state import WAKE_OFFSET as STATE_WAKE_OFFSET
from ruth.export.layout import FRAME_ID_OFFSET
from ruth.identity import META_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Such a library, compiled."""
    path = str(tmp_path_factory.mktemp("native") / "interrupted.so")
    assert compile_library(INTERRUPTED + whole_source(), path, "-DSIGNATURE=0u") is None
    return path


@pytest.fixture
def interrupted(path: str) -> Iterator[Interrupted]:
    """It, for one test."""
    library = Interrupted(path)
    yield library
    library.restart(lambda _: None)


def test_a_record_that_changes_during_a_look_is_not_taken(interrupted: Interrupted) -> None:
    """What the second pread met counts only if the sequence is the same after it."""
    with Twins(interrupted.library, HandwrittenRing) as twins:
        assert taken(twins, 3) == 3
        camera, before = twins.camera, twins.camera.record

        def writer(pread: int) -> None:
            if pread == 1:  # no order among its bytes: the id may come first
                camera.write(FRAME_ID_OFFSET, (before.frame_id + 1).to_bytes(8, "little"))
            elif pread == 2:
                camera.frame(1000 * MS)

        interrupted.restart(writer)
        assert not twins.compiled.step()
        interrupted.restart(lambda _: None)
        assert twins.step()
        assert twins.compiled.agent.timestamp_ns == before.timestamp_ns + 1000 * MS


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_frame_that_comes_during_a_look_is_taken_by_it_or_by_the_next(
    interrupted: Interrupted, at: int
) -> None:
    """Whenever in a poll it is published, it is taken once, and no other frame twice."""
    with Twins(interrupted.library, HandwrittenRing) as twins:
        assert taken(twins, 3) == 3
        camera = twins.camera
        interrupted.restart(lambda pread: camera.frame(40 * MS) if pread == at else None)
        first = twins.compiled.step()
        interrupted.restart(lambda _: None)
        assert twins.plain.step()
        assert twins.compiled.step() == (not first)
        assert twins.compiled.agent.frames == 5
        assert not twins.step()


def test_a_record_is_odd_while_it_is_changed_and_whole_before_its_wake_word_moves(
    interrupted: Interrupted,
) -> None:
    """The odd sequence is stored, then every field, then the even sequence, and the wake word last."""
    with Twins(interrupted.library, HandwrittenRing) as twins:
        assert taken(twins, 3) == 3
        interrupted.restart(lambda _: None)
        twins.frame()
        state = twins.compiled.word.address - STATE_WAKE_OFFSET
        first, *fields, last, wake = (address - state for address in interrupted.stores)
        assert (first, last, wake) == (SEQUENCE_OFFSET, SEQUENCE_OFFSET, STATE_WAKE_OFFSET)
        assert {SEQUENCE_OFFSET, STATE_WAKE_OFFSET}.isdisjoint(fields)
        assert {
            STATE_FRAME_ID_OFFSET,
            STATE_TIMESTAMP_OFFSET,
            FRAMES_OFFSET,
            MISSED_OFFSET,
            OBSERVED_OFFSET,
        } <= set(fields)


def test_a_frame_that_is_handed_over_leaves_no_trace(interrupted: Interrupted) -> None:
    """Nothing is stored for it, and Python meets it as if there had been no look before."""
    with Twins(interrupted.library, HandwrittenRing) as twins:
        assert taken(twins, 3) == 3
        twins.camera.frame(-1000 * MS)
        interrupted.restart(lambda _: None)
        before = twins.compiled.compiled.unpack()
        assert twins.compiled.steps.step() is None
        assert twins.compiled.compiled.unpack() == before
        assert interrupted.stores == []


def test_a_session_whose_first_frame_is_handed_over_is_begun_by_python(interrupted: Interrupted) -> None:
    """Another export, with a frame that is not for C: neither is counted before Python looks."""
    with Twins(interrupted.library, HandwrittenRing) as twins:
        assert taken(twins, 3) == 3
        twins.camera.replace(epoch=78, frame_id=0)
        twins.camera.frame(-1000 * MS)
        before = twins.compiled.compiled.unpack()
        assert twins.compiled.steps.step() is None
        assert twins.compiled.compiled.unpack() == before
        assert twins.step()
        assert twins.compiled.export == (2, 2)


def test_the_path_is_compared_after_the_first_frame_and_then_only_when_it_is_time(
    interrupted: Interrupted,
) -> None:
    """Two stat(2) a frame would cost more than the frame."""
    with Twins(interrupted.library, HandwrittenRing) as twins:
        meta = twins.camera.folder / META_NAME
        descriptor = meta.open("r+b", buffering=0)
        meta.rename(meta.with_name("moved"))
        content = bytearray(descriptor.read(128))
        content[8] += 1
        descriptor.seek(0)
        descriptor.write(content)
        descriptor.close()
        assert twins.step()
        assert twins.compiled.export == (2, 1)

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import pytest

from doubles.handwritten_nut import frame, header
from harness.footage import Keeper
from launch.vas.matroska import NOT_SAID
from launch.vas.nut_fields import NutError
from launch.vas.raw_output import RawOutput
from ruth.export.picture import Picture

if TYPE_CHECKING:
    from collections.abc import Iterator

FRAME = bytes(12)
STREAM = header() + frame(FRAME, 0) + frame(FRAME, 1)
# Up to the tracks, which say BT.709 of limited range.
DESCRIPTION = bytes.fromhex("1a45dfa3801853806701ffffffffffffff1654ae6b8fae8de08b55b08855b1810155b98101")


@pytest.fixture
def keeper() -> Keeper:
    """Keeps what is exported."""
    return Keeper()


@pytest.fixture
def raw(keeper: Keeper) -> Iterator[RawOutput]:
    """Both pipes, with our own write ends as FFmpeg's."""
    raw = RawOutput(lambda *form: keeper.open("camera", *form))
    yield raw
    with contextlib.suppress(OSError):
        raw.close()


def drain(raw: RawOutput) -> None:
    """Reads frames until there are none."""
    with contextlib.suppress(BlockingIOError):
        while not raw.paused and raw.drain():
            pass


def test_header_first(raw: RawOutput, keeper: Keeper) -> None:
    """Frames wait for their description, and none is lost meanwhile."""
    os.write(raw.stdout, STREAM)
    drain(raw)
    assert (raw.paused, keeper.published) == (True, 0)
    os.write(raw.description_end, DESCRIPTION)
    assert raw.describe()
    drain(raw)
    assert (raw.paused, keeper.published, keeper.size) == (False, 2, (4, 2))
    assert keeper.picture == Picture("limited", "bt709")


def test_description_first(raw: RawOutput, keeper: Keeper) -> None:
    """A description may come first, and in pieces."""
    for byte in DESCRIPTION[:-1]:
        os.write(raw.description_end, bytes([byte]))
        assert not raw.describe()
    os.write(raw.description_end, DESCRIPTION[-1:])
    assert raw.describe()
    os.write(raw.stdout, STREAM)
    drain(raw)
    assert (keeper.published, keeper.picture.matrix) == (2, "bt709")


def test_no_description(raw: RawOutput, keeper: Keeper) -> None:
    """When the description ends without a word, frames are exported and nothing is said of their pixels."""
    os.write(raw.stdout, STREAM)
    drain(raw)
    raw.started()
    assert raw.describe()
    drain(raw)
    assert (keeper.published, keeper.picture) == (2, NOT_SAID)


def test_after_the_end(raw: RawOutput, keeper: Keeper) -> None:
    """What an FFmpeg that has ended left in its pipes is exported."""
    os.write(raw.stdout, STREAM)
    os.write(raw.description_end, DESCRIPTION)
    raw.started()
    raw.finish()
    assert (keeper.published, keeper.picture.range) == (2, "limited")


def test_held_by_another_process(raw: RawOutput, keeper: Keeper) -> None:
    """The same when another process still has the pipes: nothing waits for it."""
    os.write(raw.stdout, STREAM)
    raw.finish()
    assert (keeper.published, keeper.picture) == (2, NOT_SAID)


def test_no_stream(raw: RawOutput) -> None:
    """What is not a stream is told as such."""
    os.write(raw.stdout, bytes(100))
    with pytest.raises(NutError, match="not NUT"):
        raw.drain()


def test_nothing_is_left_open(keeper: Keeper) -> None:
    """Closed, it has no descriptor; before FFmpeg has its ends or after."""
    before = len(os.listdir("/proc/self/fd"))
    for started in (False, True):
        raw = RawOutput(lambda *form: keeper.open("camera", *form))
        assert len(os.listdir("/proc/self/fd")) == before + 4
        if started:
            raw.started()
        raw.close()
        assert len(os.listdir("/proc/self/fd")) == before

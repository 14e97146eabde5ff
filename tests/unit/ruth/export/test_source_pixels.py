from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from doubles.frozen_vas import Version1Writer
from harness.open_descriptors import left_of
from harness.published import FRAME, exporter_of
from ruth.export.layout import SLOT_RECORDS_OFFSET
from ruth.export.outcome import Fresh
from ruth.export.source import ExportSource
from ruth.identity import META_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Roots

CAMERA = "front-door"


@pytest.fixture
def source(roots: Roots) -> Iterator[ExportSource]:
    """A reader of the camera's export, which is not there yet."""
    made = ExportSource(str(roots.export), CAMERA)
    yield made
    made.close()
    assert left_of(roots.export) == []


def test_a_frame_of_an_earlier_session_has_no_pixels(roots: Roots, source: ExportSource) -> None:
    """A frame is looked for in the session that it was given in, and in no later one, be its id the same."""
    earlier = exporter_of(roots, CAMERA)
    assert earlier.publish(FRAME, 1)
    given = source.try_read()
    assert isinstance(given, Fresh)
    earlier.close()
    later = exporter_of(roots, CAMERA)
    assert later.publish(FRAME, 1)
    again = source.try_read()
    assert isinstance(again, Fresh)
    assert (again.record.frame_id, again.session) == (given.record.frame_id, given.session + 1)
    assert source.pixels(given) is None
    pixels = source.pixels(again)
    assert pixels is not None
    assert pixels.intact()
    del pixels
    later.close()


def test_a_slot_whose_record_is_cut_away_holds_no_frame(roots: Roots, source: ExportSource) -> None:
    """Where ``frame.meta`` ends before a slot's record, nothing is found there."""
    exporter = exporter_of(roots, CAMERA)
    assert exporter.publish(FRAME, 1)
    content = (roots.export / CAMERA / META_NAME).read_bytes()
    given = source.try_read()
    assert isinstance(given, Fresh)
    assert source.ring is not None
    assert source.ring.find(0, 1) is not None
    os.truncate(roots.export / CAMERA / META_NAME, SLOT_RECORDS_OFFSET + 10)  # no process stores into it now
    assert source.ring.find(0, 1) is None
    (roots.export / CAMERA / META_NAME).write_bytes(content)  # its writer's mapping is whole again
    exporter.close()


def test_a_version_1_folder_that_has_moved_is_left_when_it_is_compared(
    roots: Roots, source: ExportSource
) -> None:
    """The caller has the path compared: the next read is of what is in place by then."""
    folder = roots.export / CAMERA
    folder.mkdir(parents=True)
    Version1Writer(folder).write(5, 1)
    assert isinstance(source.try_read(), Fresh)
    assert not source.close_if_replaced()
    folder.rename(roots.export / "elsewhere")
    folder.mkdir()
    Version1Writer(folder).write(6, 2)
    Version1Writer(roots.export / "elsewhere").write(7, 3)
    assert source.close_if_replaced()
    found = source.try_read()
    assert isinstance(found, Fresh)
    assert found.record.frame_id == 6

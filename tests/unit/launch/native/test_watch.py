from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import open_roots
from exports import META_V2, RING, SLOT_SIZE
from handwritten import UINT64_MAX, HandwrittenRenamed, HandwrittenRing
from ruth.export.layout import (
    FLAG_CLOSED,
    FLAG_WAKES,
    SLOT_COUNT_MAX,
    SLOT_RECORDS_OFFSET,
    FrameRecord,
    RingHeader,
)
from ruth.export.outcome import Fresh
from ruth.identity import DATA_NAME, META_NAME
from stepped import CAMERA, FollowedAgent, WatchingAgent
from twins import CAPS, Twins

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from launch.native.library import Native


def fifo(path: Path) -> None:
    """A FIFO in the place of a file."""
    path.unlink()
    os.mkfifo(path)


def link(path: Path) -> None:
    """A symbolic link in the place of a file or folder, to the same."""
    path.symlink_to(path.rename(f"{path}.real"))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"frame_id": 0, "timestamp_ns": 0},
        {"frame_id": UINT64_MAX, "timestamp_ns": UINT64_MAX},
        {"epoch": UINT64_MAX},
        {"wake": 0},
        {"wake": 2**32 - 1},
        {"flags": FLAG_WAKES | 4},
        {"width": 2, "height": 2, "stride": 7, "data_size": 21},
        {"data_offset": 0},
        {"slot_count": 2},
    ],
    ids=str,
)
def test_the_first_frame_of_an_export_in_order_is_taken_before_python_looks(
    native: Native, fields: dict[str, int]
) -> None:
    """Every subscription is allowed its first frame, whatever id and time that has."""
    with Twins(native, HandwrittenRing, before=lambda camera: camera.change(**fields)) as twins:
        assert twins.followed.met == 1
        twins.frame()


@pytest.mark.parametrize(
    "fields",
    [
        {"version": 1},
        {"version": 3},
        {"version": 0},
        {"width": 0},
        {"width": 17},
        {"width": 18},
        {"height": 0},
        {"height": 7},
        {"height": 10},
        {"stride": 14},
        {"stride": 2**32 - 1, "height": 2**32 - 2, "data_size": 2**64 - 1},
        {"stride": 2**32 - 1, "height": 2**32 - 2, "data_size": (2**32 - 1) * (2**32 - 2) * 3 // 2 % 2**64},
        {"height": 512, "data_size": 16 * 512 * 3 // 2},
        {"pixel_format": 1},
        {"data_size": 193},
        {"data_size": 0},
        {"data_offset": 1},
        {"data_offset": SLOT_SIZE * RING.slot_count},
        {"data_offset": 2**64 - SLOT_SIZE},
        {"slot_count": 0},
        {"slot_count": 1},
        {"slot_count": 5},
        {"slot_count": 63},
        {"slot_count": 2**32 - 1},
        {"slot_size": 0},
        {"slot_size": 4095},
        {"slot_size": 8192},
        {"slot_size": 2**63},
        {"slot_size": 2**62, "slot_count": 4},
        {"slot_size": 2**62 + 4096, "slot_count": 4, "data_offset": 0},
        {"data_inode": 1},
        {"flags": 0},
        {"flags": FLAG_CLOSED | FLAG_WAKES},
    ],
    ids=str,
)
def test_what_is_not_in_order_at_first_is_left_to_python(native: Native, fields: dict[str, int]) -> None:
    """Nothing is taken of it, and nothing told."""
    with Twins(native, HandwrittenRing, before=lambda camera: camera.change(**fields)) as twins:
        assert twins.followed.met == 0
        twins.camera.mend()
        twins.step()


@pytest.mark.parametrize("sequence", [0, 15])
def test_an_export_without_a_whole_frame_is_told_and_waited_for(native: Native, sequence: int) -> None:
    """A writer that has published nothing yet, or is at it, has an export all the same."""
    with Twins(native, HandwrittenRing, before=lambda camera: camera.change(sequence=sequence)) as twins:
        assert (twins.followed.met, twins.followed._noted) == (0, (2, 1))
        twins.camera.mend()
        assert twins.step()


@pytest.mark.parametrize(
    "spoil",
    [
        shutil.rmtree,
        lambda folder: (folder / META_NAME).unlink(),
        lambda folder: (folder / DATA_NAME).unlink(),
        lambda folder: (folder / META_NAME).write_bytes(b""),
        lambda folder: (folder / META_NAME).write_bytes(META_V2[:-1]),
        lambda folder: (folder / META_NAME).write_bytes(META_V2 + b"\0"),
        lambda folder: os.truncate(folder / DATA_NAME, RING.slot_size * RING.slot_count - 1),
        lambda folder: fifo(folder / META_NAME),
        lambda folder: fifo(folder / DATA_NAME),
        lambda folder: link(folder / META_NAME),
        lambda folder: link(folder / DATA_NAME),
        link,
    ],
    ids=[
        "no folder",
        "no meta",
        "no data",
        "an empty meta",
        "a short meta",
        "a long meta",
        "a short data",
        "a FIFO for meta",
        "a FIFO for data",
        "a linked meta",
        "a linked data",
        "a linked folder",
    ],
)
def test_no_export_is_no_session(native: Native, spoil: Callable[[Path], None]) -> None:
    """What cannot be opened, or is no regular file of its size, is as if nothing stood there."""
    with Twins(native, HandwrittenRing, before=lambda camera: spoil(camera.folder)) as twins:
        assert (twins.followed.met, twins.followed._noted) == (0, (0, 0))


def test_version_1_is_left_to_python(native: Native) -> None:
    """Its frames nobody announces, and when to look for them is to be learnt."""
    with Twins(native, HandwrittenRenamed) as twins:
        assert twins.followed.met == 0
        assert twins.frame()


def test_a_parked_subscription_and_intervals_of_any_length(native: Native) -> None:
    """An interval that C cannot hold leaves the agent to Python; what is parked may have any."""
    for cap, parked, met in ((1e-300, "", 0), (1e-300, "slow", 1), (1e-9, "", 1), (1e10, "", 1)):
        with Twins(native, HandwrittenRing, {"slow": cap, "audit": None}, parked) as twins:
            assert twins.followed.met == met
            assert twins.frame()


def test_an_export_is_let_go_before_python_looks(native: Native) -> None:
    """Nothing stays open or mapped of what Python then opens for itself."""
    with open_roots() as roots:
        camera = HandwrittenRing(roots.export / CAMERA)
        with FollowedAgent(native, roots, CAPS) as agent:
            before = held(camera)
            agent.begin()
            assert agent.met == 1
            assert held(camera) == before == (0, 0)


def held(camera: HandwrittenRing) -> tuple[int, int]:
    """Descriptors and mappings of that export in this process."""
    folder = str(camera.folder)
    links = [
        os.readlink(entry)
        for entry in map("/proc/self/fd/{}".format, os.listdir("/proc/self/fd"))
        if os.path.lexists(entry)
    ]
    with open("/proc/self/maps", encoding="utf-8") as maps:
        return sum(folder in link for link in links), sum(folder in line for line in maps)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda camera: camera.change(slot_count=0),
        lambda camera: camera.change(width=0),
        lambda camera: fifo(camera.folder / META_NAME),
        lambda camera: fifo(camera.folder / DATA_NAME),
        lambda camera: (camera.folder / DATA_NAME).unlink(),
    ],
    ids=["no ring", "no frame", "a FIFO for meta", "a FIFO for data", "no data"],
)
def test_nothing_is_kept_of_what_is_left_to_python(
    native: Native, spoil: Callable[[HandwrittenRing], None]
) -> None:
    """Whatever it is refused for, it is neither open nor mapped when Python looks."""
    with open_roots() as roots:
        camera = HandwrittenRing(roots.export / CAMERA)
        spoil(camera)
        with FollowedAgent(native, roots, CAPS) as agent:
            agent.begin()
            assert agent.met == 0
            assert held(camera) == (0, 0)


def test_nothing_is_kept_of_a_closed_export(native: Native) -> None:
    """However often it is looked at until its successor comes."""
    with open_roots() as roots:
        camera = HandwrittenRing(roots.export / CAMERA)
        with WatchingAgent(native, roots, CAPS) as agent:
            assert agent.step()
            camera.close()
            for _ in range(3):
                assert not agent.step()
                assert held(camera) == (0, 0)
            assert agent.in_c


def test_more_slots_than_a_ring_may_have_are_left_to_python(native: Native) -> None:
    """Also if they all fit into the file."""
    slots = SLOT_COUNT_MAX + 1

    def grow(camera: HandwrittenRing) -> None:
        os.truncate(camera.folder / DATA_NAME, SLOT_SIZE * slots)
        camera.change(slot_count=slots)

    with Twins(native, HandwrittenRing, before=grow) as twins:
        assert twins.followed.met == 0


def test_python_is_not_given_the_frame_that_was_taken_in_c(native: Native) -> None:
    """Its first look finds nothing new, and waits as after any such look."""
    with open_roots() as roots:
        HandwrittenRing(roots.export / CAMERA)
        with FollowedAgent(native, roots, CAPS) as agent:
            agent.begin()
            assert agent.met == 1
            assert not isinstance(agent._source.try_read(), Fresh)


def test_an_export_found_again_brings_no_frame_twice(native: Native) -> None:
    """The session goes on in Python with the frame after the one last taken in C."""
    with Twins(native, HandwrittenRing) as twins:
        assert not twins.step()
        assert twins.frame()
        assert (twins.followed.agent.frames, twins.followed._noted) == (2, (2, 1))


def test_an_export_replaced_before_python_looks_is_another_session(native: Native) -> None:
    """What stands at the path then counts."""
    with open_roots() as roots:
        camera = HandwrittenRing(roots.export / CAMERA)
        with FollowedAgent(native, roots, CAPS) as agent:
            agent.begin()
            camera.replace(epoch=78, frame_id=0)
            assert agent.step()
            assert (agent.agent.frames, agent._noted) == (2, (2, 2))


fields = st.sampled_from([*FrameRecord._fields, *RingHeader._fields])
numbers = st.one_of(
    st.sampled_from([0, 1, 2, 3, 4, 8, 16, 192, 4095, 4096, 16384, 2**31, 2**32 - 1]),
    st.integers(0, 2**32 - 1),
)


@settings(derandomize=True, max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(changes=st.dictionaries(fields, numbers, max_size=4))
def test_any_first_header_comes_to_the_same_as_in_python(native: Native, changes: dict[str, int]) -> None:
    """Whatever a header says that is there first: the same record, books and decisions, then and later."""
    with Twins(native, HandwrittenRing, before=lambda camera: camera.change(**changes)) as twins:
        twins.frame()
        twins.camera.mend()
        twins.step()
        twins.frame()


@settings(derandomize=True, max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(at=st.integers(0, SLOT_RECORDS_OFFSET - 1), content=st.binary(min_size=1, max_size=16))
def test_any_first_bytes_come_to_the_same_as_in_python(native: Native, at: int, content: bytes) -> None:
    """The same for bytes at any place."""
    content = content[: SLOT_RECORDS_OFFSET - at]
    with Twins(native, HandwrittenRing, before=lambda camera: camera.write(at, content)) as twins:
        twins.camera.mend()
        twins.step()

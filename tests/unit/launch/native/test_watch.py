from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from camera_events import RING_EVENTS
from conftest import open_roots
from exports import META_V2, RING, SLOT_SIZE
from handwritten import UINT64_MAX, Event, HandwrittenRenamed, HandwrittenRing, wake_word
from ruth.agent.state import SESSION_OFFSET
from ruth.export.layout import (
    FLAG_CLOSED,
    FLAG_WAKES,
    SLOT_RECORDS_OFFSET,
    FrameRecord,
    RingHeader,
)
from ruth.identity import DATA_NAME, META_NAME
from stepped import CAMERA, FollowedAgent, WatchingAgent
from twins import CAPS, MS, Twins
from waiting import wait_until

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


def test_exports_are_waited_for_and_followed(native: Native) -> None:
    """It takes the frames of an export that comes late, is closed, and is followed by another one."""
    with open_roots() as roots, ThreadPoolExecutor(1) as pool, FollowedAgent(native, roots, CAPS) as agent:
        waiting = pool.submit(agent.begin, look_ns=MS, timeout_ns=10**10, timeouts=10**5)
        camera = HandwrittenRing(roots.export / CAMERA)
        wait_until(lambda: agent.observed_id == camera.record.frame_id, "the first frame is taken")
        with wake_word(camera) as word:
            for _ in range(20):
                camera.frame(40 * MS)
                word.wake()
                wait_until(lambda: agent.observed_id == camera.record.frame_id, "the frame is taken")
            camera.close()
            word.wake()
        wait_until(lambda: agent.export_version == 0, "it is let go")
        camera.replace(epoch=78, frame_id=1)
        wait_until(lambda: agent.observed_id == 1, "the first frame of the other one is taken")
        assert not waiting.done()
        shutil.rmtree(camera.folder)
        camera.folder.write_bytes(b"")  # no folder: for Python to look at
        waiting.result(10)
        assert (agent.met, agent.agent.frames) == (22, 22)


@pytest.mark.parametrize("parked", ["", "plate"])
def test_exports_that_come_and_go_need_no_python(native: Native, parked: str) -> None:
    """Closed, gone, replaced, found again: records, books and decisions are those of Python all the while."""
    with Twins(native, HandwrittenRing, CAPS, parked, kind=WatchingAgent) as twins:
        agent, camera = twins.followed, twins.camera
        assert isinstance(agent, WatchingAgent)
        for event in (
            ("frame", 40 * MS),
            ("close",),
            ("vanish",),
            ("replace", 78, 0),
            ("frame", 40 * MS, 3),
            ("vanish",),
            ("replace", 78, 7),
            ("replace", 79, 2**40),
            ("frame", 400 * MS),
            ("close",),
            ("replace", 80, 0),
        ):
            camera.act(event)
            twins.step()
            twins.step()
        assert agent.in_c
        assert (agent.agent.frames, int(agent.record[SESSION_OFFSET])) == (8, 5)


@settings(derandomize=True, max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    # Of a file that grows while it is bound nothing is said; here it is bound anew in each turn, and refused.
    stream=st.lists(RING_EVENTS.filter(lambda event: event != ("cut", META_NAME, 16384)), max_size=20),
    parked=st.sampled_from(["", "audit", "plate"]),
)
def test_an_agent_in_c_is_the_agent_in_python(native: Native, stream: list[Event], parked: str) -> None:
    """Whatever a camera does: the same frames are observed, with the same decisions, books and record."""
    with Twins(native, HandwrittenRing, CAPS, parked, kind=WatchingAgent) as twins:
        for event in stream:
            twins.camera.act(event)
            twins.step()


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

"""Steps in C of a version 2 export: the same as in Python, whatever is there."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import open_roots
from doubles.handwritten_exports import UINT64_MAX, Event, HandwrittenRing
from doubles.stepped_agent import CAMERA, AgentInC
from harness.camera_events import RING_EVENTS
from harness.exports import META_V2, RING, SLOT_SIZE
from harness.twins import CAPS, MS, Twins, taken
from ruth.export.layout import (
    FLAG_CLOSED,
    FLAG_WAKES,
    META_SIZE_V2,
    SLOT_COUNT_MAX,
    SLOT_RECORDS_OFFSET,
    WAKE_OFFSET,
    FrameRecord,
    RingHeader,
)
from ruth.identity import DATA_NAME, META_NAME

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.compiled_steps import StepLibrary


def fifo(path: Path) -> None:
    """A FIFO in the place of a file."""
    path.unlink()
    os.mkfifo(path)


def link(path: Path) -> None:
    """A symbolic link in the place of a file or folder, to the same."""
    path.symlink_to(path.rename(f"{path}.real"))


VALID = [
    {},
    {"frame_id": 0, "timestamp_ns": 0},
    {"frame_id": UINT64_MAX, "timestamp_ns": UINT64_MAX},
    {"epoch": UINT64_MAX},
    {"wake": 0},
    {"wake": 2**32 - 1},
    {"flags": FLAG_WAKES | 4},
    {"flags": 0},
    {"flags": FLAG_CLOSED | FLAG_WAKES},  # its last frame counts all the same
    {"width": 2, "height": 2, "stride": 7, "data_size": 21},
    {"data_offset": 0},
    {"slot_count": 2},
]
INVALID = [
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
]


@pytest.mark.parametrize("fields", VALID, ids=str)
def test_a_valid_export_is_taken(library: StepLibrary, fields: dict[str, int]) -> None:
    """Its first frame is taken in C, whatever id and time that has."""
    with Twins(library, HandwrittenRing, before=lambda camera: camera.change(**fields)) as twins:
        assert twins.compiled.taken == 1
        twins.frame()


@pytest.mark.parametrize("fields", INVALID, ids=str)
def test_what_is_not_valid_is_no_export(library: StepLibrary, fields: dict[str, int]) -> None:
    """Nothing is taken of it, and the agent stays in C until it is."""
    with Twins(library, HandwrittenRing, before=lambda camera: camera.change(**fields)) as twins:
        assert twins.compiled.taken == 0
        twins.camera.repair()
        assert twins.step()
        assert twins.compiled.in_c


@pytest.mark.parametrize("fields", [*INVALID, {"sequence": 15}, {"sequence": 0}, {"epoch": 78}], ids=str)
def test_what_is_not_valid_any_more_is_not_taken(library: StepLibrary, fields: dict[str, int]) -> None:
    """A header that is wrong, after frames that were right, is met in C as in Python."""
    with Twins(library, HandwrittenRing) as twins:
        assert taken(twins, 3) == 3
        twins.camera.frame(40 * MS)
        twins.camera.change(**fields)
        twins.step()
        twins.step()
        twins.camera.repair()
        twins.step()
        assert twins.frame()


def test_the_bytes_that_say_how_pixels_are_meant_refuse_no_frame(library: StepLibrary) -> None:
    """They may differ from frame to frame."""
    with Twins(library, HandwrittenRing) as twins:
        for meant in range(1, 6):
            twins.camera.frame(40 * MS)
            twins.camera.write(4, bytes([meant, meant, meant % 2, meant]))
            assert twins.step()
        assert twins.compiled.taken == 6


@pytest.mark.parametrize("sequence", [0, 15])
def test_an_export_without_a_whole_frame_is_told_and_waited_for(library: StepLibrary, sequence: int) -> None:
    """A writer that has published nothing yet, or is at it, has an export all the same."""
    with Twins(library, HandwrittenRing, before=lambda camera: camera.change(sequence=sequence)) as twins:
        assert (twins.compiled.taken, twins.compiled.export) == (0, (2, 1))
        twins.camera.repair()
        assert twins.step()


SPOILED: dict[str, Callable[[Path], None]] = {
    "no folder": shutil.rmtree,
    "no meta": lambda folder: (folder / META_NAME).unlink(),
    "no data": lambda folder: (folder / DATA_NAME).unlink(),
    "an empty meta": lambda folder: (folder / META_NAME).write_bytes(b"") and None,
    "a short meta": lambda folder: (folder / META_NAME).write_bytes(META_V2[:-1]) and None,
    "a long meta": lambda folder: (folder / META_NAME).write_bytes(META_V2 + b"\0") and None,
    "a short data": lambda folder: os.truncate(folder / DATA_NAME, RING.slot_size * RING.slot_count - 1),
    "a FIFO for meta": lambda folder: fifo(folder / META_NAME),
    "a FIFO for data": lambda folder: fifo(folder / DATA_NAME),
    "a linked meta": lambda folder: link(folder / META_NAME),
    "a linked data": lambda folder: link(folder / DATA_NAME),
    "a linked folder": link,
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_no_export_is_no_session(library: StepLibrary, spoil: Callable[[Path], None]) -> None:
    """What cannot be opened, or is not a regular file of its size, is as if nothing was there."""
    with Twins(library, HandwrittenRing, before=lambda camera: spoil(camera.folder)) as twins:
        assert (twins.compiled.taken, twins.compiled.export) == (0, (0, 0))
        assert twins.compiled.in_c


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_nothing_is_kept_of_what_is_no_export(library: StepLibrary, spoil: Callable[[Path], None]) -> None:
    """Whatever it is refused for, it is neither open nor mapped after the step."""
    with open_roots() as roots:
        camera = HandwrittenRing(roots.export / CAMERA)
        spoil(camera.folder)
        with AgentInC(library, roots, CAPS) as agent:
            for _ in range(3):
                assert not agent.step()
                assert held(camera) == (0, 0)


@pytest.mark.parametrize(
    ("name", "size"), [(META_NAME, 0), (META_NAME, 100), (META_NAME, META_SIZE_V2 - 1), (DATA_NAME, 4096)]
)
def test_nothing_is_taken_of_a_file_that_was_shortened(library: StepLibrary, name: str, size: int) -> None:
    """The export is gone, whatever its header says."""
    with Twins(library, HandwrittenRing) as twins:
        assert taken(twins, 3) == 3
        twins.camera.frame(40 * MS)
        twins.camera.cut(name, size)
        assert not twins.step()
        assert twins.compiled.export[0] == 0


def test_a_frame_taken_already_is_not_taken_again(library: StepLibrary) -> None:
    """A wake-up without a new frame brings no decision."""
    with Twins(library, HandwrittenRing) as twins:
        assert taken(twins) == 1
        twins.camera.write(WAKE_OFFSET, (twins.camera.ring.wake + 1).to_bytes(4, "little"))
        assert not twins.step()


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


def test_an_export_is_closed_before_python_looks(library: StepLibrary) -> None:
    """Nothing stays open or mapped of what Python then opens for itself; the frame is not given again."""
    with open_roots() as roots:
        camera = HandwrittenRing(roots.export / CAMERA)
        with AgentInC(library, roots, CAPS) as agent:
            before = held(camera)
            assert agent.step()
            assert held(camera) > before
            agent.come_to_python()
            assert held(camera) == before == (0, 0)
            assert not agent.loop.step()


def test_nothing_is_kept_of_a_closed_export(library: StepLibrary) -> None:
    """However often it is looked at until its successor comes."""
    with open_roots() as roots:
        camera = HandwrittenRing(roots.export / CAMERA)
        with AgentInC(library, roots, CAPS) as agent:
            assert agent.step()
            camera.close()
            for _ in range(3):
                assert not agent.step()
                assert held(camera) == (0, 0)
            assert agent.in_c


def test_more_slots_than_a_ring_may_have_are_no_ring(library: StepLibrary) -> None:
    """Also if they all fit into the file."""
    slots = SLOT_COUNT_MAX + 1

    def grow(camera: HandwrittenRing) -> None:
        os.truncate(camera.folder / DATA_NAME, SLOT_SIZE * slots)
        camera.change(slot_count=slots)

    with Twins(library, HandwrittenRing, before=grow) as twins:
        assert twins.compiled.taken == 0


@pytest.mark.parametrize("inactive", ["", "plate"])
def test_exports_that_come_and_go_need_no_python(library: StepLibrary, inactive: str) -> None:
    """Closed, gone, replaced, found again: records and decisions are those of Python all the while."""
    with Twins(library, HandwrittenRing, CAPS, inactive) as twins:
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
            twins.camera.act(event)
            twins.step()
            twins.step()
        assert twins.compiled.in_c
        assert (twins.compiled.agent.frames, twins.compiled.export) == (8, (2, 5))


def test_a_replaced_export_is_found_behind_one_that_goes_on(library: StepLibrary) -> None:
    """While frames come, the path is compared from time to time: a writer that was replaced may go on."""
    with Twins(library, HandwrittenRing) as twins:
        old = os.open(twins.camera.folder / META_NAME, os.O_WRONLY)
        header = os.pread(os.open(twins.camera.folder / META_NAME, os.O_RDONLY), 128, 0)
        twins.camera.replace(epoch=78, frame_id=0)
        os.pwrite(old, header[:8] + b"\xff" + header[9:], 0)
        os.close(old)
        twins.step()
        assert twins.step() or twins.compiled.export == (2, 2)
        assert twins.compiled.agent.frame_id == 0


@pytest.mark.parametrize("frames", [2, 3, 4])
def test_frames_that_came_together_are_all_decided_on(library: StepLibrary, frames: int) -> None:
    """As many as the ring holds, each as if it had come alone, in C and in Python."""
    with Twins(library, HandwrittenRing) as twins:
        for _ in range(10):
            twins.camera.burst(frames, 40 * MS)
            assert twins.step()
        agent = twins.compiled.agent
        assert (agent.frames, agent.missed) == (1 + 10 * frames, 0)
        assert twins.compiled.in_c


def test_frames_that_are_gone_are_missed(library: StepLibrary) -> None:
    """Of more than the ring holds, the last ones are decided on, and the others counted."""
    with Twins(library, HandwrittenRing) as twins:
        twins.camera.burst(10, 40 * MS)
        assert twins.step()
        assert (twins.compiled.agent.frames, twins.compiled.agent.missed) == (1 + 4, 6)


@pytest.mark.parametrize(
    "fields",
    [
        {"sequence": 0},
        {"sequence": 7},
        {"frame_id": 0},
        {"version": 1},
        {"version": 3},
        {"width": 17},
        {"pixel_format": 1},
        {"data_size": 1},
        {"data_offset": 1},
        {"data_offset": 2**64 - SLOT_SIZE},
    ],
    ids=str,
)
def test_a_slot_that_does_not_hold_its_frame_is_left_out(
    library: StepLibrary, fields: dict[str, int]
) -> None:
    """Whatever is wrong with its record, or it is being changed: the others count, this one is missed."""
    with Twins(library, HandwrittenRing) as twins:
        camera = twins.camera
        camera.burst(3, 40 * MS)
        wanted = camera.record.frame_id - 1
        camera.spoil_slot(wanted, **{"frame_id": wanted, **fields})
        assert twins.step()
        assert (twins.compiled.agent.frames, twins.compiled.agent.missed) == (3, 1)


def test_time_that_runs_backwards_in_a_burst_is_the_tables(library: StepLibrary) -> None:
    """C decides up to that frame, and Python about it and about those after it."""
    with Twins(library, HandwrittenRing) as twins:
        for step_ns in (40 * MS, -1000 * MS, 40 * MS):
            twins.camera.frame(step_ns)
        assert twins.step()
        assert (twins.compiled.agent.frames, twins.compiled.agent.missed) == (4, 0)
        assert twins.frame()


fields = st.sampled_from([*FrameRecord._fields, *RingHeader._fields])
numbers = st.one_of(
    st.sampled_from([0, 1, 2, 3, 4, 8, 16, 192, 4095, 4096, 16384, 2**31, 2**32 - 1]),
    st.integers(0, 2**32 - 1),
)


@settings(derandomize=True, max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(changes=st.dictionaries(fields, numbers, max_size=4))
def test_any_first_header_comes_to_the_same_as_in_python(
    library: StepLibrary, changes: dict[str, int]
) -> None:
    """Whatever a header says that is there first: the same record and decisions, then and later."""
    with Twins(library, HandwrittenRing, before=lambda camera: camera.change(**changes)) as twins:
        twins.frame()
        twins.camera.repair()
        twins.step()
        twins.frame()


@settings(derandomize=True, max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(at=st.integers(0, SLOT_RECORDS_OFFSET - 1), content=st.binary(min_size=1, max_size=16))
def test_any_first_bytes_come_to_the_same_as_in_python(library: StepLibrary, at: int, content: bytes) -> None:
    """The same for bytes at any place."""
    content = content[: SLOT_RECORDS_OFFSET - at]
    with Twins(library, HandwrittenRing, before=lambda camera: camera.write(at, content)) as twins:
        twins.camera.repair()
        twins.step()


@settings(derandomize=True, max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(stream=st.lists(RING_EVENTS, max_size=30), inactive=st.sampled_from(["", "audit", "plate"]))
def test_an_agent_in_c_is_the_agent_in_python(
    library: StepLibrary, stream: list[Event], inactive: str
) -> None:
    """Whatever a camera does: the same frames are observed, with the same decisions and record."""
    with Twins(library, HandwrittenRing, CAPS, inactive) as twins:
        for event in stream:
            twins.camera.act(event)
            twins.step()

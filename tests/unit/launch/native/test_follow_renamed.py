from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exports import DATA_V1, FRAME_SIZE, HEIGHT, WIDTH, put
from handwritten import HandwrittenRenamed
from launch.pace import Pace
from ruth.export.layout import FrameRecord, pack_record
from ruth.identity import DATA_NAME, META_NAME
from twins import CAPS, MS, STEPS, Twins, taken
from waiting import wait_until

if TYPE_CHECKING:
    from launch.native.library import Native

PACE_NS = 60 * MS


def test_gaps_between_frames_are_counted_by_the_loop(native: Native) -> None:
    """Ids that are jumped over are missed frames."""
    with Twins(native, HandwrittenRenamed) as twins:
        twins.frame()
        assert twins.frame(ids=5)
        assert (twins.followed.taken, twins.followed.agent.missed) == (2, 4)


@pytest.mark.parametrize(
    "fields",
    [
        {"version": 2},
        {"version": 3},
        {"width": WIDTH - 2},
        {"height": HEIGHT + 2},
        {"stride": WIDTH + 2},
        {"pixel_format": 1},
        {"data_size": FRAME_SIZE + 1},
    ],
    ids=str,
)
def test_what_stands_there_changed_is_left_to_python(native: Native, fields: dict[str, int]) -> None:
    """The loop takes nothing from a header in which anything else differs than a frame makes it differ."""
    with Twins(native, HandwrittenRenamed) as twins:
        assert taken(twins, 3) == 3
        twins.camera.frame(40 * MS)
        twins.camera.change(**fields)
        twins.step()
        assert twins.followed.taken == 3


@pytest.mark.parametrize(
    ("name", "size"), [(META_NAME, 0), (META_NAME, 63), (META_NAME, 65), (DATA_NAME, 0), (DATA_NAME, 10)]
)
def test_a_file_of_another_size_is_left_to_python(native: Native, name: str, size: int) -> None:
    """The loop takes no frame from files that have not the sizes of version 1."""
    with Twins(native, HandwrittenRenamed) as twins:
        assert taken(twins, 3) == 3
        twins.camera.frame(40 * MS)
        twins.camera.resize(name, size)
        assert not twins.step()
        assert twins.followed.taken == 3


def test_data_of_another_mode_is_left_to_python(native: Native) -> None:
    """Whether a frame can be read is asked anew, by Python, when its owner, group or mode is another."""
    with Twins(native, HandwrittenRenamed) as twins:
        assert taken(twins, 3) == 3
        twins.camera.frame(40 * MS)
        (twins.camera.folder / DATA_NAME).chmod(0o640)
        assert twins.step()
        assert twins.followed.taken == 3


@pytest.mark.parametrize("name", [META_NAME, DATA_NAME])
@pytest.mark.parametrize("become", ["nothing", "link", "directory", "fifo"])
def test_what_is_no_file_is_left_to_python(native: Native, name: str, become: str) -> None:
    """The loop follows no link, waits for no FIFO, and takes nothing from what is no regular file."""
    with Twins(native, HandwrittenRenamed) as twins:
        assert taken(twins, 3) == 3
        twins.camera.frame(40 * MS)
        path = twins.camera.folder / name
        moved = path.rename(path.with_name("moved"))
        if become == "link":
            path.symlink_to(moved)
        elif become == "directory":
            path.mkdir()
        elif become == "fifo":
            os.mkfifo(path)
        assert not twins.step()
        assert twins.followed.taken == 3


def test_a_replaced_directory_is_found_behind_one_that_goes_on(native: Native) -> None:
    """After a frame the loop leaves if the path leads elsewhere: whoever was replaced may go on."""
    with Twins(native, HandwrittenRenamed) as twins, ThreadPoolExecutor(1) as pool:
        assert taken(twins, 2) == 2
        camera, agent = twins.camera, twins.followed
        next_ids = [camera.record.frame_id + step for step in (1, 2)]
        old = camera.folder.rename(camera.folder.with_name("moved"))
        camera.folder.mkdir()
        camera.change(frame_id=100)

        def go_on() -> None:
            for frame_id in next_ids:
                due_ns = agent._source.written_ns + PACE_NS * (1 + next_ids.index(frame_id))
                wait_until(lambda due_ns=due_ns: time.time_ns() >= due_ns, "a frame is due")
                put(old, pack_record(camera.record._replace(frame_id=frame_id)), DATA_V1)

        pace = Pace()
        pace.interval_ns = PACE_NS
        going_on = pool.submit(go_on)
        until_ns = agent._source.written_ns + PACE_NS * 5 // 4
        agent._follower.follow_renamed(pace, wait_ns=max(0, until_ns - time.time_ns()))
        going_on.result()
        assert agent.agent.frame_id == next_ids[0]


def follow(twins: Twins[HandwrittenRenamed], pace: Pace) -> bool:
    """One turn of the loop at that pace, at once."""
    return twins.followed._follower.follow_renamed(pace, wait_ns=0)


def frame_after(twins: Twins[HandwrittenRenamed], nanoseconds: int) -> int:
    """Publishes a frame so long after the last one that was observed. That one's id."""
    source, frame_id = twins.followed._source, twins.camera.record.frame_id
    due_ns = source.written_ns + nanoseconds
    wait_until(lambda: time.time_ns() >= due_ns, "the next frame is due")
    twins.camera.frame(40 * MS)
    return frame_id


@pytest.mark.parametrize(
    ("known_ns", "after_ns"),
    [(400 * MS, 60 * MS), (20 * MS, 60 * MS), (1000 * MS, 600 * MS)],
    ids=["much sooner", "much later", "a look a second would be too late"],
)
def test_a_frame_that_does_not_fit_the_pace_is_left_to_python(
    native: Native, known_ns: int, after_ns: int
) -> None:
    """The loop knows one pace; what is to be learnt of another is Python's to learn."""
    with Twins(native, HandwrittenRenamed) as twins:
        assert taken(twins, 2) == 2
        pace = Pace()
        pace.interval_ns = known_ns
        frame_id = frame_after(twins, after_ns)
        assert follow(twins, pace)
        assert twins.followed.agent.frame_id == frame_id


def test_an_unknown_pace_is_left_to_python(native: Native) -> None:
    """The loop is not entered before there is a pace: nothing was waited for."""
    with Twins(native, HandwrittenRenamed) as twins:
        assert taken(twins, 2) == 2
        assert not follow(twins, Pace())


@pytest.mark.parametrize("known_ns", [PACE_NS * 5 // 6, PACE_NS, PACE_NS * 5 // 4])
@pytest.mark.parametrize("late_ns", [0, PACE_NS * 2], ids=["in time", "late"])
def test_the_loop_learns_and_waits_as_python_does(native: Native, known_ns: int, late_ns: int) -> None:
    """After a frame that the loop took, the pace and the next wait are what Python would have made of it."""
    with Twins(native, HandwrittenRenamed) as twins:
        assert taken(twins, 2) == 2
        source, paces = twins.followed._source, (Pace(), Pace())
        for pace in paces:
            pace.after_frame(twins.camera.record.frame_id, source.written_ns, source.written_ns)
            pace.interval_ns = known_ns
        frame_id = frame_after(twins, PACE_NS)
        until_ns = time.time_ns() + late_ns
        wait_until(lambda: time.time_ns() >= until_ns, "it is late")
        now_ns = time.time_ns()
        assert follow(twins, paces[0])
        assert twins.followed.agent.frame_id == frame_id + 1
        wait_ns = paces[1].after_frame(frame_id + 1, source.written_ns, now_ns)
        assert paces[0].interval_ns == paces[1].interval_ns
        assert abs(paces[0]._waited_ns - wait_ns) < PACE_NS // 2  # between two readings of the clock


def test_no_descriptor_is_left_open(native: Native) -> None:
    """Each frame is another file, which the loop opens and closes."""
    with Twins(native, HandwrittenRenamed) as twins:
        assert taken(twins, 2) == 2
        before = os.listdir("/proc/self/fd")
        assert taken(twins, 5) == 5
        assert os.listdir("/proc/self/fd") == before


events = st.one_of(
    st.tuples(st.just("frame"), st.sampled_from(STEPS), st.sampled_from([1, 1, 1, 1, 2, 0, -1, 2**33])),
    st.tuples(st.just("change"), st.sampled_from(FrameRecord._fields[:-2]), st.integers(0, 2**32 - 1)),
    st.tuples(st.just("mend")),
    st.tuples(
        st.just("resize"), st.sampled_from([META_NAME, DATA_NAME]), st.sampled_from([0, 63, 64, 65, 192])
    ),
    st.tuples(st.just("replace")),
)


@settings(derandomize=True, max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(stream=st.lists(events, max_size=15), parked=st.sampled_from(["", "audit", "plate"]))
def test_an_agent_with_the_loop_is_the_agent_without(
    native: Native, stream: list[tuple[str, str | int, int]], parked: str
) -> None:
    """Whatever a camera does: the same frames are observed, with the same decisions, books and record."""
    with Twins(native, HandwrittenRenamed, CAPS, parked) as twins:
        for name, *arguments in stream:
            if name == "change":
                field, value = arguments
                twins.camera.change(**{str(field): int(value)})
            else:
                getattr(twins.camera, name)(*arguments)
            twins.step()

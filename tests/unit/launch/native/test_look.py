from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handwritten import HandwrittenRing
from interrupted import INTERRUPTED, Interrupted
from launch.native.build import compile_library
from launch.native.source import whole_source
from ruth.agent.state import FRAME_ID_OFFSET as FRAME_ID
from ruth.agent.state import FRAMES_OFFSET as FRAMES
from ruth.agent.state import MISSED_OFFSET as MISSED
from ruth.agent.state import OBSERVED_OFFSET as OBSERVED
from ruth.agent.state import SEQUENCE_OFFSET
from ruth.agent.state import TIMESTAMP_OFFSET as TIMESTAMP
from ruth.agent.state import WAKE_OFFSET as STATE_WAKE_OFFSET
from ruth.export.layout import FRAME_ID_OFFSET, WAKE_OFFSET, pack_record, pack_ring
from ruth.futex import CHANGED, TIMED_OUT
from ruth.identity import META_NAME
from twins import CAPS, MS, STEPS, Twins, taken

if TYPE_CHECKING:
    from collections.abc import Iterator

LATER = [step_ns for step_ns in STEPS if step_ns >= 0]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Such a loop, compiled."""
    path = str(tmp_path_factory.mktemp("native") / "interrupted.so")
    assert compile_library(INTERRUPTED + whole_source(), path, "-DSIGNATURE=0u") is None
    return path


@pytest.fixture
def interrupted(library: str) -> Iterator[Interrupted]:
    """It, for one test."""
    loop = Interrupted(library)
    yield loop
    loop.begin(lambda _: None)


def test_a_record_that_changes_during_a_look_is_not_taken(interrupted: Interrupted) -> None:
    """What the second pread met counts only if the sequence is the same after it."""
    with Twins(interrupted.native, HandwrittenRing) as twins:
        assert taken(twins, 3) == 3
        camera, before = twins.camera, twins.camera.record

        def writer(pread: int) -> None:
            if pread == 1:  # no order among its bytes: the id may come first
                camera.write(FRAME_ID_OFFSET, (before.frame_id + 1).to_bytes(8, "little"))
            elif pread == 2:
                camera.frame(1000 * MS)

        camera.write(WAKE_OFFSET, (camera.ring.wake + 1).to_bytes(4, "little"))
        interrupted.begin(writer)
        assert twins.followed.follow(timeout_ns=0) == TIMED_OUT
        assert twins.followed.taken == 4
        assert twins.followed.agent.timestamp_ns == before.timestamp_ns + 1000 * MS


def test_a_frame_is_not_slept_through(interrupted: Interrupted) -> None:
    """The wake word of a torn look does not count: it may be that of a frame which the look did not meet."""
    with Twins(interrupted.native, HandwrittenRing) as twins:
        assert taken(twins, 3) == 3
        camera = twins.camera
        camera.write(WAKE_OFFSET, (camera.ring.wake + 1).to_bytes(4, "little"))
        interrupted.begin(lambda pread: camera.frame(40 * MS) if pread == 1 else None)
        assert twins.followed.follow(timeout_ns=0) == TIMED_OUT
        assert twins.followed.taken == 4


def test_a_wake_up_between_two_frames_is_not_the_end(interrupted: Interrupted) -> None:
    """A writer counts its wake word up after the record: the loop looks once more, and stays."""
    with Twins(interrupted.native, HandwrittenRing) as twins:
        assert taken(twins, 3) == 3
        camera = twins.camera

        def writer(pread: int) -> None:
            if pread == 3:  # the frame was met before its wake word had moved on
                camera.write(WAKE_OFFSET, (camera.ring.wake + 1).to_bytes(4, "little"))
            elif pread == 6:
                camera.ring = camera.ring._replace(wake=camera.ring.wake + 1)
                camera.frame(40 * MS)

        interrupted.begin(writer)
        camera.frame(40 * MS)
        assert twins.followed.follow(timeout_ns=0) == TIMED_OUT
        assert twins.followed.taken == 5


@pytest.mark.parametrize("sequence", [0, 1], ids=["nothing new", "for ever being changed"])
def test_a_wild_writer_is_left_to_python(interrupted: Interrupted, sequence: int) -> None:
    """After four looks in a row that found nothing, the fifth is the last: Python bounds what that costs."""
    with Twins(interrupted.native, HandwrittenRing) as twins:
        assert taken(twins, 3) == 3
        camera = twins.camera
        camera.record = camera.record._replace(sequence=camera.record.sequence + sequence)

        def writer(pread: int) -> None:
            if pread < 100:  # else it would never end
                camera.ring = camera.ring._replace(wake=camera.ring.wake + 1)
                camera.write(0, pack_record(camera.record) + pack_ring(camera.ring))

        writer(0)
        interrupted.begin(writer)
        assert twins.followed.follow(timeout_ns=0) == CHANGED
        assert interrupted.preads == 3 * 5


def test_looks_that_found_nothing_are_counted_from_the_last_frame_on(interrupted: Interrupted) -> None:
    """A frame between them begins the count anew."""
    with Twins(interrupted.native, HandwrittenRing) as twins:
        assert taken(twins, 3) == 3
        camera = twins.camera

        def writer(pread: int) -> None:
            if pread in (9, 18, 27):  # a frame after each third look, a wake-up alone after the others
                camera.frame(40 * MS)
            elif pread % 3 == 0 and pread < 30:
                camera.ring = camera.ring._replace(wake=camera.ring.wake + 1)
                camera.write(WAKE_OFFSET, camera.ring.wake.to_bytes(4, "little"))

        camera.frame(40 * MS)
        interrupted.begin(writer)
        twins.followed.follow(timeout_ns=0)
        assert twins.followed.taken == 7


@pytest.mark.parametrize("fields", [{"version": 3}, {"timestamp_ns": 0}], ids=["other", "not steady"])
def test_the_wake_word_of_a_frame_left_to_python_is_put_back(
    interrupted: Interrupted, fields: dict[str, int]
) -> None:
    """What is left to Python is left as if nobody had looked: its own look says up to where it has waited."""
    with Twins(interrupted.native, HandwrittenRing) as twins:
        assert taken(twins, 3) == 3
        camera = twins.camera

        def writer(pread: int) -> None:
            if pread == 3:
                camera.frame(40 * MS)
                camera.change(**fields)

        camera.frame(40 * MS)
        interrupted.begin(writer)
        wake = camera.ring.wake
        assert twins.followed.follow(timeout_ns=0) == CHANGED
        assert twins.followed.taken == 4
        ring = twins.followed._source.ring
        assert ring is not None
        assert ring.wake == wake


def test_a_record_is_odd_while_it_is_changed_and_whole_before_its_wake_word_moves(
    interrupted: Interrupted,
) -> None:
    """The loop stores the odd sequence, then every field, then the even sequence, and the wake word last."""
    with Twins(interrupted.native, HandwrittenRing) as twins:
        assert taken(twins, 3) == 3
        interrupted.begin(lambda _: None)
        twins.frame()
        state = twins.followed._word.address - STATE_WAKE_OFFSET
        first, *fields, last, wake = (address - state for address in interrupted.stores)
        assert (first, last, wake) == (SEQUENCE_OFFSET, SEQUENCE_OFFSET, STATE_WAKE_OFFSET)
        assert {SEQUENCE_OFFSET, STATE_WAKE_OFFSET}.isdisjoint(fields)
        assert {FRAME_ID, TIMESTAMP, FRAMES, MISSED, OBSERVED} <= set(fields)


@settings(derandomize=True, max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    stream=st.lists(
        st.tuples(st.sampled_from(LATER), st.sampled_from([1, 1, 1, 2, 2**31])), min_size=2, max_size=20
    ),
    parked=st.sampled_from(["", "audit", "plate"]),
)
def test_frames_taken_in_a_row_are_decided_as_if_each_were_taken_alone(
    interrupted: Interrupted, stream: list[tuple[int, int]], parked: str
) -> None:
    """What the loop carries from one frame to the next, without Python between them, is what Python would."""
    with Twins(interrupted.native, HandwrittenRing, CAPS, parked) as twins:
        frames = iter(stream)

        def writer(pread: int) -> None:
            if pread % 3 == 0:  # a look is over
                twins.plain.step()
                for step_ns, ids in islice(frames, 1):
                    twins.camera.frame(step_ns, ids)

        twins.camera.frame(40 * MS)
        interrupted.begin(writer)
        twins.step()
        assert twins.followed.taken == 1 + len(stream)


def test_paths_are_compared_after_the_first_frame_and_then_only_when_it_is_time(
    interrupted: Interrupted,
) -> None:
    """Two stat(2) a frame would cost more than the frame."""
    with Twins(interrupted.native, HandwrittenRing) as twins:
        assert taken(twins, 3) == 3
        camera, follower = twins.camera, twins.followed._follower
        follower.context._compare_ns = 3600 * 10**9
        meta = camera.folder / META_NAME

        def writer(pread: int) -> None:
            if pread == 3:
                camera.frame(40 * MS)
            elif pread == 6:
                meta.rename(meta.with_name("moved"))

        camera.frame(40 * MS)
        interrupted.begin(writer)
        assert twins.followed.follow(timeout_ns=0) == TIMED_OUT
        assert twins.followed.taken == 5


def test_the_rest_of_a_frame_left_to_python_is_left_as_well(interrupted: Interrupted) -> None:
    """A frame that the loop does not take leaves no trace in the books of the one before it."""
    with Twins(interrupted.native, HandwrittenRing) as twins:
        assert taken(twins, 3) == 3
        camera = twins.camera

        def writer(pread: int) -> None:
            if pread == 3:
                camera.frame(-1000 * MS)

        camera.frame(40 * MS)
        last = camera.record
        interrupted.begin(writer)
        twins.followed.follow(timeout_ns=0)
        agent = twins.followed.agent
        assert (agent.frame_id, agent.timestamp_ns, agent.frames) == (last.frame_id, last.timestamp_ns, 5)

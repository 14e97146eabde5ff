from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from camera_events import RING_EVENTS
from exports import RING
from handwritten import UINT64_MAX, Event, HandwrittenRing, wake_word
from ruth.export.layout import (
    FLAG_CLOSED,
    FLAG_WAKES,
    META_SIZE_V2,
    WAKE_OFFSET,
    pack_record,
    pack_ring,
)
from ruth.futex import CHANGED, TIMED_OUT
from ruth.identity import DATA_NAME, META_NAME
from twins import CAPS, MS, Twins, taken
from waiting import wait_until

if TYPE_CHECKING:
    from launch.native.library import Native


def test_a_parked_subscription_may_have_any_interval(native: Native) -> None:
    """The interval of what is parked is not looked at, however long it is."""
    with Twins(native, HandwrittenRing, {"slow": 1e-300, "audit": None}, parked="slow") as twins:
        assert taken(twins, 3) == 3


@pytest.mark.parametrize("ids", [2, 7, 2**40, 2**63])
def test_gaps_between_frames_are_counted_by_the_loop(native: Native, ids: int) -> None:
    """Ids that are jumped over are missed frames, however many."""
    with Twins(native, HandwrittenRing) as twins:
        assert twins.frame(ids=ids)
        assert (twins.followed.taken, twins.followed.agent.missed) == (1, ids - 1)


def test_an_agent_without_subscriptions_is_followed(native: Native) -> None:
    """Frames are counted for an agent that has nobody to decide for."""
    with Twins(native, HandwrittenRing, {}) as twins:
        assert taken(twins, 20) == 20


def test_time_that_runs_backwards_concerns_no_subscription_without_a_cap(native: Native) -> None:
    """Where no subscription has a cap, no timestamp matters, and the loop goes on."""
    with Twins(native, HandwrittenRing, {"audit": None}) as twins:
        assert taken(twins, 3, -40 * MS) == 3


def test_the_loop_is_left_for_a_step_back_and_entered_again(native: Native) -> None:
    """The frame for which no short form stands is the table's; those after it are the loop's again."""
    with Twins(native, HandwrittenRing) as twins:
        assert taken(twins, 15) == 15
        assert taken(twins, 1, -10_000 * MS) == 0
        assert taken(twins, 30) == 30


@pytest.mark.parametrize("cap", [1e-300, 2e-10, 1e9, 1e10], ids=str)
def test_intervals_of_any_length_are_kept(native: Native, cap: float) -> None:
    """An interval above 2^63 ns is Python's, one of 0 ns the loop's."""
    with Twins(native, HandwrittenRing, {"odd": cap}) as twins:
        assert taken(twins, 3) == (0 if cap == 1e-300 else 3)


def test_the_last_frame_that_a_timestamp_can_tell(native: Native) -> None:
    """Timestamps up to 2^64 - 1 are compared without overflow."""
    with Twins(native, HandwrittenRing, {"person": 5, "slow": 1e-9}) as twins:
        twins.frame(2**63)
        twins.frame(UINT64_MAX - twins.camera.record.timestamp_ns)
        assert twins.followed.agent.timestamp_ns == UINT64_MAX


@pytest.mark.parametrize(
    "fields",
    [
        {"sequence": 15},
        {"sequence": 0},
        {"version": 1},
        {"version": 3},
        {"width": 18},
        {"width": 17},
        {"stride": 8},
        {"pixel_format": 1},
        {"data_size": 1},
        {"data_offset": 1},
        {"data_offset": RING.slot_size * RING.slot_count},
        {"data_offset": 2**64 - RING.slot_size},
        {"slot_count": 3},
        {"slot_size": 8192},
        {"epoch": 78},
        {"data_inode": 99},
        {"flags": FLAG_WAKES | FLAG_CLOSED},
        {"flags": 0},
    ],
    ids=str,
)
def test_what_stands_there_changed_is_left_to_python(native: Native, fields: dict[str, int]) -> None:
    """The loop takes nothing from a head in which anything else differs than a frame makes it differ."""
    with Twins(native, HandwrittenRing) as twins:
        assert taken(twins, 3) == 3
        twins.camera.frame(40 * MS)
        twins.camera.change(**fields)
        twins.step()
        assert twins.followed.taken == 3


@pytest.mark.parametrize(
    ("name", "size"), [(META_NAME, 0), (META_NAME, 100), (META_NAME, META_SIZE_V2 - 1), (DATA_NAME, 4096)]
)
def test_a_file_that_was_shortened_is_left_to_python(native: Native, name: str, size: int) -> None:
    """The loop takes no frame from an export whose files are too short, whatever its head says."""
    with Twins(native, HandwrittenRing) as twins:
        assert taken(twins, 3) == 3
        twins.camera.frame(40 * MS)
        twins.camera.cut(name, size)
        assert not twins.step()
        assert twins.followed.taken == 3


def test_a_frame_taken_already_is_not_taken_again(native: Native) -> None:
    """A wake-up without a new frame brings no decision."""
    with Twins(native, HandwrittenRing) as twins:
        assert taken(twins) == 1
        twins.camera.ring = twins.camera.ring._replace(wake=twins.camera.ring.wake + 1)
        twins.camera.write(WAKE_OFFSET, twins.camera.ring.wake.to_bytes(4, "little"))
        assert not twins.step()


def test_a_replaced_export_is_found_behind_one_that_goes_on(native: Native) -> None:
    """After a frame the loop leaves if the paths lead elsewhere: a writer that was replaced may go on."""
    with Twins(native, HandwrittenRing) as twins:
        assert taken(twins, 2) == 2
        old = os.open(twins.camera.folder / META_NAME, os.O_WRONLY)
        record, ring = twins.camera.record, twins.camera.ring
        twins.camera.replace(epoch=78, frame_id=0)
        frame = record._replace(frame_id=record.frame_id + 1, sequence=record.sequence + 2)
        os.pwrite(old, pack_record(frame) + pack_ring(ring._replace(wake=ring.wake + 1)), 0)
        os.close(old)
        agent = twins.followed
        assert agent.follow(timeout_ns=10_000 * MS) == CHANGED  # it did not wait for a second one
        assert agent.taken == 3
        assert agent.step()
        assert agent.agent.frame_id == 0


def test_the_loop_goes_on_without_python(native: Native) -> None:
    """One call takes every frame that comes, until none comes for as long as it was told to wait."""
    with Twins(native, HandwrittenRing) as twins, ThreadPoolExecutor(1) as pool:
        camera, agent = twins.camera, twins.followed
        first = camera.record.frame_id

        def publish() -> None:
            with wake_word(camera) as word:
                for _ in range(50):
                    camera.frame(40 * MS)
                    word.wake()
                    wait_until(lambda: agent.observed_id == camera.record.frame_id, "the frame is taken")

        publishing = pool.submit(publish)
        assert agent.follow(timeout_ns=1000 * MS) == TIMED_OUT
        publishing.result()
        assert agent.agent.frame_id == first + 50
        assert agent.taken == 50


@settings(derandomize=True, max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(stream=st.lists(RING_EVENTS, max_size=40), parked=st.sampled_from(["", "audit", "plate"]))
def test_an_agent_with_the_loop_is_the_agent_without(
    native: Native, stream: list[Event], parked: str
) -> None:
    """Whatever a camera does: the same frames are observed, with the same decisions, books and record."""
    with Twins(native, HandwrittenRing, CAPS, parked) as twins:
        for event in stream:
            twins.camera.act(event)
            twins.step()

from __future__ import annotations

import errno
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from handwritten import HandwrittenRing, wake_word
from ruth.agent.state import WAKE_OFFSET as STATE_WAKE_OFFSET
from ruth.export.layout import FLAG_CLOSED, FLAG_WAKES, pack_record, pack_ring
from ruth.futex import CHANGED, TIMED_OUT, WOKEN, FutexWord
from ruth.identity import DATA_NAME, META_NAME
from ruth.subscription.subscription import Subscription
from twins import MS, Twins, taken
from waiting import wait_until

if TYPE_CHECKING:
    from launch.native.library import Native


def _calls() -> list[list[str]]:
    return [path.read_text().split() for path in Path("/proc/self/task").glob("*/syscall")]


def asleep_on(address: int) -> int:
    """How many threads of this process wait for the futex word there (proc(5), syscall)."""
    return sum(call[:2] == ["202", hex(address)] for call in _calls())


def asleep_on_any() -> int:
    """The same, for any word."""
    return sum(call[0] == "202" for call in _calls())


def test_everybody_who_waits_for_the_record_is_woken(native: Native) -> None:
    """Each frame that the loop takes wakes all who wait for the agent's next decision."""
    with Twins(native, HandwrittenRing) as twins, ThreadPoolExecutor(2) as pool:
        assert taken(twins, 3) == 3
        words = [FutexWord(twins.followed.memory, STATE_WAKE_OFFSET) for _ in range(2)]
        wake = int.from_bytes(twins.followed.memory[STATE_WAKE_OFFSET : STATE_WAKE_OFFSET + 4], "little")
        waits = [pool.submit(word.wait, wake, 5_000 * MS) for word in words]
        wait_until(lambda: asleep_on(words[0].address) == 2, "both are asleep")
        twins.camera.frame(40 * MS)
        twins.followed.follow(timeout_ns=0)
        assert twins.followed.taken == 4
        assert [wait.result() for wait in waits] == [WOKEN, WOKEN]


def test_the_loop_is_woken_by_its_camera(native: Native) -> None:
    """It sleeps until a wake-up of another process's kind: one of the shared ones."""
    with (
        Twins(native, HandwrittenRing) as twins,
        ThreadPoolExecutor(1) as pool,
        wake_word(twins.camera) as word,
    ):
        assert taken(twins, 3) == 3
        following = pool.submit(twins.followed.follow, 1_000 * MS)
        wait_until(lambda: asleep_on_any() >= 1, "it sleeps")
        twins.camera.frame(40 * MS)
        word.wake()
        wait_until(lambda: twins.followed.observed_id == twins.camera.record.frame_id, "it is taken", 0.5)
        assert following.result() == TIMED_OUT


@pytest.mark.parametrize("name", [META_NAME, DATA_NAME])
@pytest.mark.parametrize("by", ["another file", "a link", "nothing"])
def test_either_path_that_leads_elsewhere_ends_the_loop(native: Native, name: str, by: str) -> None:
    """After a frame the loop leaves if one of both files does not stand at its path any more, as itself."""
    with Twins(native, HandwrittenRing) as twins:
        assert taken(twins, 3) == 3
        camera = twins.camera
        meta = os.open(camera.folder / META_NAME, os.O_WRONLY)
        moved = (camera.folder / name).rename(camera.folder / "moved")
        if by == "another file":
            (camera.folder / name).write_bytes(moved.read_bytes())
        elif by == "a link":
            (camera.folder / name).symlink_to(moved)
        record, ring = camera.record, camera.ring
        frame = record._replace(frame_id=record.frame_id + 1, sequence=record.sequence + 2)
        os.pwrite(meta, pack_record(frame) + pack_ring(ring._replace(wake=ring.wake + 1)), 0)
        os.close(meta)
        assert twins.followed.follow(timeout_ns=10_000 * MS) == CHANGED
        assert twins.followed.taken == 4


def test_a_signal_ends_the_loop(native: Native) -> None:
    """A wait that a signal interrupted is over: whoever handles that signal has its turn."""
    with Twins(native, HandwrittenRing) as twins:
        assert taken(twins, 3) == 3
        before = signal.signal(signal.SIGALRM, lambda *_: None)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        try:
            assert twins.followed.follow(timeout_ns=10_000 * MS) == errno.EINTR
        finally:
            signal.signal(signal.SIGALRM, before)


def test_a_stopped_agent_is_not_followed(native: Native) -> None:
    """An agent that does not run skips every frame, and the loop knows no such decision."""
    with Twins(native, HandwrittenRing) as twins:
        assert taken(twins, 3) == 3
        for one in (twins.plain, twins.followed):
            one.agent.stop()
        assert taken(twins, 3) == 0


def test_a_subscription_that_raises_keeps_its_agent_out_of_the_loop(
    native: Native, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A subscription fails alone: what it raises when it is asked never ends the agent."""

    def fail(_: Subscription) -> bool:
        raise LookupError

    with Twins(native, HandwrittenRing) as twins:
        assert taken(twins, 3) == 3
        monkeypatch.setattr(Subscription, "short_form", fail)
        assert taken(twins, 3) == 0


def test_more_frames_may_be_missed_than_64_bits_count(native: Native) -> None:
    """Hostile ids leave an agent with any number of missed frames; the loop adds to it."""
    with Twins(native, HandwrittenRing) as twins:
        for one in (twins.plain, twins.followed):
            one.agent.missed = 2**64 - 3
        twins.frame(ids=7)
        twins.frame(ids=7)
        assert (twins.followed.taken, twins.followed.agent.missed) == (2, 2**64 - 3 + 12)


@pytest.mark.parametrize("odd", [0, 1], ids=["nothing new", "left while it was changed"])
def test_a_wake_up_without_a_frame_ends_the_loop_if_the_path_leads_elsewhere(
    native: Native, odd: int
) -> None:
    """Whoever replaces a writer wakes its readers: what stands at the path is then looked at, at once."""
    with Twins(native, HandwrittenRing) as twins:
        assert taken(twins, 3) == 3
        camera = twins.camera
        (camera.folder / DATA_NAME).rename(camera.folder / "moved")
        camera.change(sequence=camera.record.sequence + odd, wake=camera.ring.wake + 1)
        assert twins.followed.follow(timeout_ns=10_000 * MS) == CHANGED


@pytest.mark.parametrize("field", ["interval", "anchor_ns", "allowed"])
def test_books_that_no_loop_can_keep_keep_their_agent_out_of_it(native: Native, field: str) -> None:
    """What is wrong with one subscription never ends the agent: all are judged in Python, each alone."""
    with Twins(native, HandwrittenRing) as twins:
        assert taken(twins, 3) == 3
        for one in (twins.plain, twins.followed):
            setattr(one.agent.subscriptions[0], field, -5)
        twins.camera.frame(40 * MS)
        twins.followed.step()
        assert (twins.followed.taken, twins.followed.agent.frames) == (3, 5)


def test_a_ring_that_was_closed_when_it_was_bound_is_not_followed(native: Native) -> None:
    """One more frame is all that it can hold; whether it is still closed is Python's to look at."""
    with Twins(native, HandwrittenRing) as twins:
        camera = twins.camera
        camera.replace(epoch=78, frame_id=0)
        camera.change(flags=FLAG_WAKES | FLAG_CLOSED)
        assert twins.step()
        assert twins.followed.follow(timeout_ns=0) is None

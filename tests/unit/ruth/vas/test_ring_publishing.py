from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from harness.exports import read_meta
from harness.rings import FRAME_SIZE, HEIGHT, SLOT_SIZE, SLOTS, STRIDE, WIDTH, publish
from ruth.errors import ExportError
from ruth.export.layout import (
    SLOT_RECORDS_OFFSET,
    FrameRecord,
    slot_record_offset,
    unpack_record,
    unpack_ring,
)
from ruth.export.outcome import Fresh
from ruth.export.picture import Picture
from ruth.export.source import ExportSource
from ruth.vas.ring import FrameRing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Roots


class Recorder:
    """Stands before an array of the ring's meta: passes everything on, and records each store in order."""

    def __init__(self, name: str, array: memoryview, recorded: list[tuple[str, int, int]]) -> None:
        self._name, self._array, self._recorded = name, array, recorded

    def __getitem__(self, position: int) -> int:
        value: int = self._array[position]
        return value

    def __setitem__(self, position: int, value: int) -> None:
        self._recorded.append((self._name, position * self._array.itemsize, value))
        self._array[position] = value

    def release(self) -> None:
        """As memoryview.release()."""
        self._array.release()


class FutexRecorder:
    """Stands before the ring's futex word, and records each wake with the word's value at that time."""

    def __init__(self, ring: FrameRing, recorded: list[tuple[str, int, int]]) -> None:
        self._futex, self._page, self._recorded = ring._futex, ring._meta_map, recorded

    def wake(self) -> None:
        """As FutexWord.wake()."""
        self._recorded.append(("futex wake", 64, int.from_bytes(self._page[64:68], "little")))
        self._futex.wake()


# --- publishing -------------------------------------------------------------------------------------------


def test_publishing_follows_the_contract_store_by_store(make: Callable[..., FrameRing]) -> None:
    """Frame 4 of 3 slots goes to slot 1: the nine steps of the contract in their order, and not a store more.

    The payload's place in the order is the test's own: the decoder writes it between begin_frame and commit.
    """
    ring = make()
    publish(ring, 10, 11, 12, 13)
    recorded: list[tuple[str, int, int]] = []
    ring._words = Recorder("u64", ring._words, recorded)  # type: ignore[assignment]
    ring._halves = Recorder("u32", ring._halves, recorded)  # type: ignore[assignment]
    ring._futex = FutexRecorder(ring, recorded)  # type: ignore[assignment]
    buffer = ring.begin_frame()
    recorded.append(("payload", 0, 0))
    buffer[:] = bytes(FRAME_SIZE)
    ring.commit(14)
    slot = SLOT_RECORDS_OFFSET + 64
    assert recorded == [
        ("u64", slot + 56, 3),  # 1: slot sequence odd
        ("payload", 0, 0),  # 2
        ("u64", slot + 8, 4),  # 3: slot fields
        ("u64", slot + 16, 14),
        ("u64", slot + 56, 4),  # 4: slot sequence even
        ("u64", 56, 9),  # 5: newest sequence odd
        ("u64", 8, 4),  # 6: newest fields
        ("u64", 16, 14),
        ("u64", 48, SLOT_SIZE),
        ("u64", 56, 10),  # 7: newest sequence even
        ("u32", 64, 5),  # 8: wake + 1
        ("futex wake", 64, 5),  # 9
    ]


def test_damage_is_told_inside_both_records(make: Callable[..., FrameRing]) -> None:
    """The picture of a damaged frame is one store among the slot's fields, and one among the newest fields.

    The next frame, which is not damaged, takes it back in the same way.
    """
    ring = make(picture=Picture("limited", "bt709"))
    publish(ring, 10)
    recorded: list[tuple[str, int, int]] = []
    ring._words = Recorder("u64", ring._words, recorded)  # type: ignore[assignment]
    ring._halves = Recorder("u32", ring._halves, recorded)  # type: ignore[assignment]
    ring.begin_frame()
    ring.commit(11, damaged=True)
    ring.begin_frame()
    ring.commit(12)
    for frame_id, picture in ((1, 0x010201), (2, 0x000201)):
        slot = SLOT_RECORDS_OFFSET + 64 * frame_id
        stores, recorded = recorded[:12], recorded[12:]
        assert stores == [
            ("u64", slot + 56, 1),  # 1
            ("u64", slot + 8, frame_id),  # 3
            ("u64", slot + 16, 10 + frame_id),
            ("u32", slot + 4, picture),
            ("u64", slot + 56, 2),  # 4
            ("u64", 56, 2 * frame_id + 1),  # 5
            ("u64", 8, frame_id),  # 6
            ("u64", 16, 10 + frame_id),
            ("u64", 48, SLOT_SIZE * frame_id),
            ("u32", 4, picture),
            ("u64", 56, 2 * frame_id + 2),  # 7
            ("u32", 64, frame_id + 1),  # 8
        ]
    assert recorded == []


def test_range_and_matrix_are_in_every_record_from_the_start(
    camera: Path, make: Callable[..., FrameRing]
) -> None:
    """What an export says of its pixels is in each record before the first frame, and stays there."""
    ring = make(picture=Picture("full", "bt2020", damaged=True))  # damage is not a property of an export
    for timestamps in ((), (1, 2), (3, 4, 5)):
        publish(ring, *timestamps)
        meta = read_meta(camera)
        offsets = (0, *map(slot_record_offset, range(SLOTS)))
        assert {unpack_record(meta, offset).picture for offset in offsets} == {0x0302}


@pytest.mark.parametrize("picture", [Picture("tv"), Picture(matrix="bt470"), Picture("full", "")])  # type: ignore[arg-type]
def test_a_picture_that_no_record_can_carry_is_refused(
    camera: Path, make: Callable[..., FrameRing], picture: Picture
) -> None:
    """A range or matrix of another name makes no export, and the message names what is allowed."""
    with pytest.raises(ExportError, match=r"'limited', 'full'|'bt601', 'bt709', 'bt2020'"):
        make(picture=picture)
    assert not camera.exists()


def test_the_recorder_passes_everything_on(camera: Path, make: Callable[..., FrameRing]) -> None:
    """The double of these tests changes nothing: a recorded ring writes the same bytes as a bare one."""
    ring = make()
    publish(ring, 10)
    bare = read_meta(camera)
    ring.close()
    ring = make()
    recorded: list[tuple[str, int, int]] = []
    ring._words = Recorder("u64", ring._words, recorded)  # type: ignore[assignment]
    ring._halves = Recorder("u32", ring._halves, recorded)  # type: ignore[assignment]
    ring._futex = FutexRecorder(ring, recorded)  # type: ignore[assignment]
    publish(ring, 10)
    epoch_and_inode = slice(80, 96)
    recorded = bytearray(read_meta(camera))
    recorded[epoch_and_inode] = bare[epoch_and_inode]
    assert recorded == bare


def test_frame_n_goes_to_slot_n_modulo_the_count(camera: Path, make: Callable[..., FrameRing]) -> None:
    """Ids count from 0; the newest record and its slot's agree on id, time and place, also after wrapping."""
    ring = make()
    for n in range(4 * SLOTS):
        publish(ring, 1000 + n)
        meta = read_meta(camera)
        newest, slot = unpack_record(meta), unpack_record(meta, slot_record_offset(n % SLOTS))
        assert (newest.frame_id, newest.timestamp_ns) == (n, 1000 + n)
        assert newest.data_offset == (n % SLOTS) * SLOT_SIZE
        assert newest.sequence == 2 * (n + 1)
        assert slot == newest._replace(sequence=2 * (n // SLOTS + 1))
        assert unpack_ring(meta).wake == n + 1
    assert ring.frame_id == 4 * SLOTS


def test_pixels_lie_where_the_record_says(camera: Path, make: Callable[..., FrameRing]) -> None:
    """The bytes written into the buffer are the frame's bytes in frame.data; older slots keep theirs."""
    ring = make()
    publish(ring, *range(2 * SLOTS))
    meta, data = read_meta(camera), (camera / "frame.data").read_bytes()
    for slot in range(SLOTS):
        record = unpack_record(meta, slot_record_offset(slot))
        frame = data[record.data_offset : record.data_offset + record.data_size]
        assert frame == bytes([SLOTS + slot]) * FRAME_SIZE
        assert not any(data[record.data_offset + record.data_size : record.data_offset + SLOT_SIZE])


def test_a_slot_is_marked_before_its_pixels_change(camera: Path, make: Callable[..., FrameRing]) -> None:
    """Begun, a slot's sequence is odd; the newest record and the other slots do not change until commit."""
    ring = make()
    publish(ring, *range(SLOTS))
    before = read_meta(camera)
    ring.begin_frame()
    meta = read_meta(camera)
    begun = slot_record_offset(0) + 56
    assert unpack_record(meta, slot_record_offset(0)).sequence == 3
    assert meta[:begun] == before[:begun]
    assert meta[begun + 8 :] == before[begun + 8 :]


def test_the_wake_word_wraps(camera: Path, make: Callable[..., FrameRing]) -> None:
    """After 2^32 - 1 the wake word is 0, and what is behind it is not touched."""
    ring = make()
    ring._halves[16] = 2**32 - 1
    publish(ring, 1)
    wrapped = unpack_ring(read_meta(camera))
    assert (wrapped.wake, wrapped.slot_count) == (0, SLOTS)


def test_begin_can_be_called_again(camera: Path, make: Callable[..., FrameRing]) -> None:
    """A second begin_frame gives the same buffer and changes nothing; the frame is published once."""
    ring = make()
    ring.begin_frame()[:] = b"a" * FRAME_SIZE
    begun = read_meta(camera)
    again = ring.begin_frame()
    assert bytes(again) == b"a" * FRAME_SIZE
    assert read_meta(camera) == begun
    ring.commit(7)
    assert unpack_record(read_meta(camera)) == FrameRecord(
        2, 0, 0, 7, WIDTH, HEIGHT, 0, STRIDE, FRAME_SIZE, 0, 2
    )


def test_a_commit_ends_on_an_even_sequence(camera: Path, make: Callable[..., FrameRing]) -> None:
    """Whether or not begin_frame marked the slot, after a commit nothing is under change."""
    ring = make()
    for n in range(2 * SLOTS):
        ring.commit(n)
        meta = read_meta(camera)
        assert unpack_record(meta).sequence % 2 == 0
        assert unpack_record(meta, slot_record_offset(n % SLOTS)).sequence == 2 * (n // SLOTS + 1)


def test_a_frame_given_up_is_never_seen(camera: Path, make: Callable[..., FrameRing]) -> None:
    """A frame begun and not committed stays marked as unfinished until the next one takes its slot."""
    ring = make()
    publish(ring, 1)
    newest = read_meta(camera)[:64]
    ring.begin_frame()[:] = b"x" * FRAME_SIZE
    meta = read_meta(camera)
    assert meta[:64] == newest
    assert unpack_record(meta, slot_record_offset(1)).sequence == 1
    ring.begin_frame()[:] = b"y" * FRAME_SIZE
    ring.commit(2)
    record = unpack_record(read_meta(camera))
    assert (record.frame_id, record.timestamp_ns, record.data_offset) == (1, 2, SLOT_SIZE)
    data = (camera / "frame.data").read_bytes()
    assert data[SLOT_SIZE : SLOT_SIZE + FRAME_SIZE] == b"y" * FRAME_SIZE


class _Interrupted:
    """Forwards stores to a ring's words, and raises after the n-th one: a signal handler that raises."""

    def __init__(self, words: memoryview, stores: int) -> None:
        self._words = words
        self._stores = stores

    def __getitem__(self, position: int) -> int:
        return int(self._words[position])

    def __setitem__(self, position: int, value: int) -> None:
        self._words[position] = value
        self._stores -= 1
        if self._stores == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("stores", range(1, 9))
def test_an_interrupted_commit_heals_with_the_next(roots: Roots, stores: int) -> None:
    """What a commit leaves behind that a signal handler cut short at any store, the next one repairs.

    It takes the same id, so that none is missing.
    """
    ring = FrameRing(str(roots.export / "a"), 64, 48, 64, 4)
    ring.begin_frame()
    ring.commit(1)
    ring.begin_frame()
    words = ring._words
    ring._words = _Interrupted(words, stores)  # type: ignore[assignment]
    with contextlib.suppress(KeyboardInterrupt):
        ring.commit(2)
    ring._words = words
    with ExportSource(str(roots.export), "a") as source:
        for timestamp in (3, 4):
            ring.begin_frame()
            ring.commit(timestamp)
            outcome = source.try_read()
            assert isinstance(outcome, Fresh)
            assert (outcome.record.frame_id, outcome.record.timestamp_ns) == (timestamp - 2, timestamp)
    ring.close()

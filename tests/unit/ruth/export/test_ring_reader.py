from __future__ import annotations

import ctypes
import mmap
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from harness.open_descriptors import left_of
from harness.rings import publish
from ruth.export.files import open_export_directory, open_export_file
from ruth.export.layout import (
    DATA_INODE_OFFSET,
    DATA_OFFSET_OFFSET,
    DATA_SIZE_OFFSET,
    EPOCH_OFFSET,
    FLAG_CLOSED,
    FLAG_WAKES,
    FLAGS_OFFSET,
    HEIGHT_OFFSET,
    META_SIZE_V2,
    PIXEL_FORMAT_OFFSET,
    SEQUENCE_OFFSET,
    SLOT_COUNT_OFFSET,
    SLOT_SIZE_OFFSET,
    STRIDE_OFFSET,
    TIMESTAMP_OFFSET,
    VERSION_OFFSET,
    WAKE_OFFSET,
    WIDTH_OFFSET,
    FrameRecord,
    slot_record_offset,
)
from ruth.export.nv12 import nv12_views
from ruth.export.outcome import TORN, UNCHANGED, Absent
from ruth.export.ring_reader import RingReader
from ruth.futex import CHANGED, TIMED_OUT, FutexWord
from ruth.identity import DATA_NAME, META_NAME
from ruth.order import FENCED_MACHINES, ORDERED_MACHINES, machine_problem
from ruth.vas.ring import FrameRing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Processes, Roots

WIDTH, HEIGHT, SLOTS = 16, 8, 3
FRAME_SIZE = WIDTH * HEIGHT * 3 // 2
SPREAD = 0x9E3779B97F4A7C15  # an odd number: n * SPREAD modulo 2^64 tells every n from every other

# Publishes without a pause; each timestamp is a function of the frame's id, so that a mixture shows.
WRITER = f"""
import sys
from ruth.vas.ring import FrameRing
ring = FrameRing(sys.argv[1], {WIDTH}, {HEIGHT}, {WIDTH}, {SLOTS})
print("ready", flush=True)
n = 0
while True:
    ring.begin_frame()
    ring.commit(n * {SPREAD} % 2**64)
    n += 1
"""


@pytest.fixture
def camera(roots: Roots) -> Path:
    """The path of a camera's directory."""
    return roots.export / "front-door"


@pytest.fixture
def ring(camera: Path) -> Iterator[FrameRing]:
    """The writer of that camera's export, closed afterwards."""
    made = FrameRing(str(camera), WIDTH, HEIGHT, WIDTH, SLOTS)
    yield made
    if made._slots:
        made.close()


@pytest.fixture
def bind(camera: Path) -> Iterator[Callable[[], RingReader]]:
    """Binds to what is in place, as ExportSource does, and releases it afterwards."""
    bound: list[RingReader] = []

    def bind_one() -> RingReader:
        directory = open_export_directory(str(camera))
        try:
            meta, _ = open_export_file(directory, META_NAME)
            bound.append(RingReader(directory, meta, os.pread(meta, META_SIZE_V2 + 1, 0)))
        finally:
            os.close(directory)
        return bound[-1]

    yield bind_one
    for reader in bound:
        reader.close()


def edit(camera: Path, offset: int, value: int, size: int) -> None:
    """Overwrites a number of ``frame.meta``, in place."""
    with (camera / META_NAME).open("r+b") as meta:
        meta.seek(offset)
        meta.write(value.to_bytes(size, "little"))


def leave(camera: Path, ring: FrameRing) -> None:
    """Ends the writer and leaves the bytes of its files in others, which it does not map.

    A file that is shortened kills a process that stores into it through a mapping, which is what a writer
    does.
    """
    contents = {name: (camera / name).read_bytes() for name in (DATA_NAME, META_NAME)}
    ring.close()
    for name, content in contents.items():
        (camera / name).write_bytes(content)
    edit(camera, DATA_INODE_OFFSET, 0, 8)


@contextmanager
def after_the_next_pread(act: Callable[[], object]) -> Iterator[None]:
    """Does something as soon as the next os.pread of this thread has returned, before its caller goes on."""

    def watch(_: object, event: str, function: object) -> None:
        if event == "c_return" and function is os.pread:
            sys.setprofile(None)
            act()

    sys.setprofile(watch)
    try:
        yield
    finally:
        sys.setprofile(None)


def frame(found: object) -> tuple[int, int]:
    """Id and timestamp of a record."""
    assert isinstance(found, FrameRecord), found
    return found.frame_id, found.timestamp_ns


# --- the binding ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("machine", ["x86_64", "X86_64", "AMD64"])
def test_a_machine_that_keeps_the_order_of_stores_can_read_version_2(machine: str) -> None:
    """X86-64 keeps the order of stores and loads: nothing speaks against it, however it is spelled."""
    assert machine_problem(machine, fenced=False) is None
    assert os.uname().machine in ORDERED_MACHINES | FENCED_MACHINES


@pytest.mark.parametrize("fenced", [False, True])
@pytest.mark.parametrize("machine", ["armv7l", "riscv64", "ppc64le", "s390x", "i686", ""])
def test_other_machines_are_refused_by_name(machine: str, fenced: bool) -> None:
    """A machine whose order has not been shown to hold is refused, with a reason that names it."""
    problem = machine_problem(machine, fenced=fenced)
    assert problem is not None
    assert problem.endswith(f"this is {machine}")


@pytest.mark.parametrize("machine", ["aarch64", "arm64"])
def test_arm_needs_the_compiled_library(machine: str) -> None:
    """With fences nothing speaks against 64-bit Arm; without, the refusal names library and machine."""
    assert machine_problem(machine, fenced=True) is None
    problem = machine_problem(machine, fenced=False)
    assert problem is not None
    assert "libruth" in problem
    assert problem.endswith(f"this is {machine}")


def test_a_binding_knows_its_export(camera: Path, ring: FrameRing, bind: Callable[[], RingReader]) -> None:
    """Device, inode and epoch are what an export is known by; two bindings of one export agree."""
    status = (camera / META_NAME).stat()
    epoch = int.from_bytes((camera / META_NAME).read_bytes()[EPOCH_OFFSET:][:8], "little")
    assert bind().identity == bind().identity == (status.st_dev, status.st_ino, epoch)


def test_a_binding_cannot_write(camera: Path, ring: FrameRing, bind: Callable[[], RingReader]) -> None:
    """Both files are opened and mapped for reading only, and the kernel refuses to make them writable."""
    reader = bind()
    for mapping, name in ((reader.meta_map, META_NAME), (reader.data_map, DATA_NAME)):
        assert mapping is not None
        with pytest.raises(TypeError):
            mapping[0] = 1
        with open("/proc/self/maps") as maps:
            lines = [line.split() for line in maps if line.rstrip().endswith(f"{camera}/{name}")]
        # The writer of this test lives in the same process; its mapping is the other one.
        assert sorted(line[1] for line in lines) == ["r--s", "rw-s"]
        (start, end) = next(line[0].split("-") for line in lines if line[1] == "r--s")
        libc = ctypes.CDLL(None, use_errno=True)
        writable = mmap.PROT_READ | mmap.PROT_WRITE
        length = int(end, 16) - int(start, 16)
        assert libc.mprotect(ctypes.c_void_p(int(start, 16)), ctypes.c_size_t(length), writable) == -1


def test_a_binding_maps_the_ring_and_no_more(
    camera: Path, ring: FrameRing, bind: Callable[[], RingReader]
) -> None:
    """A frame.data that is longer than its ring is mapped up to the ring's end."""
    os.truncate(camera / DATA_NAME, 100 * 4096)
    reader = bind()
    assert (len(reader.meta_map or b""), len(reader.data_map or b"")) == (META_SIZE_V2, SLOTS * 4096)


@pytest.mark.parametrize("length", [4, 64, 127, 128, 4095, 4097, 8192])
def test_a_meta_of_another_length_is_refused(
    camera: Path, ring: FrameRing, bind: Callable[[], RingReader], length: int
) -> None:
    """A version 2 frame.meta has 4096 bytes; any other is a ValueError, and nothing is left open."""
    leave(camera, ring)
    os.truncate(camera / META_NAME, length)
    before = left_of(camera)
    with pytest.raises(ValueError, match=r"frame.meta has \d+ bytes, version 2 has 4096"):
        bind()
    assert left_of(camera) == before


@pytest.mark.parametrize(
    ("offset", "size", "value"),
    [
        (SLOT_COUNT_OFFSET, 4, 1),
        (SLOT_COUNT_OFFSET, 4, SLOTS + 1),
        (SLOT_COUNT_OFFSET, 4, 63),
        (SLOT_SIZE_OFFSET, 8, 0),
        (SLOT_SIZE_OFFSET, 8, 4097),
        (SLOT_SIZE_OFFSET, 8, 8192),
        (SLOT_SIZE_OFFSET, 8, 2**63),
        (SLOT_SIZE_OFFSET, 8, 2**64 - 4096),
        (DATA_INODE_OFFSET, 8, 1),
    ],
)
def test_a_ring_that_does_not_fit_its_data_is_refused(
    camera: Path, ring: FrameRing, bind: Callable[[], RingReader], offset: int, size: int, value: int
) -> None:
    """A ring whose numbers do not fit frame.data is a ValueError before anything is mapped."""
    edit(camera, offset, value, size)
    before = left_of(camera)
    with pytest.raises(ValueError, match=r"slot|inode|ring"):
        bind()
    assert left_of(camera) == before


@pytest.mark.parametrize("kind", ["missing", "directory", "FIFO", "link"])
def test_a_meta_without_its_data_is_refused(
    camera: Path, ring: FrameRing, bind: Callable[[], RingReader], kind: str
) -> None:
    """A frame.data that is missing or no regular file is an OSError, and frame.meta is released."""
    data = camera / DATA_NAME
    data.rename(camera / "elsewhere")
    if kind == "directory":
        data.mkdir()
    elif kind == "FIFO":
        os.mkfifo(data)
    elif kind == "link":
        data.symlink_to("elsewhere")
    before = left_of(camera)
    with pytest.raises(OSError, match=DATA_NAME):
        bind()
    assert left_of(camera) == before


def test_closing_lets_go_of_everything(camera: Path, ring: FrameRing, bind: Callable[[], RingReader]) -> None:
    """A closed binding holds no descriptor and no mapping, and can be closed again."""
    before = left_of(camera)
    reader = bind()
    reader.close()
    reader.close()
    assert left_of(camera) == before
    assert reader.meta_map is None
    assert reader.data_map is None


def test_closing_again_takes_nothing_from_others(
    camera: Path, ring: FrameRing, bind: Callable[[], RingReader]
) -> None:
    """A descriptor is closed once: who has got its number since keeps it when a binding is closed again."""
    reader = bind()
    reader.close()
    meta = camera / META_NAME
    with meta.open("rb") as one, meta.open("rb") as other:  # the lowest numbers that are free
        reader.close()
        assert os.fstat(one.fileno()).st_ino == os.fstat(other.fileno()).st_ino == meta.stat().st_ino


def test_a_view_in_use_outlives_the_binding(
    camera: Path, ring: FrameRing, bind: Callable[[], RingReader]
) -> None:
    """Closing does not take the memory from under a view that is still held; it goes with the view."""
    publish(ring, 1)
    before = left_of(camera)
    reader = bind()
    record = reader.read()
    assert isinstance(record, FrameRecord)
    assert reader.data_map is not None
    views = nv12_views(reader.data_map, record)
    reader.close()
    assert not views.nv12.any()
    del views
    assert left_of(camera) == before


# --- one poll ---------------------------------------------------------------------------------------------


def test_each_frame_is_returned_once(ring: FrameRing, bind: Callable[[], RingReader]) -> None:
    """The newest record is returned once; before the first frame and until the next one it is unchanged."""
    reader = bind()
    assert reader.read() is UNCHANGED
    for n in range(3 * SLOTS):
        publish(ring, 100 + n)
        assert frame(reader.read()) == (n, 100 + n)
        assert reader.read() is UNCHANGED
    publish(ring, 200, 201, 202)
    assert frame(reader.read()) == (3 * SLOTS + 2, 202)
    assert reader.read() is UNCHANGED


def test_a_record_given_before_is_not_returned_again(ring: FrameRing, bind: Callable[[], RingReader]) -> None:
    """A new binding that is told which record was given returns only another one."""
    publish(ring, 1)
    first, second = bind(), bind()
    assert frame(first.read()) == (0, 1)
    second.given = first.given
    assert second.read() is UNCHANGED
    publish(ring, 2)
    assert frame(second.read()) == (1, 2)


def test_frames_that_differ_only_in_their_id_are_two(ring: FrameRing, bind: Callable[[], RingReader]) -> None:
    """Equal timestamps do not make a frame an old one."""
    reader = bind()
    for n in range(4):
        publish(ring, 0)
        assert frame(reader.read()) == (n, 0)


@pytest.mark.parametrize(
    ("offset", "size"),
    [
        (VERSION_OFFSET, 4),
        (VERSION_OFFSET + 4, 4),  # the zero behind it, which means nothing
        (WIDTH_OFFSET, 4),
        (HEIGHT_OFFSET, 4),
        (PIXEL_FORMAT_OFFSET, 4),
        (STRIDE_OFFSET, 4),
        (DATA_SIZE_OFFSET, 8),
        (DATA_OFFSET_OFFSET, 8),
    ],
)
@pytest.mark.parametrize("value", [0, 1, 2, 8, 4096, 3 * 4096, 2**31])
def test_a_later_frame_is_judged_like_the_first_one(
    camera: Path, ring: FrameRing, bind: Callable[[], RingReader], offset: int, size: int, value: int
) -> None:
    """Who has been given frames of a ring answers about the next one as who comes again, field by field."""
    publish(ring, 1)
    staying = bind()
    assert frame(staying.read()) == (0, 1)
    publish(ring, 2)
    edit(camera, offset, value, size)
    assert staying.read() == bind().read()


def test_a_record_that_is_being_changed_is_torn(
    camera: Path, ring: FrameRing, bind: Callable[[], RingReader]
) -> None:
    """While its sequence is odd a record is not read, whatever it holds; once it is even it is."""
    publish(ring, 1)
    reader = bind()
    edit(camera, SEQUENCE_OFFSET, 3, 8)
    assert reader.read() is TORN
    edit(camera, SEQUENCE_OFFSET, 2**64 - 1, 8)
    assert reader.read() is TORN
    edit(camera, SEQUENCE_OFFSET, 4, 8)
    assert frame(reader.read()) == (0, 1)


@pytest.mark.parametrize("length", [0, 1, 63, 64, 127, 128, 4095])
def test_a_shortened_meta_is_lost_and_not_a_signal(
    camera: Path, ring: FrameRing, bind: Callable[[], RingReader], length: int
) -> None:
    """A frame.meta that became shorter is absent: the binding is over, the process is not."""
    publish(ring, 1)
    leave(camera, ring)
    reader = bind()
    os.truncate(camera / META_NAME, length)
    assert reader.read() == Absent("frame.meta was shortened")


@pytest.mark.parametrize("length", [0, 1, 56, 63, 64, 67])
def test_a_meta_short_for_one_pread_is_lost(
    camera: Path, ring: FrameRing, bind: Callable[[], RingReader], length: int
) -> None:
    """What a single pread met short is not taken apart, though the file is whole again by the next one."""
    publish(ring, 1)
    leave(camera, ring)
    reader = bind()
    os.truncate(camera / META_NAME, length)
    with after_the_next_pread(lambda: os.truncate(camera / META_NAME, META_SIZE_V2)):
        assert reader.read() == Absent("frame.meta was shortened")


@pytest.mark.parametrize("length", [0, 1, 4095, 4096, SLOTS * 4096 - 1])
def test_a_shortened_data_is_lost_and_not_a_signal(
    camera: Path, ring: FrameRing, bind: Callable[[], RingReader], length: int
) -> None:
    """A frame.data that became shorter than its ring is absent, also where the newest frame still fits."""
    publish(ring, 1)
    leave(camera, ring)
    reader = bind()
    os.truncate(camera / DATA_NAME, length)
    assert reader.read() == Absent("frame.data was shortened")


@pytest.mark.parametrize(
    ("offset", "size"),
    [(SLOT_COUNT_OFFSET, 4), (SLOT_SIZE_OFFSET, 8), (DATA_INODE_OFFSET, 8), (EPOCH_OFFSET, 8)],
)
def test_another_ring_in_the_same_file_is_another_export(
    camera: Path, ring: FrameRing, bind: Callable[[], RingReader], offset: int, size: int
) -> None:
    """A ring that is not the one of the binding means that the binding is over."""
    publish(ring, 1)
    reader = bind()
    edit(camera, offset, 4096 * 2, size)
    found = reader.read()
    assert isinstance(found, Absent)
    assert "another ring" in found.reason


@pytest.mark.parametrize(
    ("offset", "size", "value"),
    [
        (VERSION_OFFSET, 4, 1),
        (VERSION_OFFSET, 4, 3),
        (WIDTH_OFFSET, 4, 0),
        (WIDTH_OFFSET, 4, 18),
        (HEIGHT_OFFSET, 4, 10),
        (PIXEL_FORMAT_OFFSET, 4, 1),
        (STRIDE_OFFSET, 4, 14),
        (DATA_SIZE_OFFSET, 8, FRAME_SIZE + 1),
        (DATA_OFFSET_OFFSET, 8, 1),
        (DATA_OFFSET_OFFSET, 8, SLOTS * 4096),
        (DATA_OFFSET_OFFSET, 8, 2**64 - 4096),
    ],
)
def test_a_record_that_is_no_frame_of_the_ring_is_absent(
    camera: Path, ring: FrameRing, bind: Callable[[], RingReader], offset: int, size: int, value: int
) -> None:
    """A whole record with an invalid number is an absent export, not a frame."""
    publish(ring, 1)
    reader = bind()
    edit(camera, offset, value, size)
    found = reader.read()
    assert isinstance(found, Absent)
    assert reader.read() == found  # and is not taken for one judged before


def test_the_last_frame_of_a_closed_export_is_still_given(
    camera: Path, ring: FrameRing, bind: Callable[[], RingReader]
) -> None:
    """An export that was closed gives the frame that is not yet known, and then is absent."""
    reader = bind()
    publish(ring, 1)
    edit(camera, FLAGS_OFFSET, FLAG_WAKES | FLAG_CLOSED, 4)
    assert frame(reader.read()) == (0, 1)
    assert reader.read() == reader.read() == Absent("closed by its writer")


def test_an_export_closed_before_it_was_bound_is_closed(
    camera: Path, ring: FrameRing, bind: Callable[[], RingReader]
) -> None:
    """Whether the writer closed an export before or after it was bound makes no difference."""
    publish(ring, 1)
    edit(camera, FLAGS_OFFSET, FLAG_WAKES | FLAG_CLOSED, 4)
    reader = bind()
    assert frame(reader.read()) == (0, 1)
    assert reader.read() == Absent("closed by its writer")


@pytest.mark.parametrize("flags", [0, FLAG_WAKES])
def test_whether_the_writer_wakes_is_what_it_says(
    camera: Path, ring: FrameRing, bind: Callable[[], RingReader], flags: int
) -> None:
    """Bit 0 of the flags tells whether waiting for the wake word makes sense; frames come either way."""
    edit(camera, FLAGS_OFFSET, flags, 4)
    reader = bind()
    assert reader.wakes is bool(flags)
    publish(ring, 1)
    assert frame(reader.read()) == (0, 1)


def test_flags_that_nobody_knows_are_ignored(
    camera: Path, ring: FrameRing, bind: Callable[[], RingReader]
) -> None:
    """Bits that later versions may set, before or after binding, change nothing."""
    edit(camera, FLAGS_OFFSET, 0xFFFFFFF0 | FLAG_WAKES, 4)
    reader = bind()
    publish(ring, 1)
    assert frame(reader.read()) == (0, 1)
    edit(camera, FLAGS_OFFSET, 0x0000FFF0 | FLAG_WAKES, 4)
    publish(ring, 2)
    assert frame(reader.read()) == (1, 2)


def test_the_same_id_of_another_session_is_another_frame(
    camera: Path, ring: FrameRing, bind: Callable[[], RingReader]
) -> None:
    """A slot that holds a frame of the id that is wanted, at another time, does not hold the frame.

    Ids begin again where a writer goes on in the files of a dead one.
    """
    reader = bind()
    publish(ring, 1)
    record = reader.read()
    assert isinstance(record, FrameRecord)
    pixels = reader.pixels(record)
    assert pixels is not None
    edit(camera, slot_record_offset(0) + TIMESTAMP_OFFSET, 2, 8)
    edit(camera, slot_record_offset(0) + SEQUENCE_OFFSET, 4, 8)
    assert not pixels.intact()
    assert reader.pixels(record) is None


@pytest.mark.parametrize(
    ("field", "value", "size"), [(VERSION_OFFSET, 1, 4), (SEQUENCE_OFFSET, 3, 8), (SEQUENCE_OFFSET, 0, 8)]
)
def test_a_slot_whose_record_does_not_count_holds_no_frame(
    camera: Path, ring: FrameRing, bind: Callable[[], RingReader], field: int, value: int, size: int
) -> None:
    """Of another version, under change or never published: then a slot of that id and time holds no frame."""
    reader = bind()
    publish(ring, 1)
    record = reader.read()
    assert isinstance(record, FrameRecord)
    edit(camera, slot_record_offset(0) + field, value, size)
    assert reader.pixels(record) is None


# --- the wake word ----------------------------------------------------------------------------------------


def test_nobody_sleeps_through_a_frame(ring: FrameRing, bind: Callable[[], RingReader]) -> None:
    """Waiting for the word that a read left ends at once if a frame came since, and only then.

    The word is taken before the record, so it can be older than the record but never newer: too old costs
    one look for nothing, too new would cost a frame.
    """
    reader = bind()
    assert reader.meta_map is not None
    word = FutexWord(reader.meta_map, WAKE_OFFSET)
    for n in range(4):
        publish(ring, n)
        assert word.wait(reader.wake, 30_000_000_000) == CHANGED
        assert frame(reader.read()) == (n, n)
        assert reader.wake == n + 1
        assert word.wait(reader.wake, 1_000_000) == TIMED_OUT


def test_a_frame_published_during_a_look_is_not_slept_through(
    ring: FrameRing, bind: Callable[[], RingReader]
) -> None:
    """A poll during which the record changed is torn, and leaves the word of the poll before it.

    The word that it met itself may count the frame that it did not take: to wait for that is to miss it.
    """
    reader = bind()
    assert reader.meta_map is not None
    word = FutexWord(reader.meta_map, WAKE_OFFSET)
    assert reader.read() is UNCHANGED
    publish(ring, 1)
    with after_the_next_pread(lambda: publish(ring, 2)):
        assert reader.read() is TORN
    assert reader.wake == 0
    assert word.wait(reader.wake, 30_000_000_000) == CHANGED
    assert frame(reader.read()) == (1, 2)
    assert word.wait(reader.wake, 1_000_000) == TIMED_OUT


def test_the_wake_word_is_of_the_first_pread(
    camera: Path, ring: FrameRing, bind: Callable[[], RingReader]
) -> None:
    """A word that moved after it was taken is the old one still, so that no wait sleeps through the end.

    The flag that says closed is taken after the word, and the writer sets it before it moves the word.
    """
    reader = bind()
    with after_the_next_pread(lambda: edit(camera, WAKE_OFFSET, 77, 4)):
        assert reader.read() is UNCHANGED
    assert reader.wake == 0


def test_a_binding_has_a_word_to_wait_for_before_its_first_look(
    camera: Path, ring: FrameRing, bind: Callable[[], RingReader]
) -> None:
    """Until a poll has taken another one, the wake word is as it was when the export was bound."""
    edit(camera, WAKE_OFFSET, 77, 4)
    assert bind().wake == 77


@pytest.mark.parametrize("stores", range(1, 6))
def test_a_record_half_written_during_a_look_is_torn(
    ring: FrameRing, bind: Callable[[], RingReader], stores: int
) -> None:
    """Whichever stores of a record fall between the first two preads, the record is not accepted."""
    reader = bind()
    publish(ring, 1)
    words = ring._words
    news = [(7, words[7] + 1), (1, 1), (2, 2), (6, 4096), (7, words[7] + 2)]

    def half_a_record() -> None:
        for position, value in news[:stores]:
            words[position] = value

    with after_the_next_pread(half_a_record):
        assert reader.read() is TORN
    for position, value in news[stores:]:
        words[position] = value
    assert frame(reader.read()) == (1, 2)


def test_the_wake_word_is_taken_from_unfinished_records_too(
    camera: Path, ring: FrameRing, bind: Callable[[], RingReader]
) -> None:
    """A torn look leaves a word to wait for as well: the writer moves it when the record is finished."""
    reader = bind()
    edit(camera, SEQUENCE_OFFSET, 1, 8)
    edit(camera, WAKE_OFFSET, 77, 4)
    assert reader.read() is TORN
    assert reader.wake == 77


def test_at_full_speed_no_frame_is_a_mixture_of_two(
    camera: Path, processes: Processes, bind: Callable[[], RingReader]
) -> None:
    """Of 20,000 looks and more while a writer never pauses, many give a frame and none a mixture.

    Each accepted record agrees in id, timestamp, place and sequence, and the wake word that came with it
    counts no frame that the record does not know of.
    """
    writer = start_writer(processes, camera)
    reader = bind()
    looks = torn = accepted = 0
    newest = -1
    deadline = time.monotonic() + 30
    while looks < 20_000 or accepted < 200 or torn < 1:
        assert time.monotonic() < deadline, (looks, accepted, torn)
        found = reader.read()
        looks += 1
        if found is TORN:
            torn += 1
        if not isinstance(found, FrameRecord):
            assert found in (TORN, UNCHANGED)
            continue
        accepted += 1
        n = found.frame_id
        assert n > newest
        newest = n
        assert found == FrameRecord(
            version=2,
            picture=0,
            frame_id=n,
            timestamp_ns=n * SPREAD % 2**64,
            width=WIDTH,
            height=HEIGHT,
            pixel_format=0,
            stride=WIDTH,
            data_size=FRAME_SIZE,
            data_offset=n % SLOTS * 4096,
            sequence=2 * (n + 1),
        )
        assert (n + 1 - reader.wake) % 2**32 < 2**31
    assert writer.poll() is None


def start_writer(processes: Processes, camera: Path) -> subprocess.Popen[Any]:
    """A process that publishes without a pause; its export is in place when this returns."""
    writer = processes.start(sys.executable, "-c", WRITER, camera, stdout=subprocess.PIPE)
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"ready\n"
    return writer

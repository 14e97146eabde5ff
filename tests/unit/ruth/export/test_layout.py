from __future__ import annotations

import itertools
import re
import struct
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruth.export import layout
from ruth.export.layout import (
    FLAG_CLOSED,
    FLAG_WAKES,
    META_SIZE_V1,
    META_SIZE_V2,
    PAGE_SIZE,
    RECORD_SIZE,
    RING_AFTER_WAKE,
    RING_SIZE_MAX,
    SLOT_COUNT_MAX,
    SLOT_COUNT_MIN,
    SLOT_RECORDS_OFFSET,
    WAKE_OFFSET,
    FrameRecord,
    RingHeader,
    nv12_size,
    pack_record,
    pack_ring,
    slot_record_offset,
    unpack_record,
    unpack_ring,
)
from ruth.export.validity import geometry_problem, offset_problem, problem_v1, problem_v2, ring_problem

if TYPE_CHECKING:
    from pathlib import Path

UINT32_MAX = 2**32 - 1
UINT64_MAX = 2**64 - 1
INODE = 4711

# A frame of 16 x 8 pixels in slot 1 of a ring of 4 pages.
V1 = FrameRecord(1, 0, 41, 1795294536609118200, 16, 8, 0, 16, 192, 0, 0)
V2 = FrameRecord(2, 0, 5, 5_200_000_000, 16, 8, 0, 16, 192, 4096, 12)
RING = RingHeader(6, 4, 4096, INODE, 123456789000, 1)
RING_SIZE = 4 * 4096

u32 = st.integers(0, UINT32_MAX)
u64 = st.integers(0, UINT64_MAX)
records = st.builds(
    FrameRecord,
    version=u32,
    picture=u32,
    frame_id=u64,
    timestamp_ns=u64,
    width=u32,
    height=u32,
    pixel_format=u32,
    stride=u32,
    data_size=u64,
    data_offset=u64,
    sequence=u64,
)
rings = st.builds(RingHeader, wake=u32, slot_count=u32, slot_size=u64, data_inode=u64, epoch=u64, flags=u32)


class Mapped(NamedTuple):
    """One line of the byte map in the module's docstring."""

    size: int
    offset: int


# Each field on the byte map, and the constant that is its offset.
OFFSETS = {
    "version": "VERSION_OFFSET",
    "picture": "PICTURE_OFFSET",
    "frame_id": "FRAME_ID_OFFSET",
    "timestamp_ns": "TIMESTAMP_OFFSET",
    "width": "WIDTH_OFFSET",
    "height": "HEIGHT_OFFSET",
    "pixel_format": "PIXEL_FORMAT_OFFSET",
    "stride": "STRIDE_OFFSET",
    "data_size": "DATA_SIZE_OFFSET",
    "data_offset": "DATA_OFFSET_OFFSET",
    "sequence": "SEQUENCE_OFFSET",
    "wake": "WAKE_OFFSET",
    "slot_count": "SLOT_COUNT_OFFSET",
    "slot_size": "SLOT_SIZE_OFFSET",
    "data_inode": "DATA_INODE_OFFSET",
    "epoch": "EPOCH_OFFSET",
    "flags": "FLAGS_OFFSET",
}
BYTE_MAP = {
    name: Mapped(int(bits) // 8, int(offset))
    for name, bits, offset in re.findall(r"\| (\w+) +u(32|64) +(\d+) +\|", layout.__doc__ or "")
    if name != "zero"
}
RULERS = [int(offset) for offset in re.findall(r"^ *(\d+)  \+--", layout.__doc__ or "", re.MULTILINE)]


def rows_lie_inside(record: FrameRecord, ring: RingHeader, data_file_size: int) -> bool:
    """Whether the frame's rows lie in one slot and in the file, by the contract's words alone.

    Rows 0 to height - 1 are luma, the next height / 2 chroma; row n starts n strides behind the frame.
    """
    if ring.slot_size <= 0:
        return False
    slot, inside = divmod(record.data_offset, ring.slot_size)
    rows = record.height + record.height // 2
    last_byte = record.data_offset + (rows - 1) * record.stride + record.width - 1
    slot_end = (slot + 1) * ring.slot_size
    return (
        inside == 0
        and slot < ring.slot_count
        and rows > 0
        and 0 < record.width <= record.stride
        and last_byte < record.data_offset + record.data_size <= slot_end <= data_file_size
    )


def accepted(record: FrameRecord, ring: RingHeader, data_file_size: int, inode: int = INODE) -> bool:
    """Whether a reader that found this ring and record in files of this size would use the frame."""
    return ring_problem(ring, data_file_size, inode) is None and problem_v2(record, ring) is None


def test_the_byte_map_has_no_hole_and_no_overlap() -> None:
    """Each field is naturally aligned and starts where the one before it ends."""
    at = 0
    for name, field in BYTE_MAP.items():
        assert field.offset == at, name
        assert field.offset % field.size == 0
        at = field.offset + field.size
    assert at == 100
    assert re.findall(r"\| zero .*?(\d+) +\|", layout.__doc__ or "") == ["100"]
    assert RULERS == [0, WAKE_OFFSET, SLOT_RECORDS_OFFSET, META_SIZE_V2] == [0, 64, 128, 4096]


def test_each_constant_is_the_offset_on_the_map() -> None:
    """Each offset that the module names is the one that its byte map shows."""
    named = {name: getattr(layout, constant) for name, constant in OFFSETS.items()}
    assert named == {name: field.offset for name, field in BYTE_MAP.items()}


def test_no_constant_is_missing_from_these_tests() -> None:
    """Every offset of the module is compared with the byte map."""
    offsets = {name for name in vars(layout) if name.endswith("_OFFSET")}
    assert offsets == {*OFFSETS.values(), "SLOT_RECORDS_OFFSET"}


def test_each_field_is_read_where_the_map_says() -> None:
    """A reader takes each field from the offset, and with the size, that the byte map shows."""
    meta = bytes(range(SLOT_RECORDS_OFFSET))
    read = {**unpack_record(meta)._asdict(), **unpack_ring(meta)._asdict()}
    assert read == {
        name: int.from_bytes(meta[field.offset : field.offset + field.size], "little")
        for name, field in BYTE_MAP.items()
    }


def test_each_field_is_written_where_the_map_says() -> None:
    """A writer puts each field to the offset that the byte map shows, and zeros where it shows zeros."""
    values = {name: 0x11 * number + 1 for number, name in enumerate(BYTE_MAP)}
    header = bytearray(SLOT_RECORDS_OFFSET)
    for name, field in BYTE_MAP.items():
        header[field.offset : field.offset + field.size] = values[name].to_bytes(field.size, "little")
    record = FrameRecord(**{name: values[name] for name in FrameRecord._fields})
    ring = RingHeader(**{name: values[name] for name in RingHeader._fields})
    assert pack_record(record) + pack_ring(ring) == header


def test_sizes_are_those_of_the_contract() -> None:
    """A record has 64 bytes, a version 1 meta is one record, a version 2 meta a page for 2 to 62 slots."""
    assert (RECORD_SIZE, META_SIZE_V1, META_SIZE_V2, PAGE_SIZE) == (64, 64, 4096, 4096)
    assert (SLOT_COUNT_MIN, SLOT_COUNT_MAX) == (2, 62)


def test_slot_records_fill_the_page() -> None:
    """The record of slot i is at 128 + 64 i, and the last one ends where the page ends."""
    offsets = [slot_record_offset(slot) for slot in range(SLOT_COUNT_MAX)]
    assert offsets == [128 + 64 * slot for slot in range(62)]
    assert offsets[-1] + RECORD_SIZE == META_SIZE_V2


@settings(derandomize=True, max_examples=100, deadline=None)
@given(records, rings)
def test_what_is_packed_unpacks_to_itself(record: FrameRecord, ring: RingHeader) -> None:
    """Every record and every ring has its 64 bytes, and these read back as the same record and ring."""
    packed = pack_record(record), pack_ring(ring)
    assert [len(half) for half in packed] == [RECORD_SIZE, SLOT_RECORDS_OFFSET - RECORD_SIZE]
    meta = b"".join(packed)
    assert (unpack_record(meta), unpack_ring(meta)) == (record, ring)
    assert unpack_record(bytes(192) + meta, 192) == record


@pytest.mark.parametrize("length", [0, 1, 63])
def test_a_record_needs_its_64_bytes(length: int) -> None:
    """A record is not read from fewer than 64 bytes."""
    with pytest.raises(struct.error):
        unpack_record(bytes(length))


@pytest.mark.parametrize("length", [0, 64, 127])
def test_a_ring_needs_its_128_bytes(length: int) -> None:
    """A ring is not read from fewer than 128 bytes."""
    with pytest.raises(struct.error):
        unpack_ring(bytes(length))


@pytest.mark.parametrize(
    ("flags", "wakes", "closed"),
    [
        (0, False, False),
        (FLAG_WAKES, True, False),
        (FLAG_CLOSED, False, True),
        (3, True, True),
        (4, False, False),
    ],
)
def test_flags_are_bits(flags: int, wakes: bool, closed: bool) -> None:
    """Bit 0 of the flags says that the writer wakes, bit 1 that it has closed; others are ignored."""
    ring = RING._replace(flags=flags)
    assert (ring.wakes, ring.closed) == (wakes, closed)


def test_all_of_the_ring_but_its_wake_word_stays_the_same() -> None:
    """The part of the ring that identifies an export holds every field of it but the wake word."""
    for name in RingHeader._fields:
        changed = RING._replace(**{name: getattr(RING, name) + 1})
        headers = [(pack_record(V2) + pack_ring(ring))[RING_AFTER_WAKE] for ring in (RING, changed)]
        assert (headers[0] == headers[1]) == (name == "wake")


@pytest.mark.parametrize(
    ("stride", "height", "size"),
    [(16, 8, 192), (1920, 1080, 3_110_400), (2048, 1080, 3_317_760), (2, 2, 6), (3, 2, 9)],
)
def test_a_frame_is_one_and_a_half_planes(stride: int, height: int, size: int) -> None:
    """An NV12 frame has stride * height * 3 / 2 bytes."""
    assert nv12_size(stride, height) == size


def resized(record: FrameRecord, **changes: int) -> FrameRecord:
    """``record`` with these changes, and with the data_size that belongs to them."""
    changed = record._replace(**changes)
    return changed._replace(data_size=changed.stride * changed.height * 3 // 2)


@pytest.mark.parametrize(
    "record",
    [
        V2,
        resized(V2, width=2, height=2, stride=2),
        resized(V2, width=2, height=2, stride=3),
        resized(V2, width=1920, height=1080, stride=2048),
        resized(V2, width=UINT32_MAX - 1, height=UINT32_MAX - 1, stride=UINT32_MAX),
        V2._replace(frame_id=UINT64_MAX, timestamp_ns=UINT64_MAX, sequence=1),
    ],
    ids=["usual", "smallest", "odd stride", "padded rows", "largest", "any id and time"],
)
def test_even_sizes_within_the_stride_are_a_geometry(record: FrameRecord) -> None:
    """Even width and height above 0, a stride of at least the width and the size of that: an NV12 frame."""
    assert geometry_problem(record) is None


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        *((V2._replace(pixel_format=value), "pixel_format") for value in (1, 2, 2**31, UINT32_MAX)),
        *((resized(V2, width=value), "pixels") for value in (0, 1, 15)),
        *((resized(V2, height=value), "pixels") for value in (0, 1, 7, UINT32_MAX)),
        (resized(V2, width=UINT32_MAX, stride=UINT32_MAX), "pixels"),
        *((resized(V2, stride=value), "below width") for value in (0, 1, 15)),
        (resized(V2, width=UINT32_MAX - 1), "below width"),
        *((V2._replace(data_size=value), "data_size") for value in (0, 1, 191, 193, 2**63, UINT64_MAX)),
        (V2._replace(data_size=192 + 2**32), "data_size"),
    ],
)
def test_any_other_geometry_is_refused(record: FrameRecord, reason: str) -> None:
    """Another pixel format, an odd or empty size, a stride below the width, another data_size: refused."""
    for problem in (geometry_problem(record), problem_v2(record, RING)):
        assert problem is not None
        assert reason in problem


def test_a_version_1_export_of_one_frame_is_valid() -> None:
    """A 64-byte meta of version 1 beside data of exactly one frame is a valid export."""
    assert problem_v1(V1, 64, 192) is None


@pytest.mark.parametrize(
    ("record", "meta_size", "data_file_size", "reason"),
    [
        *((V1._replace(version=value), 64, 192, "version") for value in (0, 2, 3, UINT32_MAX)),
        *((V1, size, 192, "frame.meta") for size in (0, 63, 65, 4096)),
        *((V1, 64, size, "frame.data") for size in (0, 1, 191, 193, 384, 2**63)),
        (V1._replace(data_size=193), 64, 193, "data_size"),
        (V1._replace(data_size=0), 64, 0, "data_size"),
        (V1._replace(pixel_format=1), 64, 192, "pixel_format"),
        (resized(V1, stride=14), 64, 168, "below width"),
        (resized(V1, height=0), 64, 0, "pixels"),
    ],
)
def test_any_other_version_1_export_is_refused(
    record: FrameRecord, meta_size: int, data_file_size: int, reason: str
) -> None:
    """Another version, a meta or data of any other size, or a geometry that is none is refused."""
    problem = problem_v1(record, meta_size, data_file_size)
    assert problem is not None
    assert reason in problem


@pytest.mark.parametrize(
    ("ring", "data_file_size", "inode"),
    [
        (RING, RING_SIZE, INODE),
        (RING, RING_SIZE + 1, INODE),
        (RING._replace(data_inode=0), RING_SIZE, 1),
        (RING._replace(slot_count=2), 2 * 4096, INODE),
        (RING._replace(slot_count=62), 62 * 4096, INODE),
        (RING._replace(slot_size=RING_SIZE_MAX // 4), RING_SIZE_MAX, INODE),
        (RING._replace(wake=UINT32_MAX, epoch=UINT64_MAX, flags=UINT32_MAX), RING_SIZE, INODE),
    ],
    ids=[
        "exact",
        "longer data",
        "no inode stated",
        "2 slots",
        "62 slots",
        "large slots",
        "any wake and epoch",
    ],
)
def test_a_ring_inside_its_data_is_valid(ring: RingHeader, data_file_size: int, inode: int) -> None:
    """2 to 62 slots of whole pages inside a frame.data that is the stated one, or any if none is stated."""
    assert ring_problem(ring, data_file_size, inode) is None


@pytest.mark.parametrize(
    ("ring", "data_file_size", "reason"),
    [
        *((RING._replace(slot_count=value), 2**64, "slot_count") for value in (0, 1, 63, 2**31, UINT32_MAX)),
        *(
            (RING._replace(slot_size=value), 2**70, "slot_size")
            for value in (0, 1, 4095, 4097, 2**32 - 1, 2**63 + 1, UINT64_MAX)
        ),
        *((RING, size, "frame.data has") for size in (0, 4096, RING_SIZE - 1)),
        (RING._replace(slot_size=RING_SIZE_MAX // 4), RING_SIZE_MAX - 1, "frame.data has"),
        (RING._replace(slot_size=RING_SIZE_MAX // 4 + 4096), 2**40, "at most"),
        (RING._replace(slot_size=2**62), 2**63 - 1, "at most"),
        (RING._replace(slot_size=2**64 - 4096), RING_SIZE, "at most"),
        *((RING._replace(data_inode=value), RING_SIZE, "inode") for value in (1, INODE + 1, UINT64_MAX)),
    ],
)
def test_any_other_ring_is_refused(ring: RingHeader, data_file_size: int, reason: str) -> None:
    """Too few or many slots, slots of no whole pages, a ring longer than its data, another file: refused."""
    problem = ring_problem(ring, data_file_size, INODE)
    assert problem is not None
    assert reason in problem


def test_a_ring_does_not_wrap_around_64_bits() -> None:
    """Slots whose total would be small modulo 2^64 are refused for what they are."""
    assert ring_problem(RING._replace(slot_size=2**62), 4096, INODE) is not None


@pytest.mark.parametrize("slot", range(4))
def test_every_slot_may_hold_a_frame(slot: int) -> None:
    """A frame that fits may start at each slot's beginning."""
    assert problem_v2(V2._replace(data_offset=4096 * slot), RING) is None


@pytest.mark.parametrize(
    "offset", [1, 64, 4095, 4097, 4 * 4096, 5 * 4096, 2**31, 2**32 - 1, 2**63, 2**64 - 4096, UINT64_MAX]
)
def test_a_frame_starts_nowhere_else(offset: int) -> None:
    """A data_offset that is not the beginning of one of the ring's slots is refused."""
    for problem in (problem_v2(V2._replace(data_offset=offset), RING), offset_problem(offset, RING)):
        assert problem is not None
        assert "data_offset" in problem


@pytest.mark.parametrize(("height", "fits"), [(168, True), (170, True), (172, False), (1080, False)])
def test_a_frame_fits_into_its_slot(height: int, fits: bool) -> None:
    """A frame may fill its slot to the last byte and is refused if it is larger."""
    record = resized(V2, height=height)
    assert (record.data_size <= 4096) == fits
    assert (problem_v2(record, RING) is None) == fits


def test_a_frame_may_fill_its_slot() -> None:
    """A frame of exactly the slot's size is valid, one row pair more is not."""
    exact = resized(V2, width=64, stride=64, height=128, data_offset=3 * 12288)
    ring = RING._replace(slot_size=12288)
    assert exact.data_size == ring.slot_size
    assert problem_v2(exact, ring) is None
    assert problem_v2(resized(exact, height=130), ring) is not None


@pytest.mark.parametrize("version", [0, 1, 3, 2**31, UINT32_MAX])
def test_another_version_is_no_version_2(version: int) -> None:
    """A record of any version but 2 is refused in a ring."""
    problem = problem_v2(V2._replace(version=version), RING)
    assert problem is not None
    assert "version" in problem


BOUNDARIES = (
    0,
    1,
    2,
    2**31,
    2**32 - 1,
    2**63,
    UINT64_MAX,
    192,
    4096,
    8192,
    12288,
    16384,
    2**32,
    2**64 - 4096,
)
GRID = ("width", "height", "stride", "data_size", "data_offset", "slot_count", "slot_size", "data_file_size")
USUAL = {**V2._asdict(), **RING._asdict(), "data_file_size": RING_SIZE}


def judged_and_true(values: dict[str, int]) -> tuple[bool, bool]:
    """Whether these numbers are accepted, and whether the frame that they describe lies inside."""
    record = FrameRecord(**{name: values[name] for name in FrameRecord._fields})
    ring = RingHeader(**{name: values[name] for name in RingHeader._fields})
    size = values["data_file_size"]
    return accepted(record, ring, size), rows_lie_inside(record, ring, size)


@pytest.mark.parametrize(
    ("one", "other"),
    list(itertools.combinations(GRID, 2)),
    ids=["+".join(pair) for pair in itertools.combinations(GRID, 2)],
)
def test_no_two_hostile_numbers_lead_outside(one: str, other: str) -> None:
    """Whatever boundary values two fields take, an accepted frame lies in its slot and in the file."""
    for values in itertools.product(BOUNDARIES, repeat=2):
        numbers = USUAL | dict(zip((one, other), values, strict=True))
        for size in (numbers["data_size"], nv12_size(numbers["stride"], numbers["height"])):
            is_accepted, lies_inside = judged_and_true(numbers | {"data_size": size})
            assert lies_inside or not is_accepted


def test_no_hostile_geometry_leads_outside() -> None:
    """Whatever boundary values geometry, offset and slots take together, an accepted frame is inside."""
    found = set()
    small = (0, 1, 2, 16, 2**31, 2**32 - 2, 2**32 - 1)
    for width, height, stride in itertools.product(small, repeat=3):
        for offset, slots, slot in itertools.product((0, 4096, 2**63, UINT64_MAX), (1, 2, 62), (4096, 2**63)):
            for size in (slots * slot, slots * slot - 1):
                numbers = USUAL | {
                    "width": width,
                    "height": height,
                    "stride": stride,
                    "data_size": nv12_size(stride, height),
                    "data_offset": offset,
                    "slot_count": slots,
                    "slot_size": slot,
                    "data_file_size": size,
                }
                is_accepted, lies_inside = judged_and_true(numbers)
                found.add(is_accepted)
                assert lies_inside or not is_accepted
    assert found == {True, False}


@st.composite
def nearly_valid(draw: st.DrawFn) -> dict[str, int]:
    """Numbers of a frame in a ring in a file that agree with each other, but for up to two of them."""
    numbers = dict(USUAL)
    numbers["width"], numbers["height"] = (draw(st.integers(1, 540)) * 2 for _ in range(2))
    numbers["stride"] = numbers["width"] + draw(st.sampled_from([0, 0, 1, 64]))
    numbers["data_size"] = numbers["stride"] * numbers["height"] * 3 // 2
    numbers["slot_size"] = -(-numbers["data_size"] // 4096) * 4096
    numbers["slot_count"] = draw(st.integers(2, 62))
    numbers["data_offset"] = draw(st.integers(0, numbers["slot_count"] - 1)) * numbers["slot_size"]
    numbers["data_file_size"] = numbers["slot_count"] * numbers["slot_size"]
    for name in draw(st.lists(st.sampled_from([*GRID, "data_inode"]), max_size=2)):
        numbers[name] = max(
            0, draw(st.sampled_from(BOUNDARIES) | st.integers(-4096, 4096).map(numbers[name].__add__))
        )
    return numbers


@settings(derandomize=True, max_examples=300, deadline=None)
@given(nearly_valid())
def test_what_is_accepted_is_exactly_what_lies_inside(numbers: dict[str, int]) -> None:
    """A frame is accepted exactly if it lies in its slot, the ring in the file, and all fields agree."""
    is_accepted, lies_inside = judged_and_true(numbers)
    fields_agree = (
        2 <= numbers["slot_count"] <= 62
        and numbers["slot_size"] % 4096 == 0
        and numbers["slot_count"] * numbers["slot_size"] <= numbers["data_file_size"]
        and numbers["data_inode"] in (0, INODE)
        and numbers["data_size"] == numbers["stride"] * numbers["height"] * 3 // 2
        and numbers["width"] % 2 == numbers["height"] % 2 == 0
    )
    assert is_accepted == (lies_inside and fields_agree)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.binary(min_size=128, max_size=128), st.integers(0, 2**63), st.booleans())
def test_random_headers_never_lead_outside(header: bytes, data_file_size: int, says_version: bool) -> None:
    """Of any 128 bytes: nothing raises, and what is accepted lies in its slot and in the file."""
    if says_version:
        header = (2).to_bytes(4, "little") + header[4:]
    record, ring = unpack_record(header), unpack_ring(header)
    if accepted(record, ring, data_file_size, ring.data_inode):
        assert rows_lie_inside(record, ring, data_file_size)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.binary(min_size=64, max_size=64), st.integers(0, 2**63), st.booleans())
def test_random_records_are_never_larger_than_their_file(
    header: bytes, data_file_size: int, says_version: bool
) -> None:
    """Of any 64 bytes of version 1: nothing raises, and what is accepted is exactly as large as its file."""
    if says_version:
        header = (1).to_bytes(4, "little") + header[4:]
    record = unpack_record(header)
    for size in (data_file_size, record.data_size):
        if problem_v1(record, len(header), size) is None:
            rows = record.height + record.height // 2
            assert rows * record.stride == size
            assert 0 < record.width <= record.stride


def test_the_version_1_example_is_what_it_says(vectors: Path) -> None:
    """The example export of version 1 is one valid frame of 16 x 8, id 41, at its stated time."""
    meta = (vectors / "v1/front-door/frame.meta").read_bytes()
    data_size = (vectors / "v1/front-door/frame.data").stat().st_size
    record = unpack_record(meta)
    assert record == FrameRecord(1, 0, 41, 1795294536609118200, 16, 8, 0, 16, 192, 0, 0)
    assert problem_v1(record, len(meta), data_size) is None


def test_the_version_2_example_is_a_ring(vectors: Path) -> None:
    """The example of version 2 is a valid ring of 4 slots of a page, with its epoch and a waking writer."""
    meta = (vectors / "v2/front-door/frame.meta").read_bytes()
    data = vectors / "v2/front-door/frame.data"
    ring = unpack_ring(meta)
    assert len(meta) == META_SIZE_V2
    assert ring == RingHeader(ring.wake, 4, 4096, 0, 123456789000, FLAG_WAKES)
    assert ring.wake == 6
    assert ring_problem(ring, data.stat().st_size, data.stat().st_ino) is None


def test_the_newest_frame_of_the_version_2_example(vectors: Path) -> None:
    """The newest frame of the example is id 5 in slot 1, complete, and its slot's record agrees."""
    meta = (vectors / "v2/front-door/frame.meta").read_bytes()
    newest, ring = unpack_record(meta), unpack_ring(meta)
    slot = unpack_record(meta, slot_record_offset(1))
    assert newest == FrameRecord(2, 0, 5, 5_200_000_000, 16, 8, 0, 16, 192, 4096, newest.sequence)
    assert newest._replace(sequence=0) == slot._replace(sequence=0)
    assert newest.sequence % 2 == slot.sequence % 2 == 0
    assert problem_v2(newest, ring) is None


def test_the_slots_of_the_version_2_example(vectors: Path) -> None:
    """The slots of the example hold frames 4, 5, 2 and 3, each valid and 40 ms after the one before."""
    meta = (vectors / "v2/front-door/frame.meta").read_bytes()
    ring = unpack_ring(meta)
    slots = [unpack_record(meta, slot_record_offset(slot)) for slot in range(ring.slot_count)]
    assert [slot.frame_id for slot in slots] == [4, 5, 2, 3]
    assert [slot.timestamp_ns for slot in slots] == [5_000_000_000 + 40_000_000 * n for n in (4, 5, 2, 3)]
    assert [slot.data_offset for slot in slots] == [0, 4096, 8192, 12288]
    assert all(problem_v2(slot, ring) is None and slot.sequence % 2 == 0 for slot in slots)


def test_the_examples_are_packed_the_same_way(vectors: Path) -> None:
    """Packing what the examples hold gives their very bytes."""
    v1 = (vectors / "v1/front-door/frame.meta").read_bytes()
    v2 = (vectors / "v2/front-door/frame.meta").read_bytes()
    assert pack_record(unpack_record(v1)) == v1
    ring = unpack_ring(v2)
    slots = [unpack_record(v2, slot_record_offset(slot)) for slot in range(ring.slot_count)]
    packed = pack_record(unpack_record(v2)) + pack_ring(ring) + b"".join(map(pack_record, slots))
    assert packed.ljust(META_SIZE_V2, b"\0") == v2

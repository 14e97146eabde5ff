"""docs/frame-export.md says what the code says: offsets, types, names, limits, steps, and real bytes."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, NamedTuple

import pytest

from conftest import PROJECT
from ruth.export import layout, picture
from ruth.subscription import gate
from ruth.vas import ring as ring_module

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENT = (PROJECT / "docs" / "frame-export.md").read_text(encoding="utf-8")
INCLUDE = PROJECT / "ruth" / "native" / "include"

FORMATS = {"u32": "<I", "u64": "<Q"}
SIZES = {"u32": 4, "u64": 8}
RECORD_START, RING_START, SLOTS_START = 0, 64, 128


class Field(NamedTuple):
    """One row of a table of the document. Rows without a name are bytes that are zero."""

    offset: int
    kind: str
    name: str

    @property
    def size(self) -> int:
        """Bytes of the field."""
        return SIZES.get(self.kind) or int(self.kind.split()[0])


def section(title: str) -> str:
    """The text of one section of the document."""
    found = re.search(rf"^## \d+\. {re.escape(title)}\n(.*?)(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found[1]


def fields_of(title: str) -> list[Field]:
    """Every row of the table of offsets in one section."""
    rows = re.findall(
        r"^\| (\d+) \| (u32|u64|\d+ bytes) \| (?:(\w+) )?\| .* \|$", section(title), re.MULTILINE
    )
    return [Field(int(offset), kind, name) for offset, kind, name in rows]


def bytes_of(field: Field) -> range:
    """The offsets of a field's bytes."""
    return range(field.offset, field.offset + field.size)


RECORD = fields_of("The record")
RING = fields_of("Version 2: the ring")


def named(fields: list[Field]) -> list[Field]:
    """The fields that have a name."""
    return [field for field in fields if field.name]


def numbers(pattern: str, text: str) -> tuple[int, ...]:
    """The numbers in the one place where the text says this."""
    found = re.search(pattern, text, re.MULTILINE)
    assert found is not None, f"the document no longer says: {pattern}"
    return tuple(int(number) for number in found.groups())


def fields_of_format(pattern: str, start: int) -> list[tuple[int, int]]:
    """Offset and size of every field of a struct format, the bytes left out as well."""
    found, offset = [], start
    for count, code in re.findall(r"(\d*)([IQx])", pattern):
        width = {"I": 4, "Q": 8, "x": 1}[code]
        sizes = [int(count or 1)] if code == "x" else [width] * int(count or 1)
        for size in sizes:
            found.append((offset, size))
            offset += size
    return found


@pytest.mark.parametrize(
    ("fields", "start", "size"),
    [(RECORD, RECORD_START, 64), (RING, RING_START, 64)],
    ids=["record", "ring"],
)
def test_tables_leave_nothing_out(fields: list[Field], start: int, size: int) -> None:
    """Each row of a table begins where the one before it ends, and the last one at the table's end."""
    offset = start
    for field in fields:
        assert field.offset == offset, field
        assert field.offset % min(field.size, 8 if field.kind == "u64" else 4) == 0, field
        offset += field.size
    assert offset == start + size


@pytest.mark.parametrize(
    ("fields", "names", "pattern", "start"),
    [
        (RECORD, layout.FrameRecord._fields, layout._RECORD.format, RECORD_START),
        (RING, layout.RingHeader._fields, layout._RING.format, RING_START),
    ],
    ids=["record", "ring"],
)
def test_tables_are_the_structs(
    fields: list[Field], names: tuple[str, ...], pattern: str, start: int
) -> None:
    """Names, offsets and types of a table are those that the code packs and unpacks, in that order."""
    assert tuple(field.name for field in named(fields)) == names
    assert pattern.startswith("<")
    assert [(field.offset, field.size) for field in fields] == fields_of_format(pattern, start)


def test_tables_are_the_constants() -> None:
    """Every offset constant of the code is the offset of that field in the tables."""
    constants = {
        name.removesuffix("_OFFSET").lower(): value
        for name, value in vars(layout).items()
        if name.endswith("_OFFSET") and name != "SLOT_RECORDS_OFFSET"
    }
    documented = {field.name.removesuffix("_ns"): field.offset for field in named(RECORD + RING)}
    assert constants == documented


def test_tables_are_the_drawing() -> None:
    """The drawing at the head of layout.py shows the same names, types and offsets as the tables."""
    drawn = re.findall(r"^ +(?:\d+  )?\| (\w+) +(u32|u64) +(\d+) +\|", layout.__doc__ or "", re.MULTILINE)
    assert [(int(offset), kind, name) for name, kind, offset in drawn if name != "zero"] == [
        tuple(field) for field in named(RECORD + RING)
    ]


def test_limits_are_the_constants() -> None:
    """The sizes, places, limits and bits that the text names are those of the code."""
    record, ring = section("The record"), section("Version 2: the ring")
    assert numbers(r"^\s*(\d+) bytes that describe one frame", record) == (layout.RECORD_SIZE,)
    assert numbers(r"version \| (\d) or (\d) \|", record) == (layout.VERSION_1, layout.VERSION_2)
    assert numbers(r"pixel_format \| (\d+) = NV12", record) == (layout.PIXEL_FORMAT_NV12,)
    assert numbers(r"`frame.meta` is (\d+) bytes", ring) == (layout.META_SIZE_V2,)
    assert numbers(r"the ring at (\d+)", ring) == (layout.WAKE_OFFSET,) == (RING_START,)
    assert numbers(r"from (\d+) on", ring) == (layout.SLOT_RECORDS_OFFSET,) == (SLOTS_START,)
    start, step = numbers(r"(\d+) \+ (\d+) \* i", ring)
    assert [start + step * slot for slot in range(62)] == [layout.slot_record_offset(n) for n in range(62)]
    assert numbers(r"slot_count \| (\d+) to (\d+) \|", ring) == (layout.SLOT_COUNT_MIN, layout.SLOT_COUNT_MAX)
    assert numbers(r"slot_size \| a multiple of (\d+) above 0", ring) == (layout.PAGE_SIZE,)
    wakes, closed = numbers(r"bit (\d): the writer wakes the futex; bit (\d): closed", ring)
    assert (1 << wakes, 1 << closed) == (layout.FLAG_WAKES, layout.FLAG_CLOSED)


def test_the_c_header_is_the_tables() -> None:
    """Every field of the tables is in the C header, with its offset, its size and its type."""
    text = (INCLUDE / "ruth_layout.h").read_text(encoding="utf-8")
    for name, fields, start in (("record", named(RECORD), RECORD_START), ("ring", named(RING), RING_START)):
        asserted = re.findall(rf"offsetof\(struct ruth_{name}, (\w+)\) == (\d+),", text)
        assert [(int(offset) + start, field) for field, offset in asserted] == [
            (field.offset, field.name) for field in fields
        ]
        (body,) = re.findall(rf"^struct ruth_{name} \{{\n(.*?)^\}};", text, re.MULTILINE | re.DOTALL)
        members = re.findall(r"uint(32|64)_t (\w+);", body)
        assert [(f"u{bits}", field) for bits, field in members] == [
            (field.kind, field.name) for field in fields
        ]


def test_the_c_header_has_the_numbers_of_pictures() -> None:
    """Ranges and matrices of ruth.h are the numbers that a record carries."""
    text = (INCLUDE / "ruth.h").read_text(encoding="utf-8")
    for kind, names in (("RANGE", picture.RANGES), ("MATRIX", picture.MATRICES)):
        found = {name: int(number) for name, number in re.findall(rf"RUTH_{kind}_(\w+) = (\d+)", text)}
        assert found == {(name or "not_said").upper(): number for number, name in enumerate(names)}


def test_the_steps_of_publishing_are_the_writers() -> None:
    """The nine steps of the document are those that ring.py names: same subject, odd or even, in order."""

    def essence(text: str) -> list[str]:
        return re.findall(r"slot|payload|newest|futex|wake", text.lower())[:1] + re.findall(r"odd|even", text)

    documented = re.findall(r"^\| (\d) \| (.+) \|$", section("Version 2: writing"), re.MULTILINE)
    written = re.findall(r"^ +(?:\w+\(\) +)?(\d)  (.+)$", ring_module.__doc__ or "", re.MULTILINE)
    assert [int(number) for number, _ in documented] == list(range(1, 10))
    assert [(number, essence(text)) for number, text in documented] == [
        (number, essence(text)) for number, text in written
    ]


@pytest.mark.parametrize("version", ["v1", "v2", "v2-picture"])
def test_real_bytes_mean_the_same_to_both(vectors: Path, version: str) -> None:
    """The example exports, read at the document's offsets, say what the code reads in them."""
    meta = (vectors / version / "front-door" / "frame.meta").read_bytes()

    def read(fields: list[Field], start: int = 0) -> tuple[int, ...]:
        return tuple(
            struct.unpack_from(FORMATS[field.kind], meta, start + field.offset)[0] for field in named(fields)
        )

    assert read(RECORD) == tuple(layout.unpack_record(meta))
    if version == "v1":
        assert len(meta) == layout.META_SIZE_V1
        return
    assert read(RING) == tuple(layout.unpack_ring(meta))
    assert not any(meta[offset] for field in RING if not field.name for offset in bytes_of(field))
    for slot in range(layout.unpack_ring(meta).slot_count):
        start = SLOTS_START + 64 * slot
        assert read(RECORD, start) == tuple(layout.unpack_record(meta, layout.slot_record_offset(slot)))


def test_gate_tables() -> None:
    """The table of docs/gate.md is the one in the gate's own docstring, and every decision is named there."""
    page = (PROJECT / "docs" / "gate.md").read_text(encoding="utf-8")
    written = re.findall(r"^\| (.+?) *\| `(\w+)` *\| *(.*?) *\|$", page, re.MULTILINE)
    _, *own = re.findall(r"^\| (.+?) *\| (\w+) *\| *(.*?) *\|$", gate.__doc__ or "", re.MULTILINE)
    assert written == own
    for decision in gate.Decision:
        assert decision.name in page

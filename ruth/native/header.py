"""``ruth_layout.h``: the byte contract of an export in C, out of :mod:`ruth.export.layout`.

It is checked in, so that a reader of the repository and a build without Python have it; a test compares it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ruth.export import layout

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

COMMAND: Final = "python -m ruth.native --layout"

_CONSTANT: Final = re.compile(r"[A-Z][A-Z0-9_]*")
_C_TYPES: Final = {4: "uint32_t", 8: "uint64_t"}
_NAMES: Final = {"META_SIZE_V2": "META_SIZE"}


def layout_header() -> str:
    """The header's whole text."""
    lines = [
        f"/* Generated from ruth/export/layout.py: {COMMAND} */",
        "#ifndef RUTH_LAYOUT_H",
        "#define RUTH_LAYOUT_H",
        "",
        "#include <stddef.h>",
        "#include <stdint.h>",
        "",
        *(f"#define RUTH_{name} {value}{'u' if value < 2**32 else 'ull'}" for name, value in _constants()),
        f"#define RUTH_HEAD_SIZE {layout.SLOT_RECORDS_OFFSET}u",
        "",
        "/* A record copied out of `frame.meta`. In the mapping its words are shared: ruth_ring.h. */",
        *_struct("ruth_record", layout.RECORD_FIELDS, layout.RECORD_SIZE),
        "",
        "/* The ring, behind the newest record. */",
        *_struct("ruth_ring", layout.RING_FIELDS, layout.SLOT_RECORDS_OFFSET),
        "",
        "#ifdef __cplusplus",
        "#define RUTH_ASSERT static_assert",
        "#else",
        "#define RUTH_ASSERT _Static_assert",
        "#endif",
        *_assertions("ruth_record", layout.RECORD_FIELDS, 0),
        *_assertions("ruth_ring", layout.RING_FIELDS, layout.RECORD_SIZE),
        'RUTH_ASSERT(sizeof(struct ruth_record) == RUTH_RECORD_SIZE, "the size of a record");',
        'RUTH_ASSERT(sizeof(struct ruth_ring) == RUTH_HEAD_SIZE - RUTH_RECORD_SIZE, "the size of the ring");',
        "",
        "#endif",
        "",
    ]
    return "\n".join(lines)


def _constants() -> Iterator[tuple[str, int]]:
    for name, value in vars(layout).items():
        if _CONSTANT.fullmatch(name) and type(value) is int:
            yield _NAMES.get(name, name), value


def _struct(name: str, fields: Sequence[layout.Field], end: int) -> Iterator[str]:
    yield f"struct {name} {{"
    for field in fields:
        yield f"    {_C_TYPES[field.size]} {field.name};"
    last = fields[-1]
    unused = end - last.offset - last.size
    if unused:
        yield f"    unsigned char zero[{unused}];"
    yield "};"


def _assertions(name: str, fields: Sequence[layout.Field], start: int) -> Iterator[str]:
    for field in fields:
        where = f"offsetof(struct {name}, {field.name}) == {field.offset - start}"
        yield f'RUTH_ASSERT({where}, "{field.name}");'

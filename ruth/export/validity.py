"""What makes the bytes of a frame export valid, rule by rule. Pure: values in, a verdict out.

Each rule is one expression of integers from 0 to 2^64 - 1, named as the fields of :mod:`ruth.export.layout`
or as what is known of the files: ``data_file_size``, ``data_file_inode``, ``meta_size``. Agents in C follow
the same functions, compiled from here (:mod:`ruth.native.rules`), and so use no operators but those
that it translates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ruth.export.layout import (
    META_SIZE_V1,
    NO_FRAME_EVER,
    PAGE_SIZE,
    PIXEL_FORMAT_NV12,
    RING_SIZE_MAX,
    SLOT_COUNT_MAX,
    SLOT_COUNT_MIN,
    VERSION_1,
    VERSION_2,
    FrameRecord,
    RingHeader,
    nv12_size,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def is_version_1(version: int) -> bool:
    """The files are renamed for each frame."""
    return version == VERSION_1


def is_version_2(version: int) -> bool:
    """The files stay, and hold a ring."""
    return version == VERSION_2


def is_nv12(pixel_format: int) -> bool:
    """The only pixel format there is."""
    return pixel_format == PIXEL_FORMAT_NV12


def has_even_sides(width: int, height: int) -> bool:
    """Each pair of UV belongs to two rows of two pixels."""
    return width > 0 and height > 0 and width % 2 == 0 and height % 2 == 0


def is_row(stride: int, width: int) -> bool:
    """A row of Y fits into its stride."""
    return stride >= width


def is_one_frame(data_size: int, stride: int, height: int) -> bool:
    """The size of a frame follows from its geometry."""
    return data_size == nv12_size(stride, height)


def is_one_record(meta_size: int) -> bool:
    """A ``frame.meta`` of version 1 holds nothing else."""
    return meta_size == META_SIZE_V1


def is_one_frames_file(data_file_size: int, data_size: int) -> bool:
    """VAS writes ``frame.data`` of version 1 again for every frame."""
    return data_file_size == data_size


def is_slot_count(slot_count: int) -> bool:
    """As many slots as ``frame.meta`` has records for."""
    return SLOT_COUNT_MIN <= slot_count <= SLOT_COUNT_MAX


def is_slot_size(slot_size: int) -> bool:
    """Whole pages."""
    return slot_size > 0 and slot_size % PAGE_SIZE == 0


def is_mappable(slot_count: int, slot_size: int) -> bool:
    """An agent's address space is limited (launch.agent.confine.limits)."""
    return slot_count * slot_size <= RING_SIZE_MAX


def holds_ring(data_file_size: int, slot_count: int, slot_size: int) -> bool:
    """``frame.data`` of version 2 is at least the whole ring."""
    return slot_count * slot_size <= data_file_size


def is_data_of_meta(data_inode: int, data_file_inode: int) -> bool:
    """The ring names the ``frame.data`` that was found, or none."""
    return data_inode in (0, data_file_inode)


def fits_slot(data_size: int, slot_size: int) -> bool:
    """A frame is no larger than its slot."""
    return data_size <= slot_size


def is_slot_start(data_offset: int, slot_count: int, slot_size: int) -> bool:
    """A frame starts where one of the ring's slots does; of a valid ring."""
    return data_offset % slot_size == 0 and data_offset < slot_count * slot_size


def is_in_its_slot(data_offset: int, frame_id: int, slot_count: int, slot_size: int) -> bool:
    """Frame n is published into slot n mod slot_count (docs/frame-export.md, section 4)."""
    return data_offset == frame_id % slot_count * slot_size


def begins_session(frame_id: int, last_frame_id: int) -> bool:
    """Version 1: ids only grow while VAS lives; one that did not, in another header, is of another start."""
    return frame_id <= last_frame_id


class Rule(NamedTuple):
    """One condition, and what is wrong where it does not hold, with the values as in the condition."""

    holds: Callable[..., bool]
    problem: str


GEOMETRY_RULES = (
    Rule(is_nv12, f"pixel_format {{pixel_format}}, known is {PIXEL_FORMAT_NV12} (NV12)"),
    Rule(has_even_sides, "{width} x {height} pixels, NV12 needs even numbers above 0"),
    Rule(is_row, "stride {stride} below width {width}"),
    Rule(is_one_frame, "data_size {data_size}, stride * height * 3 / 2 is {frame_size}"),
)
HEADER_1_RULES = (
    Rule(is_version_1, "version {version}"),
    Rule(is_one_record, f"frame.meta has {{meta_size}} bytes, version 1 has {META_SIZE_V1}"),
    *GEOMETRY_RULES,
)
VERSION_1_RULES = (
    Rule(is_version_1, "version {version}"),
    Rule(is_one_record, f"frame.meta has {{meta_size}} bytes, version 1 has {META_SIZE_V1}"),
    Rule(is_one_frames_file, "frame.data has {data_file_size} bytes, its header says {data_size}"),
    *GEOMETRY_RULES,
)
RING_SHAPE_RULES = (
    Rule(is_slot_count, f"slot_count {{slot_count}}, allowed {SLOT_COUNT_MIN} to {SLOT_COUNT_MAX}"),
    Rule(is_slot_size, f"slot_size {{slot_size}}, must be a multiple of {PAGE_SIZE} above 0"),
    Rule(is_mappable, f"a ring of {{ring_size}} bytes, at most {RING_SIZE_MAX}: fewer slots"),
)
RING_RULES = (
    *RING_SHAPE_RULES,
    Rule(holds_ring, "frame.data has {data_file_size} bytes, its ring {ring_size}"),
    Rule(is_data_of_meta, "frame.data is inode {data_file_inode}, frame.meta belongs to {data_inode}"),
)
_OFFSET_RULES = (
    Rule(is_slot_start, "data_offset {data_offset} is not a slot of {slot_count} x {slot_size}"),
)
VERSION_2_RULES = (
    Rule(is_version_2, "version {version}"),
    *GEOMETRY_RULES,
    Rule(fits_slot, "a frame of {data_size} bytes in a slot of {slot_size}"),
    *_OFFSET_RULES,
)

SAME_RING_FIELDS = tuple(name for name in RingHeader._fields if name not in {"wake", "flags"})
"""What of a ring's header one writer never changes."""

SLOT_RULES = (
    *VERSION_2_RULES,
    Rule(is_in_its_slot, "frame {frame_id} starts at {data_offset}, not in its slot of {slot_size}"),
)


def _problem(rules: tuple[Rule, ...], values: dict[str, int]) -> str | None:
    """What is wrong by the first of ``rules`` that does not hold, or None."""
    for holds, problem in rules:
        code = holds.__code__
        if not holds(*map(values.__getitem__, code.co_varnames[: code.co_argcount])):
            return problem.format_map(values)
    return None


def _values_of(record: FrameRecord) -> dict[str, int]:
    return {**record._asdict(), "frame_size": nv12_size(record.stride, record.height)}


def geometry_problem(record: FrameRecord) -> str | None:
    """Why ``record`` describes no NV12 frame, or None if it does. Judges neither ids nor times."""
    return _problem(GEOMETRY_RULES, _values_of(record))


def short_meta_problem(meta_size: int) -> str:
    """Why a ``frame.meta`` shorter than a record is not valid: the frozen VAS begins with an empty one.

    Args:
        meta_size: Size of ``frame.meta`` in bytes, below :data:`ruth.export.layout.RECORD_SIZE`.

    """
    return f"frame.meta has {meta_size} bytes" if meta_size else NO_FRAME_EVER


def problem_v1(record: FrameRecord, meta_size: int, data_file_size: int) -> str | None:
    """Why a version 1 export is not valid, or None if it is.

    Args:
        record: The whole ``frame.meta``.
        meta_size: Size of ``frame.meta`` in bytes.
        data_file_size: Size of ``frame.data`` in bytes.

    """
    values = _values_of(record)
    return _problem(VERSION_1_RULES, {**values, "meta_size": meta_size, "data_file_size": data_file_size})


def is_header_v1(record: FrameRecord, meta_size: int) -> bool:
    """Whether ``frame.meta`` is a valid header of version 1, whatever ``frame.data`` is beside it.

    A valid header beside data of another size is a pair between its two renames, or cut short; any other
    export in which :func:`problem_v1` finds something is none. Arguments as there.
    """
    return _problem(HEADER_1_RULES, {**_values_of(record), "meta_size": meta_size}) is None


def is_same_ring(found: RingHeader, bound: RingHeader) -> bool:
    """Whether what is found in ``frame.meta`` is still the ring that was bound, and not a new writer's."""
    return all(getattr(found, name) == getattr(bound, name) for name in SAME_RING_FIELDS)


def ring_problem(ring: RingHeader, data_file_size: int, data_inode: int) -> str | None:
    """Why ``ring`` cannot be the ring of the ``frame.data`` that was found, or None if it can.

    Args:
        ring: The ring of a version 2 export.
        data_file_size: Size of ``frame.data`` in bytes.
        data_inode: ``st_ino`` of ``frame.data``.

    """
    files = {"data_file_size": data_file_size, "data_file_inode": data_inode}
    return _problem(RING_RULES, {**ring._asdict(), "ring_size": ring.slot_count * ring.slot_size, **files})


def ring_shape_problem(slot_count: int, slot_size: int) -> str | None:
    """Why a ring may not have so many slots of so many bytes, or None if it may."""
    sizes = {"slot_count": slot_count, "slot_size": slot_size, "ring_size": slot_count * slot_size}
    return _problem(RING_SHAPE_RULES, sizes)


def problem_v2(record: FrameRecord, ring: RingHeader) -> str | None:
    """Why ``record`` is not a frame of ``ring``, or None if it is.

    Args:
        record: A record read whole: its sequence even, and the same before and after.
        ring: A ring in which :func:`ring_problem` found nothing.

    """
    return _problem(VERSION_2_RULES, {**_values_of(record), **ring._asdict()})


def slot_problem(record: FrameRecord, ring: RingHeader) -> str | None:
    """Why ``record`` is not a frame in the slot of its id, or None if it is. As :func:`problem_v2`."""
    return _problem(SLOT_RULES, {**_values_of(record), **ring._asdict()})


def offset_problem(data_offset: int, ring: RingHeader) -> str | None:
    """Why ``data_offset`` is not the start of one of the ring's slots, or None if it is."""
    return _problem(_OFFSET_RULES, {"data_offset": data_offset, **ring._asdict()})

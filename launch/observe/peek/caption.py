"""The line about a frame. Pure: time is an argument."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from launch.screen.table import short_seconds
from ruth.export.layout import VERSION_1
from ruth.export.picture import MATRIX_NAMES, unpack_picture
from ruth.units import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ruth.export.layout import FrameRecord

_AHEAD_MAX_S: Final = 1.0  # clocks of version 1 may be set back a little
_AGE_MAX_S: Final = 10 * 365 * 86400  # older than any frame: the timestamp is of another clock


def describe(camera_id: str, record: FrameRecord, monotonic_ns: int, wall_clock_ns: int) -> str:
    """Whose frame it is, how large, what it says of its pixels, which one, and how old when it was copied.

    Args:
        camera_id: The camera.
        record: The frame's record.
        monotonic_ns: CLOCK_MONOTONIC when it was copied, by which version 2 has its timestamps.
        wall_clock_ns: The wall clock then, by which version 1 has them (docs/frame-export.md).

    """
    now_ns = wall_clock_ns if record.version == VERSION_1 else monotonic_ns
    age_s = (now_ns - record.timestamp_ns) / NANOSECONDS
    known = -_AHEAD_MAX_S < age_s < _AGE_MAX_S
    age = f"{short_seconds(max(0.0, age_s))} old" if known else "age unknown"
    parts = [f"{record.width}x{record.height}", *said_of(record), f"frame {record.frame_id}", age]
    return f"{camera_id}: {', '.join(parts)}"


def said_of(record: FrameRecord) -> Iterator[str]:
    """What the record says of its pixels, each in words; what it does not say is left out."""
    picture = unpack_picture(record.picture)
    if picture.range is not None:
        yield f"{picture.range} range"
    if picture.matrix is not None:
        yield MATRIX_NAMES[picture.matrix]
    if picture.damaged:
        yield "damaged"

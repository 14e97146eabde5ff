"""A copied frame as something to look at: text of a given size, a PNG, and a line about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from launch.peek.cells import Depth, half_blocks, shades
from launch.peek.png import png
from launch.peek.rgb import matrix_for, rgb_bands, to_rgb
from launch.peek.shrink import fitted, shrunk
from launch.table import short_seconds
from ruth.export.nv12 import nv12_views

if TYPE_CHECKING:
    from launch.peek.frame import CopiedFrame
    from ruth.export.layout import FrameRecord

_NANOSECONDS: Final = 1_000_000_000
_AGE_MAX_S: Final = 10 * 365 * 86400  # older than any frame: the timestamp is of another clock


def as_png(frame: CopiedFrame) -> bytes:
    """The whole frame, every pixel of it."""
    record = frame.record
    matrix = matrix_for(record.width, record.height)
    return png(record.width, record.height, rgb_bands(nv12_views(frame.memory, record), matrix))


def as_text(frame: CopiedFrame, columns: int, lines: int, depth: Depth) -> str:
    """The frame as lines of text, each ended by a newline, without colours left on.

    Args:
        frame: The frame.
        columns: Cells a line that there is room for.
        lines: Lines that there is room for.
        depth: The colours that may be used.

    """
    record = frame.record
    views = nv12_views(frame.memory, record)
    width, height = fitted(record.width, record.height, columns, lines * 2)
    if depth is Depth.NONE:
        luma, _ = shrunk(views, width, -(-height // 2))
        drawn = shades(luma)
    else:
        drawn = half_blocks(to_rgb(*shrunk(views, width, height), matrix_for(*_size(record))), depth)
    return "".join(f"{line}\n" for line in drawn)


def describe(camera_id: str, record: FrameRecord, clock_ns: int) -> str:
    """One line about a frame: whose, how large, which, how old.

    Args:
        camera_id: The camera.
        record: The frame's record.
        clock_ns: Now, by the clock of the export's version: see :func:`timestamps_are_monotonic`.

    """
    age_s = (clock_ns - record.timestamp_ns) / _NANOSECONDS
    age = f"{short_seconds(max(0.0, age_s))} old" if -1 < age_s < _AGE_MAX_S else "age unknown"
    width, height = _size(record)
    return f"{camera_id}: {width}x{height}, frame {record.frame_id}, {age}"


def timestamps_are_monotonic(record: FrameRecord) -> bool:
    """Whether timestamps are of CLOCK_MONOTONIC, as in version 2; in version 1 they are wall clock."""
    return record.version != 1


def _size(record: FrameRecord) -> tuple[int, int]:
    return record.width, record.height

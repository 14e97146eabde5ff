"""A copied frame as something to look at: text of a given size, or a PNG."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch.peek.cells import Depth, half_blocks, shades
from launch.peek.png import png
from launch.peek.rgb import matrix_for, rgb_bands, to_rgb
from launch.peek.shrink import fitted, shrunk
from ruth.export.nv12 import nv12_views

if TYPE_CHECKING:
    from launch.peek.frame import CopiedFrame
    from ruth.export.layout import FrameRecord


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


def _size(record: FrameRecord) -> tuple[int, int]:
    return record.width, record.height

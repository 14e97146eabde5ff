"""A copied frame as a picture: text of a given size, or a PNG."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from launch.observe.peek.cells import Depth, half_blocks, shades
from launch.observe.peek.png import png
from ruth.export.colour import rgb_bands, write_grey, write_rgb
from ruth.export.nv12 import nv12_views
from ruth.export.picture import coding_of_record
from ruth.export.scale import fitted

if TYPE_CHECKING:
    from launch.observe.peek.frame import CopiedFrame


def as_png(frame: CopiedFrame) -> bytes:
    """The whole frame, every pixel of it."""
    record = frame.record
    bands = rgb_bands(nv12_views(frame.memory, record), coding_of_record(record))
    return png(record.width, record.height, bands)


def as_text(frame: CopiedFrame, columns: int, lines: int, depth: Depth) -> str:
    """The frame as lines of text, each ended by a newline, without colours left on.

    Args:
        frame: The frame; it is never enlarged.
        columns: Cells a line that there is room for; less than 1 counts as 1.
        lines: Lines that there is room for, likewise.
        depth: The colours that may be used.

    """
    record = frame.record
    views, coding = nv12_views(frame.memory, record), coding_of_record(record)
    room = min(max(1, columns), record.width), min(max(1, lines * 2), record.height)
    width, height = fitted(record.width, record.height, *room)
    if depth is Depth.NONE:
        light = np.empty((-(-height // 2), width), np.uint8)
        write_grey(views, coding, light)
        drawn = shades(light)
    else:
        rgb = np.empty((height, width, 3), np.uint8)
        write_rgb(views, coding, rgb)
        drawn = half_blocks(rgb, depth)
    return "".join(f"{line}\n" for line in drawn)

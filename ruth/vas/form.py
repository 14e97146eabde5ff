"""What the frames of one export have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ruth.export.picture import MatrixName, RangeName


class Form(NamedTuple):
    """The form of an export, as its writer asked for it; not judged yet.

    Attributes:
        width: Pixels a row.
        height: Rows.
        stride: Bytes a row in memory.
        slot_count: Frames that the ring holds; None for the default.
        pixel_range: How luma and chroma are meant; None: not said.
        matrix: Likewise.

    """

    width: int
    height: int
    stride: int
    slot_count: int | None
    pixel_range: RangeName | None
    matrix: MatrixName | None

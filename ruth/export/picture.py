"""How the pixels of a frame are meant: the four bytes ``picture`` of its record. Pure.

This file must not know where the number comes from, nor any pixel. A record stores the four
bytes as one u32, so that one store changes them (:mod:`ruth.export.layout`)::

    byte 0  range   0 not said, 1 limited, 2 full
    byte 1  matrix  0 not said, 1 BT.601, 2 BT.709, 3 BT.2020 (non-constant luminance)
    byte 2  flags   bit 0: the decoder reported damage in this frame
    byte 3  zero

A value that is not listed says nothing: a reader takes it as "not said", and refuses no frame for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from ruth.export.layout import FrameRecord

RangeName: TypeAlias = Literal["limited", "full"]
MatrixName: TypeAlias = Literal["bt601", "bt709", "bt2020"]

RANGE_BYTE: Final = 0
MATRIX_BYTE: Final = RANGE_BYTE + 1
MARKS_BYTE: Final = MATRIX_BYTE + 1

DAMAGED: Final = 1  # in the byte of flags

# By number; 0 is "not said".
RANGES: Final[tuple[RangeName | None, ...]] = (None, "limited", "full")
MATRICES: Final[tuple[MatrixName | None, ...]] = (None, "bt601", "bt709", "bt2020")

# As the standards are called.
MATRIX_NAMES: Final[dict[MatrixName, str]] = {"bt601": "BT.601", "bt709": "BT.709", "bt2020": "BT.2020"}

HD_WIDTH: Final = 1280
SD_HEIGHT_MAX: Final = 576

DAMAGED_PICTURE: Final = DAMAGED << 8 * MARKS_BYTE  # the same bit in the u32


class Picture(NamedTuple):
    """What a record says of its pixels.

    Attributes:
        range: ``"limited"`` (luma 16 to 235, chroma 16 to 240), ``"full"`` (0 to 255), or None: not said.
        matrix: Of Y'CbCr: ``"bt601"``, ``"bt709"``, ``"bt2020"``, or None: not said.
        damaged: Whether the decoder reported damage in this frame.

    """

    range: RangeName | None = None
    matrix: MatrixName | None = None
    damaged: bool = False


class Coding(NamedTuple):
    """How the pixels of a frame are taken to be meant; nothing is left open."""

    range: RangeName
    matrix: MatrixName


def unpack_picture(picture: int) -> Picture:
    """What the u32 ``picture`` of a version 2 record says. Total: any number is something."""
    of_range, of_matrix, marks, _ = picture.to_bytes(4, "little")
    return Picture(
        RANGES[of_range] if of_range < len(RANGES) else None,
        MATRICES[of_matrix] if of_matrix < len(MATRICES) else None,
        bool(marks & DAMAGED),
    )


def coding_of(picture: Picture, width: int, height: int) -> Coding:
    """What is said of a picture of this size in pixels; what is not, as players assume it.

    That is limited range; BT.709 from 1280 columns or above 576 rows, else BT.601
    (docs/decisions/0010-pictures.md).
    """
    hd = width >= HD_WIDTH or height > SD_HEIGHT_MAX
    return Coding(picture.range or "limited", picture.matrix or ("bt709" if hd else "bt601"))


def coding_of_record(record: FrameRecord) -> Coding:
    """The same, of a valid record."""
    return coding_of(unpack_picture(record.picture), record.width, record.height)


def pack_picture(picture: Picture) -> int:
    """The u32 of a record.

    Raises:
        ValueError: The range or the matrix has none of the names above; the text says which are allowed.

    """
    of_range = _number("range", picture.range, RANGES)
    of_matrix = _number("matrix", picture.matrix, MATRICES)
    marks = DAMAGED if picture.damaged else 0
    return of_range << 8 * RANGE_BYTE | of_matrix << 8 * MATRIX_BYTE | marks << 8 * MARKS_BYTE


def _number(what: str, name: str | None, names: tuple[str | None, ...]) -> int:
    if name not in names:
        allowed = ", ".join(repr(known) for known in names)
        raise ValueError(f"{what} {name!r}, allowed is one of {allowed}")
    return names.index(name)

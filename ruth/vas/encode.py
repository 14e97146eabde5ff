"""RGB and BGR to NV12: the arithmetic, for decoders that give no NV12. Pure: arrays in, arrays out.

Luma is of each pixel, chroma of the mean of the four pixels that it colours. With numpy alone in whole
numbers, in 1/256 of a level: luma fits 16 bits, so that many are done at once, and factors add up exactly, so
that white, black and grey are exact. The result differs from the exact one by at most one level. Where the
program has loaded OpenCV, that does it, within the same bound and in half
the time (docs/decisions/0047-producers.md).
"""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ruth.export.colour import GREY_CHROMA, SPANS, WEIGHTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ruth.export.picture import Coding

BAND_ROWS: Final = 64
"""Rows that are converted at a time: even, and what they need fits into a cache."""

_BITS: Final = 8  # of a fraction of a level
_ONE: Final = 1 << _BITS


@cache
def _matrix(coding: Coding) -> NDArray[np.float64]:
    """What red, green, blue and 1 are worth: three rows, luma, Cb and Cr, in levels (BT.601-7, 2.5)."""
    red, blue = WEIGHTS[coding.matrix]
    luma = np.array([red, 1 - red - blue, blue])
    black, luma_span, chroma_span = SPANS[coding.range]
    cb = (np.array([0, 0, 1]) - luma) / (2 * (1 - blue))
    cr = (np.array([1, 0, 0]) - luma) / (2 * (1 - red))
    factors = np.stack([luma * luma_span, cb * chroma_span, cr * chroma_span]) / 255
    return np.column_stack([factors, [black, GREY_CHROMA, GREY_CHROMA]])


@cache
def _factors(coding: Coding) -> list[list[int]]:
    """The same without its last column, in 1/256, each row with the sum that it has exactly."""
    return [_whole(row) for row in _matrix(coding)[:, :3] * _ONE]


def _whole(exact: NDArray[np.float64]) -> list[int]:
    """Whole numbers, each below or above the exact one, whose sum is the exact sum, rounded."""
    floors = np.floor(exact)
    short = round(float(exact.sum() - floors.sum()))
    floors[np.argsort(floors - exact)[:short]] += 1
    return [int(number) for number in floors]


def write_nv12(
    picture: NDArray[np.uint8], y: NDArray[np.uint8], uv: NDArray[np.uint8], coding: Coding, *, bgr: bool
) -> None:
    """Writes a picture as NV12.

    Args:
        picture: uint8, shape ``(height, width, 3)``, both sides even, any strides.
        y: Luma: uint8, shape ``(height, width)``, samples side by side in a row; written.
        uv: Chroma: uint8, shape ``(height // 2, width // 2, 2)``, likewise; written.
        coding: How the result is meant.
        bgr: Whether blue comes first.

    """
    opencv = sys.modules.get("cv2")
    if hasattr(opencv, "transform") and hasattr(opencv, "resize"):
        _by_opencv(opencv, picture, y, uv, coding, bgr=bgr)
    else:
        _by_numpy(picture, y, uv, coding, bgr=bgr)


def _by_opencv(
    opencv: Any,
    picture: NDArray[np.uint8],
    y: NDArray[np.uint8],
    uv: NDArray[np.uint8],
    coding: Coding,
    *,
    bgr: bool,
) -> None:
    picture = np.ascontiguousarray(picture)
    matrix = _matrix(coding)[:, [2, 1, 0, 3]] if bgr else _matrix(coding)
    opencv.transform(picture, matrix[:1], dst=y)
    half = opencv.resize(picture, (uv.shape[1], uv.shape[0]), interpolation=opencv.INTER_AREA)
    opencv.transform(half, matrix[1:], dst=uv)


def _by_numpy(
    picture: NDArray[np.uint8], y: NDArray[np.uint8], uv: NDArray[np.uint8], coding: Coding, *, bgr: bool
) -> None:
    height, width = y.shape
    luma_room = np.empty((2, BAND_ROWS, width), np.uint16)
    chroma_room = np.empty((5, BAND_ROWS // 2, width // 2), np.int32)
    for top in range(0, height, BAND_ROWS):
        end = min(top + BAND_ROWS, height)
        band = picture[top:end, :, ::-1] if bgr else picture[top:end]
        channels = [np.ascontiguousarray(band[..., at]) for at in range(3)]
        _luma(channels, coding, luma_room[:, : end - top], y[top:end])
        _chroma(channels, coding, chroma_room[:, : (end - top) // 2], uv[top // 2 : end // 2])


def _luma(
    channels: list[NDArray[np.uint8]], coding: Coding, room: NDArray[np.uint16], out: NDArray[np.uint8]
) -> None:
    total, part = room
    total.fill(SPANS[coding.range][0] * _ONE + _ONE // 2)
    for channel, factor in zip(channels, _factors(coding)[0], strict=True):
        np.multiply(channel, factor, out=part, dtype=np.uint16)
        np.add(total, part, out=total)
    np.right_shift(total, _BITS, out=total)
    np.copyto(out, total, casting="unsafe")


def _chroma(
    channels: list[NDArray[np.uint8]], coding: Coding, room: NDArray[np.int32], out: NDArray[np.uint8]
) -> None:
    level, part, *sums = room
    for channel, total in zip(channels, sums, strict=True):
        np.add(channel[::2, ::2], channel[::2, 1::2], out=total, dtype=np.int32)
        np.add(total, channel[1::2, ::2], out=total)
        np.add(total, channel[1::2, 1::2], out=total)  # of four pixels: two more bits of a fraction
    for at, factors in enumerate(_factors(coding)[1:]):
        level.fill((GREY_CHROMA * _ONE + _ONE // 2) << 2)
        for total, factor in zip(sums, factors, strict=True):
            np.multiply(total, factor, out=part)
            np.add(level, part, out=level)
        np.right_shift(level, _BITS + 2, out=level)
        np.clip(level, 0, 255, out=level)
        np.copyto(out[..., at], level, casting="unsafe")

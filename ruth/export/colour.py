"""NV12 to RGB: the arithmetic, for ``ruth peek`` and for :meth:`ruth.runtime.frame.Frame.rgb`.

Pure: arrays in, arrays out. How pixels are meant is told by :mod:`ruth.export.picture`.

**Chroma.** Of a picture in its own size each chroma sample colours the four pixels that it was made from.

**Arithmetic.** Whole numbers of 16 bits, in 1/32 of a level: luma reaches 279 levels and chroma adds or takes
up to 275, so a sum stays within 18,000. A product is made of two, by the whole and by the 256th part of its
factor. The result differs from the exact one by less than 0.7 of a level, of which 0.5 is the rounding.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from ruth.export.scale import BAND_ROWS, scaled_bands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ruth.export.nv12 import Nv12Views
    from ruth.export.picture import Coding, MatrixName, RangeName

# What of red and of blue makes up luma; green is the rest. ITU-R BT.601-7, section 2.5.1; BT.709-6, item 3.2;
# BT.2020-2, table 4.
WEIGHTS: Final[dict[MatrixName, tuple[float, float]]] = {
    "bt601": (0.299, 0.114),
    "bt709": (0.2126, 0.0722),
    "bt2020": (0.2627, 0.0593),
}
# Luma of black, luma from black to white, chroma from one end to the other.
SPANS: Final[dict[RangeName, tuple[int, int, int]]] = {"limited": (16, 219, 224), "full": (0, 255, 255)}
GREY_CHROMA: Final = 128

_BITS: Final = 5  # of a fraction of a level
_ONE: Final = 1 << _BITS


class _Factors(NamedTuple):
    """What a step of luma or chroma is worth, in levels of a channel."""

    black: int
    luma: float
    cr_red: float
    cb_green: float
    cr_green: float
    cb_blue: float


@cache
def _factors(coding: Coding) -> _Factors:
    red, blue = WEIGHTS[coding.matrix]
    green = 1 - red - blue
    black, luma_span, chroma_span = SPANS[coding.range]
    cr_red = 2 * (1 - red) * 255 / chroma_span
    cb_blue = 2 * (1 - blue) * 255 / chroma_span
    return _Factors(black, 255 / luma_span, cr_red, -cb_blue * blue / green, -cr_red * red / green, cb_blue)


def rgb_bands(views: Nv12Views, coding: Coding) -> Iterator[NDArray[np.uint8]]:
    """The colours of a frame in its own size from top to bottom, in bands of shape ``(rows, width, 3)``."""
    height, width = views.y.shape
    converter = _Converter(width, coding)
    for top in range(0, height, BAND_ROWS):
        luma, chroma = _band(views, top)
        band = np.empty((*luma.shape, 3), np.uint8)
        converter.convert(luma, chroma, band)
        yield band


def write_rgb(views: Nv12Views, coding: Coding, out: NDArray[np.uint8]) -> None:
    """Writes the colours of a frame, in the size of what they are written into.

    In another size than the frame's, luma and chroma are brought to it each by itself and converted then.

    Args:
        views: The frame.
        coding: How its pixels are meant.
        out: uint8, shape ``(rows, columns, 3)``, any strides.

    """
    rows, columns = out.shape[:2]
    converter = _Converter(columns, coding)
    if (rows, columns) == views.y.shape:
        for top in range(0, rows, BAND_ROWS):
            converter.convert(*_band(views, top), out[top : top + BAND_ROWS])
        return
    planes = (scaled_bands(plane, columns, rows) for plane in (views.y, views.uv))
    for number, (luma, chroma) in enumerate(zip(*planes, strict=True)):
        converter.convert_samples(luma, chroma, out[number * BAND_ROWS : (number + 1) * BAND_ROWS])


def write_grey(views: Nv12Views, coding: Coding, out: NDArray[np.uint8]) -> None:
    """Writes luma as light, 0 black to 255 white: red, green and blue of a picture that has no colour.

    Args:
        views: The frame.
        coding: How its pixels are meant.
        out: uint8, shape ``(rows, columns)``, any strides: the size in which it is written.

    """
    factors = _factors(coding)
    rows, columns = out.shape
    if (rows, columns) == views.y.shape:
        light = np.rint((np.arange(256) - factors.black) * factors.luma).clip(0, 255).astype(np.uint8)
        for top in range(0, rows, BAND_ROWS):
            band = views.y[top : top + BAND_ROWS]
            np.copyto(out[top : top + BAND_ROWS], band if coding.range == "full" else light.take(band))
        return
    for number, luma in enumerate(scaled_bands(views.y, columns, rows)):
        levels = (luma - np.float32(factors.black)) * np.float32(factors.luma)
        np.rint(levels, out=levels).clip(0, 255, out=levels)
        np.copyto(out[number * BAND_ROWS : (number + 1) * BAND_ROWS], levels, casting="unsafe")


def _band(views: Nv12Views, top: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    return views.y[top : top + BAND_ROWS], views.uv[top // 2 : (top + BAND_ROWS) // 2]


class _Converter:
    """Converts bands of one width. Holds what lies between input and output, which each band uses again."""

    def __init__(self, width: int, coding: Coding) -> None:
        self._factors = _factors(coding)
        self._black = round(self._factors.black * self._factors.luma * _ONE) - _ONE // 2  # the half rounds
        half = (BAND_ROWS // 2, width // 2)
        self._wide = np.empty((BAND_ROWS, width), np.uint16)
        self._part = np.empty((BAND_ROWS, width), np.uint16)
        self._grey = np.empty((BAND_ROWS, width), np.int16)
        self._sum = np.empty((BAND_ROWS, width), np.int16)
        self._bytes = np.empty((BAND_ROWS, width), np.uint8)
        self._chroma = np.empty((2, *half), np.int16)
        self._offset = np.empty((2, *half), np.int16)
        self._half_part = np.empty(half, np.int16)
        self._pairs = np.empty(half, np.uint32)

    def convert(self, luma: NDArray[np.uint8], chroma: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
        """A band of a frame: an even number of rows, at most as many as there is room for."""
        rows, width = luma.shape
        half = rows // 2
        factors, part = self._factors, self._half_part[:half]
        wide, grey = self._wide[:rows], self._grey[:rows]
        np.copyto(wide, luma)
        _multiply(wide, factors.luma, self._part[:rows], grey.view(np.uint16))
        np.subtract(grey, self._black, out=grey)
        cb, cr = self._chroma[:, :half]
        for which, plane in enumerate((cb, cr)):
            np.subtract(chroma[..., which], GREY_CHROMA, out=plane, dtype=np.int16)
        first, second = self._offset[:, :half]
        for channel in range(3):
            if channel == 0:
                _multiply(cr, factors.cr_red, part, first)
            elif channel == 1:
                _multiply(cb, factors.cb_green, part, first)
                _multiply(cr, factors.cr_green, part, second)
                np.add(first, second, out=first)
            else:
                _multiply(cb, factors.cb_blue, part, first)
            # Each sample twice, side by side: as one number of 32 bits that holds it in both halves.
            pairs = np.multiply(first.view(np.uint16), 0x10001, out=self._pairs[:half], dtype=np.uint32)
            sums = self._sum[:rows].reshape(half, 2, width)
            np.add(grey.reshape(half, 2, width), pairs.view(np.int16)[:, None, :], out=sums)
            self._store(rows, out[..., channel])

    def convert_samples(
        self, luma: NDArray[np.float32], chroma: NDArray[np.float32], out: NDArray[np.uint8]
    ) -> None:
        """A band of luma and chroma that lie on each other, both 0 to 255 as stored."""
        rows = len(luma)
        factors = self._factors
        grey = luma * np.float32(factors.luma * _ONE) - np.float32(self._black)
        cb, cr = ((chroma[..., which] - np.float32(GREY_CHROMA)) * np.float32(_ONE) for which in range(2))
        offsets = (
            cr * np.float32(factors.cr_red),
            cb * np.float32(factors.cb_green) + cr * np.float32(factors.cr_green),
            cb * np.float32(factors.cb_blue),
        )
        for channel, offset in enumerate(offsets):
            np.add(grey, offset, out=offset)
            np.copyto(self._sum[:rows], offset, casting="unsafe")
            self._store(rows, out[..., channel])

    def _store(self, rows: int, channel: NDArray[np.uint8]) -> None:
        """Sums to levels, cut to 0 to 255, into one channel of the output."""
        sums, levels = self._sum[:rows], self._bytes[:rows]
        np.right_shift(sums, _BITS, out=sums)
        np.clip(sums, 0, 255, out=sums)
        np.copyto(levels, sums, casting="unsafe")  # apart, as a loop for strides does not vectorise
        np.copyto(channel, levels)


def _multiply(
    values: NDArray[np.integer], factor: float, part: NDArray[np.integer], out: NDArray[np.integer]
) -> None:
    """``values`` times ``factor``, in 1/32: of 16 bits each, so that eight or sixteen are done at once.

    Args:
        values: 0 to 255 unsigned, or -128 to 127 signed.
        factor: Of a magnitude below 4.
        part: Of the same type and shape; overwritten.
        out: Where the products go.

    """
    whole, fraction = divmod(round(factor * _ONE * 256), 256)
    np.multiply(values, fraction, out=part)
    np.right_shift(part, 8, out=part)
    np.multiply(values, whole, out=out)
    np.add(out, part, out=out)

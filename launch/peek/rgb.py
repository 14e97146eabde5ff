"""NV12 to RGB: which matrix, and the arithmetic. Pure: arrays in, arrays out.

The export does not say which matrix its frames were made with, so the size decides, as it does in players:
from 1280 columns or above 576 rows BT.709, below that BT.601 (docs/decisions/0010-pictures.md).
Limited range: luma 16 to 235, chroma 16 to 240 around 128. Each chroma sample colours the four pixels it was
made from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ruth.export.nv12 import Nv12Views

HD_WIDTH: Final = 1280
SD_HEIGHT_MAX: Final = 576

_LUMA_ZERO, _LUMA_SPAN = 16, 219
_CHROMA_ZERO, _CHROMA_SPAN = 128, 224
# Rows converted at once: their intermediate values stay in the processor's cache.
_BAND_ROWS: Final = 64


class Matrix(NamedTuple):
    """What of red and of blue makes up luma; green is the rest."""

    name: str
    red: float
    blue: float


BT601: Final = Matrix("BT.601", 0.299, 0.114)  # ITU-R BT.601-7, section 2.5.1
BT709: Final = Matrix("BT.709", 0.2126, 0.0722)  # ITU-R BT.709-6, item 3.2


def matrix_for(width: int, height: int) -> Matrix:
    """The matrix that frames of this size, in pixels, are taken to be made with."""
    return BT709 if width >= HD_WIDTH or height > SD_HEIGHT_MAX else BT601


def to_rgb(y: NDArray[np.float32], uv: NDArray[np.float32], matrix: Matrix) -> NDArray[np.uint8]:
    """Colours of samples that lie on each other; rounded, and cut to 0 to 255.

    Args:
        y: Luma, shape ``(rows, columns)``, 0 to 255 as stored.
        uv: Chroma, shape ``(rows, columns, 2)``, Cb and Cr, 0 to 255 as stored.
        matrix: The matrix of the frame.

    Returns:
        Shape ``(rows, columns, 3)``.

    """
    grey = _grey(y)
    rgb = np.empty((*y.shape, 3), np.uint8)
    for channel, offset in enumerate(_offsets(uv, matrix)):
        rgb[..., channel] = np.clip(grey + offset, 0, 255)
    return rgb


def rgb_bands(views: Nv12Views, matrix: Matrix) -> Iterator[NDArray[np.uint8]]:
    """The colours of a whole frame from top to bottom, in bands of shape ``(rows, width, 3)``."""
    height, width = views.y.shape
    wide = np.empty((_BAND_ROWS // 2, width), np.float32)
    for top in range(0, height, _BAND_ROWS):
        luma = views.y[top : top + _BAND_ROWS]
        chroma = views.uv[top // 2 : (top + _BAND_ROWS) // 2].astype(np.float32)
        grey = _grey(luma.astype(np.float32)).reshape(len(chroma), 2, width)
        rgb = np.empty((*luma.shape, 3), np.uint8)
        pairs = rgb.reshape(len(chroma), 2, width, 3)
        for channel, offset in enumerate(_offsets(chroma, matrix)):
            above_both = wide[: len(chroma)]
            above_both[:, 0::2] = offset
            above_both[:, 1::2] = offset
            pairs[..., channel] = np.clip(grey + above_both[:, None, :], 0, 255)
        yield rgb


def _grey(y: NDArray[np.float32]) -> NDArray[np.float32]:
    """What luma alone comes to, 0 to 255, plus the half that makes cutting a rounding."""
    return (y - np.float32(_LUMA_ZERO)) * np.float32(255 / _LUMA_SPAN) + np.float32(0.5)


def _offsets(uv: NDArray[np.float32], matrix: Matrix) -> Iterator[NDArray[np.float32]]:
    """What chroma adds to red, to green and to blue."""
    cb, cr = uv[..., 0] - np.float32(_CHROMA_ZERO), uv[..., 1] - np.float32(_CHROMA_ZERO)
    scale = 255 / _CHROMA_SPAN
    to_red = 2 * (1 - matrix.red) * scale
    to_blue = 2 * (1 - matrix.blue) * scale
    green = 1 - matrix.red - matrix.blue
    yield cr * np.float32(to_red)
    yield cb * np.float32(-to_blue * matrix.blue / green) + cr * np.float32(-to_red * matrix.red / green)
    yield cb * np.float32(to_blue)

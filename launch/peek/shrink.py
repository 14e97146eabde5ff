"""Makes a picture small enough for a terminal: each sample is the mean of what falls into it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ruth.export.nv12 import Nv12Views


def fitted(width: int, height: int, columns: int, rows: int) -> tuple[int, int]:
    """The largest size, in samples, of the same shape that fits; never larger than the picture itself.

    Args:
        width: Of the picture, in pixels, above 0.
        height: As ``width``.
        columns: Room for samples as wide as high; less than 1 counts as 1.
        rows: As ``columns``.

    """
    columns, rows = max(1, columns), max(1, rows)
    scale = min(columns / width, rows / height, 1.0)
    return min(columns, max(1, round(width * scale))), min(rows, max(1, round(height * scale)))


def shrunk(views: Nv12Views, columns: int, rows: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Luma ``(rows, columns)`` and chroma ``(rows, columns, 2)`` of a frame, as stored, 0 to 255.

    Each sample is the mean of the pixels that fall into it, so that small things fade and do not flicker.

    Args:
        views: The frame.
        columns: At most the frame's width.
        rows: At most the frame's height.

    """
    luma = _means(views.y, columns, rows)
    chroma = np.stack([_means(views.uv[..., which], columns, rows) for which in range(2)], axis=-1)
    return luma, chroma


def _means(plane: NDArray[np.uint8], columns: int, rows: int) -> NDArray[np.float32]:
    height, width = plane.shape
    top, bottom = _edges(height, rows)
    left, right = _edges(width, columns)
    sums = np.empty((rows, columns), np.float32)
    for row in range(rows):
        line = plane[top[row] : bottom[row]].sum(axis=0, dtype=np.int64)
        before = np.concatenate(([0], np.cumsum(line)))
        sums[row] = before[right] - before[left]
    sums /= (bottom - top)[:, None] * (right - left)
    return sums


def _edges(length: int, parts: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where each of ``parts`` begins and ends within ``length``; each is at least one long."""
    begin = np.arange(parts) * length // parts
    end = np.maximum(begin + 1, np.arange(1, parts + 1) * length // parts)
    return begin, end

"""Makes a plane of samples smaller or larger, and says where a picture lies in another. Pure.

Smaller: each sample is the mean of the area that it covers, parts of samples included, so that small things
fade and do not flicker. Larger: between the nearest two samples, by distance (bilinear).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray


class Placement(NamedTuple):
    """Where a picture lies in a larger one, in that one's pixels: the first column and row, and its size."""

    left: int
    top: int
    width: int
    height: int


def fitted(width: int, height: int, columns: int, rows: int) -> tuple[int, int]:
    """The largest size, in samples, of the shape of a picture that fits.

    Args:
        width: Of the picture, in pixels, above 0.
        height: As ``width``.
        columns: Room for samples as wide as high, above 0.
        rows: As ``columns``.

    """
    scale = min(columns / width, rows / height)
    return min(columns, max(1, round(width * scale))), min(rows, max(1, round(height * scale)))


def letterboxed(width: int, height: int, columns: int, rows: int) -> Placement:
    """Where a picture lies that is made as large as it fits, in the middle; arguments as :func:`fitted`."""
    fit_width, fit_height = fitted(width, height, columns, rows)
    return Placement((columns - fit_width) // 2, (rows - fit_height) // 2, fit_width, fit_height)


def scaled(plane: NDArray[np.uint8], columns: int, rows: int) -> NDArray[np.float32]:
    """A plane in another size.

    Args:
        plane: Shape ``(height, width)``, or ``(height, width, channels)``.
        columns: Above 0.
        rows: Above 0.

    Returns:
        Shape ``(rows, columns)`` or ``(rows, columns, channels)``, not rounded.

    """
    height, width = plane.shape[:2]
    tall = _rows(plane.reshape(height, -1), rows)  # first: rows are copied in one piece
    if plane.ndim == 2:
        return _columns(tall, columns)
    apart = tall.reshape(rows, width, -1).transpose(2, 0, 1)
    return np.stack([_columns(np.ascontiguousarray(channel), columns) for channel in apart], axis=-1)


def _rows(plane: NDArray[np.uint8], size: int) -> NDArray[np.float32]:
    length = len(plane)
    if length % size == 0:
        return _means([plane[first :: length // size] for first in range(length // size)])
    taps = _taps(length, size)
    return _sum((plane[indices], weights[:, None]) for indices, weights in taps)


def _columns(plane: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    length = plane.shape[1]
    if length % size == 0:
        return _means([plane[:, first :: length // size] for first in range(length // size)])
    return _sum((plane.take(indices, 1), weights) for indices, weights in _taps(length, size))


def _means(parts: Sequence[NDArray[np.uint8] | NDArray[np.float32]]) -> NDArray[np.float32]:
    """Where nothing is left over: the mean of these."""
    total = parts[0].astype(np.float32)
    for part in parts[1:]:
        np.add(total, part, out=total)
    total *= np.float32(1 / len(parts))
    return total


def _sum(
    parts: Iterable[tuple[NDArray[np.uint8] | NDArray[np.float32], NDArray[np.float32]]],
) -> NDArray[np.float32]:
    """The sum of these samples, each times its weight."""
    total: NDArray[np.float32] | None = None
    for samples, weights in parts:
        product = np.multiply(samples, weights, dtype=np.float32)
        total = product if total is None else np.add(total, product, out=total)
    assert total is not None  # noqa: S101 - there is a tap at least; for the type checker
    return total


@lru_cache(maxsize=32)
def _taps(length: int, size: int) -> list[tuple[NDArray[np.intp], NDArray[np.float32]]]:
    """What ``size`` samples are made of, out of ``length``: pairs of indices and weights, to be added up."""
    step = length / size
    position = np.arange(size)
    if size > length:
        centre = (position + 0.5) * step - 0.5
        first = np.floor(centre).astype(np.intp)
        weights = [first + 1 - centre, centre - first]
    else:
        begin, end = position * step, (position + 1) * step
        first = np.floor(begin + 1e-9).astype(np.intp)
        last = np.ceil(end - 1e-9).astype(np.intp)
        at = [first + tap for tap in range(int((last - first).max()))]
        weights = [(np.minimum(end, one + 1) - np.maximum(begin, one)).clip(0) / step for one in at]
    return [
        (np.clip(first + tap, 0, length - 1), weight.astype(np.float32)) for tap, weight in enumerate(weights)
    ]

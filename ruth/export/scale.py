"""Makes a plane of samples smaller or larger, and says where a picture lies in another. Pure.

Smaller: each sample is the mean of the area that it covers, parts of samples included, so that small things
fade and do not flicker. Larger: between the nearest two samples, by distance (bilinear).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

BAND_ROWS: Final = 64  # of the output, made at once: what lies between stays in the processor's cache


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


def scaled_bands(plane: NDArray[np.uint8], columns: int, rows: int) -> Iterator[NDArray[np.float32]]:
    """A plane in another size, from top to bottom in bands of :data:`BAND_ROWS` rows, or of what is left.

    Args:
        plane: Shape ``(height, width)``, or ``(height, width, channels)``.
        columns: Above 0.
        rows: Above 0.

    Yields:
        Shape ``(band, columns)`` or ``(band, columns, channels)``, not rounded; overwritten by the next one.

    """
    height, width = plane.shape[:2]
    channels = plane[0, 0].size
    flat = plane.reshape(height, width * channels)
    result = np.empty((min(rows, BAND_ROWS), columns, channels), np.float32)
    buffers = _Buffers(len(result), flat.shape[1], columns)
    vertical, horizontal = _taps(height, rows), _taps(width, columns)
    for top in range(0, rows, BAND_ROWS):
        band = slice(top, min(top + BAND_ROWS, rows))
        done = result[: band.stop - top]
        tall = buffers.sum_of_rows(flat, vertical, band)
        for channel in range(channels):
            buffers.sum_of_columns(tall[:, channel::channels], horizontal, done[..., channel])
        yield done if plane.ndim == 3 else done[..., 0]


class _Taps(NamedTuple):
    """What samples are made of, each of as many others as there are indices, times their weights.

    Attributes:
        indices: One array for each tap, as long as there are samples.
        weights: Likewise; None if all of them are the same.

    """

    indices: tuple[NDArray[np.intp], ...]
    weights: tuple[NDArray[np.float32], ...] | None

    @property
    def share(self) -> np.float32:
        """The weight, where all are the same."""
        return np.float32(1 / len(self.indices))


class _Buffers:
    """What lies between input and output of a band: made once, used for each."""

    def __init__(self, rows: int, width: int, columns: int) -> None:
        self._tall = np.empty((rows, width), np.float32)
        self._product = np.empty((rows, width), np.float32)
        self._apart = np.empty((rows, width), np.float32)
        self._taken = np.empty((rows, columns), np.float32)
        self._total = np.empty((rows, columns), np.float32)

    def sum_of_rows(self, plane: NDArray[np.uint8], taps: _Taps, band: slice) -> NDArray[np.float32]:
        """The rows of a band of the output, still as wide as the input."""
        count = band.stop - band.start
        total, product = self._tall[:count], self._product[:count]
        for tap, indices in enumerate(taps.indices):
            rows = plane[indices[band]]
            into = product if tap else total
            if taps.weights is None:
                np.add(total, rows, out=total) if tap else np.copyto(total, rows)
                continue
            np.multiply(rows, taps.weights[tap][band, None], out=into)
            if tap:
                np.add(total, product, out=total)
        if taps.weights is None and len(taps.indices) > 1:
            np.multiply(total, taps.share, out=total)
        return total

    def sum_of_columns(self, tall: NDArray[np.float32], taps: _Taps, out: NDArray[np.float32]) -> None:
        """These rows as wide as the output."""
        count, width = tall.shape
        if not tall.flags.c_contiguous:  # every second sample: take() would copy all of it for each tap
            apart = self._apart.reshape(-1)[: count * width].reshape(count, width)
            np.copyto(apart, tall)
            tall = apart
        total, taken = self._total[:count], self._taken[:count]
        for tap, indices in enumerate(taps.indices):
            into = taken if tap else total
            tall.take(indices, 1, out=into, mode="clip")  # indices are within; "raise" would need a buffer
            if taps.weights is not None:
                np.multiply(into, taps.weights[tap], out=into)
            if tap:
                np.add(total, taken, out=total)
        if taps.weights is None and len(taps.indices) > 1:
            np.multiply(total, taps.share, out=total)
        np.copyto(out, total)


@lru_cache(maxsize=32)
def _taps(length: int, size: int) -> _Taps:
    """What ``size`` samples are made of, out of ``length``."""
    step = length / size
    position = np.arange(size)
    if length % size == 0:
        whole = length // size
        return _Taps(tuple(position * whole + tap for tap in range(whole)), None)
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
    indices = tuple(np.clip(first + tap, 0, length - 1) for tap in range(len(weights)))
    return _Taps(indices, tuple(weight.astype(np.float32) for weight in weights))

"""A frame as a model needs it: RGB, BGR or grey, in a size of its own, letterboxed or stretched.

What a size, a border and an output may be is decided here; the arithmetic is in :mod:`ruth.export.colour`.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Final, SupportsIndex, TypeAlias

import numpy as np

from ruth.export.colour import write_grey, write_rgb
from ruth.export.scale import Placement, letterboxed
from ruth.runtime import opencv

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ruth.export.nv12 import Nv12Views
    from ruth.export.picture import Coding

Size: TypeAlias = tuple[SupportsIndex, SupportsIndex]

SIDE_MAX: Final = 16384
PADDING: Final = 114  # the grey that detectors are mostly trained with around a letterboxed picture


def to_colours(
    views: Nv12Views,
    coding: Coding,
    size: Size | None,
    out: NDArray[np.uint8] | None,
    *,
    letterbox: bool,
    fill: int,
    bgr: bool,
) -> NDArray[np.uint8]:
    """The colours of a frame; arguments and errors as :meth:`ruth.runtime.frame.Frame.rgb`."""
    whole, place = _canvas(views, size, out, (3,), letterbox=letterbox, fill=fill)
    picture = _within(whole, place)
    if not opencv.converted(views, coding, picture, bgr=bgr):
        write_rgb(views, coding, picture[..., ::-1] if bgr else picture)
    return whole


def to_grey(
    views: Nv12Views,
    coding: Coding,
    size: Size | None,
    out: NDArray[np.uint8] | None,
    *,
    letterbox: bool,
    fill: int,
) -> NDArray[np.uint8]:
    """The light of a frame; arguments and errors as :meth:`ruth.runtime.frame.Frame.gray`."""
    whole, place = _canvas(views, size, out, (), letterbox=letterbox, fill=fill)
    write_grey(views, coding, _within(whole, place))
    return whole


def place_in(views: Nv12Views, size: Size, *, letterbox: bool) -> Placement:
    """Where a frame lies in a picture of that size."""
    columns, rows = _checked(size)
    height, width = views.y.shape
    return letterboxed(width, height, columns, rows) if letterbox else Placement(0, 0, columns, rows)


def _canvas(
    views: Nv12Views,
    size: Size | None,
    out: NDArray[np.uint8] | None,
    channels: tuple[int, ...],
    *,
    letterbox: bool,
    fill: int,
) -> tuple[NDArray[np.uint8], Placement]:
    """What is written into, with its border filled, and where the picture goes."""
    height, width = views.y.shape
    place = place_in(views, (width, height) if size is None else size, letterbox=letterbox)
    columns, rows = (width, height) if size is None else _checked(size)
    shape = (rows, columns, *channels)
    if out is None:
        out = np.empty(shape, np.uint8)
    elif not isinstance(out, np.ndarray) or out.dtype != np.uint8 or out.shape != shape:
        found = f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
        raise ValueError(f"out is {found}, needed is a numpy array, uint8 {shape}")
    elif not out.flags.writeable:
        raise ValueError("out cannot be written")
    if place[2:] != (columns, rows):
        _fill_around(out, place, fill)
    return out, place


def _fill_around(out: NDArray[np.uint8], place: Placement, fill: int) -> None:
    level = _whole_number(fill)
    if level is None or not 0 <= level <= 255:
        raise ValueError(f"fill {fill!r}: a whole number from 0 to 255")
    rows = slice(place.top, place.top + place.height)
    out[: place.top] = level
    out[rows.stop :] = level
    out[rows, : place.left] = level
    out[rows, place.left + place.width :] = level


def _within(out: NDArray[np.uint8], place: Placement) -> NDArray[np.uint8]:
    return out[place.top : place.top + place.height, place.left : place.left + place.width]


def _checked(size: Size) -> tuple[int, int]:
    sides = [_whole_number(side) for side in size] if isinstance(size, tuple | list) else []
    if len(sides) == 2 and sides[0] is not None and sides[1] is not None:
        columns, rows = sides[0], sides[1]
        if 1 <= columns <= SIDE_MAX and 1 <= rows <= SIDE_MAX:
            return columns, rows
    raise ValueError(f"size {size!r}: width and height, two whole numbers from 1 to {SIDE_MAX}")


def _whole_number(value: SupportsIndex) -> int | None:
    try:
        return operator.index(value)
    except TypeError:
        return None

"""Arrays as decoders have them, written into the memory of an export as NV12.

Values in, a written buffer or words out: nothing here raises for what it is given. Numpy is loaded with this
module, and so only by a program that publishes arrays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ruth.export.picture import Picture, coding_of
from ruth.vas.encode import write_nv12
from ruth.vas.misfit import describe_shape

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ruth.vas.form import Form


def nv12_of(frame: object, form: Form) -> NDArray[np.uint8] | str:
    """An array of NV12, or why ``frame`` is none of that form.

    Args:
        frame: uint8, shape ``(height * 3 // 2, width)``, or ``stride`` columns; any strides.
        form: Of the export.

    """
    array = _bytes_of(frame)
    if isinstance(array, str):
        return array
    rows = form.height * 3 // 2
    if array.shape not in ((rows, form.width), (rows, form.stride)):
        return _misfit(array, (rows, form.width), form)
    return array


def colours_of(frame: object, form: Form) -> NDArray[np.uint8] | str:
    """An array of colours, or why ``frame`` is none of that form.

    Args:
        frame: uint8, shape ``(height, width, 3)``; any strides.
        form: Of the export.

    """
    array = _bytes_of(frame)
    if isinstance(array, str):
        return array
    if array.shape != (form.height, form.width, 3):
        return _misfit(array, (form.height, form.width, 3), form)
    return array


def write_frame(array: NDArray[np.uint8], buffer: memoryview, form: Form) -> None:
    """Copies what :func:`nv12_of` gave into a slot."""
    rows = np.frombuffer(buffer, np.uint8).reshape(-1, form.stride)
    np.copyto(rows[:, : array.shape[1]], array)


def write_colours(array: NDArray[np.uint8], buffer: memoryview, form: Form, *, bgr: bool) -> None:
    """Converts what :func:`colours_of` gave into a slot, by the range and matrix that the export states.

    What it does not state is taken as its readers take it (:func:`ruth.export.picture.coding_of`).
    """
    rows = np.frombuffer(buffer, np.uint8).reshape(-1, form.stride)[:, : form.width]
    height, width = form.height, form.width
    uv = rows[height:].reshape(height // 2, width // 2, 2)
    coding = coding_of(Picture(form.pixel_range, form.matrix), width, height)
    write_nv12(array, rows[:height], uv, coding, bgr=bgr)


def _bytes_of(frame: object) -> NDArray[Any] | str:
    try:
        array = np.asarray(frame)
    except (TypeError, ValueError, BufferError) as error:  # numpy's own for what is not an array
        return f"a frame is an array of uint8: {error}"
    if array.dtype != np.uint8:
        return f"a frame of {array.dtype}, must be uint8"
    return array


def _misfit(array: NDArray[Any], wanted: tuple[int, ...], form: Form) -> str:
    looks = describe_shape(array.shape, form.width, form.height)
    said = f"a frame of the shape {array.shape}, needed here is {wanted}"
    return f"{said}; {looks}" if looks else said

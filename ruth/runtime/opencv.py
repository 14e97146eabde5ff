"""OpenCV, where it is installed: for the one conversion in which it is faster and says the same.

It is imported when a frame is first converted, in the process that runs a model, and nowhere else.
What it knows of NV12 is BT.601 of limited range in the frame's own size: less than a fifth of the time, the
same colours within one level (docs/decisions/0023-pictures-for-models.md).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from ruth.export.picture import Coding

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ruth.export.nv12 import Nv12Views

_KNOWN: Final = Coding("limited", "bt601")


@cache
def _opencv() -> Any:
    """The module, or None if it is not installed, cannot be loaded, or lacks what is needed of it."""
    try:
        import cv2
    except ImportError:
        return None
    return cv2 if hasattr(cv2, "cvtColorTwoPlane") else None


def converted(views: Nv12Views, coding: Coding, out: NDArray[np.uint8], *, bgr: bool) -> bool:
    """Converts a frame, if that is to be had here.

    Args:
        views: The frame.
        coding: How its pixels are meant.
        out: uint8, ``(rows, columns, 3)``.
        bgr: Whether blue comes first.

    Returns:
        False if nothing was done: no OpenCV, another coding or size, or an output that is not in one piece.

    """
    if coding != _KNOWN or out.shape[:2] != views.y.shape or not out.flags.c_contiguous:
        return False
    opencv = _opencv()
    if opencv is None:
        return False
    code = opencv.COLOR_YUV2BGR_NV12 if bgr else opencv.COLOR_YUV2RGB_NV12
    opencv.cvtColorTwoPlane(views.y, views.uv, code, dst=out)
    return True

"""Read-only views of one NV12 frame (docs/specification.md, phase 2): numpy arrays on the writer's memory.

NV12 is a plane of luma rows, then half as many rows of interleaved chroma (Cb, Cr), both with the same
stride. The arrays cannot be made writable: the buffer below them is a mapping with PROT_READ, and numpy
takes that from the buffer protocol.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from mmap import mmap

    from numpy.typing import NDArray

    from ruth.export.layout import FrameRecord


class Nv12Views(NamedTuple):
    """Views of one frame, all uint8, all read-only, all of the same memory.

    Attributes:
        nv12: Both planes, shape ``(height * 3 // 2, width)``.
        y: Luma, shape ``(height, width)``.
        uv: Chroma, shape ``(height // 2, width // 2, 2)``, last axis Cb, Cr.

    """

    nv12: NDArray[np.uint8]
    y: NDArray[np.uint8]
    uv: NDArray[np.uint8]


def nv12_views(buffer: mmap | memoryview | bytes, record: FrameRecord) -> Nv12Views:
    """Views of the frame that ``record`` describes, in a read-only ``buffer`` of a whole ``frame.data``.

    Args:
        buffer: Mapped ``frame.data``; the arrays keep it alive and mapped: closing it raises BufferError
            while one of them lives.
        record: A record that :func:`ruth.export.validity.problem_v1` or ``problem_v2`` found valid; for
            version 1 its ``data_offset`` is 0.

    Raises:
        ValueError: The buffer can be written, or the frame does not lie inside it.

    """
    height, width, stride = record.height, record.width, record.stride
    try:
        # frombuffer holds the buffer, so a mapping cannot be closed under a view. np.ndarray(buffer=...)
        # releases it at once: a view would then be of no memory at all, and reading it ends the process.
        whole = np.frombuffer(buffer, np.uint8, record.data_size, record.data_offset)
    except OverflowError as error:
        raise ValueError("the frame lies outside of any buffer") from error
    if whole.flags.writeable:
        raise ValueError("the buffer can be written: views of frames need a read-only mapping")
    nv12 = whole.reshape(height * 3 // 2, stride)
    if stride != width:
        nv12 = nv12[:, :width]
    return Nv12Views(nv12, nv12[:height], nv12[height:].reshape(height // 2, width // 2, 2))

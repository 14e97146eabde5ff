"""One frame as a model sees it: numpy arrays on the video server's own memory, which cannot be written.

The memory is mapped with PROT_READ, so a store into it is an exception in numpy and the end of the process
elsewhere; neither reaches the video server. An array keeps its mapping alive, however long it is held. What
it shows changes when the writer takes the slot again: ask :attr:`Frame.intact` after use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ruth.export.nv12 import Nv12Views

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import DTypeLike, NDArray

_WRITABLE: Final = 1  # PyBUF_WRITABLE (docs.python.org, "Buffer Protocol")
_CPU: Final = (1, 0)  # kDLCPU and its first device (dlpack.h)
_READ_ONLY_DLPACK: Final = 1  # the major version of DLPack in which memory can be said to be read-only


class Frame:
    """One eligible frame. Made by :class:`ruth.runtime.stream.Stream`, not by hand.

    It is itself an array to whoever asks for one: ``np.asarray(frame)``, ``np.from_dlpack(frame)`` and, from
    Python 3.12 on, ``memoryview(frame)`` give what :attr:`nv12` is.
    """

    __slots__ = ("_frame_id", "_now_ns", "_still_whole", "_timestamp_ns", "_views")

    def __init__(
        self,
        frame_id: int,
        timestamp_ns: int,
        views: Nv12Views,
        now_ns: Callable[[], int],
        still_whole: Callable[[], bool],
    ) -> None:
        """Keeps what it is given.

        Args:
            frame_id: Its id.
            timestamp_ns: Its timestamp.
            views: Its arrays.
            now_ns: The clock of its timestamp.
            still_whole: Says whether its memory still holds it.

        """
        self._frame_id = frame_id
        self._timestamp_ns = timestamp_ns
        self._views = views
        self._now_ns = now_ns
        self._still_whole = still_whole

    def __repr__(self) -> str:
        return (
            f"Frame(frame_id={self.frame_id}, timestamp_ns={self.timestamp_ns}, "
            f"{self.width}x{self.height}, stride={self.stride})"
        )

    @property
    def nv12(self) -> NDArray[np.uint8]:
        """Both planes: uint8, shape ``(height * 3 // 2, width)``, rows ``stride`` bytes apart, read-only."""
        return self._views.nv12

    @property
    def y(self) -> NDArray[np.uint8]:
        """Luma: uint8, shape ``(height, width)``, read-only."""
        return self._views.y

    @property
    def uv(self) -> NDArray[np.uint8]:
        """Chroma: uint8, shape ``(height // 2, width // 2, 2)``, last axis Cb, Cr, read-only."""
        return self._views.uv

    @property
    def frame_id(self) -> int:
        """Counts the frames of one session of the video server, from 0."""
        return self._frame_id

    @property
    def timestamp_ns(self) -> int:
        """When it left the decoder: CLOCK_MONOTONIC; of version 1 exports, wall-clock time."""
        return self._timestamp_ns

    @property
    def age_ns(self) -> int:
        """Nanoseconds since :attr:`timestamp_ns`, by that clock; below 0 if wall-clock time has stepped."""
        return self._now_ns() - self._timestamp_ns

    @property
    def width(self) -> int:
        """Pixels a row, even."""
        return int(self._views.y.shape[1])

    @property
    def height(self) -> int:
        """Rows, even."""
        return int(self._views.y.shape[0])

    @property
    def stride(self) -> int:
        """Bytes from one row to the next, at least :attr:`width`."""
        return int(self._views.y.strides[0])

    @property
    def intact(self) -> bool:
        """Whether everything read from the arrays so far was this frame. To be asked after use.

        False once the writer has begun to put another frame in its place, and once the stream has let the
        export go: then nobody can tell. A version 1 frame and a copy stay as they are.
        """
        return self._still_whole()

    def copy(self) -> Frame | None:
        """The frame in memory of its own, whole: writable, ``stride == width``, intact for ever.

        Returns:
            None if the writer overwrote it meanwhile.

        """
        nv12 = np.array(self.nv12, order="C")
        if not self.intact:
            return None
        height, width = self.height, self.width
        uv = nv12[height:].reshape(height // 2, width // 2, 2)
        views = Nv12Views(nv12, nv12[:height], uv)
        return Frame(self._frame_id, self._timestamp_ns, views, self._now_ns, never_changes)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is None:  # only if it must: numpy 1 knows no None
            return np.asarray(self.nv12, dtype=dtype)
        return np.array(self.nv12, dtype=dtype, copy=copy)

    def __buffer__(self, flags: int) -> memoryview:
        if flags & _WRITABLE:
            raise BufferError("a frame is read-only: take frame.copy()")
        return self.nv12.data

    def __dlpack_device__(self) -> tuple[int, int]:
        return _CPU

    def __dlpack__(
        self,
        *,
        stream: None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """:attr:`nv12` as a DLPack capsule that says it is read-only; or a copy, if one is asked for.

        Raises:
            BufferError: The consumer knows no DLPack 1.0, in which alone that can be said, and asked for no
                copy; or numpy is older than 2.1, which cannot say it either; or it wants another device.

        """
        if dl_device not in (None, _CPU):
            raise BufferError(f"a frame is in the host's memory {_CPU}, not on device {dl_device}")
        if copy:
            return _capsule(np.array(self.nv12, order="C"), max_version)
        if self.nv12.flags.writeable:  # itself a copy
            return _capsule(self.nv12, max_version)
        if max_version is None or max_version[0] < _READ_ONLY_DLPACK:
            raise BufferError("a frame is read-only, and the consumer's DLPack is too old: take frame.copy()")
        try:
            return self.nv12.__dlpack__(stream=stream, max_version=max_version, copy=copy)
        except TypeError as error:
            raise BufferError("a read-only frame needs numpy 2.1 for DLPack: take frame.copy()") from error


def _capsule(array: NDArray[np.uint8], max_version: tuple[int, int] | None) -> Any:
    """A writable array's capsule; one of before DLPack 1.0, which numpy takes for read-only, if it must."""
    try:
        return array.__dlpack__(max_version=max_version)
    except TypeError:
        return array.__dlpack__()


def never_changes() -> bool:
    """True: said of memory that nobody writes any more."""
    return True

"""One frame as a model sees it: numpy arrays on the video server's own memory, which cannot be written.

The memory is mapped with PROT_READ, so a store into it is an exception in numpy and the end of the process
elsewhere; neither reaches the video server. An array keeps its mapping alive, however long it is held. What
it shows changes when the writer takes the slot again: ask :attr:`Frame.intact` after use.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

import numpy as np

from ruth.errors import SharedMemoryError
from ruth.export.layout import VERSION_1, nv12_size
from ruth.export.nv12 import Nv12Views
from ruth.export.picture import coding_of_record, unpack_picture
from ruth.runtime.convert import PADDING, place_in, to_colours, to_grey
from ruth.units import NANOSECONDS

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from ruth.export.layout import FrameRecord
    from ruth.export.picture import MatrixName, RangeName
    from ruth.export.scale import Placement
    from ruth.runtime.convert import Size

_WRITABLE: Final = 1  # PyBUF_WRITABLE (docs.python.org, "Buffer Protocol")
_CPU: Final = (1, 0)  # kDLCPU and its first device (dlpack.h)
_READ_ONLY_DLPACK: Final = 1  # the major version of DLPack in which memory can be said to be read-only


class Origin(NamedTuple):
    """What the frames of one subscription have in common, as long as they come from exports of one version.

    Attributes:
        camera_id: The camera.
        model_id: The model.
        version: Of the exports: which clock their timestamps are of.

    """

    camera_id: str
    model_id: str
    version: int


class Found(Protocol):
    """Where a frame was found: one of the classes of :mod:`ruth.export.pixels`."""

    @property
    def record(self) -> FrameRecord:
        """The frame's record."""

    def intact(self) -> bool:
        """Whether what was read from its memory so far is this frame."""


class Copied(NamedTuple):
    """Memory that is not written any more, and the record of the frame that it holds."""

    record: FrameRecord

    def intact(self) -> bool:
        """True."""
        return True


class Frame:
    """One eligible frame. Made by :class:`ruth.runtime.stream.Stream`, not by hand.

    It serves as an array itself: ``np.asarray(frame)``, ``np.from_dlpack(frame)`` and,
    from Python 3.12 on, ``memoryview(frame)`` give what :attr:`nv12` is. It cannot be pickled; its
    :meth:`copy` can.
    """

    __slots__ = ("_found", "_frame_id", "_origin", "_timestamp_ns", "_views", "_was_intact")

    def __init__(
        self, frame_id: int, timestamp_ns: int, views: Nv12Views, origin: Origin, found: Found
    ) -> None:
        """Keeps what it is given.

        Args:
            frame_id: Its id.
            timestamp_ns: Its timestamp.
            views: Its arrays.
            origin: Whose frame it is.
            found: Where it was found.

        """
        self._frame_id = frame_id
        self._timestamp_ns = timestamp_ns
        self._views = views
        self._origin = origin
        self._found = found

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
    def camera_id(self) -> str:
        """Whose frame it is."""
        return self._origin.camera_id

    @property
    def model_id(self) -> str:
        """For which model it was allowed."""
        return self._origin.model_id

    @property
    def frame_id(self) -> int:
        """Counts the frames of one session of the video server, from 0."""
        return self._frame_id

    @property
    def timestamp_ns(self) -> int:
        """When it was captured, as far as its writer knows: CLOCK_MONOTONIC; of version 1, wall clock."""
        return self._timestamp_ns

    @property
    def age_ns(self) -> int:
        """Nanoseconds since :attr:`timestamp_ns`, by that clock; below 0 if wall-clock time has stepped."""
        return self._now_ns() - self._timestamp_ns

    @property
    def time(self) -> float:
        """:attr:`timestamp_ns` as wall-clock time, in seconds since 1970, as of ``time.time()``. Approximate.

        Version 2 does not know it: it is the time of now less :attr:`age_ns`, so it is another one each
        time it is asked for, by microseconds, or by as much as the wall clock was set meanwhile. To tell
        frames apart, or to take differences, use :attr:`timestamp_ns`.
        """
        return (time.time_ns() - self.age_ns) / NANOSECONDS

    @property
    def range(self) -> RangeName | None:
        """``"limited"`` or ``"full"``, as the frame's record says; None if it does not."""
        return unpack_picture(self._found.record.picture).range

    @property
    def matrix(self) -> MatrixName | None:
        """``"bt601"``, ``"bt709"`` or ``"bt2020"``, as the frame's record says; None if it does not."""
        return unpack_picture(self._found.record.picture).matrix

    @property
    def damaged(self) -> bool:
        """Whether the decoder reported damage in this frame."""
        return unpack_picture(self._found.record.picture).damaged

    @property
    def shape(self) -> tuple[int, int]:
        """(:attr:`height`, :attr:`width`), as of :attr:`y` and of every picture in the frame's own size."""
        return self.height, self.width

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
        export: then it is unknown. A version 1 frame and a copy stay as they are.
        """
        intact = self._found.intact()
        if intact:
            self._was_intact = True  # unset until then: most frames are made and never asked
        return intact

    @property
    def was_intact(self) -> bool:
        """Whether :attr:`intact` has been asked and was true: what the user needed of it was whole."""
        return hasattr(self, "_was_intact")

    @property
    def overwritable(self) -> bool:
        """Whether the writer may put another frame in its place: not of version 1, and not a copy."""
        return self._origin.version != VERSION_1 and not isinstance(self._found, Copied)

    def rgb(
        self,
        size: Size | None = None,
        *,
        letterbox: bool = False,
        fill: int = PADDING,
        out: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.uint8]:
        """The frame as RGB, by its own range and matrix. Ask :attr:`intact` afterwards.

        Without ``size`` each chroma sample colours the four pixels it was made from, and the colours are
        those of FFmpeg's exact conversion within one level. In a smaller size each pixel is the mean of the
        area that it covers, in a larger one it lies between the nearest two (bilinear).

        Args:
            size: Width and height of the result, each 1 to 16384; None for the frame's own.
            letterbox: Whether to keep the shape of the picture and fill the border, instead of stretching it.
                :meth:`place_in` says where it lies then.
            fill: What the border is filled with, 0 to 255, the same in all channels.
            out: Where to write: uint8, shape ``(height, width, 3)`` of ``size``, any strides. A new array if
                not given. ``planes.transpose(1, 2, 0)`` of an array ``(3, height, width)`` gives planes.

        Returns:
            uint8, shape ``(height, width, 3)``: ``out`` if it was given.

        Raises:
            ValueError: A size, fill or out as above it is not.

        """
        return self._colours(size, out, letterbox=letterbox, fill=fill, bgr=False)

    def bgr(
        self,
        size: Size | None = None,
        *,
        letterbox: bool = False,
        fill: int = PADDING,
        out: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.uint8]:
        """As :meth:`rgb`, with blue first, as OpenCV has it."""
        return self._colours(size, out, letterbox=letterbox, fill=fill, bgr=True)

    def gray(
        self,
        size: Size | None = None,
        *,
        letterbox: bool = False,
        fill: int = PADDING,
        out: NDArray[np.uint8] | None = None,
    ) -> NDArray[np.uint8]:
        """As :meth:`rgb`, without colour: 0 black to 255 white, uint8, shape ``(height, width)``."""
        coding = coding_of_record(self._found.record)
        return to_grey(self._views, coding, size, out, letterbox=letterbox, fill=fill)

    def place_in(self, size: Size, *, letterbox: bool = False) -> Placement:
        """Where the frame lies in a picture of that size: ``left, top, width, height``, in its pixels.

        So a point ``(x, y)`` of the picture is ``((x - left) * frame.width / width, (y - top) *
        frame.height / height)`` of the frame. Arguments and errors are those of :meth:`rgb`.
        """
        return place_in(self._views, size, letterbox=letterbox)

    def _colours(
        self, size: Size | None, out: NDArray[np.uint8] | None, *, letterbox: bool, fill: int, bgr: bool
    ) -> NDArray[np.uint8]:
        coding = coding_of_record(self._found.record)
        return to_colours(self._views, coding, size, out, letterbox=letterbox, fill=fill, bgr=bgr)

    def _now_ns(self) -> int:
        """The clock of :attr:`timestamp_ns`."""
        return time.time_ns() if self._origin.version == VERSION_1 else time.monotonic_ns()

    def copy(self) -> Frame | None:
        """The frame in memory of its own, whole: writable, ``stride == width``, intact for ever.

        Returns:
            None if the writer overwrote it meanwhile.

        """
        nv12 = np.array(self.nv12, order="C")
        if not self.intact:
            return None
        size = nv12_size(self.width, self.height)
        record = self._found.record._replace(stride=self.width, data_size=size, data_offset=0)
        return _of_memory(nv12, self._frame_id, self._timestamp_ns, self._origin, record)

    def __reduce_ex__(self, _protocol: object) -> tuple[Any, ...]:
        """What a copy is pickled and copied as.

        Raises:
            SharedMemoryError: It is a view.

        """
        if not isinstance(self._found, Copied):
            raise SharedMemoryError("a frame is a view of shared memory: send frame.copy()")
        return _of_memory, (self.nv12, self._frame_id, self._timestamp_ns, self._origin, self._found.record)

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
                copy; or numpy is older than 2.1, which cannot say it either; or it requires another device.

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


def _of_memory(
    nv12: NDArray[np.uint8], frame_id: int, timestamp_ns: int, origin: Origin, record: FrameRecord
) -> Frame:
    """A frame in memory of its own: both planes, without gaps between rows."""
    height, width = record.height, record.width
    views = Nv12Views(nv12, nv12[:height], nv12[height:].reshape(height // 2, width // 2, 2))
    return Frame(frame_id, timestamp_ns, views, origin, Copied(record))

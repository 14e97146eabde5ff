"""FrameRing (docs/specification.md, phase 1): slots in shared memory; a new frame overwrites the oldest.

The files are made whole under other names and renamed into place, data first; from then on they are changed
in place and only by this object. Stores go through ``memoryview.cast``, one machine store each:
``struct.pack_into`` would zero its target first, and ``struct`` with ``<`` stores byte by byte.

Publishing frame n into slot i = n mod slot_count (docs/frame-export.md), the writer's steps::

    begin_frame()   1  slot sequence becomes odd
              2  payload                        by the decoder, into the buffer that begin_frame() gave
    commit()  3  slot fields
              4  slot sequence becomes even
              5  newest sequence becomes odd
              6  newest fields
              7  newest sequence becomes even
              8  wake + 1
              9  futex wake

The order holds for readers on other cores because x86-64 keeps the order of stores, and because each
statement below is finished before the next one starts. On 64-bit Arm a release fence (:mod:`ruth.order`)
stands after steps 1 and 5, and before steps 4, 7 and 8, where C has a release store; at the end, before the
flag.
"""

from __future__ import annotations

import errno
import operator
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, NamedTuple, SupportsIndex

from ruth.descriptor import close_descriptor
from ruth.errors import ExportError
from ruth.export.layout import (
    DATA_OFFSET_OFFSET,
    FLAG_CLOSED,
    FLAG_WAKES,
    FLAGS_OFFSET,
    FRAME_ID_OFFSET,
    META_SIZE_V2,
    PAGE_SIZE,
    PICTURE_OFFSET,
    PIXEL_FORMAT_NV12,
    SEQUENCE_OFFSET,
    TIMESTAMP_OFFSET,
    VERSION_2,
    WAKE_OFFSET,
    FrameRecord,
    RingHeader,
    nv12_size,
    pack_record,
    pack_ring,
    slot_record_offset,
)
from ruth.export.picture import DAMAGED_PICTURE, Picture, pack_picture
from ruth.export.validity import geometry_problem, ring_shape_problem
from ruth.futex import FutexWord
from ruth.identity import DATA_NAME, META_NAME
from ruth.order import release_fence, version_2_problem
from ruth.vas.files import ExportDirectory, retire

if TYPE_CHECKING:
    from ruth.vas.files import NewFile

_UINT32_MAX: Final = 2**32 - 1

# Positions in frame.meta seen as an array of u64 (words) or of u32 (halves).
_ID, _TIME = FRAME_ID_OFFSET // 8, TIMESTAMP_OFFSET // 8
_OFFSET, _SEQUENCE = DATA_OFFSET_OFFSET // 8, SEQUENCE_OFFSET // 8
_WAKE, _FLAGS = WAKE_OFFSET // 4, FLAGS_OFFSET // 4
_PICTURE: Final = PICTURE_OFFSET // 4

_NOT_SAID: Final = Picture()


class _Slot(NamedTuple):
    """What a slot's frame is written with, worked out once: it is needed for every frame.

    Attributes:
        buffer: Its memory.
        offset: Where that begins in ``frame.data``.
        id_at: Positions in ``frame.meta`` seen as an array of u64.
        time_at: The same.
        sequence_at: The same.
        picture_at: Position in ``frame.meta`` seen as an array of u32.

    """

    buffer: memoryview
    offset: int
    id_at: int
    time_at: int
    sequence_at: int
    picture_at: int


class FrameRing:
    """The version 2 export of one camera, for its writer. Made whole or not at all.

    Args:
        directory: The camera's directory below the export root; made if it is missing.
        width: Pixels a row, even, above 0.
        height: Rows, even, above 0.
        stride: Bytes a row in memory, at least ``width``.
        slot_count: Frames the ring holds, 2 to 62.
        picture: How the pixels of all its frames are meant.

    Raises:
        ExportError: The geometry is none of NV12, the picture is none that a record can carry, or directory,
            files or memory cannot be had, or another writer exports the camera. No new file is left behind.
            What was there stays, unless its writer is dead and its memory was needed.

    Attributes:
        frame_size: Bytes of a slot's buffer: ``stride * height * 3 // 2``.
        frame_id: The id that the next frame will have, from 0.

    """

    __slots__ = (
        "_data_map",
        "_directory",
        "_fence",
        "_futex",
        "_halves",
        "_inodes",
        "_marks_damage",
        "_meta_map",
        "_picture",
        "_slot_count",
        "_slots",
        "_words",
        "frame_id",
        "frame_size",
    )

    def __init__(
        self,
        directory: str,
        width: int,
        height: int,
        stride: int,
        slot_count: int,
        picture: Picture = _NOT_SAID,
    ) -> None:
        width = _uint32(directory, "width", width)
        height = _uint32(directory, "height", height)
        stride = _uint32(directory, "stride", stride)
        slot_count = _uint32(directory, "slot_count", slot_count)
        try:
            self._picture = pack_picture(picture._replace(damaged=False))
        except ValueError as error:
            raise ExportError(directory, str(error)) from error
        self._fence = release_fence
        self._marks_damage = False  # whether a record of this ring may say that its frame is damaged
        geometry = FrameRecord(
            version=VERSION_2,
            picture=self._picture,
            frame_id=0,
            timestamp_ns=0,
            width=width,
            height=height,
            pixel_format=PIXEL_FORMAT_NV12,
            stride=stride,
            data_size=nv12_size(stride, height),
            data_offset=0,
            sequence=0,
        )
        slot_size = -(-geometry.data_size // PAGE_SIZE) * PAGE_SIZE
        problem = (
            geometry_problem(geometry) or ring_shape_problem(slot_count, slot_size) or version_2_problem()
        )
        if problem is not None:
            raise ExportError(directory, problem)
        self.frame_id = 0
        self.frame_size = geometry.data_size
        self._slot_count = slot_count
        try:
            self._directory = ExportDirectory(directory)
            try:
                self._make_files(geometry, slot_size)
            except BaseException:  # closed whatever it was, and raised again
                self._directory.close()
                raise
        except (OSError, OverflowError, ValueError) as error:
            # OverflowError: larger than any file. ValueError: a NUL in the path.
            reason = getattr(error, "strerror", None) or error
            raise ExportError(directory, f"cannot export: {reason}") from error

    def _make_files(self, geometry: FrameRecord, slot_size: int) -> None:
        directory = self._directory
        offsets = [slot_size * slot for slot in range(self._slot_count)]
        with ExitStack() as made:
            data, meta = _reserve(directory, slot_size * self._slot_count, made)
            ring = RingHeader(
                wake=0,
                slot_count=self._slot_count,
                slot_size=slot_size,
                data_inode=data.inode,
                epoch=time.clock_gettime_ns(time.CLOCK_BOOTTIME),
                flags=FLAG_WAKES,
            )
            slots = (geometry._replace(data_offset=offset) for offset in offsets)
            meta.write(pack_record(geometry) + pack_ring(ring) + b"".join(map(pack_record, slots)))
            self._inodes = (meta.inode, data.inode)
            self._meta_map, self._data_map = meta.map(), data.map()
            standing = directory.open_current_meta()
            try:
                data.put_in_place()
                meta.put_in_place()
            except BaseException:  # closed whatever it was, and raised again
                directory.remove(DATA_NAME, data.inode)  # without its meta it is nothing
                if standing >= 0:
                    close_descriptor(standing)
                raise
        if standing >= 0:
            retire(standing)
        whole = memoryview(self._data_map)
        records = [slot_record_offset(slot) // 8 for slot in range(self._slot_count)]
        self._slots = tuple(
            _Slot(
                whole[offset : offset + self.frame_size],
                offset,
                at + _ID,
                at + _TIME,
                at + _SEQUENCE,
                at * 2 + _PICTURE,
            )
            for offset, at in zip(offsets, records, strict=True)
        )
        self._words = memoryview(self._meta_map).cast("Q")
        self._halves = memoryview(self._meta_map).cast("I")
        self._futex = FutexWord(self._meta_map, WAKE_OFFSET)

    def begin_frame(self) -> memoryview:
        """The buffer of the next frame: writable, ``frame_size`` bytes. Its old frame is gone from now on.

        Calling it again before :meth:`commit` gives the same buffer.
        """
        buffer, _, _, _, sequence_at, _ = self._slots[self.frame_id % self._slot_count]
        self._words[sequence_at] |= 1  # step 1; odd already if an earlier frame was given up
        if self._fence is not None:
            self._fence()  # odd before any byte of the payload
        return buffer

    def commit(self, timestamp_ns: int, damaged: bool = False) -> None:
        """Publishes what was written into the buffer of :meth:`begin_frame`.

        Args:
            timestamp_ns: When the frame was captured (docs/specification.md, "Frame time"), 0 to 2^64 - 1.
            damaged: Whether the decoder reported damage in it.

        """
        words, halves, frame_id, fence = self._words, self._halves, self.frame_id, self._fence
        _, offset, id_at, time_at, sequence_at, picture_at = self._slots[frame_id % self._slot_count]
        # Until a frame of this ring is damaged, every record says what it has to say of pixels already.
        marks = damaged or self._marks_damage
        words[id_at] = frame_id  # step 3
        words[time_at] = timestamp_ns
        if marks:
            self._marks_damage = True
            picture = self._picture | DAMAGED_PICTURE if damaged else self._picture
            halves[picture_at] = picture
        # "| 1" where "+ 1" would do: an exception from a signal handler can end this between any two
        # statements, and the next frame must find its way back to odd during changes, even at rest.
        if fence is not None:
            fence()  # payload and fields before even
        words[sequence_at] = (words[sequence_at] | 1) + 1  # step 4
        newest = words[_SEQUENCE] | 1
        words[_SEQUENCE] = newest  # step 5
        if fence is not None:
            fence()  # odd, and step 4, before any field
        words[_ID] = frame_id  # step 6
        words[_TIME] = timestamp_ns
        words[_OFFSET] = offset
        if marks:
            halves[_PICTURE] = picture
        if fence is not None:
            fence()  # fields before even
        words[_SEQUENCE] = newest + 1  # step 7
        if fence is not None:
            fence()  # the whole record before it is counted
        halves[_WAKE] = (halves[_WAKE] + 1) & 0xFFFFFFFF  # step 8
        self._futex.wake()  # step 9
        self.frame_id = frame_id + 1

    def close(self) -> None:
        """Says to readers that no frame will follow, wakes them, and removes the files if still ours."""
        if self._fence is not None:
            self._fence()  # the last record before the flag
        self._halves[_FLAGS] |= FLAG_CLOSED
        if self._fence is not None:
            self._fence()  # the flag before it is counted
        self._halves[_WAKE] = (self._halves[_WAKE] + 1) & 0xFFFFFFFF
        self._directory.remove(META_NAME, self._inodes[0])
        self._directory.remove(DATA_NAME, self._inodes[1])
        self._directory.close()
        self._futex.wake()  # after the removal: who polls again must not find the files
        for view in (self._words, self._halves):
            view.release()
        # A decoder may still hold a slot's buffer; then its memory goes with the last reference.
        self._slots = ()
        self._meta_map.close()


def _reserve(directory: ExportDirectory, data_size: int, made: ExitStack) -> tuple[NewFile, NewFile]:
    """Memory for ``frame.data`` and ``frame.meta``. Where it is short, what a dead writer left goes first.

    As a rule the new files are made beside the old ones, which last until they are replaced.

    Raises:
        OSError: It is not to be had: ENOSPC, EACCES, EMFILE, ...

    """
    try:
        data = made.enter_context(directory.new_file(DATA_NAME, data_size))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        taken = directory.adopt_data(data_size)
        if taken is None:
            directory.remove_standing()
            taken = directory.new_file(DATA_NAME, data_size)
        data = made.enter_context(taken)
    try:
        meta = directory.new_file(META_NAME, META_SIZE_V2)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        directory.remove_standing_meta()
        meta = directory.new_file(META_NAME, META_SIZE_V2)
    return data, made.enter_context(meta)


def _uint32(directory: str, name: str, value: SupportsIndex) -> int:
    """``value`` as a header carries it. Raises ExportError if it is not a whole number from 0 to 2^32 - 1."""
    try:
        number = operator.index(value)
    except TypeError:
        number = -1
    if not 0 <= number <= _UINT32_MAX:
        raise ExportError(directory, f"{name} {value!r}, must be a whole number from 0 to 2^32 - 1")
    return number

"""Reads a version 2 export: files made once, changed in place under a sequence (a seqlock).

The newest record is taken with preads, never through the mapping: a file that is shortened makes a load
through its mapping a SIGBUS, which CPython does not survive, but makes a pread short. A pread promises no
order among its bytes, so each step of a seqlock's reader is a pread of its own. Nor is a system call a
barrier: on 64-bit Arm, a fence before and after keeps each in its place (:mod:`ruth.order`)::

    read()        1  take the newest sequence, and wake
                  2  take the newest fields, and the ring
                  3  take the newest sequence again    equal and even, or the record does not count
    pixels(),     4  take the slot's record            even, and of the frame that is wanted
    find()        5  use the pixels                    by the caller
    slot_holds()  6  take the slot's record again      as before, or it was not that frame

    between()     7  take the records of all slots     for their sequences
                  8  take them again, for their fields
                  9  take them again, and the ring     a slot's sequence equal in 7 to 9, even; the epoch

Steps 7 to 9 are for a reader that comes late: the frames between the last one that it decided on and the
newest, as far as they are still in place. The newest one was published after them, so their slots hold them,
or a later frame; and as the epoch was still in place after step 8, no other writer had begun to fill a slot.

The sequence never goes back, so it had this value all the time between the two preads that took it, and what
was loaded in between is what was then in place. That this is so with any order inside a pread, and whatever
becomes of the writer, is gone through exhaustively in ``tests/model``.

The wake word is of step 1, the record of step 2: a process that waits for the word to differ from that value
cannot sleep through a frame published in between. A poll during which the record changed leaves the word of
the poll before it: in its own step 1 the word may already count the frame whose record that step did not
meet.
"""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from mmap import MAP_SHARED, PROT_READ, mmap
from typing import TYPE_CHECKING

from ruth.descriptor import close_descriptor
from ruth.export.files import open_export_file
from ruth.export.layout import (
    GEOMETRY,
    LASTING,
    META_SIZE_V2,
    RECORD_SIZE,
    RING_AFTER_WAKE,
    SEQUENCE_OFFSET,
    SLOT_COUNT_OFFSET,
    SLOT_RECORDS_OFFSET,
    VERSION_2,
    FrameRecord,
    record_of,
    slot_record_offset,
    unpack_frame,
    unpack_record,
    unpack_ring,
    unpack_wake,
)
from ruth.export.outcome import TORN, UNCHANGED, Absent, Torn, Unchanged
from ruth.export.pixels import Pixels, SlotPixels
from ruth.export.validity import is_same_ring, problem_v2, ring_problem, slot_problem
from ruth.identity import DATA_NAME
from ruth.order import pread, version_2_problem

if TYPE_CHECKING:
    from ruth.export.files import Opener

_RECORD = slice(0, RECORD_SIZE)
_SEQUENCE = slice(SEQUENCE_OFFSET, RECORD_SIZE)
_SEQUENCE_SIZE = RECORD_SIZE - SEQUENCE_OFFSET
_SEQUENCE_AND_WAKE_SIZE = SLOT_COUNT_OFFSET - SEQUENCE_OFFSET
_SIZES = _SEQUENCE_AND_WAKE_SIZE, SLOT_RECORDS_OFFSET, _SEQUENCE_SIZE
_NEVER_PUBLISHED = 0  # as a sequence


class RingReader:
    """One version 2 export, bound: both files open and mapped, read-only. Closed when it is released.

    Attributes:
        meta_map: ``frame.meta``, 4096 bytes, for the futex wait on its wake word.
        data_map: ``frame.data``, the whole ring, for views of frames.
        wake: The wake word as it was before the record that :meth:`read` last looked at.
        wakes: Whether the writer says that it wakes the futex.
        given: The record that :meth:`read` last returned, as its 64 bytes; it is not returned again.
        identity: Device and inode of ``frame.meta`` and the epoch: what makes this export this export.
        data_identity: Device and inode of ``frame.data``.

    """

    __slots__ = (
        "_data",
        "_data_size",
        "_geometry",
        "_judged",
        "_meta",
        "_offsets",
        "_ring",
        "_ring_bytes",
        "_shape",
        "_slot_count",
        "data_identity",
        "data_map",
        "given",
        "identity",
        "meta_map",
        "wake",
        "wakes",
    )

    def __init__(self, directory: int, meta: int, header: bytes, opener: Opener = os.open) -> None:
        """Binds ``frame.data`` in ``directory`` to the open ``frame.meta``, and takes that over.

        Args:
            directory: Descriptor of the camera's directory; stays the caller's.
            meta: Descriptor of ``frame.meta``, closed by :meth:`close`, or here if this raises.
            header: The bytes of ``frame.meta`` as read from it: 4096, or the export is refused.
            opener: What to open ``frame.data`` with.

        Raises:
            OSError: A file cannot be opened or mapped.
            ValueError: The export is not valid; the text says why.

        """
        self._meta = meta
        self._data = -1
        self.meta_map: mmap | None = None
        self.data_map: mmap | None = None
        try:
            problem = version_2_problem()
            if problem is None and len(header) != META_SIZE_V2:
                problem = f"frame.meta has {len(header)} bytes, version 2 has {META_SIZE_V2}"
            if problem is not None:
                raise ValueError(problem)
            self._ring = unpack_ring(header)
            self._ring_bytes = header[RING_AFTER_WAKE]
            self._data, data_status = open_export_file(directory, DATA_NAME, opener)
            problem = ring_problem(self._ring, data_status.st_size, data_status.st_ino)
            if problem is not None:
                raise ValueError(problem)
            self._slot_count = self._ring.slot_count
            self._data_size = self._slot_count * self._ring.slot_size
            self.meta_map = mmap(meta, META_SIZE_V2, MAP_SHARED, PROT_READ)
            self.data_map = mmap(self._data, self._data_size, MAP_SHARED, PROT_READ)
            status = os.fstat(meta)
        except BaseException:  # closed whatever it was, and raised again
            self.close()
            raise
        self.identity = (status.st_dev, status.st_ino, self._ring.epoch)
        self.data_identity = (data_status.st_dev, data_status.st_ino)
        self.wakes = self._ring.wakes
        self.wake = self._ring.wake
        self.given = b""
        self._geometry = b""  # of the record last returned, as bytes and as fields
        self._shape: tuple[int, ...] = ()
        # Every data_offset in which ruth.export.validity.offset_problem finds nothing.
        self._offsets = range(0, self._data_size, self._ring.slot_size)
        self._judged: dict[int, bytes] = {}  # by slot, what was found valid of its record

    def read(self) -> FrameRecord | Unchanged | Torn | Absent:
        """One read of the newest record. An :class:`Absent` means: release this binding."""
        try:
            first = pread(self._meta, _SEQUENCE_AND_WAKE_SIZE, SEQUENCE_OFFSET)  # step 1
            second = pread(self._meta, SLOT_RECORDS_OFFSET, 0)  # step 2
            again = pread(self._meta, _SEQUENCE_SIZE, SEQUENCE_OFFSET)  # step 3
            meta_size = os.lseek(self._meta, 0, os.SEEK_END)
            data_size = os.lseek(self._data, 0, os.SEEK_END)
        except OSError as error:
            return Absent(f"cannot read: {error.strerror}")
        sizes = len(first), len(second), len(again)
        if meta_size < META_SIZE_V2 or sizes != _SIZES:
            return Absent("frame.meta was shortened")
        if data_size < self._data_size:
            return Absent("frame.data was shortened")
        if first[:_SEQUENCE_SIZE] != again:
            return TORN
        _, self.wake = unpack_wake(first)
        version, picture, frame_id, timestamp_ns, data_offset, sequence = unpack_frame(second)
        if sequence & 1:
            return TORN
        newest = second[_RECORD]
        if second[RING_AFTER_WAKE] != self._ring_bytes and not is_same_ring(unpack_ring(second), self._ring):
            return Absent("frame.meta names another ring: a new writer in the same files")
        if newest == self.given or sequence == 0:
            return Absent("closed by its writer") if unpack_ring(second).closed else UNCHANGED
        # Nearly always another frame like the last one, in another slot: its geometry was judged with that.
        if second[GEOMETRY] == self._geometry and version == VERSION_2 and data_offset in self._offsets:
            self.given = newest
            return record_of((version, picture, frame_id, timestamp_ns, *self._shape, data_offset, sequence))
        record = unpack_record(newest)
        problem = problem_v2(record, self._ring)
        if problem is not None:
            return Absent(problem)
        self.given = newest
        self._geometry, self._shape = second[GEOMETRY], record[4:9]  # width to data_size
        return record

    def between(self, after: int, newest: FrameRecord) -> list[FrameRecord]:
        """The frames that were published before the newest and are still in place, in the order of their ids.

        Args:
            after: Id of the last frame that is not wanted, of the same export.
            newest: What :meth:`read` returned last.

        """
        count = self._slot_count
        size = slot_record_offset(count)
        try:
            before, fields, again = (pread(self._meta, size, 0) for _ in range(3))
        except OSError:
            return []
        if (
            not len(before) == len(fields) == len(again) == size
            or unpack_ring(again).epoch != self._ring.epoch
        ):
            return []
        found: list[FrameRecord] = []
        for frame_id in range(max(after + 1, newest.frame_id - count + 1), newest.frame_id):
            slot = frame_id % count
            at = slot_record_offset(slot)
            record = fields[at : at + RECORD_SIZE]
            sequence = record[_SEQUENCE]
            if not sequence == before[at:][_SEQUENCE] == again[at:][_SEQUENCE]:
                continue
            version, _, found_id, _, _, number = unpack_frame(record)
            if found_id != frame_id or version != VERSION_2 or number & 1 or number == _NEVER_PUBLISHED:
                continue
            lasting = record[LASTING]
            if self._judged.get(slot) == lasting or self._judge_slot(slot, record, lasting):
                found.append(unpack_record(record))
        return found

    def pixels(self, record: FrameRecord) -> Pixels | None:
        """Where the frame of ``record`` lies, or None if its slot holds another one by now.

        Args:
            record: One that :meth:`read` returned.

        """
        slot = record.data_offset // self._ring.slot_size
        before = self._slot_with(slot, record.frame_id, record.timestamp_ns)
        if self.data_map is None or not before:
            return None
        return Pixels(record, self.data_map, lambda: self.slot_holds(slot, before), owned=False)

    def find(self, frame_id: int, timestamp_ns: int) -> SlotPixels | None:
        """Where the frame of that id and time lies, or None if its slot does not hold it (any more).

        A frame that another reader took, not the newest: frame n is published into slot n mod slot_count
        (docs/frame-export.md, section 4), and the slot's own record says whether it is there.

        Args:
            frame_id: The frame's id, 0 to 2^64 - 1.
            timestamp_ns: Its timestamp; a frame of that id with another time is another frame.

        """
        slot = frame_id % self._slot_count
        before = self._slot_with(slot, frame_id, timestamp_ns)
        if not before:
            return None
        lasting = before[LASTING]
        if self._judged.get(slot) != lasting and not self._judge_slot(slot, before, lasting):
            return None
        return SlotPixels(self, slot, before, lasting)

    def slot_holds(self, slot: int, before: bytes) -> bool:
        """Step 6: whether a slot's record is what it was, and so were its pixels all the while.

        One pread before use and one after it are enough. What both saw as the sequence was in place from the
        one to the other, so no writer began to fill the slot in between. What both saw as the timestamp was
        as well, and it is another one in each frame that ever had this id, so it was that frame.

        False as well once this ring was released: then it is unknown.
        """
        return self._slot_now(slot) == before

    def _slot_with(self, slot: int, frame_id: int, timestamp_ns: int) -> bytes:
        """Step 4: the record of ``slot``, by one pread, if it is whole and of that frame; or nothing."""
        try:  # one call less than _slot_now(): a runtime comes here for each frame
            before = pread(self._meta, RECORD_SIZE, SLOT_RECORDS_OFFSET + RECORD_SIZE * slot)
            version, _, found_id, found_ns, _, sequence = unpack_frame(before)
        except (OSError, struct.error):  # released meanwhile, or cut
            return b""
        if (
            found_id == frame_id
            and found_ns == timestamp_ns
            and version == VERSION_2
            and sequence & 1 == 0
            and sequence != _NEVER_PUBLISHED
        ):
            return before
        return b""

    def _slot_now(self, slot: int) -> bytes:
        """The record of ``slot``, by one pread: 64 bytes, or fewer if it cannot be read."""
        try:
            return pread(self._meta, RECORD_SIZE, SLOT_RECORDS_OFFSET + RECORD_SIZE * slot)
        except OSError:  # also: released meanwhile
            return b""

    def _judge_slot(self, slot: int, before: bytes, lasting: bytes) -> bool:
        if slot_problem(unpack_record(before), self._ring) is not None:
            return False
        self._judged[slot] = lasting
        return True

    def close(self) -> None:
        """Releases files and mappings. A view that is still held keeps its mapping alive."""
        for mapping in (self.meta_map, self.data_map):
            if mapping is not None:
                with suppress(BufferError):  # an array still in use: the mapping goes with the last one
                    mapping.close()
        self.meta_map = self.data_map = None
        descriptors = (self._meta, self._data)
        self._meta = self._data = -1  # before they are closed: whatever happens, none is closed twice
        for descriptor in descriptors:
            if descriptor >= 0:
                close_descriptor(descriptor)

"""The real writer, store by store: what ``ruth.vas.ring`` stores, in its order and in the model's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from model.ring_writer import ExportWords, payload_words, timestamp_of
from ruth.export.layout import (
    DATA_OFFSET_OFFSET,
    FLAGS_OFFSET,
    FRAME_ID_OFFSET,
    RECORD_SIZE,
    SEQUENCE_OFFSET,
    SLOT_RECORDS_OFFSET,
    TIMESTAMP_OFFSET,
    WAKE_OFFSET,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from model.memory import Word
    from ruth.vas.ring import FrameRing

EPOCH = 1  # of the model's first session; the real one is a time
META, DATA = "frame.meta", "frame.data"
_PAYLOAD_EPOCH = 2**32


class RealStore(NamedTuple):
    """One store of the real writer.

    Attributes:
        file: ``META`` or ``DATA``.
        offset: Where in it.
        content: The bytes stored, 4 or 8.

    """

    file: str
    offset: int
    content: bytes

    @property
    def value(self) -> int:
        """As a number."""
        return int.from_bytes(self.content, "little")


class _Noting:
    """Wraps an array of the ring's memory: passes everything on, and records each store."""

    def __init__(
        self, array: memoryview, file: str, start: int, recorded: Callable[[RealStore], None]
    ) -> None:
        self._array, self._file, self._start, self._recorded = array, file, start, recorded

    def __getitem__(self, position: int) -> int:
        value: int = self._array[position]
        return value

    def __setitem__(self, position: int, value: int) -> None:
        self._array[position] = value
        size = self._array.itemsize
        self._recorded(RealStore(self._file, self._start + position * size, value.to_bytes(size, "little")))

    def release(self) -> None:
        """As memoryview.release()."""
        self._array.release()


class WalkedRing:
    """A real ring, which calls a hook after each of its stores.

    Args:
        ring: A ring that nothing was published in yet.
        slot_size: Bytes from one slot of ``frame.data`` to the next.
        hook: Called after each store, with it.

    """

    def __init__(self, ring: FrameRing, slot_size: int, hook: Callable[[RealStore], None]) -> None:
        self._ring, self._slot_size, self._hook = ring, slot_size, hook
        ring._words = _Noting(ring._words, META, 0, hook)  # type: ignore[assignment]
        ring._halves = _Noting(ring._halves, META, 0, hook)  # type: ignore[assignment]

    def publish(self) -> None:
        """Publishes the next frame, with a payload of two words that carry its epoch and id."""
        frame_id = self._ring.frame_id
        buffer = self._ring.begin_frame()
        start = frame_id % len(self._ring._slots) * self._slot_size
        with buffer.cast("Q") as words:
            payload = _Noting(words, DATA, start, self._hook)
            for position in range(2):
                payload[position] = payload_of(frame_id)
        self._ring.commit(timestamp_of(EPOCH, frame_id))

    def close(self) -> None:
        """Ends the export."""
        self._ring.close()


def payload_of(frame_id: int) -> int:
    """What the words of a frame's payload are: not zero, another one for each frame."""
    return EPOCH * _PAYLOAD_EPOCH + frame_id


def payload_value(number: int) -> tuple[int, int]:
    """The same in the model: (epoch, frame_id)."""
    return divmod(number, _PAYLOAD_EPOCH)


def word_of(store: RealStore, export: ExportWords, slot_size: int) -> tuple[Word, object]:
    """Which word of the model a store changes, and the value it has there."""
    if store.file == DATA:
        slot, position = divmod(store.offset, slot_size)
        return payload_words(export.number, slot)[position // 8], payload_value(store.value)
    if store.offset == WAKE_OFFSET:
        return export.wake, store.value
    if store.offset == FLAGS_OFFSET:
        return export.flags, store.value
    record, offset = export.newest, store.offset
    if store.offset >= SLOT_RECORDS_OFFSET:
        slot, offset = divmod(store.offset - SLOT_RECORDS_OFFSET, RECORD_SIZE)
        record = export.slots[slot]
    fields = {
        SEQUENCE_OFFSET: record.sequence,
        FRAME_ID_OFFSET: record.frame_id,
        TIMESTAMP_OFFSET: record.timestamp_ns,
        DATA_OFFSET_OFFSET: record.data_offset,
    }
    value = store.value // slot_size if offset == DATA_OFFSET_OFFSET else store.value
    return fields[offset], value

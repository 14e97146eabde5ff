"""Exports in tests, each record written by hand, as a writer should or as none ever would."""

from __future__ import annotations

import mmap
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from harness.exports import DATA_V1, DATA_V2, RECORD, RING, put
from ruth.export.layout import (
    FLAG_CLOSED,
    META_SIZE_V2,
    WAKE_OFFSET,
    FrameRecord,
    pack_record,
    pack_ring,
    slot_record_offset,
)
from ruth.futex import FutexWord
from ruth.identity import DATA_NAME, META_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MS = 1_000_000
UINT64_MAX = 2**64 - 1


Event: TypeAlias = tuple[str | int, ...]
"""A method of :class:`HandwrittenRing`, and its arguments."""


class HandwrittenRing:
    """One camera's export, one record after the other.

    Attributes:
        place: Its path, or what was its path.
        folder: Where its files are.
        record: The newest.

    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = self.place = folder
        self.ring = RING
        self.record = RECORD._replace(timestamp_ns=10**13)
        self._put()

    def write(self, offset: int, content: bytes) -> None:
        """Bytes of ``frame.meta``, in place."""
        descriptor = os.open(self.folder / META_NAME, os.O_WRONLY)
        os.pwrite(descriptor, content, offset)
        os.close(descriptor)

    def frame(self, step_ns: int, ids: int = 1) -> None:
        """One more frame."""
        frame_id = (self.record.frame_id + ids) & UINT64_MAX
        slot = frame_id % RING.slot_count
        self.record = self.record._replace(
            frame_id=frame_id,
            timestamp_ns=(self.record.timestamp_ns + step_ns) & UINT64_MAX,
            data_offset=slot * RING.slot_size,
            sequence=self.record.sequence + 2,
        )
        self.ring = self.ring._replace(wake=(self.ring.wake + 1) % 2**32)
        self.write(slot_record_offset(slot), pack_record(self.record))
        self.write(0, pack_record(self.record) + pack_ring(self.ring))

    def burst(self, frames: int, step_ns: int) -> None:
        """Several frames, none of which is looked at before the last one is there."""
        for _ in range(frames):
            self.frame(step_ns)

    def spoil_slot(self, slot: int, **fields: int) -> None:
        """Other numbers in the record of a slot, which has the newest frame's fields else."""
        slot %= RING.slot_count
        record = self.record._replace(data_offset=slot * RING.slot_size)._replace(**fields)
        self.write(slot_record_offset(slot), pack_record(record))

    def change(self, **fields: int) -> None:
        """Other numbers in the newest record or in the ring, as no process ought to write them."""
        record = {name: value for name, value in fields.items() if name in FrameRecord._fields}
        self.record = self.record._replace(**record)
        self.ring = self.ring._replace(**{name: fields[name] for name in fields.keys() - record.keys()})
        self.write(0, pack_record(self.record) + pack_ring(self.ring))

    def repair(self) -> None:
        """A valid record again, of the frame that comes next."""
        self.record = RECORD._replace(
            frame_id=self.record.frame_id,
            timestamp_ns=self.record.timestamp_ns,
            sequence=(self.record.sequence | 1) + 1,
        )
        self.ring = RING._replace(wake=self.ring.wake)
        self.frame(40 * MS)

    def cut(self, name: str, size: int) -> None:
        """Shortens a file, or makes it longer."""
        os.truncate(self.folder / name, size)

    def close(self) -> None:
        """As its writer closes it."""
        self.change(flags=self.ring.flags | FLAG_CLOSED, wake=(self.ring.wake + 1) % 2**32)

    def vanish(self) -> None:
        """No export, until :meth:`replace`: what is written goes to files that no process can open."""
        self.folder = self.folder.rename(f"{self.folder}.{time.time_ns()}")

    def act(self, event: Event) -> None:
        """One of these methods, with its arguments."""
        name, *arguments = event
        if name == "change":
            field, value = arguments
            self.change(**{str(field): int(value)})
        else:
            getattr(self, name)(*arguments)

    def replace(self, epoch: int, frame_id: int) -> None:
        """Another export at the same path."""
        self.record = RECORD._replace(frame_id=frame_id, timestamp_ns=self.record.timestamp_ns)
        self.ring = RING._replace(epoch=epoch)
        self.folder = self.place
        self.folder.mkdir(exist_ok=True)
        self._put()

    def _put(self) -> None:
        content = (pack_record(self.record) + pack_ring(self.ring)).ljust(META_SIZE_V2, b"\0")
        put(self.folder, content, DATA_V2)


@contextmanager
def wake_word(camera: HandwrittenRing) -> Iterator[FutexWord]:
    """The wake word of what is there."""
    with (
        open(camera.folder / META_NAME, "rb") as file,
        mmap.mmap(file.fileno(), META_SIZE_V2, mmap.MAP_SHARED, mmap.PROT_READ) as mapping,
    ):
        yield FutexWord(mapping, WAKE_OFFSET)


class HandwrittenRenamed:
    """One camera's export of version 1: both files again for every frame, the data first.

    Attributes:
        record: The newest header.

    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.record = RECORD._replace(version=1, timestamp_ns=10**13, data_offset=0, sequence=0)
        self.write()

    def write(self, data: bytes = DATA_V1) -> None:
        """The newest header, in new files."""
        put(self.folder, pack_record(self.record), data)

    def frame(self, step_ns: int, ids: int = 1) -> None:
        """One more frame."""
        self.record = self.record._replace(
            frame_id=(self.record.frame_id + ids) & UINT64_MAX,
            timestamp_ns=(self.record.timestamp_ns + step_ns) & UINT64_MAX,
        )
        self.write()

    def change(self, **fields: int) -> None:
        """Other numbers in the header, as no process ought to write them."""
        self.record = self.record._replace(**fields)
        self.write()

    def repair(self) -> None:
        """A valid header again, of the frame that comes next."""
        self.record = RECORD._replace(
            version=1,
            frame_id=self.record.frame_id,
            timestamp_ns=self.record.timestamp_ns,
            data_offset=0,
            sequence=0,
        )
        self.frame(40 * MS)

    def resize(self, name: str, size: int) -> None:
        """A file of another size, in new files."""
        content = {META_NAME: pack_record(self.record), DATA_NAME: DATA_V1}
        content[name] = content[name].ljust(size, b"\0")[:size]
        put(self.folder, content[META_NAME], content[DATA_NAME])

    def replace(self) -> None:
        """Another directory in its place, with one more frame."""
        os.rename(self.folder, f"{self.folder}.{time.time_ns()}")
        self.folder.mkdir()
        self.frame(40 * MS)

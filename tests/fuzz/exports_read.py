"""Exports whose headers are whatever they are given, on a real tmpfs, and what reading them must come to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import numpy as np

from harness.exports import DATA_V1, DATA_V2, FRAME_SIZE, META_V1, META_V2, SLOT_SIZE
from ruth.export.files import open_export_directory, open_export_file
from ruth.export.layout import META_SIZE_V2, SLOT_RECORDS_OFFSET, FrameRecord, slot_record_offset, unpack_ring
from ruth.export.nv12 import nv12_views
from ruth.export.outcome import Absent, Fresh, Torn, Unchanged
from ruth.export.rename_reader import RenameReader
from ruth.export.ring_reader import RingReader
from ruth.export.source import ExportSource
from ruth.identity import DATA_NAME, META_NAME

if TYPE_CHECKING:
    from mmap import mmap
    from pathlib import Path

HEAD_V1: Final = META_V1
HEAD_V2: Final = META_V2[:SLOT_RECORDS_OFFSET]


class Bench:
    """One camera's export, whose header is changed in place.

    Args:
        camera: Its directory, which exists.
        meta: The header to begin with.
        data: The pixels.

    """

    def __init__(self, camera: Path, meta: bytes, data: bytes) -> None:
        (camera / META_NAME).write_bytes(meta)
        (camera / DATA_NAME).write_bytes(data)
        self._meta = os.open(camera / META_NAME, os.O_RDWR | os.O_CLOEXEC)
        self._header = meta[:SLOT_RECORDS_OFFSET]

    def write(self, header: bytes) -> None:
        """Changes the header, while it may be bound; what ``header`` does not cover is as it was at first."""
        os.pwrite(self._meta, header + self._header[len(header) :], 0)

    def close(self) -> None:
        """Releases the file."""
        os.close(self._meta)


class BoundRing(Bench):
    """Version 2, bound once: every header is met by a reader that trusts the ring it has."""

    def __init__(self, camera: Path) -> None:
        super().__init__(camera, META_V2, DATA_V2)
        directory = open_export_directory(str(camera))
        meta, _ = open_export_file(directory, META_NAME)
        self._reader = RingReader(directory, meta, os.pread(meta, META_SIZE_V2 + 1, 0))
        os.close(directory)

    def __call__(self, header: bytes) -> FrameRecord | Unchanged | Torn | Absent:
        """What is found, judged."""
        self.write(header)
        self._reader.given = b""
        outcome = self._reader.read()
        if isinstance(outcome, FrameRecord):
            assert_inside(outcome, self._reader.data_map, SLOT_SIZE)
            self._reader.pixels(outcome)
        return outcome

    def find(self, slot_record: bytes) -> bool:
        """Whether a runtime that looks for the frame of a slot's record finds it, judged."""
        slot = int.from_bytes(slot_record[8:16], "little") % 4
        os.pwrite(self._meta, slot_record, slot_record_offset(slot))
        found = self._reader.find(*(int.from_bytes(slot_record[at : at + 8], "little") for at in (8, 16)))
        if found is None:
            return False
        assert found.intact()
        assert found.record.data_offset == slot * SLOT_SIZE
        assert_inside(found.record, found.memory, SLOT_SIZE)
        return True

    def close(self) -> None:
        """Releases everything."""
        self._reader.close()
        super().close()


class RenamedPair(Bench):
    """Version 1: every header is met by a reader that has the directory open."""

    def __init__(self, camera: Path) -> None:
        super().__init__(camera, META_V1, DATA_V1)
        self._reader = RenameReader(str(camera))
        self._reader.bind()

    def __call__(self, header: bytes) -> FrameRecord | Unchanged | Torn | Absent:
        """What is found, judged."""
        self.write(header)
        outcome = self._reader.read()
        if isinstance(outcome, FrameRecord):
            assert outcome.data_size == FRAME_SIZE
            assert outcome.data_offset == 0
            assert_inside(outcome, DATA_V1, FRAME_SIZE)
        return outcome

    def close(self) -> None:
        """Releases everything."""
        self._reader.close()
        super().close()


class NewReader(Bench):
    """Every header is met by a reader that binds for the first time, whatever version it states."""

    _META, _DATA = META_V2, DATA_V2

    def __init__(self, camera: Path) -> None:
        super().__init__(camera, self._META, self._DATA)
        self._root, self._camera = str(camera.parent), camera.name

    def __call__(self, header: bytes) -> Fresh | Unchanged | Torn | Absent:
        """What is found, judged."""
        self.write(header)
        with ExportSource(self._root, self._camera) as source:
            outcome = source.try_read()
            if isinstance(outcome, Fresh):
                ring = source.ring
                slot_size = unpack_ring(os.pread(self._meta, 128, 0)).slot_size if ring else FRAME_SIZE
                assert_inside(outcome.record, ring.data_map if ring else DATA_V1, slot_size)
                pixels = source.pixels(outcome)
                if pixels is not None:
                    pixels.close()
        return outcome


class NewReaderOfVersion1(NewReader):
    """As many bytes of header and pixels as version 1 has."""

    _META, _DATA = META_V1, DATA_V1


def assert_inside(record: FrameRecord, memory: mmap | bytes | None, slot_size: int) -> None:
    """A frame that is accepted lies wholly inside its slot, and so does every view of it."""
    assert memory is not None
    start, end = record.data_offset, record.data_offset + record.data_size
    assert 0 <= start < end <= len(memory)
    assert start % slot_size == 0
    assert record.data_size <= slot_size
    assert record.data_size == record.stride * record.height * 3 // 2
    assert 0 < record.width <= record.stride
    views = nv12_views(memory, record)
    base = np.frombuffer(memory, np.uint8).ctypes.data
    for view in views:
        first, last = np.lib.array_utils.byte_bounds(view)
        assert base + start <= first < last <= base + end
    assert views.nv12.shape == (record.height * 3 // 2, record.width)

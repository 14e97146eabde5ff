"""An export's header as it is, valid or not, for people who need to know what is wrong with it.

An agent is told only whether there is a frame (:class:`ruth.export.source.ExportSource`); here every field is
shown, and beside them the first reason for which an agent would refuse them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

from ruth.descriptor import close_descriptor
from ruth.export.files import open_export_directory, open_export_file
from ruth.export.layout import (
    META_SIZE_V2,
    RECORD_SIZE,
    SLOT_RECORDS_OFFSET,
    VERSION_1,
    VERSION_2,
    unpack_record,
    unpack_ring,
)
from ruth.export.picture import unpack_picture
from ruth.export.validity import problem_v1, problem_v2, ring_problem, short_meta_problem
from ruth.identity import DATA_NAME, META_NAME, camera_directory
from ruth.order import version_2_problem

if TYPE_CHECKING:
    from ruth.export.layout import FrameRecord, RingHeader
    from ruth.export.picture import Picture

_READS: Final = 50


class ExportHeader(NamedTuple):
    """What ``frame.meta`` of one camera says.

    Attributes:
        directory: The camera's folder below the export root.
        problem: Why an agent would not take a frame from it; None if it would, or if there is none yet.
        meta_bytes: Size of ``frame.meta``; None if it cannot be opened.
        data_bytes: Size of ``frame.data``; None likewise.
        record: The newest frame's fields, as stored; None if there are not even 64 bytes.
        ring: The ring's fields; None but in version 2.

    """

    directory: str
    problem: str | None
    meta_bytes: int | None = None
    data_bytes: int | None = None
    record: FrameRecord | None = None
    ring: RingHeader | None = None

    @property
    def picture(self) -> Picture | None:
        """What the newest record says of its pixels; None but in version 2."""
        return None if self.record is None or self.ring is None else unpack_picture(self.record.picture)

    @property
    def present(self) -> bool:
        """Whether there is a ``frame.meta``."""
        return self.meta_bytes is not None


def read_header(export_root: str, camera_id: str) -> ExportHeader:
    """Reads once. Never raises for anything that is, or is not, below the export root.

    Raises:
        InvalidIdError: ``camera_id`` is not a valid id.

    """
    path = camera_directory(export_root, camera_id)
    try:
        directory = open_export_directory(path)
    except OSError as error:
        return ExportHeader(path, error.strerror)
    try:
        return _read_files(path, directory)
    finally:
        close_descriptor(directory)


def _read_files(path: str, directory: int) -> ExportHeader:
    try:
        meta, meta_status = open_export_file(directory, META_NAME)
    except OSError as error:
        return ExportHeader(path, f"{META_NAME}: {error.strerror}")
    try:
        header = _stable(meta)
    except OSError as error:
        return ExportHeader(path, f"{META_NAME}: {error.strerror}", meta_status.st_size)
    finally:
        close_descriptor(meta)
    data: os.stat_result | None = None
    data_problem = None
    try:
        descriptor, data = open_export_file(directory, DATA_NAME)
        close_descriptor(descriptor)
    except OSError as error:
        data_problem = f"{DATA_NAME}: {error.strerror}"
    size = meta_status.st_size
    record = unpack_record(header) if len(header) >= RECORD_SIZE else None
    versioned = record is not None and record.version == VERSION_2 and len(header) >= SLOT_RECORDS_OFFSET
    ring = unpack_ring(header) if versioned else None
    return ExportHeader(
        directory=path,
        problem=data_problem or _problem(record, ring, size, data),
        meta_bytes=size,
        data_bytes=None if data is None else data.st_size,
        record=record,
        ring=ring,
    )


def _stable(meta: int) -> bytes:
    """The first bytes of ``frame.meta``: twice the same if that can be had, else as they are."""
    for _ in range(_READS):
        first = os.pread(meta, SLOT_RECORDS_OFFSET, 0)
        second = os.pread(meta, SLOT_RECORDS_OFFSET, 0)
        if first == second and (len(first) < SLOT_RECORDS_OFFSET or not unpack_record(first).sequence & 1):
            return first
    return second


def _problem(
    record: FrameRecord | None, ring: RingHeader | None, meta_bytes: int, data: os.stat_result | None
) -> str | None:
    """The first reason for which an agent would refuse what was read, in its own words."""
    if record is None or data is None:
        return short_meta_problem(meta_bytes)
    if record.version == VERSION_1:
        return problem_v1(record._replace(data_offset=0, sequence=0), meta_bytes, data.st_size)
    if ring is None:
        return f"version {record.version}, {META_NAME} has {meta_bytes} bytes"
    if meta_bytes != META_SIZE_V2:
        return f"{META_NAME} has {meta_bytes} bytes, version 2 has {META_SIZE_V2}"
    problem = version_2_problem() or ring_problem(ring, data.st_size, data.st_ino)
    if problem is not None:
        return problem
    if record.sequence & 1:
        return "the newest record stays half-written: its writer was killed or stopped in the middle of it"
    if record.sequence == 0:
        return None  # no frame yet
    return problem_v2(record, ring)

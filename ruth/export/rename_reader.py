"""Reads a version 1 export: two files, each rewritten and renamed over the old one for every frame.

A file once opened never changes, so a header read from one is never torn. What can happen instead is that
``frame.data`` already belongs to the next frame. A header alone is enough to decide about a frame; its
pixels may be used only as ``docs/frame-export.md``, section 6, says.

Every frame is another file, so only the camera's directory stays open. That ``frame.meta`` is opened, read
and closed at each poll, and that its status is not asked for, keeps a poll at four system calls. An agent
that polls pays each of them once a frame, after a sleep that has emptied the caches.
"""

from __future__ import annotations

import os
from mmap import MAP_SHARED, PROT_READ, mmap
from typing import TYPE_CHECKING

from ruth.descriptor import close_descriptor
from ruth.export.files import (
    is_same_file,
    numbers_files_in_order,
    open_export_directory,
    open_export_file,
    read_export_file,
)
from ruth.export.layout import (
    GEOMETRY,
    META_SIZE_V1,
    VERSION_1,
    FrameRecord,
    record_of,
    unpack_frame,
    unpack_record,
    unpack_version,
)
from ruth.export.outcome import TORN, UNCHANGED, Absent, Torn, Unchanged
from ruth.export.pairing import belongs
from ruth.export.pixels import Pixels
from ruth.export.validity import begins_session, geometry_problem, is_header_v1, problem_v1
from ruth.identity import DATA_NAME, META_NAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from ruth.export.files import Opener


class RenameReader:
    """One camera's directory, open while version 1 frames are found in it, and the frame last taken.

    Attributes:
        bound: Whether the directory is open.
        restarted: Whether the record last returned by :meth:`read` began a new session: ids only grow
            while VAS lives, so an id that did not grow, in another header, is a VAS restarted.

    """

    __slots__ = (
        "_directory",
        "_geometry",
        "_given",
        "_identity",
        "_opener",
        "_path",
        "_readable",
        "bound",
        "restarted",
    )

    def __init__(self, path: str, opener: Opener = os.open) -> None:
        """Keeps the path of the camera's directory, and what to open files with; opens nothing."""
        self._path = path
        self._opener = opener
        self._directory = -1
        self._identity = (0, 0)
        self._given: FrameRecord | None = None
        self._geometry = b""  # of the record given
        self.bound = False
        self._readable: tuple[int, int, int] | None = None
        self.restarted = False

    def bind(self) -> None:
        """Opens what is at the path.

        Raises:
            OSError: As :func:`ruth.export.files.open_export_directory`.

        """
        self.close()
        self._directory = open_export_directory(self._path, self._opener)
        self.bound = True
        self._readable = None
        status = os.fstat(self._directory)
        self._identity = (status.st_dev, status.st_ino)

    def path_leads_here(self) -> bool:
        """Whether the path still leads to the directory that is open."""
        return is_same_file(self._path, *self._identity)

    @property
    def given(self) -> FrameRecord | None:
        """The record that :meth:`read` last returned."""
        return self._given

    def remember(self, record: FrameRecord | None) -> None:
        """Takes ``record`` for the one that was returned last; None: as if there had been none."""
        self._given = record
        self._geometry = b""  # to be judged again

    def read(self) -> FrameRecord | Unchanged | Torn | Absent:
        """One read of the newest frame. An :class:`Absent` means: release this directory."""
        try:
            header = read_export_file(self._directory, META_NAME, META_SIZE_V1 + 1, self._opener)
        except OSError as error:
            return Absent(f"{META_NAME}: {error.strerror}")
        try:
            data = os.stat(DATA_NAME, dir_fd=self._directory, follow_symlinks=False)
        except OSError as error:
            return Absent(f"{DATA_NAME}: {error.strerror}")
        if (data.st_mode, data.st_uid, data.st_gid) != self._readable:
            # A frame that this process may not read is none, nor is what is not a regular file; asked once
            # for all alike. What was opened is judged: another file may have got the name since.
            try:
                descriptor, data = open_export_file(self._directory, DATA_NAME, self._opener)
            except OSError as error:
                return Absent(f"{DATA_NAME}: {error.strerror}")
            close_descriptor(descriptor)
            self._readable = (data.st_mode, data.st_uid, data.st_gid)
        # Nearly always only the frame's number and time have changed; the rest was judged with the last one.
        given = self._given
        if given is not None and len(header) == META_SIZE_V1 and header[GEOMETRY] == self._geometry:
            version, _, frame_id, timestamp_ns, _, _ = unpack_frame(header)
            if version == VERSION_1 and frame_id > given.frame_id and data.st_size == given.data_size:
                self.restarted = False
                self._given = record = record_of((VERSION_1, 0, frame_id, timestamp_ns, *given[4:]))
                return record
        return self._judge(header, data.st_size)

    def _judge(self, header: bytes, data_size: int) -> FrameRecord | Unchanged | Torn | Absent:
        """Judges every field, and the size of ``frame.data``."""
        if unpack_version(header) != VERSION_1:
            return Absent(f"version {unpack_version(header)}")
        if len(header) != META_SIZE_V1:
            return Absent(f"{META_NAME} has not the {META_SIZE_V1} bytes of version 1")
        record = _record(header)
        problem = problem_v1(record, len(header), data_size)
        if problem is not None:
            return TORN if is_header_v1(record, len(header)) else Absent(problem)
        if record == self._given:
            return UNCHANGED
        self.restarted = self._given is None or begins_session(record.frame_id, self._given.frame_id)
        self._given = record
        self._geometry = header[GEOMETRY]
        return record

    def pixels(self, record: FrameRecord) -> Pixels | None:
        """Where the frame of ``record`` lies, or None if it is gone or that cannot be shown.

        Args:
            record: The one that :meth:`read` returned last.

        """
        if record != self._given:
            return None
        return self._pixels(lambda found: found == record)

    def find(self, frame_id: int, timestamp_ns: int) -> Pixels | None:
        """Where the frame of that id and time lies, or None if it is not the newest (any more).

        A frame that another reader took; what :meth:`read` returned plays no part.

        Args:
            frame_id: The frame's id, 0 to 2^64 - 1.
            timestamp_ns: Its timestamp; a frame of that id with another time is another frame.

        """
        return self._pixels(
            lambda found: (
                found.version == VERSION_1
                and found.frame_id == frame_id
                and found.timestamp_ns == timestamp_ns
                and geometry_problem(found) is None
            )
        )

    def _pixels(self, wanted: Callable[[FrameRecord], bool]) -> Pixels | None:
        """The pixels of the newest frame, if its record is the one that is wanted."""
        if not self.bound:
            return None
        try:
            meta, meta_status = open_export_file(self._directory, META_NAME, self._opener)
        except OSError:
            return None
        try:
            # If the header is another one by now, the frame's data was replaced even before it.
            header = os.pread(meta, META_SIZE_V1 + 1, 0)
            if len(header) != META_SIZE_V1 or not wanted(record := _record(header)):
                return None
            return self._data_of(record, meta_status)
        except OSError:
            return None
        finally:
            # Only now: until its data was compared, its inode number belongs to no other file.
            close_descriptor(meta)

    def _data_of(self, record: FrameRecord, meta: os.stat_result) -> Pixels | None:
        """Opened after its header, which is what the proof in docs/frame-export.md needs."""
        data, status = open_export_file(self._directory, DATA_NAME, self._opener)
        try:
            if (
                status.st_dev != meta.st_dev
                or status.st_size != record.data_size
                or not belongs(meta.st_ino, status.st_ino)
                or not numbers_files_in_order(data)
            ):
                return None
            memory = mmap(data, record.data_size, MAP_SHARED, PROT_READ)
        except ValueError:  # cut shorter than its header says since it was opened
            return None
        finally:
            close_descriptor(data)
        return Pixels(record, memory, lambda: True, owned=True)  # a file once opened never changes

    def close(self) -> None:
        """Releases the directory; what was taken stays known, so that no frame is taken twice."""
        if self.bound:
            self.bound = False
            close_descriptor(self._directory)


def _record(header: bytes) -> FrameRecord:
    """Bytes that version 1 reserves mean nothing: it says nothing of pixels, starts at 0, has no sequence."""
    return unpack_record(header)._replace(picture=0, data_offset=0, sequence=0)

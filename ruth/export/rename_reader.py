"""Reads a version 1 export: two files, each written anew and renamed over the old one for every frame.

A file once opened never changes, so a header read from one is never torn. What can happen instead is that
``frame.data`` already belongs to the next frame. A header alone is enough to decide about a frame; its
pixels may be used only as ``docs/frame-export.md``, "Version 1", says.
"""

from __future__ import annotations

import os
import stat
from mmap import MAP_SHARED, PROT_READ, mmap

from ruth.export.files import names, numbers_files_in_order, open_export_directory, open_export_file
from ruth.export.layout import (
    META_SIZE_V1,
    FrameRecord,
    geometry_problem,
    problem_v1,
    unpack_record,
)
from ruth.export.outcome import TORN, UNCHANGED, Absent, Torn, Unchanged
from ruth.export.pairing import belongs
from ruth.export.pixels import Pixels
from ruth.identity import DATA_NAME


class RenameReader:
    """What was last taken from a version 1 export, and the file it came from.

    The descriptor of that ``frame.meta`` is kept: while it is open its inode number cannot be given to
    another file (inode(7)), so an unchanged number proves an unchanged file.

    Attributes:
        restarted: Whether the record last returned by :meth:`take` began a new session: ids only grow
            while VAS lives, so an id that did not grow, in another header, is a VAS started anew.

    """

    __slots__ = ("_descriptor", "_device", "_given", "_inode", "_meta_path", "restarted")

    def __init__(self, meta_path: str) -> None:
        self._meta_path = meta_path
        self._descriptor = -1
        self._device = self._inode = 0
        self._given: FrameRecord | None = None
        self.restarted = False

    def holds_newest(self) -> bool:
        """Whether the path still leads to the ``frame.meta`` that was last taken."""
        return self._descriptor >= 0 and names(self._meta_path, self._device, self._inode)

    def take(
        self, directory: int, meta: int, status: os.stat_result, head: bytes
    ) -> FrameRecord | Unchanged | Torn | Absent:
        """Judges a ``frame.meta`` just opened; takes over its descriptor if its frame is new.

        Args:
            directory: Descriptor of the camera's directory.
            meta: Descriptor of ``frame.meta``; still the caller's if anything but a record is returned.
            status: Its status.
            head: Its first bytes.

        """
        if len(head) != META_SIZE_V1:
            return Absent(f"frame.meta has {len(head)} bytes, version 1 has {META_SIZE_V1}")
        # Bytes that version 1 reserves mean nothing here: a record of it starts at 0 and has no sequence.
        record = unpack_record(head)._replace(data_offset=0, sequence=0)
        try:
            data = os.stat(DATA_NAME, dir_fd=directory, follow_symlinks=False)
        except OSError as error:
            return Absent(f"frame.data: {error.strerror}")
        if not stat.S_ISREG(data.st_mode):
            return Absent("frame.data: not a regular file")
        problem = problem_v1(record, len(head), data.st_size)
        if problem is not None:
            # A right header beside data of another size: the pair is between two renames, or cut short.
            return TORN if geometry_problem(record) is None else Absent(problem)
        if record == self._given:
            return UNCHANGED
        self.restarted = self._given is None or record.frame_id <= self._given.frame_id
        self._given = record
        self.close()
        self._descriptor, self._device, self._inode = meta, status.st_dev, status.st_ino
        return record

    def pixels(self, record: FrameRecord, directory: str) -> Pixels | None:
        """Where the frame of ``record`` lies, or None if that cannot be shown.

        Opened only now, after its header, which is what the proof in docs/frame-export.md needs.

        Args:
            record: The one that :meth:`take` returned last.
            directory: The camera's directory.

        """
        if record != self._given or self._descriptor < 0:
            return None
        try:
            folder = open_export_directory(directory)
            try:
                data, status = open_export_file(folder, DATA_NAME)
            finally:
                os.close(folder)
        except OSError:
            return None
        try:
            if (
                status.st_dev != self._device
                or status.st_size != record.data_size
                or not belongs(self._inode, status.st_ino)
                or not numbers_files_in_order(data)
            ):
                return None
            memory = mmap(data, record.data_size, MAP_SHARED, PROT_READ)
        except (OSError, ValueError):  # ValueError: cut shorter than its header says since it was opened
            return None
        finally:
            os.close(data)
        return Pixels(record, memory, lambda: True, owned=True)  # a file once opened never changes

    def close(self) -> None:
        """Lets go of the file; what was taken stays known, so that no frame is taken twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

"""Finds the pixels of one frame that another process decided on, in whichever export it was published.

The other half of :mod:`ruth.export.source`, for model runtimes: that one reads what is newest, this one is
told what to look for. An export is known by the inode of its ``frame.meta`` and by its epoch; a frame, by its
id and its timestamp. Nothing here waits or retries: a frame that is not there now is not there.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

from ruth.descriptor import close_descriptor
from ruth.export.files import open_export_directory, open_export_file
from ruth.export.layout import META_SIZE_V2, VERSION_2, unpack_version
from ruth.export.rename_reader import RenameReader
from ruth.export.ring_reader import RingReader
from ruth.identity import META_NAME, camera_directory

if TYPE_CHECKING:
    from ruth.export.pixels import Pixels


class FrameFinder:
    """Finds frames of one camera, read-only.

    Args:
        root: The export root (:func:`ruth.identity.export_root`).
        camera_id: The camera.

    Raises:
        InvalidIdError: ``camera_id`` is not a valid id.

    Attributes:
        ring: The version 2 export that is bound, or None.

    """

    __slots__ = ("_directory", "_renamed", "ring")

    def __init__(self, root: str, camera_id: str) -> None:
        self._directory = camera_directory(root, camera_id)
        self._renamed = RenameReader(self._directory)
        self.ring: RingReader | None = None

    def __repr__(self) -> str:
        return f"FrameFinder({self._directory!r}, bound={self.ring is not None})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def bind_ring(self, inode: int, epoch: int) -> RingReader | None:
        """Binds a version 2 export in place of what was bound before.

        Args:
            inode: Of its ``frame.meta``.
            epoch: Of its ring.

        Returns:
            The export; or None, and nothing is bound: another one is at the path, or none that is valid.

        """
        self.close()
        try:
            directory = open_export_directory(self._directory)
        except OSError:
            return None
        try:
            ring = _open_ring(directory, inode)
        except (OSError, ValueError):
            return None
        finally:
            close_descriptor(directory)
        if ring is not None and ring.identity[2] != epoch:
            ring.close()
            return None
        self.ring = ring
        return ring

    def find_renamed(self, frame_id: int, timestamp_ns: int) -> Pixels | None:
        """The pixels of a version 1 frame, or None if it is not the newest (any more).

        Args:
            frame_id: The frame's id.
            timestamp_ns: Its timestamp. Version 1 says nothing else about the session that a frame is of.

        """
        self.close()
        try:
            self._renamed.bind()  # the directory itself may be another one by now; opening it costs little
        except OSError:
            return None
        try:
            return self._renamed.find(frame_id, timestamp_ns)
        finally:
            self._renamed.close()

    def close(self) -> None:
        """Releases files and mappings. A view that is still held keeps its mapping alive."""
        if self.ring is not None:
            self.ring.close()
            self.ring = None


def _open_ring(directory: int, inode: int) -> RingReader | None:
    meta, status = open_export_file(directory, META_NAME)
    try:
        header = os.pread(meta, META_SIZE_V2 + 1, 0) if status.st_ino == inode else b""
    except OSError:
        close_descriptor(meta)
        raise
    if unpack_version(header) != VERSION_2:
        close_descriptor(meta)
        return None
    return RingReader(directory, meta, header)  # takes ownership of the descriptor

"""One camera's export as a reader sees it: binds to whatever is there, reads once, says what it found.

Nothing here waits, loops, retries or remembers a failure (docs/specification.md, "Failure rules"): an export
that is absent, lost, torn, corrupt or replaced is an outcome, and the next poll starts as the first one.
Whether a frame is new is all that is kept, because a frame is decided once.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Self

from ruth.descriptor import close_descriptor
from ruth.export.files import is_same_file, open_export_directory, open_export_file
from ruth.export.layout import (
    META_SIZE_V2,
    RECORD_SIZE,
    VERSION_1,
    VERSION_2,
    FrameRecord,
    pack_record,
    unpack_record,
    unpack_version,
)
from ruth.export.outcome import NO_RECORD, Absent, Fresh, Taken, Torn, Unchanged, fresh_of
from ruth.export.rename_reader import RenameReader
from ruth.export.ring_reader import RingReader
from ruth.export.validity import short_meta_problem
from ruth.identity import DATA_NAME, META_NAME, camera_directory

if TYPE_CHECKING:
    from ruth.export.files import Opener
    from ruth.export.outcome import Outcome
    from ruth.export.pixels import Pixels


class ExportSource:
    """Reads the newest frame's record of one camera, version 1 or 2, read-only.

    Args:
        root: The export root (:func:`ruth.identity.export_root`).
        camera_id: The camera.
        opener: What to open files with, for a process that gave up :func:`os.open`.

    Raises:
        InvalidIdError: ``camera_id`` is not a valid id.

    Attributes:
        ring: The bound version 2 export, or None. Its maps are for waiting and for views.
        version: 1 or 2 while bound, else 0.
        session: Counts the sessions seen so far; see :class:`ruth.export.outcome.Fresh`.

    """

    __slots__ = (
        "_data_path",
        "_directory",
        "_given",
        "_identity",
        "_meta_path",
        "_opener",
        "_renamed",
        "_was_ring",
        "camera_id",
        "ring",
        "session",
        "version",
    )

    def __init__(self, root: str, camera_id: str, opener: Opener = os.open) -> None:
        self.camera_id = camera_id
        self._opener = opener
        self._directory = camera_directory(root, camera_id)
        self._meta_path = f"{self._directory}/{META_NAME}"
        self._data_path = f"{self._directory}/{DATA_NAME}"
        self._renamed = RenameReader(self._directory, opener)
        self._identity: tuple[int, int, int] | None = None
        self._was_ring = False
        self._given = b""
        self.ring: RingReader | None = None
        self.version = 0
        self.session = 0

    @property
    def directory_path(self) -> str:
        """Where the camera's directory is to stand."""
        return self._directory

    @property
    def paths(self) -> tuple[str, str]:
        """Where ``frame.meta`` and ``frame.data`` are to stand."""
        return self._meta_path, self._data_path

    @property
    def taken(self) -> Taken:
        """The frames last taken."""
        given = self._given if self.ring is None else self.ring.given
        record = self._renamed.given
        return Taken(
            self._was_ring,
            *(self._identity or (0, 0, 0)),
            given or NO_RECORD,
            NO_RECORD if record is None else pack_record(record),
        )

    def adopt(self, taken: Taken, session: int) -> None:
        """Goes on from what was taken elsewhere.

        Args:
            taken: As :attr:`taken`; none of these frames is given again. Nothing is bound then.
            session: As :attr:`session`.

        """
        self.close()
        self._was_ring = taken.of_ring
        self._identity = (taken.device, taken.inode, taken.epoch) if taken.inode else None
        self._given = taken.ring_record
        renamed = taken.renamed_record
        self._renamed.remember(None if renamed == NO_RECORD else unpack_record(renamed))
        self.session = session

    def __repr__(self) -> str:
        return f"ExportSource({self._directory!r}, version={self.version}, session={self.session})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def try_read(self) -> Outcome:
        """Reads once.

        Returns:
            A :class:`Fresh` frame, :data:`UNCHANGED`, :data:`TORN`, or an :class:`Absent` with its reason.
            Never raises for anything that is, or is not, below the export root.

        """
        ring = self.ring
        if ring is None:
            return self._read_renamed() if self._renamed.bound else self._bind()
        outcome = ring.read()
        if isinstance(outcome, FrameRecord):
            return fresh_of((outcome, self.session))
        if isinstance(outcome, Absent):  # closed, cut or rewritten: what is at the path now counts
            return self._rebind()
        # Torn as well: for good, if its writer was killed inside the record.
        return outcome if self._path_leads_here() else self._rebind()

    def pixels(self, fresh: Fresh) -> Pixels | None:
        """Where the pixels of a frame lie, for their reader.

        Args:
            fresh: What :meth:`try_read` returned last.

        Returns:
            Its memory, to be asked after use whether it was intact; or None if the frame is gone, or if
            it cannot be shown that they are its pixels.

        """
        if fresh.session != self.session:
            return None
        if self.ring is not None:
            return self.ring.pixels(fresh.record)
        return self._renamed.pixels(fresh.record)

    def between(self, after: int, fresh: Fresh) -> list[FrameRecord]:
        """The frames between one that was taken before and the newest, as far as they are still in place.

        Args:
            after: Id of the one that was taken before, of the same session.
            fresh: What :meth:`try_read` returned last.

        Returns:
            Their records, in the order of their ids; of version 1, which holds one frame, none.

        """
        return [] if self.ring is None else self.ring.between(after, fresh.record)

    def close_if_replaced(self) -> bool:
        """Releases what is bound if its path leads elsewhere by now.

        For callers with a clock: as long as frames come, :meth:`try_read` does not compare the path, and a
        writer that was replaced can go on writing into files that no process can open any more.
        """
        if self._path_leads_here():
            return False
        self.close()
        return True

    def close(self) -> None:
        """Releases every file and mapping. The next :meth:`try_read` binds again."""
        self._renamed.close()
        if self.ring is not None:
            self._given = self.ring.given
            self.ring.close()
            self.ring = None
        self.version = 0

    def _read_renamed(self) -> Outcome:
        outcome = self._renamed.read()
        if isinstance(outcome, FrameRecord):
            return self._fresh_renamed(outcome)
        if isinstance(outcome, Absent) or not self._path_leads_here():
            return self._rebind()
        return outcome

    def _path_leads_here(self) -> bool:
        """Whether what is bound is still at its path: both files of a ring, else the directory."""
        if self.ring is not None:
            device, inode, _ = self.ring.identity
            return is_same_file(self._meta_path, device, inode) and is_same_file(
                self._data_path, *self.ring.data_identity
            )
        return self._renamed.path_leads_here()

    def _rebind(self) -> Outcome:
        self.close()
        return self._bind()

    def _bind(self) -> Outcome:
        """Opens what is at the path now, and looks at it."""
        try:
            directory = open_export_directory(self._directory, self._opener)
        except OSError as error:
            return self._lost(f"{self._directory}: {error.strerror}")
        try:
            meta, _ = open_export_file(directory, META_NAME, self._opener)
            return self._bind_meta(directory, meta)
        except OSError as error:
            return self._lost(f"{self._directory}/{error.filename or '*'}: {error.strerror}")
        except ValueError as error:
            return self._lost(str(error))
        finally:
            close_descriptor(directory)

    def _bind_meta(self, directory: int, meta: int) -> Outcome:
        """Takes ownership of ``meta``: it is kept by a reader, or closed."""
        try:
            header = os.pread(meta, META_SIZE_V2 + 1, 0)
        except OSError:
            close_descriptor(meta)
            raise
        version = unpack_version(header)
        if version == VERSION_2:
            return self._bind_ring(RingReader(directory, meta, header, self._opener))
        close_descriptor(meta)
        if version == VERSION_1:
            return self._bind_renamed()
        if len(header) < RECORD_SIZE:
            return self._lost(short_meta_problem(len(header)))
        return self._lost(f"version {version}")

    def _bind_renamed(self) -> Outcome:
        self._renamed.bind()
        outcome = self._renamed.read()
        if isinstance(outcome, Absent):
            return self._lost(outcome.reason)
        self.version = VERSION_1
        return self._fresh_renamed(outcome) if isinstance(outcome, FrameRecord) else outcome

    def _fresh_renamed(self, record: FrameRecord) -> Fresh:
        if self._renamed.restarted or self._was_ring:
            self.session += 1
        self._was_ring = False
        return fresh_of((record, self.session))

    def _bind_ring(self, ring: RingReader) -> Outcome:
        self._renamed.close()
        self.ring = ring
        self.version = VERSION_2
        if ring.identity == self._identity:
            ring.given = self._given  # the same export, found again: its last frame is not new
        if ring.identity != self._identity or not self._was_ring:
            self.session += 1
        self._identity = ring.identity
        self._was_ring = True
        outcome = ring.read()
        if isinstance(outcome, Absent):
            self.close()
        if isinstance(outcome, Unchanged | Torn | Absent):
            return outcome
        return Fresh(outcome, self.session)

    def _lost(self, reason: str) -> Absent:
        self.close()
        return Absent(reason)


def why_absent(root: str, camera_id: str) -> str | None:
    """Why no frame can be read from a camera's export at this moment, in words; None if one can, or soon.

    Args:
        root: The export root.
        camera_id: The camera.

    Raises:
        InvalidIdError: ``camera_id`` is not a valid id.

    """
    with ExportSource(root, camera_id) as source:
        outcome = source.try_read()
        return outcome.reason if isinstance(outcome, Absent) else None

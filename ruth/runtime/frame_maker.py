"""Makes frames of what an agent allowed: finds their pixels, and puts arrays on them.

Arrays are made once for each slot of a ring and serve every frame that passes through it. For version 1 each
frame is another file, so each gets its own.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Final

from ruth.export.finder import FrameFinder
from ruth.export.layout import VERSION_1, VERSION_2
from ruth.export.nv12 import nv12_views
from ruth.runtime.frame import Frame, Origin

if TYPE_CHECKING:
    from mmap import mmap

    from ruth.agent.last_allowed import LastAllowed
    from ruth.export.nv12 import Nv12Views
    from ruth.export.ring_reader import RingReader

# Mappings that one stream may keep in memory at a time. A process that holds arrays of them holds memory of
# the video server's tmpfs that is unlinked already, and a full tmpfs would stop its exports.
HELD_MAX: Final = 8


class FrameMaker:
    """Makes frames of one camera.

    Args:
        export_root: Folder of all exports.
        camera_id: The camera.
        model_id: The model that the frames are for.

    Raises:
        InvalidIdError: ``camera_id`` is not a valid id.

    """

    __slots__ = ("_bound", "_finder", "_held", "_origins", "_ring", "_slots")

    def __init__(self, export_root: str, camera_id: str, model_id: str) -> None:
        self._finder = FrameFinder(export_root, camera_id)
        self._origins = [Origin(camera_id, model_id, version) for version in (VERSION_1, VERSION_2)]
        self._held: list[weakref.ref[mmap]] = []
        self._ring: RingReader | None = None
        self._bound = (0, 0)  # inode and epoch of the ring
        self._slots: dict[int, tuple[bytes, Nv12Views]] = {}

    def make(self, allowed: LastAllowed, number: int) -> Frame | None:
        """A frame that was allowed.

        Args:
            allowed: What its agent last allowed.
            number: Which of those, as :meth:`ruth.agent.last_allowed.LastAllowed.frame` takes it.

        Returns:
            None if it is gone: overwritten, replaced, or of an export that is not the one bound by the
            agent; or if :data:`HELD_MAX` mappings are held already.

        """
        wanted = allowed.frame(number)
        if wanted is None:
            return None
        if allowed.export_version == VERSION_2:
            return self._of_ring(allowed, *wanted)
        if allowed.export_version == VERSION_1:
            return self._of_file(*wanted)
        return None

    def is_intact(self, allowed: LastAllowed, number: int) -> bool:
        """Whether a frame that was made is still intact: its memory was not written since.

        Args:
            allowed: As for :meth:`make`.
            number: Of the frame, 1 or more.

        """
        if allowed.export_version == VERSION_1:
            return True
        wanted = allowed.frame(number) if number >= allowed.first_kept else None
        ring = self._ring
        if wanted is None or ring is None or self._bound != (allowed.export_inode, allowed.export_epoch):
            return False
        return ring.find(*wanted) is not None

    def release(self) -> None:
        """Releases files and mappings. An array that is still held keeps its mapping alive."""
        self._ring = None
        self._slots.clear()
        self._finder.close()

    def _of_ring(self, allowed: LastAllowed, frame_id: int, timestamp_ns: int) -> Frame | None:
        ring = self._ring
        if ring is None or self._bound != (allowed.export_inode, allowed.export_epoch):
            ring = self._bind(allowed.export_inode, allowed.export_epoch)
            if ring is None:
                return None
        found = ring.find(frame_id, timestamp_ns)
        if found is None:
            return None
        known = self._slots.get(found.slot)
        if known is None or known[0] != found.lasting:
            assert found.memory is not None  # noqa: S101 - the ring is bound; for the type checker
            known = self._slots[found.slot] = (found.lasting, nv12_views(found.memory, found.record))
        return Frame(frame_id, timestamp_ns, known[1], self._origins[1], found)

    def _bind(self, inode: int, epoch: int) -> RingReader | None:
        self.release()
        ring = None if self._full() else self._finder.bind_ring(inode, epoch)
        if ring is not None and ring.data_map is not None:
            self._held.append(weakref.ref(ring.data_map))
        self._ring, self._bound = ring, (inode, epoch)
        return ring

    def _of_file(self, frame_id: int, timestamp_ns: int) -> Frame | None:
        self.release()
        if self._full():
            return None
        pixels = self._finder.find_renamed(frame_id, timestamp_ns)
        if pixels is None:
            return None
        self._held.append(weakref.ref(pixels.memory))
        views = nv12_views(pixels.memory, pixels.record)
        # A version 1 file once opened never changes (docs/frame-export.md, section 6).
        return Frame(frame_id, timestamp_ns, views, self._origins[0], pixels)

    def _full(self) -> bool:
        self._held = [held for held in self._held if held() is not None]
        return len(self._held) >= HELD_MAX

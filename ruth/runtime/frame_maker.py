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
from ruth.runtime.frame import Frame

if TYPE_CHECKING:
    from mmap import mmap

    from ruth.agent.last_allowed import LastAllowed
    from ruth.export.nv12 import Nv12Views
    from ruth.export.pixels import Pixels

# Mappings that one stream may keep in memory at a time. Whoever holds arrays of them holds memory of the
# video server's tmpfs that is unlinked already, and a full tmpfs would stop its exports.
HELD_MAX: Final = 8


class FrameMaker:
    """Makes frames of one camera.

    Args:
        export_root: Folder of all exports.
        camera_id: The camera.

    Raises:
        InvalidIdError: ``camera_id`` is no id.

    """

    __slots__ = ("_finder", "_held", "_slots")

    def __init__(self, export_root: str, camera_id: str) -> None:
        self._finder = FrameFinder(export_root, camera_id)
        self._held: list[weakref.ref[mmap]] = []
        self._slots: dict[int, tuple[tuple[int, ...], Nv12Views]] = {}

    def make(self, wanted: LastAllowed) -> Frame | None:
        """The frame that was allowed.

        Returns:
            None if it is gone: overwritten, replaced, or of an export that is not the one bound by the
            agent; or if :data:`HELD_MAX` mappings are held already.

        """
        if not wanted.in_export:
            return None
        if wanted.export_version == VERSION_2:
            return self._of_ring(wanted)
        if wanted.export_version == VERSION_1:
            return self._of_file(wanted)
        return None

    def let_go(self) -> None:
        """Lets go of files and mappings. An array that somebody holds keeps its mapping alive."""
        self._slots.clear()
        self._finder.close()

    def _of_ring(self, wanted: LastAllowed) -> Frame | None:
        finder = self._finder
        if not finder.has_bound(wanted.export_inode, wanted.export_epoch):
            self.let_go()
            ring = None if self._full() else finder.bind_ring(wanted.export_inode, wanted.export_epoch)
            if ring is None or ring.data_map is None:
                return None
            self._held.append(weakref.ref(ring.data_map))
        assert finder.ring is not None  # noqa: S101 - it has just been bound; for the type checker
        pixels = finder.ring.find(wanted.frame_id, wanted.timestamp_ns)
        if pixels is None:
            return None
        record = pixels.record
        geometry = record[3:9]  # width to data_offset
        known = self._slots.get(record.data_offset)
        if known is None or known[0] != geometry:
            known = self._slots[record.data_offset] = (geometry, nv12_views(pixels.memory, record))
        return Frame(record, known[1], pixels.intact)

    def _of_file(self, wanted: LastAllowed) -> Frame | None:
        self._slots.clear()
        if self._full():
            return None
        pixels = self._finder.find_renamed(wanted.frame_id, wanted.timestamp_ns)
        if pixels is None:
            return None
        self._held.append(weakref.ref(pixels.memory))
        return _own(pixels)

    def _full(self) -> bool:
        self._held = [held for held in self._held if held() is not None]
        return len(self._held) >= HELD_MAX


def _own(pixels: Pixels) -> Frame:
    """A frame that is its mapping's only owner."""
    return Frame(pixels.record, nv12_views(pixels.memory, pixels.record), _never_changes)


def _never_changes() -> bool:
    """A version 1 file once opened never changes (docs/frame-export.md, section 6)."""
    return True

"""Takes a whole copy of a camera's newest frame, or says why there is none to be had.

A copy, because a frame can be looked at only as long as its writer leaves its slot alone, and a terminal is
slow: it is copied in a few milliseconds, asked whether it was intact, and worked on afterwards.

The kernel makes the copy, with write(2) into a memory file. A load of our own through the mapping would be a
SIGBUS, which CPython does not survive, if ``frame.data`` were shortened meanwhile; write(2) answers EFAULT.
"""

from __future__ import annotations

import errno
import os
import time
from mmap import MAP_SHARED, PROT_READ, mmap
from typing import TYPE_CHECKING, Final, NamedTuple

from ruth.descriptor import close_descriptor
from ruth.export.layout import VERSION_1
from ruth.export.outcome import Absent, Fresh, Torn

if TYPE_CHECKING:
    from ruth.export.layout import FrameRecord
    from ruth.export.pixels import Pixels
    from ruth.export.source import ExportSource

PATIENCE_S: Final = 2.0
# A writer that replaces another has its files in place within milliseconds.
ABSENCE_S: Final = 0.3
_LOOK_S: Final = 0.002

_NO_FRAME: Final = "its export holds no frame yet"
_TORN: Final = "its newest header stays half-written: its writer was killed or stopped in the middle of it"
# A version 1 header is never torn: its file was whole before it got its name.
_UNPAIRED: Final = (
    "its frame.data stays of another size than its header says: its writer was killed or stopped between the"
    " two files, or the data was cut short or lengthened"
)
_OVERWRITTEN: Final = "its frames are overwritten faster than they can be copied"
_NOT_SHOWN: Final = (
    "the newest frame's pixels are gone, or cannot be shown to be its own"
    " (version 1 needs a tmpfs and Linux 5.9 for that)"
)


class CopiedFrame(NamedTuple):
    """One frame, whole.

    Attributes:
        record: Its record, as if ``memory`` were the whole of ``frame.data``: ``data_offset`` is 0.
        memory: Its bytes, mapped read-only; they are not written to.

    """

    record: FrameRecord
    memory: mmap


class NoFrame(NamedTuple):
    """No frame could be had.

    Attributes:
        reason: Why, for a human.
        absent: Whether there was no export at all, or none that can be read.

    """

    reason: str
    absent: bool = False


def copy_newest(source: ExportSource, patience_s: float = PATIENCE_S) -> CopiedFrame | NoFrame:
    """The newest frame of ``source``, never a torn one.

    Args:
        source: A camera's export, of either version.
        patience_s: How long to look for a whole frame, in seconds; of that, :data:`ABSENCE_S` at most for an
            export that is not there.

    Raises:
        OSError: This process has no memory or no descriptor left for a copy.

    """
    started = time.monotonic()
    found: CopiedFrame | NoFrame = NoFrame(_NO_FRAME)
    present_at = started
    while True:
        outcome = source.try_read()
        if isinstance(outcome, Fresh):
            found = _copy_of(source, outcome)
        elif isinstance(outcome, Torn):
            found = NoFrame(_UNPAIRED if source.version == VERSION_1 else _TORN)
        elif isinstance(outcome, Absent):
            found = NoFrame(outcome.reason, absent=True)
        if isinstance(found, CopiedFrame):
            return found
        now = time.monotonic()
        if not found.absent:
            present_at = now
        if now - started >= patience_s or now - present_at >= ABSENCE_S:
            return found
        time.sleep(_LOOK_S)


def _copy_of(source: ExportSource, fresh: Fresh) -> CopiedFrame | NoFrame:
    pixels = source.pixels(fresh)
    if pixels is None:
        return NoFrame(_NOT_SHOWN)
    with pixels:
        memory = _copy(pixels)
        if memory is None:
            return NoFrame("its frame.data was shortened", absent=True)
        if not pixels.intact():
            memory.close()
            return NoFrame(_OVERWRITTEN)
    return CopiedFrame(fresh.record._replace(data_offset=0), memory)


def _copy(pixels: Pixels) -> mmap | None:
    """The frame's bytes, or None if they are not all there any more."""
    start, size = pixels.record.data_offset, pixels.record.data_size
    descriptor = os.memfd_create("ruth-peek", os.MFD_CLOEXEC)
    try:
        with memoryview(pixels.memory) as whole, whole[start : start + size] as frame:
            written = 0
            while written < size:
                with frame[written:] as rest:
                    written += os.write(descriptor, rest)
        return mmap(descriptor, size, MAP_SHARED, PROT_READ)
    except OSError as error:
        if error.errno == errno.EFAULT:
            return None
        raise
    finally:
        close_descriptor(descriptor)

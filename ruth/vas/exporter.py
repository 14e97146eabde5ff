"""FrameExporter (docs/specification.md, phase 2): what a decoder calls. It never blocks or raises.

Flag off: :data:`NULL_EXPORTER`, and neither mmap nor numpy nor the ring is imported. Memory that cannot be
had, or a frame that does not fit: one message, nothing exported, decoding goes on.

    exporter = open_exporter("front-door", 1920, 1080)
    ...
    if exporter.enabled:                       # the only cost while the flag is off
        buffer = exporter.begin_frame()              # decode straight into shared memory
        if buffer is not None:
            decoder.read_into(buffer)
            exporter.commit(time.monotonic_ns())
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeAlias

from ruth.errors import ExportError, SharedMemoryError
from ruth.identity import camera_directory, export_root
from ruth.vas.flag import export_enabled
from ruth.vas.message import write_nonblocking

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ruth.export.picture import MatrixName, RangeName
    from ruth.vas.ring import FrameRing

_TIMESTAMP_MAX: Final = 2**64 - 1


class NullExporter:
    """Does nothing, holds nothing: the exporter while ``AI_FRAME_EXPORT_ENABLED`` is off."""

    # In a slot, and not of the class: the interpreter finds a slot's value without looking a name up, in a
    # third of the instructions. It is all that a frame costs with the flag off.
    __slots__ = ("enabled",)

    published: Final = 0
    problem: Final = None

    def __init__(self) -> None:
        self.enabled: Final = False

    def begin_frame(self) -> None:
        """None: there is no buffer."""

    def commit(self, timestamp_ns: int, damaged: bool = False) -> bool:  # noqa: ARG002 - the exporter's interface
        """False: nothing was published."""
        return False

    def abandon(self) -> None:
        """Nothing was begun."""

    def publish(self, frame: object, timestamp_ns: int, damaged: bool = False) -> bool:  # noqa: ARG002 - as above
        """False: nothing was published."""
        return False

    def close(self) -> None:
        """Nothing is open."""


class FrameExporter:
    """Exports the frames of one camera through a ring, as long as that is possible.

    Args:
        ring: The ring, or None if none could be made.
        problem: Why there is none.
        report: Gets the one message this exporter leaves when it cannot export.

    Attributes:
        enabled: Whether frames can be exported. False for good once it is False.
        published: Frames published so far.
        problem: The message that was left, or None.

    """

    __slots__ = ("_begun", "_report", "_ring", "enabled", "problem", "published")

    def __init__(self, ring: FrameRing | None, problem: str | None, report: Callable[[str], None]) -> None:
        self._ring = ring
        self._report = report
        self._begun = False
        self.enabled = ring is not None
        self.published = 0
        self.problem: str | None = None
        if problem is not None:
            self._leave_message(problem)

    def __reduce_ex__(self, _protocol: object) -> str:
        """An exporter is neither copied nor pickled. Raises SharedMemoryError."""
        raise SharedMemoryError("an exporter holds mappings of this process, and a camera has one writer")

    def begin_frame(self) -> memoryview | None:
        """A writable buffer of one frame, ``stride * height * 3 // 2`` bytes, in shared memory.

        None when nothing can be exported: the decoder keeps its own buffer. What was begun and never
        committed is never seen by a reader.
        """
        if self._ring is None:
            return None
        self._begun = True
        return self._ring.begin_frame()

    def commit(self, timestamp_ns: int, damaged: bool = False) -> bool:
        """Publishes what was written since :meth:`begin_frame`.

        Args:
            timestamp_ns: When the frame was captured, in CLOCK_MONOTONIC nanoseconds, 0 to 2^64 - 1: its
                arrival, or better its presentation time (:mod:`ruth.vas.frame_time`).
            damaged: Whether the decoder reported damage in this frame; its record says so.

        Returns:
            Whether it was published. Never raises.

        """
        if self._ring is None:
            return False
        if not self._begun:
            return self._refuse("commit() without begin_frame()")
        self._begun = False
        if not isinstance(timestamp_ns, int) or not 0 <= timestamp_ns <= _TIMESTAMP_MAX:
            return self._refuse(f"timestamp_ns {timestamp_ns!r}, allowed 0 to 2^64 - 1")
        self._ring.commit(timestamp_ns, damaged)
        self.published += 1
        return True

    def abandon(self) -> None:
        """Gives up the frame begun: nothing is published, its buffer serves the next frame."""
        self._begun = False

    def publish(
        self, frame: bytes | bytearray | memoryview, timestamp_ns: int, damaged: bool = False
    ) -> bool:
        """Copies a whole frame and publishes it, for a decoder that has it in memory of its own.

        Args:
            frame: Any contiguous buffer of exactly ``stride * height * 3 // 2`` bytes of NV12.
            timestamp_ns: As for :meth:`commit`.
            damaged: As for :meth:`commit`.

        Returns:
            Whether it was published. Never raises: a frame that does not fit leaves one message.

        """
        ring = self._ring
        if ring is None:
            return False
        source = frame
        if type(frame) is not bytearray and type(frame) is not bytes:  # these need no look at their form
            try:
                source = memoryview(frame).cast("B")
            except (TypeError, ValueError, BufferError) as error:  # also: released, or of no plain numbers
                return self._refuse(f"a frame must be one contiguous buffer: {error}")
        size = len(source)
        if size != ring.frame_size:
            return self._refuse(f"a frame of {size} bytes, this export's frames have {ring.frame_size}")
        self._begun = True
        ring.begin_frame()[:] = source
        return self.commit(timestamp_ns, damaged)

    def close(self) -> None:
        """Ends the export: readers are told, the files are removed. Safe to call twice."""
        if self._ring is not None:
            ring, self._ring = self._ring, None
            self.enabled = False
            ring.close()

    def _refuse(self, problem: str) -> bool:
        if self.problem is None:
            self._leave_message(problem)
        return False

    def _leave_message(self, problem: str) -> None:
        self.problem = problem
        # A full or closed stderr must not disturb a decoder (docs/specification.md, "Never, anywhere").
        with suppress(OSError, ValueError):
            self._report(problem)


Exporter: TypeAlias = FrameExporter | NullExporter

NULL_EXPORTER: Final = NullExporter()


def report_to_stderr(problem: str) -> None:
    """One line on stderr: the message an exporter leaves unless it is given another place.

    Never waits (:func:`ruth.vas.message.write_nonblocking`). Raises OSError or ValueError if it is lost.
    """
    write_nonblocking(sys.stderr, f"ruth: not exported: {problem}\n")


def open_exporter(
    camera_id: str,
    width: int,
    height: int,
    *,
    stride: int | None = None,
    slot_count: int | None = None,
    pixel_range: RangeName | None = None,
    matrix: MatrixName | None = None,
    root: str | None = None,
    environ: Mapping[str, str] = os.environ,
    report: Callable[[str], None] = report_to_stderr,
) -> Exporter:
    """The exporter of one camera.

    Args:
        camera_id: The camera; also the name of its directory below the export root.
        width: Pixels a row, even, above 0.
        height: Rows, even, above 0.
        stride: Bytes a row in memory, at least ``width``; ``width`` itself if not given.
        slot_count: Frames that the ring holds, 2 to 62; 4 if not given, which leaves a reader at 25 fps
            120 ms to use one.
        pixel_range: ``"limited"`` or ``"full"``, as the decoder says of its pixels; None if it does not.
        matrix: ``"bt601"``, ``"bt709"`` or ``"bt2020"``, likewise.
        root: The export root; from ``VAS_EXPORT_ROOT``, or ``/dev/shm/vas``, if not given.
        environ: Where the flag and the root are looked up.
        report: Gets the one message left when nothing can be exported.

    Returns:
        :data:`NULL_EXPORTER` while the flag is off; else a :class:`FrameExporter`, whose ``enabled`` is
        False if the export could not be made. Never raises for memory, place or geometry.

    Raises:
        InvalidIdError: ``camera_id`` is no id. That is a mistake of the program, not of the moment.

    """
    directory = camera_directory(root or export_root(environ), camera_id)
    if not export_enabled(environ):
        return NULL_EXPORTER
    try:
        from ruth.export.layout import SLOT_COUNT_DEFAULT
        from ruth.export.picture import Picture
        from ruth.vas.ring import FrameRing  # maps memory: only with the flag on

        slots = SLOT_COUNT_DEFAULT if slot_count is None else slot_count
        row = width if stride is None else stride
        ring = FrameRing(directory, width, height, row, slots, Picture(pixel_range, matrix))
    except ExportError as error:
        return FrameExporter(None, str(error), report)
    except (ImportError, OSError, MemoryError) as error:  # no descriptor or memory left to load it with
        return FrameExporter(None, f"{directory}: cannot export: {error}", report)
    return FrameExporter(ring, None, report)

"""FrameExporter (docs/specification.md, phase 2): what a decoder calls. It never blocks or raises.

Flag off: :data:`NULL_EXPORTER`, and neither mmap nor numpy nor the ring is imported. Memory that cannot be
had, or a frame that does not fit: one message, nothing exported, decoding goes on.

    exporter = open_exporter("front-door", 1920, 1080)
    ...
    if exporter.enabled:                       # the only cost while the flag is off
        buffer = exporter.begin_frame()        # decode straight into shared memory
        if buffer is not None:
            decoder.read_into(buffer)
            exporter.commit(time.monotonic_ns())

A program that has its frames in arrays calls it as ``ruth.open_exporter``, in a ``with``, and publishes those
(docs/exporting.md).
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self, TypeAlias, cast

from ruth.errors import ExportError, SharedMemoryError
from ruth.identity import camera_directory, export_root
from ruth.vas.flag import export_enabled
from ruth.vas.message import write_nonblocking
from ruth.vas.null_exporter import NULL_EXPORTER, NullExporter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from ruth.export.picture import MatrixName, RangeName
    from ruth.vas.form import Form
    from ruth.vas.frame_time import FrameTime
    from ruth.vas.ring import FrameRing

    Buffer: TypeAlias = bytes | bytearray | memoryview | NDArray[np.uint8]

_TIMESTAMP_MAX: Final = 2**64 - 1


class FrameExporter:
    """Exports the frames of one camera through a ring, as long as that is possible.

    Args:
        directory: Of the camera, below the export root.
        form: Of its frames.
        report: Gets the one message that an export leaves when it cannot export.

    Attributes:
        enabled: Whether frames can be exported; once it is False only :meth:`resize` can change that.
        published: Frames published so far.
        problem: The message that was left, or None.

    """

    __slots__ = (
        "_begun",
        "_directory",
        "_form",
        "_frame_time",
        "_report",
        "_ring",
        "enabled",
        "problem",
        "published",
    )

    def __init__(self, directory: str, form: Form, report: Callable[[str], None]) -> None:
        self._directory = directory
        self._form: Form | None = form
        self._frame_time: FrameTime | None = None
        self._report = report
        self._begun = False
        self._ring, problem = _make_ring(directory, form)
        self.enabled = self._ring is not None
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
        self,
        frame: Buffer,
        timestamp_ns: int | None = None,
        damaged: bool = False,
        *,
        presentation_ns: int | None = None,
    ) -> bool:
        """Copies a whole NV12 frame and publishes it, for a decoder that has it in memory of its own.

        Args:
            frame: An array, uint8, shape ``(height * 3 // 2, width)``, of any strides; or any contiguous
                buffer of exactly ``stride * height * 3 // 2`` bytes.
            timestamp_ns: As for :meth:`commit`; the present moment if not given.
            damaged: As for :meth:`commit`.
            presentation_ns: The frame's presentation time in nanoseconds, from any zero. The frame is then
                given the time of its capture by the rhythm of these (:mod:`ruth.vas.frame_time`), and
                ``timestamp_ns`` is when it came.

        Returns:
            Whether it was published. Never raises: a frame that does not fit leaves one message, which says
            what it looks like.

        """
        ring = self._ring
        if ring is None:
            return False
        source: bytes | bytearray | memoryview
        if isinstance(frame, bytearray | bytes):  # these need no look at their form
            source = frame
        else:
            try:
                source = memoryview(cast("memoryview", frame))  # numpy's own type is not a Buffer to mypy
                if source.ndim != 1:
                    return self._publish_array(frame, timestamp_ns, damaged, presentation_ns)
                source = source.cast("B")
            except (TypeError, ValueError, BufferError) as error:  # also: released, or of no plain numbers
                return self._refuse(f"a frame must be an array or one contiguous buffer: {error}")
        size = len(source)
        if size != ring.frame_size:
            return self._refuse_size(size, ring.frame_size)
        if timestamp_ns is None or presentation_ns is not None or self._frame_time is not None:
            timestamp_ns = self._time_of(timestamp_ns, presentation_ns)
            if timestamp_ns is None:
                return False
        self._begun = True
        ring.begin_frame()[:] = source
        return self.commit(timestamp_ns, damaged)

    def publish_bgr(
        self,
        frame: Buffer,
        timestamp_ns: int | None = None,
        damaged: bool = False,
        *,
        presentation_ns: int | None = None,
    ) -> bool:
        """Converts a picture to NV12 and publishes it: by the range and matrix of the export.

        Args:
            frame: uint8, shape ``(height, width, 3)``, blue first, of any strides.
            timestamp_ns: As for :meth:`publish`.
            damaged: As for :meth:`publish`.
            presentation_ns: As for :meth:`publish`.

        Returns:
            As :meth:`publish`.

        """
        return self._publish_colours(frame, timestamp_ns, damaged, presentation_ns, bgr=True)

    def publish_rgb(
        self,
        frame: Buffer,
        timestamp_ns: int | None = None,
        damaged: bool = False,
        *,
        presentation_ns: int | None = None,
    ) -> bool:
        """As :meth:`publish_bgr`, with red first."""
        return self._publish_colours(frame, timestamp_ns, damaged, presentation_ns, bgr=False)

    def resize(self, width: int, height: int, stride: int | None = None) -> bool:
        """Ends this export and begins one of another size: readers take it for another session.

        Args:
            width: As for :func:`open_exporter`.
            height: Likewise.
            stride: Likewise.

        Returns:
            Whether frames can be exported now. Never raises: if not, a message is left.

        """
        form = self._form
        if form is None:
            return False
        self._end()
        self._begun = False
        self.problem = None
        self._form = form._replace(width=width, height=height, stride=width if stride is None else stride)
        self._ring, problem = _make_ring(self._directory, self._form)
        self.enabled = self._ring is not None
        if problem is not None:
            self._leave_message(problem)
        return self.enabled

    def close(self) -> None:
        """Ends the export: readers are told, the files are removed. Safe to call twice."""
        self._form = None
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _end(self) -> None:
        if self._ring is not None:
            ring, self._ring = self._ring, None
            self.enabled = False
            ring.close()

    def _publish_array(
        self, frame: Buffer, timestamp_ns: int | None, damaged: bool, presentation_ns: int | None
    ) -> bool:
        from ruth.vas.arrays import (
            nv12_of,
            write_frame,
        )  # loads numpy, which a process that has an array has loaded

        if self._ring is None or self._form is None:
            return False
        array = nv12_of(frame, self._form)
        if isinstance(array, str):
            return self._refuse(array)
        time_ns = self._time_of(timestamp_ns, presentation_ns)
        if time_ns is None:
            return False
        self._begun = True
        write_frame(array, self._ring.begin_frame(), self._form)
        return self.commit(time_ns, damaged)

    def _publish_colours(
        self,
        frame: Buffer,
        timestamp_ns: int | None,
        damaged: bool,
        presentation_ns: int | None,
        *,
        bgr: bool,
    ) -> bool:
        from ruth.vas.arrays import colours_of, write_colours

        if self._ring is None or self._form is None:
            return False
        array = colours_of(frame, self._form)
        if isinstance(array, str):
            return self._refuse(array)
        time_ns = self._time_of(timestamp_ns, presentation_ns)  # before the conversion, which takes a while
        if time_ns is None:
            return False
        self._begun = True
        write_colours(array, self._ring.begin_frame(), self._form, bgr=bgr)
        return self.commit(time_ns, damaged)

    def _time_of(self, timestamp_ns: int | None, presentation_ns: int | None) -> int | None:
        """When a frame was captured (docs/specification.md, "Frame time"); None if that was refused."""
        arrival_ns = time.monotonic_ns() if timestamp_ns is None else timestamp_ns
        if presentation_ns is None and self._frame_time is None:
            return arrival_ns
        if not isinstance(arrival_ns, int) or not isinstance(presentation_ns, int | None):
            given = f"timestamp_ns {timestamp_ns!r}, presentation_ns {presentation_ns!r}"
            self._refuse(f"{given}: whole numbers of nanoseconds, or None")
            return None
        if self._frame_time is None:
            from ruth.vas.frame_time import FrameTime

            self._frame_time = FrameTime()
        return self._frame_time.place(presentation_ns, arrival_ns)

    def _refuse_size(self, size: int, needed: int) -> bool:
        from ruth.vas.misfit import describe_size

        said = f"a frame of {size} bytes, this export's frames have {needed}"
        looks = describe_size(size, self._form.width, self._form.height) if self._form is not None else ""
        return self._refuse(f"{said}; {looks}" if looks else said)

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
        InvalidIdError: ``camera_id`` is not a valid id. That is a mistake of the program, not of the moment.

    """
    directory = camera_directory(root or export_root(environ), camera_id)
    if not export_enabled(environ):
        return NULL_EXPORTER
    from ruth.vas.form import Form

    form = Form(width, height, width if stride is None else stride, slot_count, pixel_range, matrix)
    return FrameExporter(directory, form, report)


def _make_ring(directory: str, form: Form) -> tuple[FrameRing | None, str | None]:
    """The ring of an export, or None and why there is none."""
    try:
        from ruth.export.layout import SLOT_COUNT_DEFAULT
        from ruth.export.picture import Picture
        from ruth.vas.ring import FrameRing  # maps memory: only with the flag on

        slots = SLOT_COUNT_DEFAULT if form.slot_count is None else form.slot_count
        picture = Picture(form.pixel_range, form.matrix)
        return FrameRing(directory, form.width, form.height, form.stride, slots, picture), None
    except ExportError as error:
        return None, str(error)
    except (ImportError, OSError, MemoryError) as error:  # no descriptor or memory left to load it with
        return None, f"{directory}: cannot export: {error}"

"""The decode boundary: whole frames out of FFmpeg's raw output and into the export, one copy each.

    pipe --readv--> headers (a small buffer) | payload (the slot of the export)

It knows the stream's format and neither FFmpeg nor shared memory. No queue, no retry, no wait: a frame is
in the slot that the exporter gave, or is thrown away when it gave none, and is forgotten once it is whole.
What is not the stream that it should be ends it (:class:`RawOutputError`,
:class:`launch.vas.nut_fields.NutError`).
"""

from __future__ import annotations

import errno
import os
import time
from typing import TYPE_CHECKING, Final, Protocol

from launch.vas.nut import NutFrame, NutReader, NutStream
from ruth.errors import RuthError
from ruth.export.layout import nv12_size
from ruth.vas.frame_time import FrameTime

if TYPE_CHECKING:
    from collections.abc import Callable

SIDE_MAX: Final = 16384
"""Pixels, of either side of a picture (docs/commands/vas.md). Above it nothing is allocated."""

_HEADERS_BYTES: Final = 512  # of one reading, beside the payload
_THROWN_AWAY_BYTES: Final = 1 << 16  # likewise, of a frame without a slot


class RawOutputError(RuthError):
    """FFmpeg's raw output is not what was asked of it."""


class Exporter(Protocol):
    """What frames are given to: :class:`ruth.vas.exporter.FrameExporter`, which never raises."""

    @property
    def published(self) -> int:
        """Frames published so far."""

    @property
    def problem(self) -> str | None:
        """Why something was not exported: the message that was left, or None."""

    def begin_frame(self) -> memoryview | None:
        """A writable buffer of exactly one frame, or None."""

    def commit(self, timestamp_ns: int, damaged: bool = False) -> bool:
        """Publishes what was written since :meth:`begin_frame`."""

    def abandon(self) -> None:
        """Gives up the frame begun."""

    def close(self) -> None:
        """Ends the export."""


class Tap:
    """The decode boundary of one camera.

    It reads the header of the stream, then waits for the exporter (:meth:`export_to`), then reads frames.

    Args:
        pipe: Read end of the pipe, non-blocking.
        clock: CLOCK_MONOTONIC in nanoseconds, read when the last byte of a frame has come.

    Attributes:
        size: Width and height of every frame in pixels, even, 2 to 16384; None until the header has come.
        read: Whole frames read so far.

    """

    def __init__(self, pipe: int, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._pipe = pipe
        self._clock = clock
        self._reader = NutReader()
        self._frame_time = FrameTime()
        self._headers = memoryview(bytearray(_HEADERS_BYTES))
        self._thrown_away = memoryview(bytearray(_THROWN_AWAY_BYTES))
        self._stream: NutStream | None = None
        self._frame: NutFrame | None = None
        self._exporter: Exporter | None = None
        self._lost = False
        self._slot: memoryview | None = None
        self._filled = 0  # bytes of the slot
        self.size: tuple[int, int] | None = None
        self.read = 0

    @property
    def published(self) -> int:
        """Frames that the exporter has published."""
        return 0 if self._exporter is None else self._exporter.published

    @property
    def waits_for_exporter(self) -> bool:
        """The stream's header has come, and there is no exporter yet: nothing more is read."""
        return self.size is not None and self._exporter is None

    def export_to(self, exporter: Exporter) -> None:
        """Gives it the exporter, for frames of :attr:`size`; this object's to close."""
        self._exporter = exporter
        self._advance()

    @property
    def problem(self) -> str | None:
        """Why the exporter could not export, or None."""
        return None if self._exporter is None else self._exporter.problem

    def drain(self) -> int:
        """Reads once, and publishes the frames that are whole then. Only for a pipe that is readable.

        Returns:
            Bytes read; 0 when the pipe has ended.

        Raises:
            NutError: The stream is damaged, or is none.
            RawOutputError: It is not of NV12 frames of one size.
            OSError: The pipe cannot be read.

        """
        payload = self._room()
        try:
            count = os.readv(self._pipe, [payload, self._headers])
        except OSError as error:
            if error.errno != errno.EFAULT or self._slot is None:
                raise
            # frame.data was cut short by another process: the kernel cannot fill the slot and has taken
            # nothing from the pipe, so the place among the frames is kept. No more is exported.
            self._lost = True
            self._give_up()
            return self.drain()
        in_payload = min(count, len(payload))
        if in_payload:
            self._reader.passed(in_payload)
            self._filled += in_payload
        self._reader.receive(self._headers[: count - in_payload])
        self._advance()
        return count

    def close(self) -> None:
        """Gives up a frame that is not whole and ends the export. The pipe stays open."""
        self._give_up()
        if self._exporter is not None:
            self._exporter.close()

    def _room(self) -> memoryview:
        """Where the rest of the present payload goes; empty between frames."""
        left = self._reader.payload_left
        if self._slot is None:
            return self._thrown_away[:left]
        return self._slot[self._filled : self._filled + left]

    def _advance(self) -> None:
        """Works through what was received."""
        while not self.waits_for_exporter:
            while self._reader.payload_left and (taken := self._reader.take(self._room())):
                self._filled += taken
            if self._reader.payload_left:
                return
            if self._frame is not None:
                self._publish(self._frame)
                self._frame = None
            event = self._reader.next()
            if event is None:
                return
            if isinstance(event, NutStream):
                self.size = _checked_size(event)
                self._stream = event
            else:
                self._begin_frame(event)

    def _begin_frame(self, frame: NutFrame) -> None:
        width, height = self.size or (0, 0)
        if frame.size != nv12_size(width, height):
            raise RawOutputError(f"a frame of {frame.size} bytes among frames of {width}x{height}")
        self._frame = frame
        self._filled = 0
        self._slot = None if self._lost or self._exporter is None else self._exporter.begin_frame()

    def _publish(self, frame: NutFrame) -> None:
        timestamp_ns = self._clock()
        self.read += 1
        if self._stream is not None:
            timestamp_ns = self._frame_time.place(self._stream.nanoseconds(frame.pts), timestamp_ns)
        if self._slot is not None and self._exporter is not None:
            self._slot = None
            self._exporter.commit(timestamp_ns)

    def _give_up(self) -> None:
        if self._slot is not None and self._exporter is not None:
            self._exporter.abandon()
        self._slot = None


def _checked_size(stream: NutStream) -> tuple[int, int]:
    width, height = stream.width, stream.height
    if stream.fourcc != b"NV12":
        raise RawOutputError(f"pixels {stream.fourcc!r}, expected NV12")
    if max(width, height) > SIDE_MAX:
        raise RawOutputError(f"a picture of {width}x{height}, at most {SIDE_MAX}x{SIDE_MAX} can be exported")
    if width % 2 or height % 2:
        raise RawOutputError(f"a picture of {width}x{height}, both must be even")
    return width, height

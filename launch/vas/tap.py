"""The decode boundary: whole frames out of FFmpeg's pipe and into the export, one copy each.

It knows bytes and frames, and neither FFmpeg nor shared memory. No queue, no retry, no wait: a frame is in
the slot that the exporter gave, or in a spare buffer when it gave none, and is forgotten once it is whole.
"""

from __future__ import annotations

import errno
import os
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Exporter(Protocol):
    """What frames are given to: :class:`ruth.vas.exporter.FrameExporter`, which never raises."""

    @property
    def published(self) -> int:
        """Frames published so far."""

    @property
    def problem(self) -> str | None:
        """Why something was not exported: the message that was left, or None."""

    def begin(self) -> memoryview | None:
        """A writable buffer of exactly one frame, or None."""

    def commit(self, timestamp_ns: int, damaged: bool = False) -> bool:
        """Publishes what was written since :meth:`begin`."""

    def abandon(self) -> None:
        """Gives up the frame begun."""

    def close(self) -> None:
        """Ends the export."""


class Tap:
    """The decode boundary of one camera: whole frames out of a pipe, one copy each.

    Args:
        pipe: Read end of the pipe, non-blocking.
        exporter: Where frames go; this object's to close.
        frame_bytes: Bytes of one frame.
        clock: CLOCK_MONOTONIC in nanoseconds, read when the last byte of a frame has come.

    Attributes:
        read: Whole frames read so far.

    """

    def __init__(
        self,
        pipe: int,
        exporter: Exporter,
        frame_bytes: int,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._pipe = pipe
        self._exporter = exporter
        self._clock = clock
        self._spare = memoryview(bytearray(frame_bytes))
        self._buffer = self._spare
        self._begun = False
        self._lost = False
        self._filled = 0
        self.read = 0

    @property
    def published(self) -> int:
        """Frames that the exporter has published."""
        return self._exporter.published

    @property
    def problem(self) -> str | None:
        """Why the exporter could not export, or None."""
        return self._exporter.problem

    def drain(self) -> int:
        """Reads once, and publishes the frame that is whole then. Only for a pipe that is readable.

        Returns:
            Bytes read; 0 when the pipe has ended.

        """
        if self._filled == 0 and not self._lost:
            slot = self._exporter.begin()
            self._begun = slot is not None
            self._buffer = self._spare if slot is None else slot
        try:
            count = os.readv(self._pipe, [self._buffer[self._filled :]])
        except OSError as error:
            if error.errno != errno.EFAULT or not self._begun:
                raise
            # frame.data was cut short by somebody: the kernel cannot fill the slot and has taken
            # nothing from the pipe, so the place among the frames is kept. No more is exported.
            self._lost = True
            self._give_up()
            return self.drain()
        self._filled += count
        if self._filled == len(self._buffer):
            now = self._clock()
            self._filled = 0
            self.read += 1
            if self._begun:
                self._begun = False
                self._exporter.commit(now)
        return count

    def close(self) -> None:
        """Gives up a frame that is not whole and ends the export. The pipe stays open."""
        self._give_up()
        self._exporter.close()

    def _give_up(self) -> None:
        if self._begun:
            self._exporter.abandon()
        self._begun = False
        self._buffer = self._spare

"""FFmpeg's raw output and its description, from two pipes to the export.

    raw output  --pipe--> header, then frames --> export
    description --pipe--> how their pixels are meant --^

The export is made when both the header and the description have come, which they do with the first frame.
Until then the raw output waits in its pipe and in FFmpeg's queue.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING, Final

from launch.vas.matroska import NOT_SAID, read_picture
from launch.vas.tap import Tap
from ruth.descriptor import close_descriptor

if TYPE_CHECKING:
    from collections.abc import Callable

    from launch.vas.tap import Exporter
    from ruth.export.picture import Picture

_PIPE_BYTES: Final = 1 << 20
_DESCRIPTION_BYTES: Final = 1 << 12  # of one reading


class RawOutput:
    """Both pipes of one camera, until :meth:`close`.

    Args:
        open_exporter: Makes the exporter, given width, height and picture.

    Raises:
        OSError: There is no descriptor left.

    Attributes:
        tap: Reads the frames.
        frames: Readable when there is something to :meth:`drain`.
        description: Readable when there is something for :meth:`describe`.
        stdout: FFmpeg's standard output; to be closed by :meth:`started`.
        description_end: FFmpeg's end of the description, likewise.

    """

    def __init__(self, open_exporter: Callable[[int, int, Picture], Exporter]) -> None:
        self._open_exporter = open_exporter
        self._content = b""
        self._picture: Picture | None = None
        self._held, self._given = contextlib.ExitStack(), contextlib.ExitStack()
        with contextlib.ExitStack() as undo:
            undo.callback(self._held.close)
            undo.callback(self._given.close)
            self.frames, self.stdout = self._pipe()
            self.description, self.description_end = self._pipe()
            undo.pop_all()
        with contextlib.suppress(OSError):  # more than this user may have: it stays small
            fcntl.fcntl(self.frames, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self.tap = Tap(self.frames)

    def _pipe(self) -> tuple[int, int]:
        read_end, write_end = os.pipe()
        self._held.callback(close_descriptor, read_end)
        self._given.callback(close_descriptor, write_end)
        os.set_blocking(read_end, False)
        return read_end, write_end

    @property
    def kept_by_ffmpeg(self) -> tuple[int, ...]:
        """Descriptors for FFmpeg beside its standard output.

        With read ends of its own it cannot find a pipe broken, at which it would end, recording and all.
        """
        return self.frames, self.description, self.description_end

    def started(self) -> None:
        """FFmpeg has its ends, so ours are closed."""
        self._given.close()

    @property
    def paused(self) -> bool:
        """Whether frames are not to be drained before the description is complete."""
        return self.tap.waits_for_exporter

    def drain(self) -> int:
        """Reads frames once, as :meth:`launch.vas.tap.Tap.drain` does. Bytes read; 0 at the end."""
        count = self.tap.drain()
        self._export()
        return count

    def describe(self) -> bool:
        """Reads of the description once. Whether it is complete, so that no more of it is needed."""
        read = os.read(self.description, _DESCRIPTION_BYTES)
        self._content += read
        self._picture = read_picture(self._content) if read else NOT_SAID
        self._export()
        return self._picture is not None

    def finish(self) -> None:
        """Reads what there still is, for an FFmpeg that has ended."""
        with contextlib.suppress(BlockingIOError):  # a process that FFmpeg started has the pipe still
            while self._picture is None:
                self.describe()
        self._picture = self._picture or NOT_SAID
        self._export()
        with contextlib.suppress(BlockingIOError):
            while self.drain():
                pass

    def close(self) -> None:
        """Ends the export, and closes the pipes."""
        self.tap.close()
        self._given.close()
        self._held.close()

    def _export(self) -> None:
        if self.tap.waits_for_exporter and self._picture is not None and self.tap.size is not None:
            self.tap.export_to(self._open_exporter(*self.tap.size, self._picture))

"""One camera of the stand-in VAS: its FFmpeg, its viewer, and the tap on its frames.

A camera is over when its FFmpeg is, and nothing starts it again. All that it holds (process, pipe, ports,
export) it lets go of then. What goes wrong is its own (:meth:`Camera.attempt`): no other camera notices.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import signal
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from launch.vas.ffmpeg_log import frame_size, last_error
from launch.vas.ffmpeg_process import FFmpegProcess, death_of
from launch.vas.output_arguments import camera_arguments, clip_arguments
from launch.vas.source import LOOPBACK, Kind
from launch.vas.summary import CameraSummary
from launch.vas.tap import Exporter, Tap
from ruth.descriptor import close_descriptor
from ruth.vas.flag import FLAG

if TYPE_CHECKING:
    from collections.abc import Callable

    from launch.vas.ffmpeg import FFmpeg
    from launch.vas.source import CameraSource

OpenExporter: TypeAlias = "Callable[[str, int, int], Exporter]"
"""Camera id, width and height, to the exporter of that camera."""

_PIPE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Work:
    """What all cameras of one run share.

    Attributes:
        ffmpeg: Which FFmpeg.
        recordings: For recordings, an absolute path; None if they are not kept.
        once: Files end where they end, instead of beginning again.
        open_exporter: Makes a camera's exporter; None while the flag is off.
        say: Gets one line for people, without a line end.
        selector: Whoever waits on it calls a ready key's data, a function without arguments.

    """

    ffmpeg: FFmpeg
    recordings: str | None
    once: bool
    open_exporter: OpenExporter | None
    say: Callable[[str], None]
    selector: selectors.BaseSelector


class Camera:
    """One camera of a run, from :meth:`start` until it has :attr:`ended`.

    Args:
        work: What it shares with the others.
        source: Its source.
        number: Its place among the cameras, from 0.

    Attributes:
        ended: It is over, for good.

    """

    def __init__(self, work: Work, source: CameraSource, number: int) -> None:
        self._work = work
        self._source = source
        self._number = number
        self._clip = -1  # of a test source: a file in memory, without a name
        self._clip_missing = source.kind is Kind.TEST
        self._recording = work.recordings and f"{work.recordings}/{source.camera_id}.mkv"
        self._held = contextlib.ExitStack()
        self._process: FFmpegProcess | None = None
        self._pipe = -1
        self._tap: Tap | None = None
        self._size: tuple[int, int] | None = None
        self._blind = False
        self._stopping = False
        self._death: str | None = None
        self._message: str | None = None
        self.ended = False

    def attempt(self, step: Callable[[], None]) -> None:
        """Does one step of it, unless it has ended. If the system refuses, this camera ends and says why."""
        if self.ended:  # earlier in the same round
            return
        try:
            step()
        except OSError as error:
            self._end("given up", str(error))

    def start(self) -> None:
        """Starts FFmpeg: for a test source first to make its clip, then as every camera's."""
        try:
            if self._clip_missing:
                self._clip = os.memfd_create(f"{self._source.camera_id}.mkv")
                clip = _path_of(self._clip)
                arguments = clip_arguments(self._work.ffmpeg, self._source, self._number, clip)
                self._spawn(arguments, keep=(self._clip,))
            else:
                self._play()
        except OSError as error:
            self._end("not started", str(error))

    def _play(self) -> None:
        rtp, rtcp = (self._held.enter_context(_deaf_socket()) for _ in range(2))
        raw = self._work.open_exporter is not None
        arguments = camera_arguments(
            self._work.ffmpeg,
            self._source,
            clip=None if self._clip < 0 else _path_of(self._clip),
            once=self._work.once,
            # Without a folder for it, the recording is made all the same and not kept.
            recording=self._recording or os.devnull,
            viewer=(rtp.getsockname()[1], rtcp.getsockname()[1]),
            raw=raw,
        )
        clip = () if self._clip < 0 else (self._clip,)
        if not raw:
            self._spawn(arguments, keep=clip)
            return
        self._pipe, write_end = os.pipe()
        self._held.callback(close_descriptor, self._pipe)
        try:
            os.set_blocking(self._pipe, False)
            with contextlib.suppress(OSError):  # more than this user may have: it stays small
                fcntl.fcntl(self._pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
            # FFmpeg keeps a read end as well: while there is a reader it cannot find the pipe broken,
            # at which it would end, recording and all.
            self._spawn(arguments, write_end, (self._pipe, *clip))
        finally:
            close_descriptor(write_end)
        self._watch(self._pipe, self._on_frames)

    def _spawn(self, arguments: list[str], stdout: int | None = None, keep: tuple[int, ...] = ()) -> None:
        process = FFmpegProcess(arguments, stdout, keep)
        self._held.callback(process.close)
        self._process = process
        self._watch(process.exit_fd, self._on_exit)

    def _watch(self, fd: int, ready: Callable[[], None]) -> None:
        self._work.selector.register(fd, selectors.EVENT_READ, lambda: self.attempt(ready))
        self._held.callback(self._unwatch, fd)

    def _unwatch(self, fd: int) -> None:
        with contextlib.suppress(KeyError):  # its pipe ended before its process
            self._work.selector.unregister(fd)

    def _on_frames(self) -> None:
        self.look()
        tap = self._tap
        before = 0 if tap is None else tap.read
        if (self._discard() if tap is None else tap.drain()) == 0:
            self._unwatch(self._pipe)
        elif tap is not None and before == 0 and tap.read:
            self._greet("")

    def _discard(self) -> int:
        """Drains frames whose size FFmpeg did not tell, and says so. Bytes read; 0 at the end."""
        count = len(os.read(self._pipe, _PIPE_BYTES))
        if count and not self._blind:
            self._blind = True  # for good: a size told later would not tell where a frame begins
            self._say("not exported: FFmpeg does not tell the size of its frames")
        return count

    def _on_exit(self) -> None:
        process = self._process
        if process is None:
            return
        code = process.wait()
        self.look()
        with contextlib.suppress(BlockingIOError):  # a process that FFmpeg started has the pipe still
            while self._tap is not None and self._tap.drain():
                pass  # what FFmpeg had written before it ended
        if self._clip_missing and code == 0 and not self._stopping:
            self._clip_missing = False
            self._held.close()
            self.start()
            return
        if code == 0 or (self._stopping and (code > 0 or code == -signal.SIGTERM)):
            self._end(None, None)
        else:
            self._end(death_of(code), last_error(process.log()))

    def look(self) -> None:
        """Asks FFmpeg's log for the size of the frames until it is there; then opens the export."""
        if not self.looking or self._clip_missing or self._process is None:
            return
        open_exporter = self._work.open_exporter
        self._size = frame_size(self._process.log(), raw=open_exporter is not None)
        if self._size is None:
            return
        if open_exporter is None:
            self._greet(f", not exported: {FLAG} is off, start with {FLAG}=true")
            return
        width, height = self._size
        exporter = open_exporter(self._source.camera_id, width, height)
        self._tap = Tap(self._pipe, exporter, width * height * 3 // 2)

    @property
    def looking(self) -> bool:
        """Whether the size of its frames is still to come."""
        return not self.ended and not self._blind and self._size is None

    def trim_log(self) -> None:
        """Keeps FFmpeg's log short, once it has told what is wanted of it."""
        if self._process is not None and self._size is not None:
            self._process.trim_log()

    def stop(self) -> None:
        """Asks FFmpeg to finish the recording and end."""
        self._stopping = True
        if self._process is not None:
            self._process.terminate()

    def kill(self) -> None:
        """Ends FFmpeg now."""
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """Ends FFmpeg now if it still runs, and the export, and lets go of everything."""
        self.ended = True
        with contextlib.suppress(OSError):  # a descriptor is gone already; all others are let go of
            self._held.close()
        clip, self._clip = self._clip, -1
        if clip >= 0:
            close_descriptor(clip)
        if self._tap is not None:
            self._tap.close()

    def summary(self) -> CameraSummary:
        """What became of it; for a camera that has ended."""
        width, height = self._size or (None, None)
        read, published = (0, 0) if self._tap is None else (self._tap.read, self._tap.published)
        return CameraSummary(
            camera_id=self._source.camera_id,
            source=self._source.shown,
            width=width,
            height=height,
            read=read,
            published=published,
            not_exported=read - published,
            export_problem=None if self._tap is None else self._tap.problem,
            recording=self._recording if self._size else None,
            death=self._death,
            message=self._message,
        )

    def _end(self, death: str | None, message: str | None) -> None:
        self._death = death
        if message is not None and self._source.where:
            message = message.replace(self._source.where, self._source.shown)  # no password
        self._message = message
        self.close()
        if death is not None:
            self._say(f"{death}: {message or 'FFmpeg gave no reason'}")

    def _greet(self, more: str) -> None:
        width, height = self._size or (0, 0)
        self._say(f"{width}x{height} from {self._source.shown}{more}")

    def _say(self, text: str) -> None:
        self._work.say(f"{self._source.camera_id}: {text}")


def _path_of(descriptor: int) -> str:
    """Where a process that has this descriptor finds its file."""
    return f"/proc/self/fd/{descriptor}"


def _deaf_socket() -> socket.socket:
    """A UDP port on loopback that is ours and never read: a viewer who harms no stranger."""
    deaf = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        deaf.bind((LOOPBACK, 0))
    except OSError:
        deaf.close()
        raise
    return deaf

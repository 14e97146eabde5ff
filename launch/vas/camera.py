"""One camera of the stand-in VAS: its FFmpeg, its viewer, and the tap on its frames.

| a source that is | is first | and then |
|---|---|---|
| a test | made into a clip | played |
| a file | probed: which of its streams is the picture | played |
| an address with ``http`` | probed likewise | played, or shown as it comes if its frames have no times |
| live otherwise | | shown as it comes: its first video stream |

A camera is over when its FFmpeg is, and nothing starts it again. All that it holds (process, pipes, ports,
export) is released then. What goes wrong is its own (:meth:`VasCamera.attempt`): no other camera notices.
"""

from __future__ import annotations

import contextlib
import functools
import os
import selectors
import signal
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from launch.screen.redaction import Redaction
from launch.vas.ffmpeg_log import is_answer, last_error
from launch.vas.ffmpeg_process import FFmpegProcess, death_of
from launch.vas.input_arguments import (
    file_input,
    live_input,
    not_known,
    playback_input,
    playlist_input,
    stamped_input,
)
from launch.vas.output_arguments import camera_arguments, clip_arguments
from launch.vas.playlist import Playlist, path_of
from launch.vas.probe import LISTING_BYTES_MAX, largest_video, probe_arguments
from launch.vas.recording import claim_recording, keep_recording
from launch.vas.source import Kind
from launch.vas.summary import CameraSummary
from launch.vas.time_limits import ANSWER_SECONDS, Due, TimeLimits
from launch.vas.viewer import Viewer
from ruth.descriptor import close_descriptor
from ruth.errors import RuthError
from ruth.text import printable
from ruth.vas.flag import FLAG

if TYPE_CHECKING:
    from collections.abc import Callable

    from launch.vas.ffmpeg import FFmpeg
    from launch.vas.input_arguments import Input
    from launch.vas.raw_output import RawOutput
    from launch.vas.source import CameraSource
    from launch.vas.tap import Exporter
    from ruth.export.picture import Picture

OpenExporter: TypeAlias = "Callable[[str, int, int, Picture], Exporter]"
"""Camera id, width, height and how pixels are meant, to the exporter of that camera."""


@dataclass(frozen=True, slots=True)
class Work:
    """What all cameras of one run share.

    Attributes:
        ffmpeg: Which FFmpeg.
        recordings: The folder for recordings, an absolute path; None if they are not kept.
        once: Files end where they end, instead of beginning again.
        open_exporter: Makes a camera's exporter; None while the flag is off.
        say: Gets one printable line for people, without a line end.
        selector: The process that waits on it calls a ready key's data, a function without arguments.
        stages: What starts an FFmpeg, in order. One is called between two waits: to start many takes
            seconds, in which FFmpeg would drop frames that are not read.

    """

    ffmpeg: FFmpeg
    recordings: str | None
    once: bool
    open_exporter: OpenExporter | None
    say: Callable[[str], None]
    selector: selectors.BaseSelector
    stages: deque[Callable[[], None]] = field(default_factory=deque)


class VasCamera:
    """One camera of a run, from :meth:`start` until it has :attr:`ended`.

    Args:
        work: What it shares with the others.
        source: Its source.
        number: Its place among the cameras, from 0.

    Attributes:
        ended: It is over, for good.
        tick_at: When to :meth:`tick`, by CLOCK_MONOTONIC in seconds.

    """

    def __init__(self, work: Work, source: CameraSource, number: int) -> None:
        self._work = work
        self._source = source
        self._number = number
        self._listing = -1  # of the streams of a file: a file in memory, without a name
        self._recording: str | None = None
        self._redaction = Redaction([source.where])
        self._held = contextlib.ExitStack()  # of the present stage
        self._kept = contextlib.ExitStack()  # of all stages
        self._process: FFmpegProcess | None = None
        self._prepared: Callable[[], None] | None = None  # what follows when the present stage ends well
        self._raw: RawOutput | None = None
        self._viewer: Viewer | None = None
        self._limits = TimeLimits(0.0, None)  # of the present FFmpeg
        self._stopping = False
        self._lost: str | None = None  # why it is being ended before anything asked for it
        self._death: str | None = None
        self._message: str | None = None
        self.ended = False
        self.tick_at = 0.0

    def attempt(self, step: Callable[[], None], death: str = "given up") -> None:
        """Does one step of it, unless it has ended. What it cannot have ends this camera, and it says why."""
        if self.ended:  # earlier in the same round
            return
        try:
            step()
        except (OSError, RuthError) as error:
            self._end(death, str(error))
        except MemoryError:
            self._end(death, "no memory left")

    def start(self) -> None:
        """Puts its first stage in line."""
        self._line_up(self._start)

    def _line_up(self, stage: Callable[[], None]) -> None:
        self._process = None
        self._work.stages.append(
            lambda: self.attempt(functools.partial(self._start_stage, stage), "not started")
        )

    def _start_stage(self, stage: Callable[[], None]) -> None:
        if self._stopping:  # asked to end before its turn came
            self._end(None, None)
        else:
            stage()

    def _start(self) -> None:
        kind = self._source.kind
        if (problem := not_known(self._work.ffmpeg, self._source)) is not None:
            self._end("not started", problem)
        elif kind is Kind.TEST:
            self._make_clip()
        elif kind in (Kind.FILE, Kind.HTTP):
            self._probe()
        else:
            self._play(live_input(self._source))

    def _make_clip(self) -> None:
        clip = self._memory_file(f"{self._source.camera_id}.mkv")
        arguments = clip_arguments(self._work.ffmpeg, self._source, self._number, path_of(clip))
        self._spawn(arguments, keep=(clip,))
        self._prepared = lambda: self._play_file(path_of(clip), 0, clip)

    def _probe(self) -> None:
        self._listing = self._memory_file("streams")
        live = Kind.HTTP if self._source.kind is Kind.HTTP else None
        self._spawn(probe_arguments(self._work.ffmpeg, self._source), self._listing, shown=live)
        self._prepared = self._play_largest

    def _play_largest(self) -> None:
        video = largest_video(os.pread(self._listing, LISTING_BYTES_MAX, 0))
        if video is None:
            self._end("not started", "no video")
        elif self._source.kind is Kind.FILE:
            self._play_file(self._source.where, video.number)
        elif video.timed:
            self._play(playback_input(self._source, video.number))
        else:
            self._play(stamped_input(self._source))

    def _play_file(self, path: str, video: int, *keep: int) -> None:
        if self._work.once:
            self._play(file_input(path, video), keep)
            return
        playlist = Playlist(path)
        self._held.callback(playlist.close)
        self._play(playlist_input(playlist.path, video), (*playlist.descriptors, *keep))

    def _play(self, played: Input, keep: tuple[int, ...] = ()) -> None:
        viewer = self._viewer = Viewer()
        self._held.callback(viewer.close)
        raw = self._raw = self._open_raw_output()
        if self._work.recordings is not None:
            self._recording = claim_recording(self._work.recordings, self._source.camera_id)
            self._held.callback(self._keep_recording)
        arguments = camera_arguments(
            self._work.ffmpeg,
            played,
            # Without a folder for it, the recording is made all the same and not kept.
            recording=self._recording or os.devnull,
            viewer=viewer.ports,
            description=None if raw is None else raw.description_end,
        )
        if raw is None:
            self._spawn(arguments, keep=keep, shown=self._source.kind)
            self._say(
                f"from {printable(self._source.shown)}, not exported: {FLAG} is off, start with {FLAG}=true"
            )
            return
        self._spawn(arguments, raw.stdout, (*raw.kept_by_ffmpeg, *keep), self._source.kind)
        raw.started()
        self._watch(raw.frames, self._on_frames)
        self._watch(raw.description, self._on_description)

    def _open_raw_output(self) -> RawOutput | None:
        open_exporter = self._work.open_exporter
        if open_exporter is None:
            return None
        from launch.vas.raw_output import RawOutput  # only with the flag on

        raw = RawOutput(functools.partial(open_exporter, self._source.camera_id))
        self._held.callback(raw.close)
        return raw

    def _memory_file(self, name: str) -> int:
        descriptor = os.memfd_create(name)
        self._kept.callback(close_descriptor, descriptor)
        return descriptor

    def _spawn(
        self,
        arguments: list[str],
        stdout: int | None = None,
        keep: tuple[int, ...] = (),
        shown: Kind | None = None,
    ) -> None:
        process = FFmpegProcess(arguments, stdout, keep)
        self._limits = TimeLimits(time.monotonic(), shown)
        self._held.callback(process.close)
        self._process = process
        self._watch(process.exit_fd, self._on_exit)

    def _watch(self, fd: int, ready: Callable[[], None]) -> None:
        self._work.selector.register(fd, selectors.EVENT_READ, lambda: self.attempt(ready))
        self._held.callback(self._unwatch, fd)

    def _unwatch(self, fd: int) -> None:
        with contextlib.suppress(KeyError):  # its pipe ended before its process
            self._work.selector.unregister(fd)

    def _keep_recording(self) -> None:
        if self._recording is not None and not keep_recording(self._recording):
            self._recording = None

    def _on_frames(self) -> None:
        raw = self._raw
        if raw is None:
            return
        before = raw.tap.read
        if raw.drain() == 0 or raw.paused:
            self._unwatch(raw.frames)
        if before == 0 and raw.tap.read:
            self._greet()

    def _on_description(self) -> None:
        raw = self._raw
        if raw is None:
            return
        paused = raw.paused
        if raw.describe():
            self._unwatch(raw.description)
            if paused:
                self._watch(raw.frames, self._on_frames)

    def _on_exit(self) -> None:
        process = self._process
        if process is None:
            return
        code = process.wait()
        self._poll(time.monotonic())
        if code == 0 and self._prepared is not None and not self._stopping:
            following, self._prepared = self._prepared, None
            self._held.close()
            self._line_up(following)
            return
        if self._raw is not None:
            self._raw.finish()
        if self._lost is not None:
            self._end("lost", self._lost, told=True)
        elif self._stopping and (code >= 0 or code == -signal.SIGTERM):
            self._end(None, None)
        elif code != 0:
            self._end(death_of(code), self._reason(process))
        elif self._source.kind.live:
            self._end("lost", self._reason(process))
        elif self._limits.first:
            self._end("not started", "no picture")
        else:
            self._end(None, None)

    def _reason(self, process: FFmpegProcess) -> str | None:
        """Why FFmpeg has ended by itself, in words to be shown."""
        silent = self._limits.silent(time.monotonic())
        said = last_error(process.log_tail(), self._source.kind)
        answered = self._limits.first and said is not None and is_answer(said)
        if not self._source.kind.live or silent < ANSWER_SECONDS or answered:
            return said or ("the source has ended" if self._source.kind.live else None)
        # FFmpeg gives up a silent camera in other words with each version.
        told = f"no answer for {silent:.0f} s" if self._limits.first else f"no picture for {silent:.0f} s"
        return told if said is None else f"{told} ({said})"

    def tick(self, now: float) -> None:
        """What time alone asks for: to tell of a source that shows nothing, to end an FFmpeg that goes on."""
        if self._process is None:
            return
        self._process.trim_log()
        self._poll(now)
        due = self._limits.due(now)
        if due is Due.TELL:
            self._lose(now)
        elif due is Due.ASK_AGAIN:
            self._process.terminate()
        elif due is Due.KILL:
            self._process.kill()
        self.tick_at = self._limits.next_at(now)

    def _poll(self, now: float) -> None:
        """Notes whether a picture has come since the last poll."""
        if self._viewer is not None and self._viewer.arrived():
            self._limits.picture(now)

    def _lose(self, now: float) -> None:
        """Tells of a source that shows nothing, and has its FFmpeg finish the recording."""
        self._lost = f"no picture for {self._limits.silent(now):.0f} s"
        if self._limits.first and self._process is not None:
            said = last_error(self._process.log_tail(), self._source.kind)
            self._lost += "" if said is None else f" ({said})"
        self._lost = self._redaction.hide(self._lost)
        self._say(f"lost: {printable(self._lost)}")
        self._ask_to_end(now)

    def stop(self) -> None:
        """Asks FFmpeg to finish the recording and end."""
        self._stopping = True
        self._ask_to_end(time.monotonic())

    def _ask_to_end(self, now: float) -> None:
        if self._process is not None:
            self._poll(now)
            self._process.terminate()
            self._limits.end(now)
            self.tick_at = self._limits.next_at(now)

    def close(self) -> None:
        """Ends FFmpeg now if it still runs, and the export, and releases everything."""
        self.ended = True
        for held in (self._held, self._kept):
            with contextlib.suppress(OSError):  # a descriptor is gone already; all others are closed
                held.close()

    def summary(self) -> CameraSummary:
        """What became of it; for a camera that has ended."""
        tap = None if self._raw is None else self._raw.tap
        width, height = (None, None) if tap is None or tap.size is None else tap.size
        read, published = (0, 0) if tap is None else (tap.read, tap.published)
        return CameraSummary(
            camera_id=self._source.camera_id,
            source=self._source.shown,
            width=width,
            height=height,
            read=read,
            published=published,
            not_exported=read - published,
            export_problem=None if tap is None else tap.problem,
            recording=self._recording,
            death=self._death,
            message=self._message,
        )

    def _end(self, death: str | None, message: str | None, *, told: bool = False) -> None:
        self._death = death
        self._message = None if message is None else self._redaction.hide(message)
        self.close()
        if death is not None and not told:
            self._say(f"{death}: {printable(self._message or 'FFmpeg gave no reason')}")

    def _greet(self) -> None:
        width, height = self._raw.tap.size if self._raw is not None and self._raw.tap.size else (0, 0)
        self._say(f"{width}x{height} from {printable(self._source.shown)}")

    def _say(self, text: str) -> None:
        self._work.say(f"{self._source.camera_id}: {text}")

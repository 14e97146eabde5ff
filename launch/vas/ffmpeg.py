"""FFmpeg as the stand-in VAS needs it: which one, with which arguments, and what its log says.

Nothing here starts a camera: :mod:`launch.vas.camera` does. One FFmpeg serves one camera, as VAS's own
does, with one decode for all of its outputs::

    source -> decode +-> H.264, Matroska   the recording
                     +-> H.264, RTP        a viewer
                     +-> NV12, pipe        the raw output: last, and only while the flag is on

With the flag off the raw output's arguments are absent and nothing else differs (SPEC.md, "The
flag"). Written for FFmpeg 5.1 to 9.0; :func:`find_ffmpeg` asks for the one option that only some of
them know.
"""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from launch.vas.source import LOOPBACK, Kind
from ruth.errors import RuthError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch.vas.source import CameraSource

FFMPEG_VARIABLE = "RUTH_FFMPEG"

TEST_SECONDS = 10
# How long a camera may say nothing, and how long a listening source waits for its camera.
RTSP_SILENCE_SECONDS, RTSP_LISTEN_SECONDS = 10, 20
# Decoded frames that FFmpeg keeps for a stalled reader of the raw output before it drops frames.
RAW_QUEUE_FRAMES = 8


class FFmpegMissingError(RuthError):
    """There is no FFmpeg that the stand-in VAS can use.

    Attributes:
        path: The FFmpeg that was looked at, or None if there is none at all.

    """

    def __init__(self, path: str | None, problem: str) -> None:
        super().__init__(f"{problem}; to get one: pip install 'ruth[demo]', or: apt install ffmpeg")
        self.path = path


@dataclass(frozen=True, slots=True)
class FFmpeg:
    """An FFmpeg that can do what the stand-in VAS needs.

    Attributes:
        path: Its program file.
        initial_burst: It knows ``-readrate_initial_burst`` (6.1), and without it plays the first
            half second of a file at once.

    """

    path: str
    initial_burst: bool


def find_ffmpeg(environ: Mapping[str, str]) -> FFmpeg:
    """``RUTH_FFMPEG``, else ``ffmpeg`` on ``PATH``, else the one of the package ``imageio-ffmpeg``.

    Runs it once to ask for its options, some 30 ms.

    Raises:
        FFmpegMissingError: There is none, or the first of them is unusable.

    """
    path = environ.get(FFMPEG_VARIABLE)
    if path and not (os.path.isfile(path) and os.access(path, os.X_OK)):
        raise FFmpegMissingError(path, f"{FFMPEG_VARIABLE}={path} is not an executable file")
    path = path or shutil.which("ffmpeg", path=environ.get("PATH")) or _packaged_ffmpeg()
    if path is None:
        raise FFmpegMissingError(None, "FFmpeg is not installed")
    try:
        answer = subprocess.run(
            [path, "-hide_banner", "-h", "full"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=30,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FFmpegMissingError(path, f"{path} does not run: {error}") from error
    options = answer.stdout.decode(errors="replace")
    if "-fps_mode" not in options:
        raise FFmpegMissingError(path, f"{path} is no FFmpeg, or older than 5.1")
    if "libx264 AVOptions" not in options:
        raise FFmpegMissingError(path, f"{path} was built without libx264")
    return FFmpeg(path, "-readrate_initial_burst" in options)


def _packaged_ffmpeg() -> str | None:
    try:
        package = importlib.import_module("imageio_ffmpeg")
        return str(package.get_ffmpeg_exe())
    except (ImportError, RuntimeError):  # the package is absent, or was installed without a program
        return None


# Not -nostdin: with it FFmpeg 7.0 is deaf to SIGTERM. Its standard input is /dev/null instead.
_QUIET = ("-hide_banner", "-nostats", "-loglevel", "level+info", "-y")
_H264 = ("-c:v", "libx264", "-preset", "ultrafast")
# One encoder thread: x264 writes other bytes with another number of threads, so a recording would
# depend on the machine.
_ONE_THREAD = ("-threads", "1")


def clip_arguments(ffmpeg: FFmpeg, source: CameraSource, number: int, clip: str) -> list[str]:
    """The command line that makes the clip of a test source, in a colour of its own.

    Args:
        ffmpeg: Which FFmpeg.
        source: A source of :attr:`Kind.TEST`.
        number: The camera's place, from 0. Each turns the hue by the golden angle: neighbours differ.
        clip: The file to write.

    """
    picture = f"testsrc2=size={source.width}x{source.height}:rate={source.fps}"
    picture += f":duration={TEST_SECONDS},hue=h={number * 137 % 360}"
    head = [ffmpeg.path, *_QUIET, "-f", "lavfi", "-i", picture, *_H264]
    picture_format = ["-pix_fmt", "yuv420p", "-g", str(source.fps)]
    return [*head, *picture_format, "-f", "matroska", f"file:{clip}"]


def camera_arguments(
    ffmpeg: FFmpeg,
    source: CameraSource,
    *,
    clip: str | None,
    once: bool,
    recording: str,
    viewer: tuple[int, int],
    raw: bool,
) -> list[str]:
    """The command line of one camera's FFmpeg.

    Args:
        ffmpeg: Which FFmpeg.
        source: The camera.
        clip: The clip of a test source; None for every other.
        once: Play a file or clip once, not over and over.
        recording: The Matroska file to write, an absolute path.
        viewer: UDP ports on the loopback interface for the viewer's RTP and RTCP.
        raw: Add the raw output: whole NV12 frames on standard output.

    """
    arguments = [ffmpeg.path, *_QUIET]
    # One decoder thread: frame threads hold back one frame each, and at every turn of a loop let go
    # of them at once.
    arguments += [*_ONE_THREAD, *_input_arguments(ffmpeg, source, clip, once)]
    # Variable frame rate: one recorded frame for each decoded one, none invented.
    output = ["-map", "0:v:0", *_H264, *_ONE_THREAD, "-fps_mode", "vfr"]
    exact = ["-flags:v", "+bitexact", "-fflags", "+bitexact"]  # the same source gives the same file
    # On disk second by second: an FFmpeg that is killed takes no more than that along.
    safe = ["-cluster_time_limit", "1000", "-flush_packets", "1"]
    arguments += [*output, *exact, *safe, "-f", "matroska", f"file:{recording}"]
    rtp, rtcp = viewer
    arguments += [*output, "-tune", "zerolatency", "-f", "rtp"]
    arguments += [f"rtp://{LOOPBACK}:{rtp}?rtcpport={rtcp}&pkt_size=1200"]
    return arguments + (_raw_arguments() if raw else [])


def _input_arguments(ffmpeg: FFmpeg, source: CameraSource, clip: str | None, once: bool) -> list[str]:
    if source.kind is Kind.RTSP:
        # Without it FFmpeg waits for ever for a camera that has gone without a word.
        silence = ["-timeout", str(RTSP_SILENCE_SECONDS * 1_000_000)]
        return [*silence, "-rtsp_transport", "tcp", "-i", source.where]
    if source.kind is Kind.RTSP_LISTEN:
        listen = ["-rtsp_flags", "listen", "-listen_timeout", str(RTSP_LISTEN_SECONDS)]
        return [*listen, "-i", source.where]
    pace = ["-re"] + (["-readrate_initial_burst", "0.001"] if ffmpeg.initial_burst else [])
    loop = [] if once else ["-stream_loop", "-1"]
    return [*pace, *loop, "-i", f"file:{clip or source.where}"]


def _raw_arguments() -> list[str]:
    # crop: NV12 has one colour sample for two by two pixels, so an odd last column or row goes; even
    # sizes pass untouched. A source that changes its size later is scaled to its first one by FFmpeg.
    arguments = ["-map", "0:v:0", "-vf", "crop=trunc(iw/2)*2:trunc(ih/2)*2", "-c:v", "rawvideo"]
    arguments += ["-pix_fmt", "nv12", "-fps_mode", "passthrough"]
    # fifo: FFmpeg writes the pipe from a thread of its own and drops whole frames once the queue is
    # full. So a stalled reader holds up neither decoding nor recording (SPEC.md, "Never, anywhere").
    arguments += ["-f", "fifo", "-fifo_format", "rawvideo", "-queue_size", str(RAW_QUEUE_FRAMES)]
    return [*arguments, "-drop_pkts_on_overflow", "1", "pipe:1"]


# A heading of FFmpeg's begins its line (level first, by _QUIET); what a source says about itself is
# indented. A size must have an end, or half a line would look like a smaller one.
_HEADING = r"^\[info\] Output #\d+, "
_SIZE = r"[^\n]*?, (\d{1,9})x(\d{1,9})[, \n]"
_RAW_SIZE = re.compile(rf"(?ms){_HEADING}fifo,.*?: Video: rawvideo [^\n]*?\bnv12\b{_SIZE}")
_RECORDING_SIZE = re.compile(rf"(?ms){_HEADING}matroska,.*?: Video: h264{_SIZE}")
_ERROR = re.compile(r"(?m)^(?:\[[^\]]* @ [^\]]*\] )?\[(?:error|fatal|panic)\] (.+)$")
# What FFmpeg says last when it has said the reason before.
_EMPTY_WORDS = re.compile(r"Conversion failed!|Error opening (?:in|out)put files?\b.*")


def frame_size(log: str, *, raw: bool) -> tuple[int, int] | None:
    """Width and height of the frames in pixels, or None if FFmpeg's log does not tell them (yet).

    FFmpeg logs the heading of an output before it writes that output's first frame.

    Args:
        log: What FFmpeg has written to standard error so far.
        raw: Of the raw output, else of the recording.

    """
    found = (_RAW_SIZE if raw else _RECORDING_SIZE).search(log)
    return None if found is None else (int(found[1]), int(found[2]))


def last_error(log: str) -> str | None:
    """The last error that FFmpeg's log tells, without the part of FFmpeg it is from; else None."""
    errors: list[str] = _ERROR.findall(log)
    reasons = [words for words in errors if not _EMPTY_WORDS.fullmatch(words)]
    told = reasons or errors
    return told[-1] if told else None

"""How FFmpeg opens a camera's source: paced and repeated for files, with limits for live sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from launch.vas.ffmpeg import knows
from launch.vas.file_pace import PACE, STEP_SECONDS_MAX
from launch.vas.source import Kind
from launch.vas.time_limits import ANSWER_SECONDS, LISTEN_SECONDS

if TYPE_CHECKING:
    from launch.vas.ffmpeg import FFmpeg
    from launch.vas.source import CameraSource

_ANSWER_US: Final = str(ANSWER_SECONDS * 1_000_000)
# -re holds up reading where nothing is decoded, which the filters cannot. A jump within the file would hold
# it up for as long; there FFmpeg counts on by the frame interval.
_PACED: Final = ("-re", "-dts_error_threshold", str(STEP_SECONDS_MAX))
# Without a limit FFmpeg would wait for ever for a camera that has gone silent.
_LIVE: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.RTSP: ("-timeout", _ANSWER_US, "-rtsp_transport", "tcp"),
    Kind.RTSP_UDP: ("-timeout", _ANSWER_US, "-rtsp_transport", "udp"),
    Kind.RTSP_LISTEN: ("-rtsp_flags", "listen", "-listen_timeout", str(LISTEN_SECONDS)),
    Kind.HTTP: ("-rw_timeout", _ANSWER_US),
    Kind.SRT: ("-timeout", _ANSWER_US, "-connect_timeout", str(ANSWER_SECONDS * 1000)),
    Kind.V4L2: ("-f", "v4l2"),
}


@dataclass(frozen=True, slots=True)
class Input:
    """What one camera's FFmpeg decodes.

    Attributes:
        arguments: The part of the command line that opens it, ``-i`` included.
        stream: The picture among its streams, as FFmpeg specifies streams.
        filters: Filters that begin each output's chain, each with a comma behind it, or nothing.

    """

    arguments: tuple[str, ...]
    stream: str
    filters: str


def not_known(ffmpeg: FFmpeg, source: CameraSource) -> str | None:
    """What this FFmpeg lacks to open a source, in words; None if nothing.

    Raises:
        OSError: It does not run.
        FFmpegMissingError: It does not answer.

    """
    scheme = source.where.partition("://")[0]
    if source.kind is Kind.V4L2:
        return None if knows(ffmpeg, "demuxers", "v4l2") else f"{ffmpeg.path} was built without V4L2"
    if source.kind in (Kind.HTTP, Kind.SRT):
        return None if knows(ffmpeg, "protocols", scheme) else f"{ffmpeg.path} was built without {scheme}://"
    return None


def live_input(source: CameraSource) -> Input:
    """A live source, which has a pace of its own: its first video stream that is not an attached picture."""
    return Input((*_LIVE[source.kind], "-i", source.where), "V:0", "")


def stamped_input(source: CameraSource) -> Input:
    """As :func:`live_input`, of a source that sends no times: a frame's time is its arrival."""
    return Input((*_LIVE[source.kind], "-use_wallclock_as_timestamps", "1", "-i", source.where), "V:0", "")


def playback_input(source: CameraSource, video: int) -> Input:
    """A source on the network that may give more than is due (a playlist, a file): played as a file."""
    return Input((*_PACED, *_LIVE[source.kind], "-i", source.where), f"v:{video}", f"{PACE},")


def probed_arguments(source: CameraSource) -> tuple[str, ...]:
    """The part of a command line that opens a source to ask what it has, ``-i`` included."""
    if source.kind is Kind.FILE:
        return ("-i", f"file:{source.where}")
    return (*_LIVE[source.kind], "-i", source.where)


def file_input(path: str, video: int) -> Input:
    """A file, played once.

    Args:
        path: The file, as its FFmpeg finds it.
        video: Which of its video streams, from 0, attached pictures counted.

    """
    return Input((*_PACED, "-i", f"file:{path}"), f"v:{video}", f"{PACE},")


def playlist_input(path: str, video: int) -> Input:
    """A file over and over, as a :class:`~launch.vas.playlist.Playlist`; otherwise as :func:`file_input`."""
    # What a list knows of its streams is what its file said, so nothing is probed here.
    listed = ("-f", "concat", "-safe", "0", "-probesize", "32", "-fpsprobesize", "0")
    return Input((*_PACED, *listed, "-i", path), f"v:{video}", f"{PACE},")

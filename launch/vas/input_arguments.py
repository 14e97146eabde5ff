"""How FFmpeg opens a camera's source: paced and repeated for files, with limits for live sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from launch.vas.file_pace import PACE, STEP_SECONDS_MAX
from launch.vas.source import Kind

if TYPE_CHECKING:
    from launch.vas.source import CameraSource

# How long a camera may say nothing, and how long a listening source waits for its camera.
ANSWER_SECONDS: Final = 10
LISTEN_SECONDS: Final = 20

_ANSWER_US: Final = str(ANSWER_SECONDS * 1_000_000)
# -re holds up reading where nothing is decoded, which the filters cannot. A jump within the file would hold
# it up for as long; there FFmpeg counts on by the frame interval.
_PACED: Final = ("-re", "-dts_error_threshold", str(STEP_SECONDS_MAX))


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


def live_input(source: CameraSource) -> Input:
    """A live source, which has a pace of its own: its first video stream that is no attached picture."""
    # Without a limit FFmpeg would wait for ever for a camera that has gone silent.
    options: dict[Kind, tuple[str, ...]] = {
        Kind.RTSP: ("-timeout", _ANSWER_US, "-rtsp_transport", "tcp"),
        Kind.RTSP_LISTEN: ("-rtsp_flags", "listen", "-listen_timeout", str(LISTEN_SECONDS)),
    }
    return Input((*options[source.kind], "-i", source.where), "V:0", "")


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

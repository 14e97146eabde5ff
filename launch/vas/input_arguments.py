"""How FFmpeg opens a camera's source: paced and repeated for files, with limits for live sources."""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch.vas.source import Kind

if TYPE_CHECKING:
    from launch.vas.ffmpeg import FFmpeg
    from launch.vas.source import CameraSource

# How long a camera may say nothing, and how long a listening source waits for its camera.
RTSP_SILENCE_SECONDS, RTSP_LISTEN_SECONDS = 10, 20


def input_arguments(ffmpeg: FFmpeg, source: CameraSource, *, clip: str | None, once: bool) -> list[str]:
    """The part of a command line that opens a source, ``-i`` included.

    Args:
        ffmpeg: Which FFmpeg.
        source: The camera.
        clip: The clip of a test source; None for every other.
        once: Play a file or clip once, not over and over.

    """
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

"""FFmpeg's command lines as the stand-in VAS needs them.

Nothing here starts a camera: :mod:`launch.vas.camera` does. One FFmpeg serves one camera, as VAS's own
does, with one decode for all of its outputs::

    source -> decode +-> H.264, Matroska   the recording
                     +-> H.264, RTP        a viewer
                     +-> NV12, pipe        the raw output: last, and only while the flag is on

With the flag off the raw output's arguments are absent and nothing else differs (SPEC.md, "The
flag").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch.vas.input_arguments import input_arguments
from launch.vas.source import LOOPBACK

if TYPE_CHECKING:
    from launch.vas.ffmpeg import FFmpeg
    from launch.vas.source import CameraSource

TEST_SECONDS = 10
# Decoded frames that FFmpeg keeps for a stalled reader of the raw output before it drops frames.
RAW_QUEUE_FRAMES = 8

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
    arguments += [*_ONE_THREAD, *input_arguments(ffmpeg, source, clip=clip, once=once)]
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


def _raw_arguments() -> list[str]:
    # crop: NV12 has one colour sample for two by two pixels, so an odd last column or row goes; even
    # sizes pass untouched. A source that changes its size later is scaled to its first one by FFmpeg.
    arguments = ["-map", "0:v:0", "-vf", "crop=trunc(iw/2)*2:trunc(ih/2)*2", "-c:v", "rawvideo"]
    arguments += ["-pix_fmt", "nv12", "-fps_mode", "passthrough"]
    # fifo: FFmpeg writes the pipe from a thread of its own and drops whole frames once the queue is
    # full. So a stalled reader holds up neither decoding nor recording (SPEC.md, "Never, anywhere").
    arguments += ["-f", "fifo", "-fifo_format", "rawvideo", "-queue_size", str(RAW_QUEUE_FRAMES)]
    return [*arguments, "-drop_pkts_on_overflow", "1", "pipe:1"]

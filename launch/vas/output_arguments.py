"""FFmpeg's command lines as the stand-in VAS needs them.

Nothing here starts a camera: :mod:`launch.vas.camera` does. One FFmpeg serves one camera, as VAS's own
does, with one decode for all of its outputs::

    source -> decode +-> H.264, Matroska   the recording
                     +-> H.264, RTP        a viewer
                     +-> NV12, NUT, pipe   the raw output
                     +-> one tiny frame    the description of the raw output

With the flag off the arguments of raw output and description are absent, and nothing else differs
(docs/specification.md, "The flag"). Why it is these: docs/decisions/0017-raw-output.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from launch.vas.source import LOOPBACK
from ruth.units import NANOSECONDS

if TYPE_CHECKING:
    from launch.vas.ffmpeg import FFmpeg
    from launch.vas.input_arguments import Input
    from launch.vas.source import CameraSource

TEST_SECONDS = 10
# Decoded frames that FFmpeg keeps for a stalled reader of the raw output before it drops frames, all of
# them at once. A camera's frames can come a dozen at a time, which are decoded faster than they are read.
RAW_QUEUE_FRAMES = 16

# Not -nostdin: with it FFmpeg 7.0 is deaf to SIGTERM. Its standard input is /dev/null instead.
_QUIET = ("-hide_banner", "-nostats", "-loglevel", "level+info", "-y")
_H264 = ("-c:v", "libx264", "-preset", "ultrafast")
# NV12 has one colour sample for two by two pixels, and H.264 as a rule too, so an odd last column or row
# goes; even sizes pass untouched.
_EVEN = "crop=trunc(iw/2)*2:trunc(ih/2)*2"
# NV12 of limited range, whatever the source has: by itself FFmpeg 5.1 makes that of full range, and 9.0
# does not. Limited range passes bit for bit.
_LIMITED = "scale=out_range=limited,format=nv12"
_NO_WORDS = ("-map_metadata", "-1", "-map_chapters", "-1")
_TINY = 16  # pixels
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
    inputs = [*quiet_arguments(ffmpeg), "-f", "lavfi", "-i", picture, *_H264]
    picture_format = ["-pix_fmt", "yuv420p", "-g", str(source.fps)]
    return [*inputs, *picture_format, "-f", "matroska", f"file:{clip}"]


def camera_arguments(
    ffmpeg: FFmpeg,
    played: Input,
    *,
    recording: str,
    viewer: tuple[int, int],
    description: int | None,
) -> list[str]:
    """The command line of one camera's FFmpeg.

    Args:
        ffmpeg: Which FFmpeg.
        played: What it decodes.
        recording: The Matroska file to write, an absolute path.
        viewer: UDP ports on the loopback interface for the viewer's RTP and RTCP.
        description: A descriptor of FFmpeg for the description of the raw output, which itself goes to
            standard output; None for neither.

    """
    arguments = quiet_arguments(ffmpeg)
    # One decoder thread: frame threads hold back one frame each.
    arguments += [*_ONE_THREAD, *played.arguments]
    stream = ["-map", f"0:{played.stream}"]
    # Variable frame rate: one recorded frame for each decoded one, none invented.
    output = [*stream, "-vf", f"{played.filters}{_EVEN}", *_H264, *_ONE_THREAD, "-fps_mode", "vfr"]
    exact = ["-flags:v", "+bitexact", "-fflags", "+bitexact"]  # the same source gives the same file
    # On disk second by second: an FFmpeg that is killed takes no more than that along.
    safe = ["-cluster_time_limit", "1000", "-flush_packets", "1"]
    arguments += [*output, *exact, *safe, "-f", "matroska", f"file:{recording}"]
    rtp, rtcp = viewer
    arguments += [*output, "-tune", "zerolatency", "-f", "rtp"]
    arguments += [f"rtp://{LOOPBACK}:{rtp}?rtcpport={rtcp}&pkt_size=1200"]
    if description is not None:
        arguments += _raw_arguments(stream, played.filters) + _description_arguments(stream, description)
    return arguments


def quiet_arguments(ffmpeg: FFmpeg) -> list[str]:
    """The program and what is asked of every FFmpeg: to log, and nothing else."""
    return [ffmpeg.path, *_QUIET]


def _raw_arguments(stream: list[str], filters: str) -> list[str]:
    # A source that changes its size later is scaled to its first one by FFmpeg. Nothing of what a source
    # says of itself is copied. Each frame keeps its own presentation time, in nanoseconds: FFmpeg would
    # round it to whole frames of the rate that it has guessed.
    arguments = [*stream, *_NO_WORDS, "-vf", f"{filters}{_EVEN},{_LIMITED}", "-c:v", "rawvideo"]
    arguments += ["-enc_time_base", f"1:{NANOSECONDS}", "-fps_mode", "passthrough"]
    # fifo: FFmpeg writes the pipe from a thread of its own and drops whole frames once the queue is full. So
    # a stalled reader holds up neither decoding nor recording (docs/specification.md, "Never, anywhere").
    arguments += ["-f", "fifo", "-queue_size", str(RAW_QUEUE_FRAMES), "-drop_pkts_on_overflow", "1"]
    # No index: it would grow in FFmpeg's memory with every frame, for the end of a file that is none.
    return [*arguments, "-fifo_format", "nut", "-format_opts", "write_index=0", "pipe:1"]


def _description_arguments(stream: list[str], descriptor: int) -> list[str]:
    # trim ends this output after its one frame: the decoder has nothing more to do for it. Cut before it is
    # converted, which costs nothing then.
    picture = f"trim=end_frame=1,{_EVEN},crop=min({_TINY}\\,iw):min({_TINY}\\,ih),{_LIMITED}"
    arguments = [*stream, *_NO_WORDS, "-vf", picture, "-frames:v", "1", *_H264, *_ONE_THREAD]
    return [*arguments, "-tune", "zerolatency", "-flush_packets", "1", "-f", "matroska", f"pipe:{descriptor}"]

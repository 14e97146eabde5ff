"""Which video streams a file has, asked of FFmpeg once before it is played.

FFmpeg's log would tell it in words, among which a source can put its own. So FFmpeg copies nothing of each
stream into ``framecrc``, a format that writes what the streams are as lines of ``#key number: value``, and
no word of the source::

    #media_type 0: video
    #codec_id 0: h264
    #dimensions 0: 1280x720

The streams are listed twice: without attached pictures and thumbnails (FFmpeg's stream specifier ``V``), and
with them (``v``), because where a file is repeated FFmpeg no longer knows which are attached. Other streams
are asked for as well: with them a file without video is told from one that cannot be read, by FFmpeg's exit
code.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from launch.vas.input_arguments import probed_arguments
from launch.vas.output_arguments import quiet_arguments

if TYPE_CHECKING:
    from launch.vas.ffmpeg import FFmpeg
    from launch.vas.source import CameraSource

LISTING_BYTES_MAX: Final = 1 << 16

_OTHERS: Final = ("0:a?", "0:s?", "0:d?", "0:t?")
_BEGIN: Final = b"#software: "  # of each listing, but for lines that are of no interest
_LINE: Final = re.compile(r"(?m)^#(tb|media_type|codec_id|dimensions) (\d{1,9}): ([\w/]{1,40})$")
# Codec and time base by FFmpeg's demuxers of bare JPEG pictures, which take 25 a second for granted.
_UNTIMED: Final = ("mjpeg", "1/25")
_SIZE: Final = re.compile(r"(\d{1,9})x(\d{1,9})")


class _Video(NamedTuple):
    """A video stream as FFmpeg lists it. Of two of one size, an attached picture has another time base."""

    time_base: str
    codec: str
    dimensions: str

    @property
    def pixels(self) -> int:
        """Of a picture; 0 if its size is not known."""
        size = _SIZE.fullmatch(self.dimensions)
        return int(size[1]) * int(size[2]) if size else 0


def probe_arguments(ffmpeg: FFmpeg, source: CameraSource) -> list[str]:
    """The command line that lists the streams of a source on standard output."""
    arguments = [*quiet_arguments(ffmpeg), *probed_arguments(source)]
    for specifiers in (("0:V?", *_OTHERS), ("0:v?", *_OTHERS)):
        for specifier in specifiers:
            arguments += ["-map", specifier]
        arguments += ["-c", "copy", "-t", "0", "-f", "framecrc", "pipe:1"]
    return arguments


class Video(NamedTuple):
    """The picture among the streams of a source.

    Attributes:
        number: Its number among all video streams, from 0, attached pictures counted.
        timed: Its frames have times. Those of JPEG pictures sent one after the other over HTTP have none.

    """

    number: int
    timed: bool


def largest_video(listing: bytes) -> Video | None:
    """The largest video stream that is not an attached picture; the first of several.

    None if there is none, or none whose size is known.

    Args:
        listing: What :func:`probe_arguments` wrote.

    """
    pictures, everything = (_videos(part) for part in (*listing.split(_BEGIN)[1:], b"", b"")[:2])
    known = [video for video in pictures if video.pixels and video in everything]
    if not known:
        return None
    largest = max(known, key=lambda video: video.pixels)
    return Video(everything.index(largest), (largest.codec, largest.time_base) != _UNTIMED)


def _videos(listing: bytes) -> list[_Video]:
    """The video streams of one listing, in order."""
    values: dict[int, dict[str, str]] = {}
    for key, number, value in _LINE.findall(listing.decode("ascii", errors="replace")):
        values.setdefault(int(number), {})[key] = value
    streams = (values[number] for number in sorted(values))
    return [
        _Video(stream.get("tb", ""), stream.get("codec_id", ""), stream.get("dimensions", "0x0"))
        for stream in streams
        if stream.get("media_type") == "video"
    ]

"""Which video streams a file has, asked of FFmpeg once before it is played.

FFmpeg's log would tell it in words, among which a source can put its own. So FFmpeg copies nothing of each
stream into ``framecrc``, a format that writes what the streams are as lines of ``#key number: value``, and
no word of the source::

    #media_type 0: video
    #codec_id 0: h264
    #dimensions 0: 1280x720

Attached pictures and thumbnails are left out (FFmpeg's stream specifier ``V``), and other streams are
asked for as well: with them a file without video is told from one that cannot be read, by FFmpeg's exit code.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from launch.vas.output_arguments import quiet_arguments

if TYPE_CHECKING:
    from launch.vas.ffmpeg import FFmpeg

LISTING_BYTES_MAX: Final = 1 << 16

_VIDEO_FIRST: Final = ("0:V?", "0:a?", "0:s?", "0:d?", "0:t?")
_MEDIA: Final = re.compile(r"(?m)^#media_type (\d{1,9}): (\w+)$")
_SIZE: Final = re.compile(r"(?m)^#dimensions (\d{1,9}): (\d{1,9})x(\d{1,9})$")


def probe_arguments(ffmpeg: FFmpeg, path: str) -> list[str]:
    """The command line that lists the streams of a file on standard output."""
    maps = [argument for specifier in _VIDEO_FIRST for argument in ("-map", specifier)]
    return [
        *quiet_arguments(ffmpeg),
        "-i",
        f"file:{path}",
        *maps,
        "-c",
        "copy",
        "-t",
        "0",
        "-f",
        "framecrc",
        "pipe:1",
    ]


def largest_video(listing: bytes) -> int | None:
    """The number of the largest video stream among the file's video streams, from 0; the first of several.

    None if there is none, or none whose size is known.

    Args:
        listing: What :func:`probe_arguments` wrote.

    """
    text = listing.decode("ascii", errors="replace")
    video = {int(number) for number, kind in _MEDIA.findall(text) if kind == "video"}
    sizes = {int(number): int(width) * int(height) for number, width, height in _SIZE.findall(text)}
    known = [number for number in sorted(video) if sizes.get(number)]
    return max(known, key=sizes.__getitem__, default=None)

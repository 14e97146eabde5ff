from __future__ import annotations

import pytest

from launch.vas.ffmpeg_log import last_error

# What FFmpeg writes about a stream without a fault, shortened.
NO_ERROR = """\
[info] Input #0, mov,mp4,m4a,3gp,3g2,mj2, from 'file:/v/clip.mp4':
[info]   Stream #0:0[0x1](und): Video: h264 (High) (avc1 / 0x31637661), yuv420p, 642x362 [SAR 1:1]
[info] Stream mapping:
[info]   Stream #0:0 -> #2:0 (h264 (native) -> rawvideo (native))
[info] Output #0, matroska, to 'file:/v/o.mkv':
[info]   Stream #0:0(und): Video: h264 (H264 / 0x34363248), yuv420p(tv, progressive), 641x361, q=2-31
[info] Output #1, rtp, to 'rtp://127.0.0.1:50000?rtcpport=50001&pkt_size=1200':
[info]   Stream #1:0(und): Video: h264, yuv420p(tv, progressive), 641x361 [SAR 1:1 DAR 16:9], q=2-31, 25 fps
[info] Output #2, fifo, to 'pipe:1':
[info]   Metadata:
[info]     encoder         : Lavf59.27.100
[info]   Stream #2:0(und): Video: rawvideo (NV12 / 0x3231564E), nv12(tv, progressive), 640x360, q=2-31
"""
REFUSED = """\
[in#0 @ 0x55a13f152840] [error] Error opening input: Connection refused
[error] Error opening input file rtsp://h/x.
[fatal] Error opening input files: Connection refused
"""
DISK_FULL = """\
[fifo @ 0x55] [warning] FIFO queue full
[vost#0:0/libx264 @ 0x5] [fatal] No space left
[libx264 @ 0x5] [info] kb/s:10
[fatal] Conversion failed!
"""


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("", None),
        (NO_ERROR, None),
        ("[error] rtsp://h/x: Connection refused\n", "rtsp://h/x: Connection refused"),
        (REFUSED, "Error opening input: Connection refused"),
        (DISK_FULL, "No space left"),
        ("[fatal] Error opening output files: Invalid\n", "Error opening output files: Invalid"),
    ],
)
def test_last_error(log: str, expected: str | None) -> None:
    """The last error that says something, without the part of FFmpeg it comes from."""
    assert last_error(log) == expected

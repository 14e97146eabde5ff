from __future__ import annotations

import pytest

from launch.vas.ffmpeg_log import is_answer, last_error
from launch.vas.source import Kind

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
NOT_RESOLVED = """\
[tcp @ 0x55cfbe227580] [error] Failed to resolve hostname nowhere.invalid: Name or service not known
[error] rtsp://nowhere.invalid/x: Input/output error
"""
UNAUTHORIZED = """\
[in#0 @ 0x55bc7dba51c0] [error] method DESCRIBE failed: 401 (Unauthorized)
[in#0 @ 0x55bc7dba4e80] [error] Error opening input: Server returned 401 Unauthorized (authorization failed)
[error] Error opening input file rtsp://h/x.
[fatal] Error opening input files: Server returned 401 Unauthorized (authorization failed)
"""
NO_VIDEO = """\
[fatal] Stream map '' matches no streams.
[error] Failed to set value '0:V:0' for option 'map': Invalid argument
[error] Error parsing options for output file -.
[fatal] Error opening output files: Invalid argument
"""
NOT_EVEN = """\
[libx264 @ 0x55] [error] width not divisible by 2 (641x361)
[vost#0:0/libx264 @ 0x55] [error] Error while opening encoder - maybe incorrect parameters such as bit_rate.
[out#0/matroska @ 0x55] [error] Nothing was written into output file, because a stream failed.
[fatal] Conversion failed!
"""
TOO_SMALL_9 = """\
[Parsed_crop_0 @ 0x7f] [error] Invalid too big or non positive size for width '0' or height '0'
[Parsed_crop_0 @ 0x7f] [error] Failed to configure input pad on Parsed_crop_0
[vf#0:0 @ 0x55] [error] Error reinitializing filters!
[vf#0:0 @ 0x55] [error] Task finished with error code: -22 (Invalid argument)
[vf#0:0 @ 0x55] [error] Terminating thread with return code -22 (Invalid argument)
[vost#0:0/libx264 @ 0x55] [enc:libx264 @ 0x55] [error] Could not open encoder before EOF
"""
TOO_SMALL_5 = """\
[Parsed_crop_0 @ 0x558] [error] Invalid too big or non positive size for width '0' or height '0'
[Parsed_crop_0 @ 0x558] [error] Failed to configure input pad on Parsed_crop_0
[error] Error reinitializing filters!
[error] Failed to inject frame into filter network: Invalid argument
[fatal] Error while processing the decoded data for stream #0:0
"""
TRANSPORT_9 = """\
[in#0 @ 0x55e8e13411c0] [error] method SETUP failed: 461 (Unsupported Transport)
[in#0 @ 0x55e8e1340e80] [error] Error opening input: Protocol not supported
[error] Error opening input file rtsp://h/x.
[fatal] Error opening input files: Protocol not supported
"""
TRANSPORT_5 = """\
[rtsp @ 0x5616736b49c0] [error] method SETUP failed: 461 Unsupported Transport
[error] rtsp://h/x: Protocol not supported
"""


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("", None),
        (NO_ERROR, None),
        ("[error] rtsp://h/x: Connection refused\n", "rtsp://h/x: Connection refused"),
        (REFUSED, "Error opening input: Connection refused"),
        (DISK_FULL, "No space left"),
        (NOT_RESOLVED, "Failed to resolve hostname nowhere.invalid: Name or service not known"),
        (UNAUTHORIZED, "Error opening input: Server returned 401 Unauthorized (authorization failed)"),
        (NO_VIDEO, "no video"),
        (TOO_SMALL_9, "a picture of less than 2x2 pixels"),
        (TOO_SMALL_5, "a picture of less than 2x2 pixels"),
        ("[error] Nothing was written into output file, because of x.\n[fatal] Conversion failed!\n", None),
        (NOT_EVEN, "width not divisible by 2 (641x361)"),
        ("[error] rtsp://h/x: Invalid argument\n", "rtsp://h/x: Invalid argument"),
        ("[fatal] Error opening output files: Invalid\n", "Error opening output files: Invalid"),
    ],
)
def test_last_error(log: str, expected: str | None) -> None:
    """The last error that says something, without the part of FFmpeg it comes from."""
    assert last_error(log) == expected


@pytest.mark.parametrize("log", [TRANSPORT_5, TRANSPORT_9])
def test_transport(log: str) -> None:
    """A camera that refuses a transport: which, and how to ask for the other."""
    assert (
        last_error(log, Kind.RTSP)
        == "the camera refuses TCP (461 Unsupported Transport); rtsp+udp:// asks for UDP"
    )
    assert (
        last_error(log, Kind.RTSP_UDP)
        == "the camera refuses UDP (461 Unsupported Transport); rtsp:// asks for TCP"
    )


def test_errors_of_the_stream() -> None:
    """Of errors long before the end none is taken for the reason."""
    log = "[h264 @ 0x1] [error] width not divisible by 2\n" + "[error] x: Input/output error\n" * 9
    assert last_error(log) == "x: Input/output error"


@pytest.mark.parametrize("log", [NO_VIDEO, UNAUTHORIZED, TRANSPORT_5, TRANSPORT_9])
def test_answer(log: str) -> None:
    """What a server answered is told as the reason, not that it was silent."""
    assert is_answer(last_error(log, Kind.RTSP) or "")


@pytest.mark.parametrize("log", [REFUSED, NOT_RESOLVED, DISK_FULL])
def test_no_answer(log: str) -> None:
    """An error of this side or of the network is not an answer of a server."""
    assert not is_answer(last_error(log, Kind.RTSP) or "")

from __future__ import annotations

import pytest

from launch.vas.ffmpeg import FFmpeg
from launch.vas.probe import Video, largest_video, probe_arguments
from launch.vas.source import CameraSource, Kind


def listing(*streams: str) -> str:
    """What FFmpeg lists of streams given as ``h264 1280x720 1/12800``, or ``aac``."""
    lines = ["#extradata 0:       47, 0x424c0fd4", "#software: Lavf59.27.100"]
    for number, stream in enumerate(streams):
        codec, *video = stream.split()
        lines += [f"#media_type {number}: {'video' if video else 'audio'}", f"#codec_id {number}: {codec}"]
        if video:
            lines += [f"#dimensions {number}: {video[0]}", f"#tb {number}: {video[1]}"]
    return "\n".join([*lines, "0,      -1024,          0,      512,     4447, 0x6bf542d8", ""])


SMALL, LARGE, COVER = "h264 160x90 1/25", "h264 1280x720 1/25", "mjpeg 1280x720 1/90000"


@pytest.mark.parametrize(
    ("pictures", "everything", "expected"),
    [
        ((LARGE,), (LARGE,), Video(0, timed=True)),
        ((SMALL, LARGE), (SMALL, LARGE), Video(1, timed=True)),
        ((LARGE, LARGE, "aac"), (LARGE, LARGE, "aac"), Video(0, timed=True)),
        ((SMALL,), (COVER, SMALL), Video(1, timed=True)),
        ((SMALL,), (SMALL, COVER), Video(0, timed=True)),
        (("mjpeg 1280x720 1/30",), (COVER, "mjpeg 1280x720 1/30"), Video(1, timed=True)),
        (("mjpeg 1280x720 1/25",), ("mjpeg 1280x720 1/25",), Video(0, timed=False)),
        (("aac",), (COVER, "aac"), None),
        (("h264 0x0 1/25",), ("h264 0x0 1/25",), None),
    ],
)
def test_largest(pictures: tuple[str, ...], everything: tuple[str, ...], expected: Video | None) -> None:
    """The largest video but for attached pictures, counted among all video streams; None without one."""
    assert largest_video((listing(*pictures) + listing(*everything)).encode()) == expected


@pytest.mark.parametrize("content", [b"", b"junk", listing(LARGE).encode()])
def test_no_listing(content: bytes) -> None:
    """Where FFmpeg has listed nothing, or not all, there is no video."""
    assert largest_video(content) is None


def test_nothing_is_decoded() -> None:
    """Streams are listed, once without attached pictures and once with them, and not decoded."""
    command = probe_arguments(FFmpeg("ffmpeg"), CameraSource("a", Kind.FILE, "/v/a.mp4", "a.mp4"))
    assert command.count("-c") == command.count("copy") == 2
    assert command.index("0:V?") < command.index("0:v?")

from __future__ import annotations

import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from launch.vas.ffmpeg import FFmpeg
from launch.vas.output_arguments import camera_arguments, clip_arguments
from launch.vas.source import parse_sources

if TYPE_CHECKING:
    from launch.vas.source import CameraSource

NEW = FFmpeg("/usr/bin/ffmpeg", initial_burst=True)
OLD = FFmpeg("/usr/bin/ffmpeg", initial_burst=False)


def source_of(argument: str) -> CameraSource:
    """The one source of one argument."""
    (source,) = parse_sources([argument])
    return source


def arguments(
    source: CameraSource, ffmpeg: FFmpeg = NEW, *, raw: bool = False, once: bool = False, video: int = 0
) -> list[str]:
    """The command line of one camera."""
    return camera_arguments(
        ffmpeg,
        source,
        clip="/w/c.mkv",
        once=once,
        video=video,
        recording="/r/c.mkv",
        viewer=(40, 41),
        description=7 if raw else None,
    )


@pytest.mark.parametrize("given", ["test", "rtsp://h/x", "rtsp-listen://127.0.0.1:1/x", sys.executable])
@pytest.mark.parametrize("ffmpeg", [NEW, OLD])
def test_flag_adds_the_raw_output_and_nothing_else(given: str, ffmpeg: FFmpeg) -> None:
    """With the flag on the command line is the one with the flag off, and behind it the raw output."""
    source = source_of(f"cam={given}")
    off, on = arguments(source, ffmpeg), arguments(source, ffmpeg, raw=True)
    assert on[: len(off)] == off
    assert on[len(off) :][:2] == ["-map", "0:V:0"]
    assert [argument for argument in on if argument.startswith("pipe:")] == ["pipe:1", "pipe:7"]


def test_nothing_of_ruth_with_the_flag_off() -> None:
    """With the flag off no argument asks for raw frames, or for anything on a pipe."""
    assert not {"rawvideo", "nv12", "fifo", "pipe:1"}.intersection(arguments(source_of("cam=test")))


def test_one_decode() -> None:
    """All outputs are of one input and of one stream of it: it is decoded once, and they show the same."""
    command = arguments(source_of("cam=test"), raw=True, video=2)
    assert command.count("-i") == 1
    maps = [value for option, value in pairwise(command) if option == "-map"]
    assert maps == ["0:V:2"] * 4


def test_raw_output_cannot_hold_up_decoding() -> None:
    """The raw output goes through a queue of FFmpeg's own that drops frames when it is full."""
    raw = arguments(source_of("cam=test"), raw=True)[len(arguments(source_of("cam=test"))) :]
    options = dict(pairwise(raw[: raw.index("pipe:1")]))
    assert (options["-f"], options["-drop_pkts_on_overflow"]) == ("fifo", "1")
    assert int(options["-queue_size"]) <= 8


def test_viewer_is_on_loopback() -> None:
    """The viewer's RTP goes to the two given ports of this host, and nowhere else."""
    command = arguments(source_of("cam=test"), raw=True)
    addresses = [argument for argument in command if "://" in argument]
    assert addresses == ["rtp://127.0.0.1:40?rtcpport=41&pkt_size=1200"]


def test_paths_cannot_be_taken_for_anything_else() -> None:
    """Files are given to FFmpeg as files, whatever their names look like."""
    command = arguments(source_of(f"cam={sys.executable}"))
    assert command[command.index("-i") + 1].startswith("file:/")
    assert "file:/r/c.mkv" in command


def test_clips_differ() -> None:
    """Two test cameras of one size have pictures of different colours."""
    source = source_of("cam=test:320x180@10")
    first, second = (clip_arguments(NEW, source, number, "/w/c.mkv") for number in (0, 1))
    assert first != second
    assert "testsrc2=size=320x180:rate=10:duration=10,hue=h=0" in first

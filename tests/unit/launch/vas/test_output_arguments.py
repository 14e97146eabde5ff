from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from launch.vas.ffmpeg import FFmpeg
from launch.vas.file_pace import PACE
from launch.vas.input_arguments import file_input, live_input
from launch.vas.output_arguments import camera_arguments, clip_arguments
from launch.vas.source import CameraSource, Kind, parse_sources

if TYPE_CHECKING:
    from launch.vas.input_arguments import Input

FFMPEG = FFmpeg("/usr/bin/ffmpeg")
LIVE = live_input(CameraSource("cam", Kind.RTSP, "rtsp://h/x", "rtsp://h/x"))
FILE = file_input("/v/clip.mp4", 2)


def arguments(played: Input = FILE, *, raw: bool = False) -> list[str]:
    """The command line of one camera."""
    return camera_arguments(
        FFMPEG, played, recording="/r/c.mkv", viewer=(40, 41), description=7 if raw else None
    )


@pytest.mark.parametrize("played", [LIVE, FILE])
def test_flag_adds_the_raw_output_and_nothing_else(played: Input) -> None:
    """With the flag on the command line is the one with the flag off, and behind it the raw output."""
    off, on = arguments(played), arguments(played, raw=True)
    assert on[: len(off)] == off
    assert on[len(off) :][:2] == ["-map", f"0:{played.stream}"]
    assert [argument for argument in on if argument.startswith("pipe:")] == ["pipe:1", "pipe:7"]


def test_nothing_of_ruth_with_the_flag_off() -> None:
    """With the flag off no argument asks for raw frames, or for anything on a pipe."""
    assert not {"rawvideo", "nv12", "fifo", "pipe:1"}.intersection(arguments())


def test_one_decode() -> None:
    """All outputs are of one input and of one stream of it: it is decoded once, and they show the same."""
    command = arguments(raw=True)
    assert command.count("-i") == 1
    maps = [value for option, value in pairwise(command) if option == "-map"]
    assert maps == ["0:v:2"] * 4


def test_every_output_of_a_file_has_its_pace() -> None:
    """Each output of a file is held to the file's pace by itself; the tiny frame that describes it is not."""
    filters = [value for option, value in pairwise(arguments(raw=True)) if option == "-vf"]
    assert [chain.startswith(f"{PACE},") for chain in filters] == [True, True, True, False]
    assert not any("realtime" in argument for argument in arguments(LIVE, raw=True))


def test_raw_output_cannot_hold_up_decoding() -> None:
    """The raw output goes through a queue of FFmpeg's own that drops frames when it is full."""
    raw = arguments(raw=True)[len(arguments()) :]
    options = dict(pairwise(raw[: raw.index("pipe:1")]))
    assert (options["-f"], options["-drop_pkts_on_overflow"]) == ("fifo", "1")
    assert 12 < int(options["-queue_size"]) <= 16


def test_viewer_is_on_loopback() -> None:
    """The viewer's RTP goes to the two given ports of this host, and nowhere else."""
    command = arguments(raw=True)
    addresses = [argument for argument in command if "://" in argument]
    assert addresses == ["rtp://127.0.0.1:40?rtcpport=41&pkt_size=1200"]


def test_paths_cannot_be_taken_for_anything_else() -> None:
    """Files are given to FFmpeg as files, whatever their names look like."""
    command = arguments()
    assert command[command.index("-i") + 1] == "file:/v/clip.mp4"
    assert "file:/r/c.mkv" in command


def test_clips_differ() -> None:
    """Two test cameras of one size have pictures of different colours."""
    (source,) = parse_sources(["cam=test:320x180@10"])
    first, second = (clip_arguments(FFMPEG, source, number, "/w/c.mkv") for number in (0, 1))
    assert first != second
    assert "testsrc2=size=320x180:rate=10:duration=10,hue=h=0" in first

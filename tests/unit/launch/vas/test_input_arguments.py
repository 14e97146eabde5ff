from __future__ import annotations

import sys

from launch.vas.ffmpeg import FFmpeg
from launch.vas.input_arguments import input_arguments
from launch.vas.source import parse_sources

NEW = FFmpeg("/usr/bin/ffmpeg", initial_burst=True)
OLD = FFmpeg("/usr/bin/ffmpeg", initial_burst=False)


def arguments(given: str, ffmpeg: FFmpeg = NEW, *, once: bool = False) -> list[str]:
    """How the source ``given`` is opened."""
    (source,) = parse_sources([f"cam={given}"])
    return input_arguments(ffmpeg, source, clip=None, once=once)


def test_file_is_paced_and_begins_again() -> None:
    """A file is played at its own pace, over and over: a camera never ends."""
    command = arguments(sys.executable)
    before = command[: command.index("-i")]
    assert "-re" in before
    assert before[before.index("-stream_loop") + 1] == "-1"


def test_once() -> None:
    """Played once, a file does not begin again."""
    assert "-stream_loop" not in arguments("test", once=True)


def test_pace_from_the_first_frame() -> None:
    """FFmpeg's burst at the start is switched off where FFmpeg has one."""
    assert "-readrate_initial_burst" in arguments("test", NEW)
    assert "-readrate_initial_burst" not in arguments("test", OLD)


def test_live_source_is_not_paced() -> None:
    """A camera on the network sets its own pace, over TCP, and may not be silent for ever."""
    command = arguments("rtsp://h/x")
    assert "-re" not in command
    assert "-stream_loop" not in command
    before = command[: command.index("-i")]
    assert before[before.index("-rtsp_transport") + 1] == "tcp"
    assert before[before.index("-timeout") + 1] == "10000000"


def test_listening_source() -> None:
    """A listening source waits for its camera, and not for ever."""
    command = arguments("rtsp-listen://127.0.0.1:8554/x")
    before = command[: command.index("-i")]
    assert before[before.index("-rtsp_flags") + 1] == "listen"
    assert before[before.index("-listen_timeout") + 1] == "20"

from __future__ import annotations

from itertools import pairwise

from launch.vas.input_arguments import Input, file_input, live_input, playlist_input
from launch.vas.source import parse_sources


def live(given: str) -> Input:
    """How the live source ``given`` is opened."""
    (source,) = parse_sources([f"cam={given}"])
    return live_input(source)


def options_of(played: Input) -> dict[str, str]:
    """Each argument and the one behind it."""
    return dict(pairwise(played.arguments))


def test_file_is_paced() -> None:
    """A file is read no faster than it is to be shown, once or over and over."""
    for played in (file_input("/v/a.mp4", 1), playlist_input("/proc/self/fd/9", 1)):
        assert "-re" in played.arguments
        assert "realtime" in played.filters
        assert played.stream == "v:1"


def test_file_is_repeated_by_a_list() -> None:
    """Over and over, what FFmpeg opens is a list; nothing is sought in the file."""
    played = playlist_input("/proc/self/fd/9", 0)
    assert options_of(played)["-f"] == "concat"
    assert "-stream_loop" not in played.arguments


def test_live_source_is_not_paced() -> None:
    """A camera on the network sets its own pace, over TCP, and may not be silent for ever."""
    played = live("rtsp://h/x")
    assert (played.filters, played.stream) == ("", "V:0")
    assert "-re" not in played.arguments
    assert options_of(played)["-rtsp_transport"] == "tcp"
    assert options_of(played)["-timeout"] == "10000000"


def test_listening_source() -> None:
    """A listening source waits for its camera, and not for ever."""
    options = options_of(live("rtsp-listen://127.0.0.1:8554/x"))
    assert options["-rtsp_flags"] == "listen"
    assert options["-listen_timeout"] == "20"

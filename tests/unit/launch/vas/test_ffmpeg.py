from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from launch.vas.ffmpeg import (
    FFmpeg,
    FFmpegMissingError,
    camera_arguments,
    clip_arguments,
    find_ffmpeg,
    frame_size,
    last_error,
)
from launch.vas.source import parse_sources

if TYPE_CHECKING:
    from pathlib import Path

    from launch.vas.source import CameraSource

NEW = FFmpeg("/usr/bin/ffmpeg", initial_burst=True)
OLD = FFmpeg("/usr/bin/ffmpeg", initial_burst=False)

# What three versions write, shortened: the first with its outputs in order, the others as threads got there.
LOG_5 = """\
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
LOG_9 = """\
[info] Output #2, fifo, to 'pipe:1':
[info]   Metadata:
[libx264 @ 0x565174f0] [info] profile High, level 1.2, 4:2:0, 8-bit
[info]   Stream #2:0: Video: rawvideo (NV12 / 0x3231564E), nv12(progressive), 640x360, q=2-31, 25 tbn
[info] Output #0, matroska, to 'file:/v/o.mkv':
[info]   Stream #0:0: Video: h264 (H264 / 0x34363248), yuv420p(progressive), 641x361, q=2-31, 25 fps, 1k tbn
"""


def source_of(argument: str) -> CameraSource:
    """The one source of one argument."""
    (source,) = parse_sources([argument])
    return source


def arguments(
    source: CameraSource, ffmpeg: FFmpeg = NEW, *, raw: bool = False, once: bool = False
) -> list[str]:
    """The command line of one camera."""
    return camera_arguments(
        ffmpeg, source, clip="/w/c.mkv", once=once, recording="/r/c.mkv", viewer=(40, 41), raw=raw
    )


@pytest.mark.parametrize("given", ["test", "rtsp://h/x", "rtsp-listen://127.0.0.1:1/x", sys.executable])
@pytest.mark.parametrize("ffmpeg", [NEW, OLD])
def test_flag_adds_the_raw_output_and_nothing_else(given: str, ffmpeg: FFmpeg) -> None:
    """With the flag on the command line is the one with the flag off, and behind it the raw output."""
    source = source_of(f"cam={given}")
    off, on = arguments(source, ffmpeg), arguments(source, ffmpeg, raw=True)
    assert on[: len(off)] == off
    assert on[len(off) :][:2] == ["-map", "0:v:0"]
    assert on[-1] == "pipe:1"


def test_nothing_of_ruth_with_the_flag_off() -> None:
    """With the flag off no argument asks for raw frames, or for anything on a pipe."""
    assert not {"rawvideo", "nv12", "fifo", "pipe:1"}.intersection(arguments(source_of("cam=test")))


def test_one_decode() -> None:
    """Recording, viewer and raw output are outputs of one input: it is decoded once."""
    command = arguments(source_of("cam=test"), raw=True)
    assert command.count("-i") == 1
    assert command.count("0:v:0") == 3


def test_raw_output_cannot_hold_up_decoding() -> None:
    """The raw output goes through a queue of FFmpeg's own that drops frames when it is full."""
    raw = arguments(source_of("cam=test"), raw=True)[len(arguments(source_of("cam=test"))) :]
    options = dict(zip(raw[::2], raw[1::2], strict=False))
    assert (options["-f"], options["-drop_pkts_on_overflow"]) == ("fifo", "1")
    assert int(options["-queue_size"]) <= 8


def test_viewer_is_on_loopback() -> None:
    """The viewer's RTP goes to the two given ports of this host, and nowhere else."""
    command = arguments(source_of("cam=test"), raw=True)
    addresses = [argument for argument in command if "://" in argument]
    assert addresses == ["rtp://127.0.0.1:40?rtcpport=41&pkt_size=1200"]


def test_file_is_paced_and_begins_again() -> None:
    """A file is played at its own pace, over and over: a camera never ends."""
    command = arguments(source_of(f"cam={sys.executable}"))
    before = command[: command.index("-i")]
    assert "-re" in before
    assert before[before.index("-stream_loop") + 1] == "-1"


def test_once() -> None:
    """Played once, a file does not begin again."""
    assert "-stream_loop" not in arguments(source_of("cam=test"), once=True)


def test_pace_from_the_first_frame() -> None:
    """FFmpeg's burst at the start is switched off where FFmpeg has one."""
    assert "-readrate_initial_burst" in arguments(source_of("cam=test"), NEW)
    assert "-readrate_initial_burst" not in arguments(source_of("cam=test"), OLD)


def test_live_source_is_not_paced() -> None:
    """A camera on the network sets its own pace, over TCP, and may not be silent for ever."""
    command = arguments(source_of("cam=rtsp://h/x"))
    assert "-re" not in command
    assert "-stream_loop" not in command
    before = command[: command.index("-i")]
    assert before[before.index("-rtsp_transport") + 1] == "tcp"
    assert before[before.index("-timeout") + 1] == "10000000"


def test_listening_source() -> None:
    """A listening source waits for its camera, and not for ever."""
    command = arguments(source_of("cam=rtsp-listen://127.0.0.1:8554/x"))
    before = command[: command.index("-i")]
    assert before[before.index("-rtsp_flags") + 1] == "listen"
    assert before[before.index("-listen_timeout") + 1] == "20"


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


@pytest.mark.parametrize("log", [LOG_5, LOG_9])
def test_frame_size(log: str) -> None:
    """The size of raw frames is that of the raw output, whatever else the log has in whatever order."""
    assert frame_size(log, raw=True) == (640, 360)
    assert frame_size(log, raw=False) == (641, 361)


@pytest.mark.parametrize("log", [LOG_5, LOG_9])
def test_frame_size_of_half_a_log(log: str) -> None:
    """A log cut off anywhere tells the whole size or none."""
    found = {frame_size(log[:end], raw=True) for end in range(len(log))}
    assert found == {None, (640, 360)}


def test_frame_size_is_not_what_a_source_says() -> None:
    """A source whose title looks like FFmpeg's log is not believed."""
    title = "Output #2, fifo, to 'pipe:1': Video: rawvideo (x), nv12, 2x2 "
    log = f"[info] Input #0, rtsp:\n[info]   Metadata:\n[info]     title           : {title}\n"
    assert frame_size(log, raw=True) is None
    assert frame_size(log + LOG_5, raw=True) == (640, 360)


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
        (LOG_5, None),
        ("[error] rtsp://h/x: Connection refused\n", "rtsp://h/x: Connection refused"),
        (REFUSED, "Error opening input: Connection refused"),
        (DISK_FULL, "No space left"),
        ("[fatal] Error opening output files: Invalid\n", "Error opening output files: Invalid"),
    ],
)
def test_last_error(log: str, expected: str | None) -> None:
    """The last error that says something, without the part of FFmpeg it comes from."""
    assert last_error(log) == expected


def program(folder: Path, name: str, help_text: str) -> str:
    """A program that answers every call with ``help_text``."""
    path = folder / name
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{help_text}\nEND\n")
    path.chmod(0o755)
    return str(path)


GOOD = "-fps_mode\nlibx264 AVOptions:"


def test_variable_before_path(tmp_path: Path) -> None:
    """RUTH_FFMPEG goes before the FFmpeg on PATH."""
    ours = program(tmp_path, "ours", GOOD)
    program(tmp_path, "ffmpeg", GOOD)
    assert find_ffmpeg({"RUTH_FFMPEG": ours, "PATH": str(tmp_path)}).path == ours


def test_path(tmp_path: Path) -> None:
    """Without RUTH_FFMPEG it is the FFmpeg on PATH."""
    ffmpeg = program(tmp_path, "ffmpeg", GOOD)
    assert find_ffmpeg({"PATH": str(tmp_path)}).path == ffmpeg


def test_what_it_knows(tmp_path: Path) -> None:
    """FFmpeg is asked whether it knows the option that only some versions have."""
    for extra, known in (("", False), ("\n-readrate_initial_burst", True)):
        ffmpeg = program(tmp_path, f"ffmpeg-{known}", GOOD + extra)
        assert find_ffmpeg({"RUTH_FFMPEG": ffmpeg}).initial_burst is known


@pytest.mark.parametrize(
    ("help_text", "problem"),
    [("libx264 AVOptions:", "older than 5.1"), ("-fps_mode", "without libx264"), ("", "no FFmpeg")],
)
def test_unusable(tmp_path: Path, help_text: str, problem: str) -> None:
    """An FFmpeg that is too old, has no libx264, or is none at all, is refused with the reason."""
    path = program(tmp_path, "ffmpeg", help_text)
    with pytest.raises(FFmpegMissingError, match=problem) as caught:
        find_ffmpeg({"RUTH_FFMPEG": path})
    assert caught.value.path == path


def test_variable_names_no_program(tmp_path: Path) -> None:
    """A RUTH_FFMPEG that is no program is an error: no other FFmpeg is taken for it."""
    with pytest.raises(FFmpegMissingError, match="RUTH_FFMPEG"):
        find_ffmpeg({"RUTH_FFMPEG": str(tmp_path), "PATH": "/usr/bin:/bin"})


def test_no_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any FFmpeg the error says how to get one."""
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(FFmpegMissingError, match="pip install") as caught:
        find_ffmpeg({"PATH": str(tmp_path)})
    assert caught.value.path is None

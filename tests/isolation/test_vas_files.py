"""Files of each kind as cameras, with each FFmpeg of this machine: what is shown, and at which pace."""

from __future__ import annotations

import hashlib
import os
import signal
import statistics
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from harness.footage import FFMPEGS, FPS, Keeper, call, each, ffmpeg_named, keeper_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from harness.footage import Run
    from launch.vas.ffmpeg import FFmpeg

FRAMES = 12  # of a file
WIDTH, HEIGHT = 160, 90
FRAME_BYTES = WIDTH * HEIGHT * 3 // 2
FRAME_NS = 1_000_000_000 // FPS

H264 = ("-c:v", "libx264", "-bf", "2", "-g", "250", "-pix_fmt", "yuv420p")
AUDIO = ("-f", "lavfi", "-i", "sine=d=0.5", "-c:a", "aac")
WITHOUT_TIMES = ("-bsf:v", "setts=ts=0")
KINDS = {
    "indexed.mp4": H264,
    "indexed.mkv": H264,
    "raw.h264": H264,
    "raw.hevc": ("-c:v", "libx265", "-x265-params", "log-level=none"),
    "one key frame.ts": H264,
    "with audio.ts": (*AUDIO, *H264),
    "program.mpg": ("-c:v", "mpeg2video", "-bf", "2"),
    "motion.mjpeg": ("-c:v", "mjpeg"),
    "times all 0.mp4": (*H264, *WITHOUT_TIMES),
    "times all 0.mkv": (*H264, *WITHOUT_TIMES),
    "still.jpg": ("-frames:v", "1"),
    "one frame.mp4": ("-frames:v", "1", *H264),
    "it's \n odd.mp4": H264,
}


@pytest.fixture(scope="module", params=FFMPEGS)
def ffmpeg(request: pytest.FixtureRequest) -> FFmpeg:
    """Each FFmpeg."""
    return ffmpeg_named(request.param)


def make(ffmpeg: FFmpeg, path: Path, *options: str) -> Path:
    """A file of twelve frames, unless ``options`` say otherwise."""
    picture = f"testsrc2=size={WIDTH}x{HEIGHT}:rate={FPS}"
    call(ffmpeg, "-f", "lavfi", "-i", f"{picture}:duration={FRAMES / FPS}", *options, f"file:{path}")
    return path


def frames_of(ffmpeg: FFmpeg, path: Path) -> list[str]:
    """Digests of the frames of a file, decoded once."""
    limited = ("-vf", "scale=out_range=limited,format=nv12", "-fps_mode", "passthrough")
    raw = call(ffmpeg, "-i", f"file:{path}", "-map", "0:V", *limited, "-f", "rawvideo", "-")
    pieces = (raw[start : start + FRAME_BYTES] for start in range(0, len(raw), FRAME_BYTES))
    return [hashlib.sha256(piece).hexdigest() for piece in pieces]


@pytest.mark.parametrize("name", KINDS)
def test_over_and_over(ffmpeg: FFmpeg, tmp_path: Path, vas: Callable[..., Run], name: str) -> None:
    """A file of any kind is repeated whole, at its own pace, and its times run on over the turns."""
    path = make(ffmpeg, tmp_path / name, *KINDS[name])
    once = frames_of(ffmpeg, path)
    assert len(once) in (1, FRAMES)
    frames = 3 * FRAMES
    keeper = keeper_until(frames)
    run = vas(f"cam={path}", exporter=keeper.open, once=False)
    assert run.summary.cameras[0].death is None
    assert keeper.digests[:frames] == (once * frames)[:frames]
    steps = [later - earlier for earlier, later in pairwise(keeper.stamps[:frames])]
    assert statistics.median(steps) == FRAME_NS
    assert (
        0.8 < sum(steps) / (FRAME_NS * len(steps)) < 1.5
    )  # frame time has its own steps, and a turn may be late


def log_sizes() -> list[int]:
    """Bytes that the logs of this process's FFmpegs take."""
    links = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
    return [
        os.stat(link).st_size for link in links if os.path.exists(link) and "ffmpeg.log" in os.readlink(link)
    ]


def test_without_a_key_frame(ffmpeg: FFmpeg, tmp_path: Path, vas: Callable[..., Run]) -> None:
    """A file without its key frame, about which FFmpeg logs without end, harms neither another nor memory."""
    encode = [
        "-frames:v",
        "3000",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-g",
        "9999",
        "-pix_fmt",
        "yuv420p",
    ]
    call(ffmpeg, "-f", "lavfi", "-i", "testsrc2=size=160x90", *encode, tmp_path / "whole.h264")
    content = (tmp_path / "whole.h264").read_bytes()
    key = content.index(b"\0\0\1\x65")
    (tmp_path / "cut.h264").write_bytes(content[:key] + content[content.index(b"\0\0\1", key + 3) :])
    came: list[int] = []
    logs: list[int] = []

    def look(number: int) -> None:
        came.append(time.monotonic_ns())
        if number % FPS == 0:
            logs.extend(log_sizes())
        if number == 4 * FPS:
            os.kill(os.getpid(), signal.SIGTERM)

    keepers = {"bad": Keeper(), "good": Keeper(on_commit=look)}
    run = vas(f"bad={tmp_path}/cut.h264", "good=test:160x90", exporter=each(keepers), once=False)
    assert run.summary.cameras[1].death is None
    assert statistics.median(later - earlier for earlier, later in pairwise(came)) < 1.5 * FRAME_NS
    assert max(logs) < 8 << 20

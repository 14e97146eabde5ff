"""Live sources of each kind, with each FFmpeg: what is shown, and what is told when they fall silent."""

from __future__ import annotations

import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from conftest import PROJECT
from harness.footage import FFMPEGS, Keeper, call, ffmpeg_named, keeper_until, recorded
from harness.waiting import within

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Processes
    from harness.footage import Run
    from launch.vas.ffmpeg import FFmpeg

FPS = 25
FRAME_NS = 1_000_000_000 // FPS


@pytest.fixture(scope="module", params=FFMPEGS)
def ffmpeg(request: pytest.FixtureRequest) -> FFmpeg:
    """Each FFmpeg."""
    return ffmpeg_named(request.param)


@pytest.fixture(scope="module")
def clip(ffmpeg: FFmpeg, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of video with a key frame each second and no B-frames, as cameras send it."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    encode = ["-c:v", "libx264", "-bf", "0", "-g", str(FPS), "-pix_fmt", "yuv420p"]
    call(ffmpeg, "-f", "lavfi", "-i", f"testsrc2=size=160x90:rate={FPS}:duration=4", *encode, path)
    return path


def once_recorded(processes: Processes, recording: Path, then: str) -> None:
    """Has a shell command run when a recording has some content: a few seconds of it."""
    size = f"$(stat -c %s {recording} 2>/dev/null || echo 0)"
    processes.start("sh", "-c", f"until [ {size} -gt 20000 ]; do sleep 0.1; done; {then}")


class Server:
    """A server in a process of its own, which prints its port."""

    def __init__(self, processes: Processes, *command: str | Path) -> None:
        self.process = processes.start(sys.executable, *command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        with within(30):
            self.port = int(self.process.stdout.readline())


@pytest.fixture
def rtsp(ffmpeg: FFmpeg, clip: Path, processes: Processes) -> Callable[..., Server]:
    """Starts an RTSP server; what it does is in tests/rtsp_server.py."""
    return lambda mode="": Server(
        processes, PROJECT / "tests/doubles/rtsp_server.py", ffmpeg.path, clip, mode
    )


@pytest.mark.parametrize("scheme", ["rtsp", "RTSP", "rtsp+udp"])
def test_rtsp(rtsp: Callable[..., Server], vas: Callable[..., Run], scheme: str) -> None:
    """A camera is shown by its own times, over TCP or UDP; stopped, it has ended well."""
    keeper = keeper_until(150)
    run = vas(f"cam={scheme}://127.0.0.1:{rtsp().port}/x", exporter=keeper.open)
    (camera,) = run.summary.cameras
    assert (camera.death, keeper.size) == (None, (160, 90))
    steps = [later - earlier for earlier, later in pairwise(keeper.stamps)]
    # While FFmpeg looks at what comes, frames wait; they come at once, and each moves frame time a step.
    assert statistics.median(steps[-30:]) == pytest.approx(FRAME_NS, rel=0.001)


@pytest.mark.parametrize("flag", ["true", None])
def test_killed(
    ffmpeg: FFmpeg,
    rtsp: Callable[..., Server],
    vas: Callable[..., Run],
    processes: Processes,
    tmp_path: Path,
    flag: str | None,
) -> None:
    """A camera that goes without being asked is told of at once, in one line, and the run has failed."""
    server = rtsp()
    keeper = keeper_until(20, server.process.kill)
    if flag is None:
        once_recorded(processes, tmp_path / "recordings" / "cam.mkv", f"kill -9 {server.process.pid}")
    run = vas(f"cam=rtsp://127.0.0.1:{server.port}/x", exporter=keeper.open, flag=flag)
    (camera,) = run.summary.cameras
    assert camera.death in ("lost", "exit 1", "exit 251")
    assert sum(f"cam: {camera.death}: " in line for line in run.lines) == 1
    assert run.summary.failed
    assert len(recorded(ffmpeg, run.recordings / "cam.mkv")) >= 20


@pytest.mark.parametrize("flag", ["true", None])
def test_stalled(
    rtsp: Callable[..., Server],
    vas: Callable[..., Run],
    processes: Processes,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    flag: str | None,
) -> None:
    """A camera that falls silent is told of when the limit has passed, flag on or off."""
    monkeypatch.setattr("launch.vas.time_limits.SILENCE_SECONDS", 3)
    server = rtsp()
    halted: list[float] = []

    def halt() -> None:
        halted.append(time.monotonic())
        server.process.send_signal(signal.SIGSTOP)

    if flag is None:
        once_recorded(processes, tmp_path / "recordings" / "cam.mkv", f"kill -STOP {server.process.pid}")
    run = vas(f"cam=rtsp://127.0.0.1:{server.port}/x", exporter=keeper_until(20, halt).open, flag=flag)
    (camera,) = run.summary.cameras
    assert camera.death == "lost"
    assert [line for line in run.lines if "lost" in line] == ["ruth: cam: lost: no picture for 3 s"]
    assert flag is None or 2 < time.monotonic() - halted[0] < 20


def test_stopped_while_stalled(
    ffmpeg: FFmpeg, rtsp: Callable[..., Server], vas: Callable[..., Run], processes: Processes
) -> None:
    """Asked to end while its camera is silent, it soon ends well, and its recording can be played."""
    server = rtsp()
    asked: list[float] = []

    def halt() -> None:
        server.process.send_signal(signal.SIGSTOP)
        processes.start("sh", "-c", f"sleep 3; kill -TERM {os.getpid()}")
        asked.append(time.monotonic() + 3)

    run = vas(f"cam=rtsp://127.0.0.1:{server.port}/x", exporter=keeper_until(50, halt).open)
    assert time.monotonic() - asked[0] < 15
    assert run.summary.cameras[0].death is None
    assert len(recorded(ffmpeg, run.recordings / "cam.mkv")) >= 25


@pytest.mark.parametrize(
    ("scheme", "mode", "reason"),
    [
        ("rtsp", "401 Unauthorized", "401 Unauthorized"),
        ("rtsp", "404 Not Found", "404 Not Found"),
        ("rtsp", "461 Unsupported Transport", "refuses TCP"),
        ("rtsp+udp", "461 Unsupported Transport", "refuses UDP"),
        ("rtsp", "silent", "no answer for 1"),
    ],
)
def test_reasons(
    rtsp: Callable[..., Server], vas: Callable[..., Run], scheme: str, mode: str, reason: str
) -> None:
    """What a camera is not shown for is told in the words that help."""
    run = vas(f"cam={scheme}://127.0.0.1:{rtsp(mode).port}/x")
    (camera,) = run.summary.cameras
    assert reason in (camera.message or "")
    assert run.lines[0].startswith(f"ruth: cam: {camera.death}: ")
    assert run.summary.failed


def test_motion_jpeg(ffmpeg: FFmpeg, vas: Callable[..., Run], processes: Processes, tmp_path: Path) -> None:
    """JPEG pictures sent over HTTP have the times at which they come, whatever rate FFmpeg assumes."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    call(ffmpeg, "-f", "lavfi", "-i", "testsrc2=size=160x90", "-frames:v", "5", pictures / "%d.jpg")
    server = Server(processes, PROJECT / "tests/doubles/http_server.py", pictures, "10")
    keeper = keeper_until(20)
    run = vas(f"cam=http://127.0.0.1:{server.port}/mjpeg", exporter=keeper.open)
    assert run.summary.cameras[0].death is None
    steps = [later - earlier for earlier, later in pairwise(keeper.stamps)]
    assert statistics.median(steps) == pytest.approx(1e8, rel=0.25)


def test_playlist_over_http(
    ffmpeg: FFmpeg, clip: Path, vas: Callable[..., Run], processes: Processes, tmp_path: Path
) -> None:
    """HLS is shown at its pace, however much of it is there; its end is told, since it is live."""
    call(ffmpeg, "-i", clip, "-c", "copy", "-hls_time", "1", "-hls_list_size", "0", tmp_path / "live.m3u8")
    server = Server(processes, PROJECT / "tests/doubles/http_server.py", tmp_path, "1")
    came: list[int] = []
    keeper = Keeper(on_commit=lambda _: came.append(time.monotonic_ns()))
    run = vas(f"cam=HTTP://127.0.0.1:{server.port}/live.m3u8", exporter=keeper.open)
    (camera,) = run.summary.cameras
    assert (camera.read, camera.death) == (4 * FPS, "lost")
    assert came[-1] - came[0] > 0.8 * 4e9
    assert run.lines[-1] == "ruth: cam: lost: the source has ended"


def test_srt(ffmpeg: FFmpeg, clip: Path, vas: Callable[..., Run], processes: Processes) -> None:
    """A stream that comes by SRT is shown; when its sender ends, that is told."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    push = [ffmpeg.path, "-v", "error", "-re", "-i", clip, "-c", "copy", "-f", "mpegts"]
    processes.start(*push, f"srt://127.0.0.1:{port}?mode=listener")
    keeper = Keeper()
    run = vas(f"cam=srt://127.0.0.1:{port}", exporter=keeper.open)
    (camera,) = run.summary.cameras
    assert camera.read > FPS
    assert camera.death is not None


def test_not_built_in(ffmpeg: FFmpeg, vas: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that this FFmpeg cannot read is refused with the reason."""
    monkeypatch.setattr("launch.vas.input_arguments.knows", lambda *_: False)
    run = vas("cam=srt://127.0.0.1:9")
    (camera,) = run.summary.cameras
    assert (camera.death, camera.message) == ("not started", f"{ffmpeg.path} was built without srt://")

"""The programs of docs/exporting.md, on a real video, each frame compared with what FFmpeg makes of it."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from conftest import PROJECT
from launch.vas.ffmpeg import find_ffmpeg
from ruth.export.nv12 import nv12_views
from ruth.export.outcome import Fresh
from ruth.export.picture import Picture, unpack_picture
from ruth.export.source import ExportSource

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from conftest import Processes, Roots

WIDTH, HEIGHT, FRAMES = 320, 240, 75
CAMERA = "front-door"
PAGE = (PROJECT / "docs" / "exporting.md").read_text(encoding="utf-8")


def program(heading: str) -> str:
    """The program below one heading of the page."""
    section = PAGE[PAGE.index(f"## {heading}\n") :]
    found = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of a moving test picture, BT.601 of limited range."""
    path = tmp_path_factory.mktemp("video") / "video.mp4"
    picture = f"testsrc2=size={WIDTH}x{HEIGHT}:rate=25:duration={FRAMES / 25}"
    colours = ("-pix_fmt", "yuv420p", "-colorspace", "smpte170m", "-color_range", "tv")
    command = [
        find_ffmpeg(os.environ).path,
        "-loglevel",
        "error",
        "-f",
        "lavfi",
        "-i",
        picture,
        *colours,
        path,
    ]
    subprocess.run(command, check=True)
    return path


@pytest.fixture(scope="module")
def frames(video: Path) -> NDArray[np.uint8]:
    """What FFmpeg makes of it: (frames, rows, columns) of NV12."""
    command = [
        find_ffmpeg(os.environ).path,
        "-loglevel",
        "error",
        "-i",
        video,
        "-pix_fmt",
        "nv12",
        "-f",
        "rawvideo",
        "-",
    ]
    done = subprocess.run(command, check=True, capture_output=True)
    return np.frombuffer(done.stdout, np.uint8).reshape(FRAMES, HEIGHT * 3 // 2, WIDTH)


def exported(
    roots: Roots, process: subprocess.Popen[str]
) -> dict[int, tuple[int, Picture, NDArray[np.uint8]]]:
    """The frames that a reader finds intact while a program runs, by id: time, picture, pixels."""
    found: dict[int, tuple[int, Picture, NDArray[np.uint8]]] = {}
    deadline = time.monotonic() + 60
    with ExportSource(str(roots.export), CAMERA) as source:
        while process.poll() is None:
            assert time.monotonic() < deadline
            outcome = source.try_read()
            pixels = source.pixels(outcome) if isinstance(outcome, Fresh) else None
            if pixels is None:
                continue
            copied = nv12_views(pixels.memory, pixels.record).nv12.copy()
            if pixels.intact():
                record = pixels.record
                found[record.frame_id] = record.timestamp_ns, unpack_picture(record.picture), copied
    assert process.stdout is not None
    assert process.stdout.read() == f"{FRAMES} frames exported, problem: None\n"
    assert process.returncode == 0
    assert list((roots.export / CAMERA).iterdir()) == []
    assert found
    return found


def run(processes: Processes, roots: Roots, code: str, *arguments: object, **options: Any) -> Any:
    """Starts a program of the page."""
    command = (sys.executable, "-c", code, *map(str, arguments))
    return processes.start(
        *command, env=roots.environ(), stdout=subprocess.PIPE, stderr=sys.stderr, text=True, **options
    )


def test_pyav(roots: Roots, processes: Processes, video: Path, frames: NDArray[np.uint8]) -> None:
    """The decoder's own pixels and colours, in the rhythm of presentation times."""
    if importlib.util.find_spec("av") is None:
        pytest.skip("PyAV is not installed: pip install av")
    found = exported(roots, run(processes, roots, program("PyAV"), video, CAMERA))
    for frame_id, (_, picture, pixels) in found.items():
        assert np.array_equal(pixels, frames[frame_id])
        assert picture == Picture("limited", "bt601")


def test_opencv(roots: Roots, processes: Processes, video: Path, frames: NDArray[np.uint8]) -> None:
    """Converted to BGR and back: the same picture, within what one chroma sample for four pixels loses."""
    found = exported(roots, run(processes, roots, program("OpenCV"), video, CAMERA))
    for frame_id, (_, _, pixels) in found.items():
        difference = abs(pixels.astype(int) - frames[frame_id])
        assert difference.mean() < 3


def piped(roots: Roots, processes: Processes, *command: object) -> subprocess.Popen[str]:
    """The program of the page behind a decoder's pipe."""
    decoder = processes.start(*map(str, command), stdout=subprocess.PIPE, stderr=sys.stderr)
    code = program("FFmpeg and GStreamer, through a pipe")
    process: subprocess.Popen[str] = run(processes, roots, code, CAMERA, WIDTH, HEIGHT, stdin=decoder.stdout)
    return process


def test_ffmpeg(roots: Roots, processes: Processes, video: Path, frames: NDArray[np.uint8]) -> None:
    """The command of the page into its program: FFmpeg's pixels, each byte."""
    (line,) = re.findall(r"^    ffmpeg (.*) \| python", PAGE, re.MULTILINE)
    arguments = line.replace("1280:720", f"{WIDTH}:{HEIGHT}").replace("SOURCE", str(video)).split()
    found = exported(roots, piped(roots, processes, find_ffmpeg(os.environ).path, *arguments))
    for frame_id, (_, _, pixels) in found.items():
        assert np.array_equal(pixels, frames[frame_id])


def test_gstreamer(roots: Roots, processes: Processes, video: Path, frames: NDArray[np.uint8]) -> None:
    """The command of the page into its program: GStreamer's pixels, the same picture."""
    launch = shutil.which("gst-launch-1.0")
    if launch is None:
        pytest.skip("GStreamer is not installed: apt install gstreamer1.0-tools gstreamer1.0-libav")
    (line,) = re.findall(r"^    gst-launch-1.0 (.*) \\$", PAGE, re.MULTILINE)
    arguments = line.replace("URI", video.as_uri()).replace("1280", str(WIDTH)).replace("720", str(HEIGHT))
    found = exported(roots, piped(roots, processes, launch, *arguments.split()))
    for frame_id, (_, _, pixels) in found.items():
        assert abs(pixels.astype(int) - frames[frame_id]).mean() < 3


@pytest.mark.parametrize("heading", ["PyAV", "OpenCV"])
def test_with_the_flag_off(roots: Roots, video: Path, heading: str) -> None:
    """Without the flag each program decodes all the same, and makes nothing."""
    if heading == "PyAV" and importlib.util.find_spec("av") is None:
        pytest.skip("PyAV is not installed: pip install av")
    done = subprocess.run(
        [sys.executable, "-c", program(heading), video, CAMERA],
        env=roots.environ(flag=None),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "0 frames exported, problem: None\n")
    assert not roots.export.exists()

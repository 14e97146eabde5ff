"""Timestamps of frames of real streams, with each FFmpeg (docs/specification.md, "Frame time")."""

from __future__ import annotations

import sys
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from conftest import PROJECT
from harness.footage import FFMPEGS, Keeper, call, ffmpeg_named, free_ports
from ruth.subscription.gate import Decision
from ruth.subscription.subscription import Subscription

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Processes
    from harness.footage import Run
    from launch.vas.ffmpeg import FFmpeg

PERIOD = 40_000_000
SETTLED = 50
"""Frames after which arrivals have been as soon as they will be."""


@pytest.fixture(scope="module", params=FFMPEGS)
def ffmpeg(request: pytest.FixtureRequest) -> FFmpeg:
    """Each FFmpeg that there is."""
    return ffmpeg_named(request.param)


class Watch(Keeper):
    """An exporter that also keeps when each frame was committed."""

    def __init__(self) -> None:
        self.came: list[int] = []
        super().__init__(on_commit=lambda _: self.came.append(time.monotonic_ns()))


def rate_of(stamps: list[int], max_fps: float) -> float:
    """Frames a second of frame time that the gate allows."""
    judge = Subscription("camera", "model", max_fps).judge
    allowed = [time for number, time in enumerate(stamps) if judge(number, time) is Decision.ALLOW]
    return (len(allowed) - 1) * 1e9 / (allowed[-1] - allowed[0])


def steps(stamps: list[int]) -> list[int]:
    """Distances that are not the camera's, by more than what its clock's ticks round."""
    return [later - earlier for earlier, later in pairwise(stamps) if abs(later - earlier - PERIOD) > 100_000]


def test_caps_that_divide_the_rate(vas: Callable[..., Run]) -> None:
    """Caps of 5 and 2.5 on a test source of 25 give 5.00 and 2.50, over the turns of its clip as well."""
    watch = Watch()
    vas("cam=test:320x180", exporter=watch.open, once=False, seconds=25)
    assert all(stamp <= came for stamp, came in zip(watch.stamps, watch.came, strict=True))
    stamps = watch.stamps[SETTLED:-5]  # told to end, FFmpeg releases its last frames at once
    assert len(stamps) > 10.5 * 25, "not one whole turn"
    lost_s = len(steps(stamps)) / 25  # this machine is shared: arrivals can get better late
    assert lost_s < 1
    for cap in (5, 2.5):
        assert cap * (1 - lost_s / 10) - 0.005 <= rate_of(stamps, cap) <= cap


def test_frames_a_dozen_at_a_time(
    ffmpeg: FFmpeg, tmp_path: Path, processes: Processes, vas: Callable[..., Run]
) -> None:
    """Of an RTSP stream that brings 12 frames each 480 ms every one is stamped 40 ms after the last."""
    clip = tmp_path / "clip.mkv"
    encode = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "25")
    call(ffmpeg, "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=20", *encode, clip)
    pushed_to, listened_on = free_ports(2)
    proxy = PROJECT / "tests" / "doubles" / "bursting_proxy.py"
    processes.start(sys.executable, proxy, str(pushed_to), str(listened_on), "480")
    push = f"""
        while ! {ffmpeg.path} -v quiet -re -i {clip} -c copy -f rtsp -rtsp_transport tcp \\
            rtsp://127.0.0.1:{pushed_to}/x
        do sleep 0.1; done"""
    processes.start("sh", "-c", push)
    watch = Watch()
    run = vas(f"cam=rtsp-listen://127.0.0.1:{listened_on}/x", exporter=watch.open)
    assert run.summary.cameras[0].published > 300
    assert all(stamp <= came for stamp, came in zip(watch.stamps, watch.came, strict=True))
    at_once = sum(later - earlier < 20_000_000 for earlier, later in pairwise(watch.came))
    assert at_once > 0.6 * len(watch.came), "the proxy does not let them through in bursts"
    stamps = watch.stamps[2 * SETTLED : -SETTLED]
    assert len(steps(stamps)) <= 6  # arrivals of groups get better late where this machine is shared
    assert 4.9 <= rate_of(stamps, 5) <= 5
    assert rate_of(watch.came[SETTLED:-SETTLED], 5) < 3  # what they would be worth by their arrival

"""The stand-in VAS with a real FFmpeg: what is exported, and what can never disturb a recording."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import signal
import socket
import statistics
import time
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import psutil
import pytest

from harness.footage import (
    EVERY_FRAME,
    FPS,
    FRAME_BYTES,
    FRAMES,
    HEIGHT,
    WIDTH,
    Keeper,
    Run,
    call,
    each,
    keeper_until,
    recorded,
    recorded_so_far,
)
from harness.waiting import wait_until
from launch.vas.ffmpeg_process import FFmpegProcess
from launch.vas.input_arguments import file_input
from launch.vas.output_arguments import camera_arguments
from launch.vas.raw_output import RawOutput

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Processes, Roots
    from launch.vas.ffmpeg import FFmpeg


def test_every_frame_bit_for_bit(ffmpeg: FFmpeg, clip: Path, vas: Callable[..., Run]) -> None:
    """Every decoded frame of a file is exported, whole, in order and bit for bit."""
    raw = call(ffmpeg, "-i", clip, "-f", "rawvideo", "-pix_fmt", "nv12", "-")
    frames = [raw[start : start + FRAME_BYTES] for start in range(0, len(raw), FRAME_BYTES)]
    keeper = Keeper()
    run = vas(f"cam={clip}", exporter=keeper.open)
    assert keeper.digests == [hashlib.sha256(frame).hexdigest() for frame in frames]
    (camera,) = run.summary.cameras
    assert (camera.width, camera.height) == keeper.size == (WIDTH, HEIGHT)
    assert (camera.read, camera.published, camera.not_exported, camera.death) == (FRAMES, FRAMES, 0, None)
    assert run.lines == [f"ruth: cam: {WIDTH}x{HEIGHT} from {clip}"]


def test_pace(clip: Path, vas: Callable[..., Run]) -> None:
    """Frames are stamped at the pace of the source, exactly, and never later than they came."""
    came: list[int] = []
    keeper = Keeper(on_commit=lambda _: came.append(time.monotonic_ns()))
    before = time.monotonic_ns()
    vas(f"cam={clip}", exporter=keeper.open)
    assert all(stamp <= now for stamp, now in zip(keeper.stamps, came, strict=True))
    assert before - 1_000_000_000 < keeper.stamps[0] < keeper.stamps[-1] < time.monotonic_ns()
    gaps = [later - earlier for earlier, later in pairwise(keeper.stamps)]
    assert statistics.median(gaps) == 1_000_000_000 // FPS
    assert came[-1] - came[0] > 0.9e9 * (FRAMES - 1) / FPS


def test_begins_again(clip: Path, vas: Callable[..., Run]) -> None:
    """A file that is not played once begins again, until the time is up."""
    run = vas(f"cam={clip}", exporter=Keeper().open, once=False, seconds=5)
    (camera,) = run.summary.cameras
    assert camera.read > FRAMES
    assert (camera.death, run.summary.stopped, run.summary.failed) == (None, True, False)


def test_odd_size(ffmpeg: FFmpeg, tmp_path: Path, vas: Callable[..., Run]) -> None:
    """Of a picture with an odd size the last column and row are not exported: NV12 has none."""
    picture = "testsrc2=size=640x360:rate=25,scale=65:49,format=yuv444p"
    call(ffmpeg, "-f", "lavfi", "-i", picture, "-frames:v", "5", "-c:v", "libx264", tmp_path / "odd.mp4")
    keeper = Keeper()
    run = vas(f"cam={tmp_path}/odd.mp4", exporter=keeper.open)
    assert (keeper.size, keeper.published) == ((64, 48), 5)
    assert len(recorded(ffmpeg, run.recordings / "cam.mkv")) == 5


def test_test_source(vas: Callable[..., Run]) -> None:
    """Test cameras need no file, have the size asked for, and each its own picture."""
    keepers = {"a": Keeper(), "b": Keeper()}
    run = vas("a=test:64x48@10", "b=test:64x48@10", exporter=each(keepers), seconds=6)
    assert [camera.width for camera in run.summary.cameras] == [64, 64]
    assert not set(keepers["a"].digests).intersection(keepers["b"].digests)
    assert keepers["a"].published > 2


def test_recording_does_not_depend_on_the_flag(clip: Path, vas: Callable[..., Run]) -> None:
    """The recording is the same file, byte for byte, with the flag on and off."""
    off = vas(f"cam={clip}", flag=None, name="off").recordings / "cam.mkv"
    on = vas(f"cam={clip}", name="on").recordings / "cam.mkv"
    assert on.read_bytes() == off.read_bytes()


def test_exporting_slow(ffmpeg: FFmpeg, clip: Path, vas: Callable[..., Run], tmp_path: Path) -> None:
    """While an exporter still holds its first frame, FFmpeg decodes and records to the end."""
    recording = tmp_path / "recordings" / "cam.mkv"

    def until_all_is_recorded(number: int) -> None:
        if number == 0:
            wait_until(lambda: recorded_so_far(ffmpeg, recording) == EVERY_FRAME, "a whole recording")

    keeper = Keeper(on_commit=until_all_is_recorded)
    run = vas(f"cam={clip}", exporter=keeper.open)
    assert 0 < keeper.published < FRAMES
    assert recorded(ffmpeg, recording) == EVERY_FRAME
    assert run.summary.cameras[0].death is None


def test_memory_cannot_be_had(ffmpeg: FFmpeg, clip: Path, vas: Callable[..., Run], roots: Roots) -> None:
    """If the export cannot be made there is one message, the pipe is drained, and all is recorded."""
    roots.export.write_text("a file where the folder should be")
    run = vas(f"cam={clip}")
    (camera,) = run.summary.cameras
    assert (camera.read, camera.published, camera.death) == (FRAMES, 0, None)
    assert sum("not exported" in line for line in run.lines) == 1
    assert recorded(ffmpeg, run.recordings / "cam.mkv") == EVERY_FRAME


def test_our_end_of_the_pipe_closed(ffmpeg: FFmpeg, clip: Path, tmp_path: Path) -> None:
    """If the reader of the raw output closes it, FFmpeg goes on and records to the end."""
    recording = tmp_path / "cam.mkv"
    raw = RawOutput(lambda *_: Keeper())
    command = camera_arguments(
        ffmpeg,
        file_input(str(clip), 0),
        recording=str(recording),
        viewer=(9, 9),
        description=raw.description_end,
    )
    process = FFmpegProcess(command, raw.stdout, raw.kept_by_ffmpeg)
    try:
        raw.close()
        wait_until(lambda: recorded_so_far(ffmpeg, recording) == EVERY_FRAME, "a whole recording")
    finally:
        process.close()


def test_bad_source_is_its_own(clip: Path, tmp_path: Path, vas: Callable[..., Run]) -> None:
    """A camera whose source is not a video ends with one line and its reason; the others go on."""
    (tmp_path / "junk.mp4").write_bytes(b"junk" * 100)
    run = vas(f"bad={tmp_path}/junk.mp4", f"good={clip}", exporter=Keeper().open)
    bad, good = run.summary.cameras
    assert bad.death is not None
    assert "Invalid data" in (bad.message or "")
    assert (good.read, good.death) == (FRAMES, None)
    assert sum("bad:" in line for line in run.lines) == 1
    assert run.summary.failed


def test_refused_connection(vas: Callable[..., Run]) -> None:
    """If no camera can be reached the run has failed, and no password is told."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # not listening: connections are refused
        run = vas(f"cam=rtsp://user:secret@127.0.0.1:{taken.getsockname()[1]}/x")
    (camera,) = run.summary.cameras
    assert run.summary.failed
    assert "Connection refused" in (camera.message or "")
    assert "secret" not in json.dumps(run.summary.as_json()) + "".join(run.lines)


@pytest.mark.parametrize(("number", "death"), [(signal.SIGKILL, "SIGKILL"), (35, "signal 35")])
def test_ffmpeg_killed(clip: Path, vas: Callable[..., Run], number: int, death: str) -> None:
    """A camera whose FFmpeg is killed is over and says how; the others go on, nothing is restarted."""

    def kill_own_ffmpeg(frame: int) -> None:
        if frame == 4:
            for child in psutil.Process().children():
                if any("victim.mkv" in argument for argument in child.cmdline()):
                    child.send_signal(number)

    keepers = {"victim": Keeper(on_commit=kill_own_ffmpeg), "other": Keeper()}
    run = vas(f"victim={clip}", f"other={clip}", exporter=each(keepers))
    victim, other = run.summary.cameras
    assert victim.death == death
    assert 5 <= victim.read < FRAMES
    assert (other.read, other.death) == (FRAMES, None)


def raw_pipe_here(camera_id: str) -> int:
    """Our own read end of the pipe that the FFmpeg of ``camera_id`` writes its frames to."""
    for child in psutil.Process().children():
        if any(f"{camera_id}.mkv" in argument for argument in child.cmdline()):
            wanted = os.readlink(f"/proc/{child.pid}/fd/1")
            for number in os.listdir("/proc/self/fd"):
                with contextlib.suppress(OSError):  # the folder's own descriptor is closed by now
                    if os.readlink(f"/proc/self/fd/{number}") == wanted:
                        return int(number)
    raise AssertionError(f"{camera_id} has no pipe")


def take_away(descriptor: int) -> None:
    """Puts what cannot be read in the place of a descriptor."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)


@pytest.mark.parametrize("harm", [os.close, take_away])
def test_pipe_gone(clip: Path, vas: Callable[..., Run], harm: Callable[[int], None]) -> None:
    """A camera whose pipe cannot be read is over with one line, FFmpeg and all; the others go on."""
    before = len(os.listdir("/proc/self/fd"))

    def harm_own_pipe(frame: int) -> None:
        if frame == 4:
            harm(raw_pipe_here("victim"))

    keepers = {"victim": Keeper(on_commit=harm_own_pipe), "other": Keeper()}
    run = vas(f"victim={clip}", f"other={clip}", exporter=each(keepers))
    victim, other = run.summary.cameras
    assert (victim.read, victim.death) == (5, "given up")
    assert "Bad file descriptor" in (victim.message or "")
    assert (other.read, other.death) == (FRAMES, None)
    assert sum("victim: given up: " in line for line in run.lines) == 1
    assert psutil.Process().children() == []
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("step", ["trim_log", "terminate"])
def test_system_refuses(
    clip: Path, vas: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """What the system refuses while a camera is served ends that camera only, and the rest is released."""
    monkeypatch.setattr("launch.vas.time_limits.CHECK_SECONDS", 0.1)
    honest = getattr(FFmpegProcess, step)

    def refused(process: FFmpegProcess) -> object:
        if "victim.mkv" in str(process._popen.args):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return honest(process)

    monkeypatch.setattr(FFmpegProcess, step, refused)
    keepers = {"victim": Keeper(), "other": keeper_until(2 * FRAMES)}
    run = vas(f"victim={clip}", f"other={clip}", exporter=each(keepers), once=False)
    victim, other = run.summary.cameras
    assert (victim.death, victim.message) == ("given up", "[Errno 5] Input/output error")
    assert other.death is None
    assert other.read > FRAMES
    assert psutil.Process().children() == []


def test_rtsp(ffmpeg: FFmpeg, clip: Path, processes: Processes, vas: Callable[..., Run]) -> None:
    """Frames that come over a real RTSP connection are exported and recorded, and its end is told."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"127.0.0.1:{port}/x"
    push = f"""
        while ! {ffmpeg.path} -v quiet -re -i {clip} -c:v libx264 -preset ultrafast \\
            -f rtsp -rtsp_transport tcp rtsp://{address}
        do sleep 0.1; done"""
    processes.start("sh", "-c", push)
    keeper = Keeper()
    run = vas(f"cam=rtsp-listen://{address}", exporter=keeper.open)
    (camera,) = run.summary.cameras
    assert keeper.size == (WIDTH, HEIGHT)
    assert (camera.published, camera.death) == (FRAMES, "lost")
    assert run.lines[-1] == "ruth: cam: lost: the source has ended"
    assert len(recorded(ffmpeg, run.recordings / "cam.mkv")) == FRAMES


def stand_in(folder: Path, ffmpeg: FFmpeg, script: str) -> FFmpeg:
    """A program that does as ``script`` says in the place of ``ffmpeg``, but for its listing of streams."""
    path = folder / "ffmpeg"
    listing = f'case "$*" in *framecrc*) exec {ffmpeg.path} "$@";; esac'
    path.write_text(f"#!/bin/sh\n{listing}\n{script}\n")
    path.chmod(0o755)
    return replace(ffmpeg, path=str(path))


def test_raw_output_that_is_none(ffmpeg: FFmpeg, clip: Path, tmp_path: Path, vas: Callable[..., Run]) -> None:
    """What is not the stream that FFmpeg was asked for ends its camera, in words; the others go on."""
    junk = "for i in 1 2 3; do head -c 2000000 /dev/zero; done"
    program = stand_in(tmp_path, ffmpeg, f'case "$*" in *victim.mkv*) {junk};; *) {ffmpeg.path} "$@";; esac')
    keepers = {"victim": Keeper(), "other": Keeper()}
    run = vas(f"victim={clip}", f"other={clip}", exporter=each(keepers), program=program)
    victim, other = run.summary.cameras
    assert (victim.read, victim.width, victim.death, victim.message) == (0, None, "given up", "not NUT")
    assert (other.read, other.death) == (FRAMES, None)
    assert "ruth: victim: given up: not NUT" in run.lines


def test_pipe_held_by_another(ffmpeg: FFmpeg, clip: Path, tmp_path: Path, vas: Callable[..., Run]) -> None:
    """If FFmpeg has ended and a process that it started has the pipe still, the camera ends as FFmpeg did."""
    program = stand_in(tmp_path, ffmpeg, f'sleep 5 & {ffmpeg.path} "$@"; exit 3')
    run = vas(f"cam={clip}", exporter=Keeper().open, program=program, seconds=10)
    (camera,) = run.summary.cameras
    assert (camera.read, camera.death) == (FRAMES, "exit 3")


def test_does_not_end(
    ffmpeg: FFmpeg, clip: Path, tmp_path: Path, vas: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An FFmpeg that does not end when asked to is killed, after the time it has for its recording."""
    monkeypatch.setattr("launch.vas.time_limits.STOP_SECONDS", 0.3)
    program = stand_in(tmp_path, ffmpeg, "trap '' TERM; while :; do sleep 0.05; done")
    started = time.monotonic()
    run = vas(f"cam={clip}", exporter=Keeper().open, program=program, seconds=3)
    assert time.monotonic() - started > 3.3
    assert run.summary.cameras[0].death == "SIGKILL"
    assert run.summary.stopped


def test_cannot_be_started(ffmpeg: FFmpeg, clip: Path, tmp_path: Path, vas: Callable[..., Run]) -> None:
    """A camera whose FFmpeg cannot even be started says why, and holds nothing."""
    before = len(os.listdir("/proc/self/fd"))
    run = vas(f"cam={clip}", "other=test", program=replace(ffmpeg, path=str(tmp_path / "gone")))
    assert [camera.death for camera in run.summary.cameras] == ["not started"] * 2
    assert all("No such file" in line for line in run.lines)
    assert run.summary.failed
    assert len(os.listdir("/proc/self/fd")) == before

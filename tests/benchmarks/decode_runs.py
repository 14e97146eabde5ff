"""One run of FFmpeg, at a camera's pace or flat out, with or without export, agents, and kills among them."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import socket
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from benchmarks.load import Killer, agents_at_work
from benchmarks.stage import BenchmarkError
from launch.vas.file_pace import PACE
from launch.vas.input_arguments import file_input
from launch.vas.output_arguments import camera_arguments
from launch.vas.source import LOOPBACK
from launch.vas.tap import Tap
from ruth.vas.exporter import NULL_EXPORTER, open_exporter
from ruth.vas.flag import FLAG

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.stage import Stage
    from launch.vas.ffmpeg import FFmpeg

BARE: Final = "without Ruth"
DRAINED: Final = "raw frames thrown away"
EXPORT: Final = "export, no agents"
AGENTS: Final = "export, agents"
KILLED: Final = "export, agents killed"

FPS: Final = 25
CAMERA: Final = "decoded"

_PIPE_BYTES: Final = 1 << 20  # as ruth vas has it
_KILLED_WITHIN: Final = 0.8  # of a run
_FPS_GUESSED: Final = 250  # flat out: how soon all are killed


@dataclass(frozen=True, slots=True)
class Size:
    """How much is decoded.

    Attributes:
        width: Pixels.
        height: Pixels.
        seconds: Of video.
        cameras: At once, at a camera's pace.
        agents: In all.
        rounds_paced: At a camera's pace.
        rounds_flat_out: Flat out.

    """

    width: int
    height: int
    seconds: int
    cameras: int
    agents: int
    rounds_paced: int
    rounds_flat_out: int

    @property
    def frames(self) -> int:
        """Of a clip."""
        return self.seconds * FPS


@dataclass(slots=True)
class Measured:
    """What one arm did.

    Attributes:
        fps: Frames a second that FFmpeg decoded and recorded, of one camera; one a run, by round.
        cpu_s: CPU time of FFmpeg, of all runs; 0 where it was not counted.
        exported: Frames, of all runs.
        killed: Agents, of all runs.
        recordings: Digest of each recording.

    """

    fps: list[list[float]] = field(default_factory=list)
    cpu_s: float = 0.0
    exported: int = 0
    killed: int = 0
    recordings: list[str] = field(default_factory=list)


def make_clip(stage: Stage, ffmpeg: FFmpeg, size: Size) -> Path:
    """A test picture, encoded. Raises BenchmarkError if FFmpeg cannot."""
    clip = stage.new_folder() / "clip.mkv"
    picture = f"testsrc2=size={size.width}x{size.height}:rate={FPS}:duration={size.seconds}"
    encode = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", str(FPS)]
    made = stage.start(ffmpeg.path, "-v", "error", "-f", "lavfi", "-i", picture, *encode, clip)
    if made.wait():
        raise BenchmarkError("FFmpeg cannot make a clip")
    return clip


def run_paced(stage: Stage, size: Size, clip: Path, arm: str, measured: Measured) -> None:
    """``ruth vas`` plays the clip once as each of its cameras. Raises BenchmarkError if it fails."""
    folder = stage.new_folder()
    cameras = [f"{CAMERA}-{number}" for number in range(size.cameras)]
    command = ["-m", "launch.cli.main", "vas", "--once", "--json", "--recordings", folder / "recordings"]
    environ = stage.environ(folder / "vas", folder / "ruth", flag=arm != BARE)
    with ExitStack() as stack:
        pids: tuple[int, ...] = ()
        if arm in (AGENTS, KILLED):
            pids = stack.enter_context(agents_at_work(stage, folder / "vas", cameras, size.agents))
        begun = time.monotonic()
        killer = Killer(pids if arm == KILLED else (), size.seconds * _KILLED_WITHIN)
        sources = [f"{camera}={clip}" for camera in cameras]
        process = stage.python(*command, *sources, env=environ, stdout=subprocess.PIPE)
        while process.poll() is None:
            killer.poll()
            time.sleep(0.002)
        seconds = time.monotonic() - begun
        said = process.communicate()[0]
    if process.returncode:
        raise BenchmarkError(f"ruth vas ended with {process.returncode}")
    measured.fps.append([size.frames / seconds])
    measured.killed += killer.killed
    measured.exported += sum(camera["published"] for camera in json.loads(said)["cameras"])
    measured.recordings += [_digest(folder / "recordings" / f"{camera}.mkv") for camera in cameras]


def run_flat_out(stage: Stage, size: Size, ffmpeg: FFmpeg, clip: Path, arm: str, measured: Measured) -> None:
    """One FFmpeg with the command line of ``ruth vas`` but for its pace, and the tap here.

    Raises BenchmarkError if FFmpeg fails.
    """
    folder = stage.new_folder()
    recording = folder / "recording.mkv"
    with ExitStack() as stack:
        viewer = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(2)]
        for deaf in viewer:
            deaf.bind((LOOPBACK, 0))
        undescribed = os.open(os.devnull, os.O_WRONLY)
        stack.callback(os.close, undescribed)
        rtp, rtcp = (deaf.getsockname()[1] for deaf in viewer)
        arguments = camera_arguments(
            ffmpeg,
            file_input(str(clip), 0),
            recording=str(recording),
            viewer=(rtp, rtcp),
            description=None if arm == BARE else undescribed,
        )
        pids: tuple[int, ...] = ()
        if arm in (AGENTS, KILLED):
            pids = stack.enter_context(agents_at_work(stage, folder / "vas", [CAMERA], size.agents))
        exporter = NULL_EXPORTER
        if arm not in (BARE, DRAINED):
            environ = {FLAG: "true"}
            exporter = open_exporter(CAMERA, size.width, size.height, root=f"{folder}/vas", environ=environ)
        reader, writer = os.pipe()
        fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        begun = time.monotonic()
        process = stage.start(*without_pace(arguments), stdout=writer, pass_fds=(undescribed,))
        os.close(writer)
        tap = Tap(reader)
        killer = Killer(pids if arm == KILLED else (), size.frames / _FPS_GUESSED * _KILLED_WITHIN)
        while tap.drain():  # without raw output FFmpeg closes the pipe only when it ends
            killer.poll()
            if tap.waits_for_exporter:
                tap.export_to(exporter)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        measured.exported += tap.published
        tap.close()
        os.close(reader)
    if process.returncode:
        raise BenchmarkError(f"FFmpeg ended with {process.returncode}")
    measured.fps.append([size.frames / seconds])
    measured.cpu_s += usage.ru_utime + usage.ru_stime
    measured.killed += killer.killed
    measured.recordings.append(_digest(recording))


def without_pace(arguments: Sequence[str]) -> list[str]:
    """An FFmpeg command line of ``ruth vas`` that does not play a file at its own pace."""
    kept = [argument.removeprefix(f"{PACE},") for argument in arguments]
    kept.remove("-re")
    return kept


def _digest(recording: Path) -> str:
    return hashlib.sha256(recording.read_bytes()).hexdigest()

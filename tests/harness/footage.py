"""Video in tests: a small clip, what was recorded of it, and an exporter that keeps what it is given."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from launch.vas.ffmpeg import FFmpeg, FFmpegMissingError, find_ffmpeg, packaged_ffmpeg
from ruth.export.picture import Picture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from _pytest.mark import ParameterSet

    from launch.vas.camera import OpenExporter
    from launch.vas.summary import VasSummary

WIDTH, HEIGHT, FPS, FRAMES = 320, 180, 25, 40
FRAME_BYTES = WIDTH * HEIGHT * 3 // 2
EVERY_FRAME = [round(number * 1000 / FPS) for number in range(FRAMES)]
"""The time of every frame of the clip, in milliseconds."""


def ffmpeg_here() -> FFmpeg:
    """The FFmpeg of this machine; without one the test is skipped."""
    try:
        return find_ffmpeg(os.environ)
    except FFmpegMissingError as error:
        pytest.skip(str(error))


def every_ffmpeg() -> list[FFmpeg]:
    """The FFmpeg that the demo extra brings, and the system's: those of the two that are there."""
    found = {}
    for environ in ({"PATH": ""}, {"PATH": "/usr/bin:/usr/local/bin"}, dict(os.environ)):
        try:
            one = find_ffmpeg(environ)
        except FFmpegMissingError:
            continue
        found[one.path] = one
    return list(found.values())


FFMPEGS = ("packaged", pytest.param("system", marks=pytest.mark.long))
"""The FFmpegs that sources are tried with: that of the package imageio-ffmpeg, and /usr/bin/ffmpeg."""


def each_ffmpeg() -> list[ParameterSet]:
    """Parameters of a test, of :func:`every_ffmpeg`: the first always, others where tests may take long."""
    found = [pytest.param(one, id=one.path) for one in every_ffmpeg()]
    return [*found[:1], *(pytest.param(*one.values, id=one.id, marks=pytest.mark.long) for one in found[1:])]


def ffmpeg_named(name: str) -> FFmpeg:
    """One of :data:`FFMPEGS`; without it the test is skipped."""
    path = packaged_ffmpeg() if name == "packaged" else "/usr/bin/ffmpeg"
    try:
        return find_ffmpeg({"RUTH_FFMPEG": path or "/none"})
    except FFmpegMissingError as error:
        pytest.skip(f"no {name} FFmpeg: {error}")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the stand-in VAS in this process: what it returned, what it said, and its recordings."""

    summary: VasSummary
    lines: list[str]
    recordings: Path


def make_clip(ffmpeg: FFmpeg, path: Path) -> Path:
    """A video of 1.6 seconds with B-frames, which leave the decoder in another order than they came."""
    picture = f"testsrc2=size={WIDTH}x{HEIGHT}:rate={FPS}"
    encode = ["-c:v", "libx264", "-preset", "veryfast", "-bf", "2", "-pix_fmt", "yuv420p"]
    call(ffmpeg, "-f", "lavfi", "-i", picture, "-frames:v", str(FRAMES), *encode, path)
    return path


def call(ffmpeg: FFmpeg, *arguments: str | Path) -> bytes:
    """What FFmpeg writes to standard output."""
    command = [ffmpeg.path, "-v", "error", "-y", *map(str, arguments)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def recorded(ffmpeg: FFmpeg, recording: Path) -> list[int]:
    """The time of every frame in a recording, in milliseconds."""
    listing = call(ffmpeg, "-i", recording, "-map", "0:v", "-c", "copy", "-f", "framecrc", "-")
    lines = [line for line in listing.decode().splitlines() if not line.startswith("#")]
    return [int(line.split(",")[2]) for line in lines]


def recorded_so_far(ffmpeg: FFmpeg, recording: Path) -> list[int]:
    """As :func:`recorded`, of a file that may have only begun."""
    try:
        return recorded(ffmpeg, recording)
    except AssertionError:
        return []


def free_ports(count: int) -> list[int]:
    """Ports on loopback that are free now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@dataclass(slots=True)
class Keeper:
    """An exporter that keeps digest and timestamp of every frame, after whatever ``on_commit`` does."""

    size: tuple[int, int] = (0, 0)
    picture: Picture = field(default_factory=Picture)
    on_commit: Callable[[int], None] = lambda _number: None
    problem: str | None = None
    digests: list[str] = field(default_factory=list)
    stamps: list[int] = field(default_factory=list)
    buffer: bytearray = field(default_factory=bytearray)

    def open(self, _camera_id: str, width: int, height: int, picture: Picture) -> Keeper:
        """Itself, for one camera."""
        self.size = (width, height)
        self.picture = picture
        self.buffer = bytearray(width * height * 3 // 2)
        return self

    @property
    def published(self) -> int:
        """Frames kept."""
        return len(self.digests)

    def begin_frame(self) -> memoryview:
        """Always the same buffer."""
        return memoryview(self.buffer)

    def commit(self, timestamp_ns: int) -> bool:
        """Keeps the frame."""
        self.on_commit(self.published)
        self.digests.append(hashlib.sha256(self.buffer).hexdigest())
        self.stamps.append(timestamp_ns)
        return True

    def abandon(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""


def keeper_until(frames: int, then: Callable[[], object] | None = None) -> Keeper:
    """An exporter that does something when it has so many frames: by default it asks this process to end."""

    def on_commit(number: int) -> None:
        if number + 1 == frames and then is not None:
            then()
        elif number + 1 == frames:
            os.kill(os.getpid(), signal.SIGTERM)

    return Keeper(on_commit=on_commit)


def each(keepers: dict[str, Keeper]) -> OpenExporter:
    """A keeper for each camera."""
    return lambda camera_id, *form: keepers[camera_id].open(camera_id, *form)

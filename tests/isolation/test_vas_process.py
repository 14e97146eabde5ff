"""The stand-in VAS as a process: how it ends, what it leaves behind, what it is with the flag off."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil
import pytest

from doubles.small_tmpfs import small_tmpfs
from doubles.unread_output import UNREAD
from harness.footage import (
    EVERY_FRAME,
    FRAME_BYTES,
    FRAMES,
    HEIGHT,
    WIDTH,
    recorded,
    recorded_so_far,
)
from harness.waiting import wait_until, within
from launch.vas.process import STOP_SIGNALS
from ruth.export.outcome import Fresh
from ruth.export.source import ExportSource

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Processes, Roots
    from launch.vas.ffmpeg import FFmpeg


@dataclass(frozen=True, slots=True)
class Started:
    """A stand-in in a process of its own."""

    process: subprocess.Popen[str]
    folder: Path

    @property
    def recording(self) -> Path:
        """The recording of camera "cam"."""
        return self.folder / "recordings" / "cam.mkv"

    def ffmpegs(self) -> list[psutil.Process]:
        """Its FFmpegs."""
        return psutil.Process(self.process.pid).children()


@pytest.fixture
def start(ffmpeg: FFmpeg, processes: Processes, roots: Roots, tmp_path: Path) -> Callable[..., Started]:
    """Starts ``ruth vas`` with camera "cam", its temporary files and recordings below ``tmp_path``."""

    def start(source: str | Path, *options: str, flag: str | None = "true") -> Started:
        (tmp_path / "tmp").mkdir()
        process = processes.ruth(
            "vas",
            f"cam={source}",
            "--recordings",
            tmp_path / "recordings",
            "--json",
            *options,
            env={**roots.environ(flag=flag), "TMPDIR": str(tmp_path / "tmp"), "RUTH_FFMPEG": ffmpeg.path},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        assert " from " in process.stderr.readline()  # the first frame has come
        return Started(process, tmp_path)

    return start


def test_reader_sees_frames(start: Callable[..., Started], clip: Path, roots: Roots) -> None:
    """What the stand-in exports is an export as any reader knows it: version 2, NV12, of this size."""
    start(clip)
    record = struct.unpack_from("<I4xQQIIIIQ", (roots.export / "cam" / "frame.meta").read_bytes())
    version, _, timestamp_ns, width, height, pixel_format, _, size = record
    assert (version, width, height, pixel_format, size) == (2, WIDTH, HEIGHT, 0, FRAME_BYTES)
    assert time.monotonic_ns() - 5_000_000_000 < timestamp_ns < time.monotonic_ns()


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_signals(
    start: Callable[..., Started], ffmpeg: FFmpeg, clip: Path, roots: Roots, number: signal.Signals
) -> None:
    """SIGTERM, SIGINT and SIGHUP end it soon and well: recording playable, nothing of it left behind."""
    vas = start(clip)
    children = vas.ffmpegs()
    vas.process.send_signal(number)
    out, err = vas.process.communicate(timeout=60)
    assert (vas.process.returncode, err) == (0, "")
    (camera,) = json.loads(out)["cameras"]
    assert camera["published"] == camera["read"] > 0
    assert len(recorded(ffmpeg, vas.recording)) == camera["read"]
    assert not any(child.is_running() for child in children)
    assert list(roots.export.glob("cam/*")) == []
    assert list((vas.folder / "tmp").iterdir()) == []


def test_killed(start: Callable[..., Started], ffmpeg: FFmpeg, clip: Path) -> None:
    """If the stand-in is killed its FFmpegs go with it, and the recording so far can be played."""
    vas = start(clip)
    children = vas.ffmpegs()
    wait_until(lambda: recorded_so_far(ffmpeg, vas.recording), "a second on disk")
    vas.process.kill()
    assert [child.wait(timeout=60) for child in children] == [-signal.SIGKILL]
    assert recorded(ffmpeg, vas.recording)


def test_killed_with_a_test_source(start: Callable[..., Started]) -> None:
    """If the stand-in is killed no temporary file is left: neither a test clip nor a log has a name."""
    vas = start("test:64x48")
    children = vas.ffmpegs()
    folders = [f"/proc/{child.pid}/fd" for child in children]
    opened = {os.readlink(f"{folder}/{number}") for folder in folders for number in os.listdir(folder)}
    assert {"/memfd:cam.mkv (deleted)", "/memfd:ffmpeg.log (deleted)"} <= opened
    vas.process.kill()
    assert [child.wait(timeout=60) for child in children] == [-signal.SIGKILL]
    assert list((vas.folder / "tmp").iterdir()) == []


def test_frozen(start: Callable[..., Started], ffmpeg: FFmpeg, clip: Path) -> None:
    """While the stand-in is stopped FFmpeg records to the end; continued, it ends as if nothing were."""
    vas = start(clip, "--once")
    vas.process.send_signal(signal.SIGSTOP)
    wait_until(lambda: recorded_so_far(ffmpeg, vas.recording) == EVERY_FRAME, "a whole recording")
    vas.process.send_signal(signal.SIGCONT)
    out, err = vas.process.communicate(timeout=60)
    (camera,) = json.loads(out)["cameras"]
    assert (vas.process.returncode, err, camera["death"]) == (0, "", None)
    assert 0 < camera["published"] == camera["read"]


def test_nobody_reads_messages(start: Callable[..., Started], clip: Path) -> None:
    """A stderr that no process reads any more is no reason to end a camera."""
    vas = start(clip, "--once")
    assert vas.process.stderr is not None
    vas.process.stderr.close()
    for child in vas.ffmpegs():
        child.kill()  # which it would like to tell
    assert vas.process.stdout is not None
    (camera,) = json.loads(vas.process.stdout.read())["cameras"]
    assert camera["death"] == "SIGKILL"


@pytest.mark.parametrize("make", UNREAD)
@pytest.mark.parametrize("flag", ["true", None])
def test_messages_hold_nobody_up(
    ffmpeg: FFmpeg,
    clip: Path,
    processes: Processes,
    roots: Roots,
    tmp_path: Path,
    make: Callable[[], tuple[int, int]],
    flag: str | None,
) -> None:
    """With a stderr that is full, or a stopped terminal, every frame is drained and recorded all the same."""
    (tmp_path / "junk.mp4").write_bytes(b"junk" * 100)
    read_end, write_end = make()
    try:
        process = processes.ruth(
            *("vas", f"good={clip}", f"bad={tmp_path}/junk.mp4", "--once", "--json"),
            *("--recordings", tmp_path),
            env={**roots.environ(flag=flag), "RUTH_FFMPEG": ffmpeg.path},
            stdout=subprocess.PIPE,
            stderr=write_end,
            text=True,
        )
        out, _ = process.communicate(timeout=60)
    finally:
        os.close(read_end)
        os.close(write_end)
    good, bad = json.loads(out)["cameras"]
    frames = FRAMES if flag else 0
    assert (process.returncode, good["read"], good["published"], good["death"]) == (1, frames, frames, None)
    assert bad["death"] is not None
    assert recorded(ffmpeg, tmp_path / "good.mkv") == EVERY_FRAME


def test_without_stderr(ffmpeg: FFmpeg, clip: Path, processes: Processes, roots: Roots) -> None:
    """Started without any stderr it runs as with one."""
    process = processes.start(
        *("sh", "-c", 'exec "$0" "$@" 2>&-', sys.executable, "-m", "launch.cli.main"),
        *("vas", f"cam={clip}", "--once", "--json"),
        env={**roots.environ(), "RUTH_FFMPEG": ffmpeg.path},
        stdout=subprocess.PIPE,
    )
    (camera,) = json.loads(process.communicate(timeout=60)[0])["cameras"]
    assert (process.returncode, camera["published"]) == (0, FRAMES)


def test_flag_off(start: Callable[..., Started], clip: Path, roots: Roots) -> None:
    """With the flag off nothing is exported, FFmpeg has no pipe to us, and no process maps shared memory."""
    vas = start(clip, flag=None)
    (child,) = vas.ffmpegs()
    assert os.readlink(f"/proc/{child.pid}/fd/1") == os.devnull
    assert not roots.export.exists()
    maps = {mapped.path for mapped in psutil.Process(vas.process.pid).memory_maps()}
    assert not [path for path in maps if "numpy" in path or "mmap" in path or str(roots.export) in path]
    vas.process.terminate()
    out, _ = vas.process.communicate(timeout=60)
    (camera,) = json.loads(out)["cameras"]
    assert (camera["width"], camera["read"], camera["published"]) == (None, 0, 0)


def test_flag_off_imports_nothing(ffmpeg: FFmpeg, clip: Path, roots: Roots, processes: Processes) -> None:
    """With the flag off neither exporter nor ring, mmap or numpy is ever imported."""
    program = f"""
import os, sys
from launch.vas.ffmpeg import FFmpeg
from launch.vas.source import parse_sources
from launch.vas.process import run_vas
ffmpeg = FFmpeg({ffmpeg.path!r})
run_vas(parse_sources(["cam={clip}"]), ffmpeg=ffmpeg, recordings=None, once=True, seconds=0.5,
        environ=os.environ, err=sys.stderr)
print(sorted({{"mmap", "numpy", "ruth.vas.ring", "ruth.vas.exporter"}} & set(sys.modules)))
"""
    process = processes.start(
        sys.executable, "-c", program, env=roots.environ(flag=None), stdout=subprocess.PIPE, text=True
    )
    assert process.communicate(timeout=60)[0] == "[]\n"


def test_nohup(start: Callable[..., Started], clip: Path) -> None:
    """Where SIGHUP was ignored it stays ignored."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        vas = start(clip, "--once")
    finally:
        signal.signal(signal.SIGHUP, before)
    vas.process.send_signal(signal.SIGHUP)
    out, _ = vas.process.communicate(timeout=60)
    assert json.loads(out)["cameras"][0]["published"] == FRAMES


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_second_server_leaves_an_export_alone(
    ffmpeg: FFmpeg, processes: Processes, roots: Roots, version: str
) -> None:
    """A second ``ruth vas`` of a camera says who exports it, and exits 1; the first one's export stays."""
    environ = {**roots.environ(), "RUTH_FFMPEG": ffmpeg.path}
    meta = roots.export / "a" / "frame.meta"
    first = processes.ruth("vas", "a=test", "--export-version", version, env=environ)
    wait_until(meta.exists, "the first one exports", 60)
    inode = meta.stat().st_ino
    second = processes.ruth("vas", "a=test", env=environ, stderr=subprocess.PIPE, text=True)
    assert second.stderr is not None
    with within(30):  # it says so at its first frame, which takes as long as FFmpeg takes to start
        said = next(line for line in second.stderr if "not exported" in line)
    assert said.startswith("ruth: a: not exported: ")
    assert f"process {first.pid} (" in said
    assert said.endswith(") exports this camera already\n")
    second.terminate()
    _, rest = second.communicate(timeout=60)
    assert "not exported" not in rest
    assert second.returncode == 1
    assert meta.exists()
    assert version == "1" or meta.stat().st_ino == inode
    assert first.poll() is None


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_killed_server_exports_again_where_its_rings_fit_once(
    ffmpeg: FFmpeg, processes: Processes, roots: Roots, version: str
) -> None:
    """Shared memory for the rings of two cameras, kill -9, started again: both are exported again."""
    roots.export.mkdir(parents=True)
    environ = {**roots.environ(), "RUTH_FFMPEG": ffmpeg.path}
    cameras = ("a=test:640x360@5", "b=test:640x360@5")
    with small_tmpfs(roots.export, int(1.05 * 2 * 4 * 640 * 360 * 3 / 2)):
        first = processes.ruth("vas", *cameras, env=environ)
        for camera in "ab":
            wait_until((roots.export / camera / "frame.meta").exists, "it is exported", 60)
        first.kill()
        first.wait(timeout=60)
        again = processes.ruth("vas", *cameras, "--export-version", version, env=environ)
        for camera in "ab":
            with ExportSource(str(roots.export), camera) as source:
                wait_until(lambda source=source: fresh_of(source, int(version)), "exported again", 60)
        again.terminate()
        assert again.wait(timeout=60) == (0 if version == "2" else again.returncode)


def test_descriptors_that_cannot_be_had(ffmpeg: FFmpeg, processes: Processes, roots: Roots) -> None:
    """Cameras for which no descriptor is left end alone, in words; the others are exported all the same."""
    cameras = [f"c{number}=test:64x48@5" for number in range(8)]
    process = processes.start(
        *(
            "sh",
            "-c",
            'ulimit -n 60; exec "$0" "$@"',
            sys.executable,
            "-m",
            "launch.cli.main",
            "vas",
            *cameras,
        ),
        *("--once", "--json"),
        env={**roots.environ(), "RUTH_FFMPEG": ffmpeg.path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    out, err = process.communicate(timeout=120)
    summaries = json.loads(out)["cameras"]
    failed = [camera for camera in summaries if camera["death"] is not None or camera["export_problem"]]
    assert 0 < len(failed) < len(cameras)
    for camera in failed:
        assert "Too many open files" in (camera["message"] or camera["export_problem"])
    assert all(camera["published"] == 50 for camera in summaries if camera not in failed)
    assert process.returncode == 1
    assert "Traceback" not in err


def fresh_of(source: ExportSource, version: int) -> Fresh | None:
    """What a reader takes next, if it is a frame of that version."""
    outcome = source.try_read()
    return outcome if isinstance(outcome, Fresh) and outcome.record.version == version else None

"""``ruth peek`` as an operator types it: terminals, pipes, files, and exports without any agent."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from doubles.frozen_vas import Version1Writer
from harness.exports import DATA_V2, META_V2, patched, put
from harness.footage import call, each_ffmpeg, ffmpeg_here
from harness.published import exporter_of
from harness.terminals import screen_of
from harness.waiting import wait_until
from ruth.export.layout import SEQUENCE_OFFSET

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Processes, Roots
    from launch.vas.ffmpeg import FFmpeg
    from ruth.export.picture import MatrixName, RangeName
    from ruth.vas.exporter import FrameExporter

BLOCK = "\u2580"
# Red of full saturation, in BT.601 of limited range, over the whole of a small frame.
RED = bytes([82] * 64 * 48) + bytes([90, 240] * (64 * 48 // 4))
# What NV12 and its rounding leave of 255, 0, 0 (FFmpeg says the same: tests/unit/ruth/export/test_colour.py).
RED_SHOWN = (255, 1, 0)


def peek(roots: Roots, *arguments: str | Path, **options: object) -> subprocess.CompletedProcess[bytes]:
    """Runs it to its end, into pipes."""
    options.setdefault("stdout", subprocess.PIPE)
    return subprocess.run(
        [sys.executable, "-m", "launch.cli.main", "peek", *map(str, arguments)],
        env={**roots.environ(), **options.pop("environ", {})},  # type: ignore[dict-item]
        stderr=subprocess.PIPE,
        timeout=30,
        **options,  # type: ignore[call-overload]
    )


@pytest.fixture
def exporter(roots: Roots) -> Iterator[FrameExporter]:
    """Camera "a" exports one red frame of 64 x 48."""
    made = exporter_of(roots, "a")
    made.publish(RED, time.monotonic_ns())
    yield made
    made.close()


def decoded(path: Path) -> bytes:
    """A PNG's pixels, as FFmpeg decodes them."""
    return call(ffmpeg_here(), "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-")


def test_a_png(roots: Roots, exporter: FrameExporter, tmp_path: Path) -> None:
    """``-o FILE`` writes the whole frame as a PNG with its colours, and says which frame it is."""
    path = tmp_path / "a.png"
    done = peek(roots, "a", "-o", path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert re.fullmatch(rf"a: 64x48, frame 0, [\d.]+s old, in {path}\n", done.stdout.decode())
    assert decoded(path) == bytes(RED_SHOWN) * (64 * 48)


MEANT = [
    ("limited", "bt601"),
    ("limited", "bt709"),
    ("limited", "bt2020"),
    ("full", "bt601"),
    ("full", "bt709"),
    ("full", "bt2020"),
]


@pytest.mark.parametrize(("pixel_range", "matrix"), MEANT)
def test_range_and_matrix_are_obeyed(
    roots: Roots, tmp_path: Path, pixel_range: RangeName, matrix: MatrixName
) -> None:
    """Whatever range and matrix a record states, the colour is the right one, within two levels."""
    convert = f"format=gbrp,scale=out_color_matrix={matrix}:out_range={pixel_range}:flags=accurate_rnd"
    picture = ["-f", "lavfi", "-i", "color=c=0x20C060:s=64x48", "-frames:v", "1", "-vf", convert]
    nv12 = call(ffmpeg_here(), *picture, "-pix_fmt", "nv12", "-f", "rawvideo", "-")
    exporter = exporter_of(roots, "a", pixel_range=pixel_range, matrix=matrix)
    exporter.publish(nv12, time.monotonic_ns(), damaged=True)
    done = peek(roots, "a", "-o", tmp_path / "a.png")
    exporter.close()
    name = {"bt601": "BT.601", "bt709": "BT.709", "bt2020": "BT.2020"}[matrix]
    assert f"a: 64x48, {pixel_range} range, {name}, damaged, frame 0, " in done.stdout.decode()
    shown = np.frombuffer(decoded(tmp_path / "a.png"), np.uint8).reshape(-1, 3).astype(int)
    assert np.abs(shown - (0x20, 0xC0, 0x60)).max() <= 2


@pytest.mark.parametrize("ffmpeg", each_ffmpeg())
def test_a_source_of_full_range(roots: Roots, processes: Processes, tmp_path: Path, ffmpeg: FFmpeg) -> None:
    """Motion JPEG, which has full range, comes through the stand-in and peek as it was, within two levels."""
    ramp = "nullsrc=s=640x360:r=5,geq=lum='255*X/W':cb=128:cr=128"
    encode = ["-t", "1", "-pix_fmt", "yuvj420p", "-c:v", "mjpeg", "-q:v", "2"]
    call(ffmpeg, "-f", "lavfi", "-i", ramp, *encode, tmp_path / "full.avi")
    environ = {**roots.environ(), "RUTH_FFMPEG": ffmpeg.path}
    processes.ruth("vas", f"a={tmp_path / 'full.avi'}", env=environ, stdout=subprocess.DEVNULL)
    path = tmp_path / "a.png"
    wait_until(lambda: peek(roots, "a", "-o", path).returncode == 0, "a frame is there", 60)
    shown = np.frombuffer(decoded(path), np.uint8).reshape(360, 640, 3).astype(int)
    luma = np.arange(640) * 255 // 640  # of limited range when it was drawn
    assert np.abs(shown - ((luma - 16) * 255 / 219).clip(0, 255)[:, None]).max() <= 2


@pytest.mark.parametrize("pixel_range", ["limited", "full"])
def test_shades_follow_the_range(roots: Roots, pixel_range: RangeName) -> None:
    """Without colours, black and white of either range are the darkest and the lightest character."""
    black, white = (16, 235) if pixel_range == "limited" else (0, 255)
    exporter = exporter_of(roots, "a", pixel_range=pixel_range)
    luma = bytes([black] * 32 + [white] * 32) * 48
    exporter.publish(luma + bytes([128] * (64 * 24)), time.monotonic_ns())
    *picture, _ = peek(roots, "a").stdout.decode("ascii").splitlines()
    exporter.close()
    assert {line[:8].strip() + line[-8:] for line in picture} == {"@" * 8}


def test_a_png_on_standard_output(roots: Roots, exporter: FrameExporter, tmp_path: Path) -> None:
    """``-o -`` writes the same PNG to standard output, and nothing else anywhere."""
    path = tmp_path / "a.png"
    peek(roots, "a", "-o", path)
    done = peek(roots, "a", "-o", "-")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == path.read_bytes()


def test_version_1_has_its_age(roots: Roots, tmp_path: Path) -> None:
    """A version 1 frame is shown as well; its age is by the wall clock."""
    (roots.export / "a").mkdir(parents=True)
    Version1Writer(roots.export / "a").write(7, time.time_ns() - 3_600_000_000_000)
    done = peek(roots, "a", "-o", tmp_path / "a.png")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().startswith("a: 64x48, frame 7, 60m old, in ")


def test_a_writer_that_is_stopped(roots: Roots, processes: Processes, tmp_path: Path) -> None:
    """Of a video server that is stopped, and then killed, the last frame is shown, with its age."""
    code = """
import sys, time
from ruth.vas.exporter import open_exporter
exporter = open_exporter("a", 64, 48)
exporter.publish(bytes(64 * 48 * 3 // 2), time.monotonic_ns() - 200_000_000_000)
print("published", flush=True)
sys.stdin.read()
"""
    writer = processes.start(
        sys.executable, "-c", code, env=roots.environ(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"published\n"
    for number in (signal.SIGSTOP, signal.SIGKILL):
        writer.send_signal(number)
        done = peek(roots, "a", "-o", tmp_path / "a.png")
        assert (done.returncode, done.stderr) == (0, b"")
        assert b"frame 0, 3m old" in done.stdout


@pytest.mark.parametrize(
    ("columns", "lines"), [(80, 24), (120, 40), (81, 25), (17, 7), (3, 3), (2, 2), (1, 1), (300, 100)]
)
@pytest.mark.parametrize("colorterm", ["truecolor", ""])
def test_a_terminal_of_any_size(
    roots: Roots, processes: Processes, exporter: FrameExporter, columns: int, lines: int, colorterm: str
) -> None:
    """Picture and line about it fit a terminal of whatever size, and leave a line for the prompt."""
    size = {"columns": columns, "lines": lines}
    screen = screen_of(processes, "peek", "a", env=roots.environ(), COLORTERM=colorterm, **size)
    assert screen.code == 0
    assert max(map(len, screen.lines)) <= columns
    assert len(screen.lines) <= max(2, lines - 1)
    *picture, about = screen.lines
    assert set("".join(picture)) == {BLOCK}
    assert len({len(line) for line in picture}) == 1
    if columns >= 80:
        assert about.startswith("a: 64x48, frame 0, ")
        assert len(picture[0]) == min(64, round(64 / 48 * 2 * (lines - 2)))
    named = "38;2;255;1;0" if colorterm else "38;5;196"
    assert named in screen.raw


@pytest.mark.parametrize(
    "variables", [{"TERM": "dumb"}, {"NO_COLOR": "1"}], ids=lambda found: next(iter(found))
)
def test_a_terminal_without_colours(
    roots: Roots, processes: Processes, exporter: FrameExporter, variables: dict[str, str]
) -> None:
    """Where there are no colours there are shades, and no escape sequence at all."""
    given = {"COLORTERM": "truecolor", **variables}
    screen = screen_of(processes, "peek", "a", columns=80, lines=24, env=roots.environ(), **given)
    assert screen.code == 0
    assert "\x1b" not in screen.raw
    assert len(screen.lines) == 23


def test_a_pipe_gets_shades(roots: Roots, exporter: FrameExporter) -> None:
    """In a pipe there are plain characters, 80 x 24 unless COLUMNS and LINES say otherwise."""
    done = peek(roots, "a", environ={"COLUMNS": "33", "LINES": "12"})
    assert (done.returncode, done.stderr) == (0, b"")
    *picture, _ = done.stdout.decode("ascii").splitlines()
    assert len(picture) == 10
    assert {len(line) for line in picture} == {27}
    assert len(set("".join(picture))) == 1


def test_a_pipe_that_nobody_reads(roots: Roots, exporter: FrameExporter) -> None:
    """Into a pipe whose reader has gone, both forms fail quietly."""
    for arguments in (["a"], ["a", "-o", "-"]):
        reader, writer = os.pipe()
        os.close(reader)
        done = peek(roots, *arguments, stdout=writer)
        os.close(writer)
        assert (done.returncode, done.stderr) == (1, b"")


def test_no_export(roots: Roots, exporter: FrameExporter, tmp_path: Path) -> None:
    """Without an export it says so, names what was probably meant, fails with 1, and makes no file."""
    exporter_of(roots, "front-door").close()
    path = tmp_path / "frame.png"
    done = peek(roots, "frontdoor", "-o", path)
    assert (done.returncode, done.stdout) == (1, b"")
    assert re.fullmatch(
        rf"ruth: frontdoor: no export: {roots.export}/frontdoor: No such file or directory;"
        r" did you mean 'front-door'\?\n",
        done.stderr.decode(),
    )
    assert not path.exists()
    done = peek(roots, "front-door")
    assert done.returncode == 1
    assert done.stderr.decode().startswith("ruth: front-door: no export: ")


def test_only_torn_frames(roots: Roots) -> None:
    """Where every look finds a half-written header it says so after three seconds, and fails with 1."""
    (roots.export / "a").mkdir(parents=True)
    put(roots.export / "a", patched(META_V2, (SEQUENCE_OFFSET, 8, 13)), DATA_V2)
    started = time.monotonic()
    done = peek(roots, "a")
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"ruth: a: its newest header stays half-written" in done.stderr
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("camera", ["..", "a/b", "", "x" * 300, ".hidden"])
def test_hostile_names(roots: Roots, camera: str) -> None:
    """A name that is not a valid camera id is refused with exit code 2, and nothing is made."""
    done = peek(roots, camera)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"ruth: camera id ")
    assert not roots.export.exists()


@pytest.mark.parametrize("output", ["/dev/null", ".", "no/such/folder/a.png"])
def test_a_place_for_no_png(roots: Roots, exporter: FrameExporter, tmp_path: Path, output: str) -> None:
    """A folder, a device or a folder that is missing is refused with exit code 2; nothing is touched."""
    done = peek(roots, "a", "-o", output, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().startswith(f"ruth: {output}: ")
    assert list(tmp_path.iterdir()) == []


def test_a_png_is_nothing_for_a_terminal(roots: Roots, processes: Processes, exporter: FrameExporter) -> None:
    """``-o -`` on a terminal is refused with exit code 2."""
    screen = screen_of(processes, "peek", "a", "-o", "-", columns=80, lines=24, env=roots.environ())
    assert screen.code == 2
    assert "PNG" in screen.raw
    assert len(screen.raw) < 200


def test_peek_leaves_everything_as_it_was(roots: Roots, exporter: FrameExporter, tmp_path: Path) -> None:
    """A poll changes neither an export nor its times, and makes no state."""
    files = sorted((roots.export / "a").iterdir())
    before = [(file.read_bytes(), file.stat().st_mtime_ns) for file in files]
    assert peek(roots, "a").returncode == 0
    assert sorted((roots.export / "a").iterdir()) == files
    assert [(file.read_bytes(), file.stat().st_mtime_ns) for file in files] == before
    assert not roots.state.exists()

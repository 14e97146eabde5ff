"""What ``ruth vas`` and ``ruth demo`` show of their sources, where sources come from and recordings go."""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from doubles.small_tmpfs import MIB, small_tmpfs
from harness.footage import EVERY_FRAME, FRAMES, recorded
from harness.waiting import wait_until
from ruth.export.layout import SLOT_COUNT_OFFSET

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Processes, Roots
    from launch.vas.ffmpeg import FFmpeg


def ruth(
    roots: Roots, *arguments: str | Path, stdin: str = "", environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs one verb to its end; its output as it came, byte for byte."""
    return subprocess.run(
        [sys.executable, "-m", "launch.cli.main", *map(str, arguments)],
        env=roots.environ() | (environ or {}),
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        timeout=60,
    )


@pytest.fixture
def refusing() -> Iterator[int]:
    """A port on loopback at which connections are refused."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # not listening
        yield taken.getsockname()[1]


WRONG = (
    "rtsp://u:S3cret@h:99999/x",
    "RTSP://u:S3cret@h:99999/x",
    "rtsp://u:S3/cret@h/x",
    "rtsp://u:S3?cret@h/x",
    "rtsp://u:S3cret@",
    "rtsp://u:S3cret",
    "rtsp:/u:S3cret@h/x",
    "u:S3cret@h/x",
    "rtmp://h/x?password=S3cret",
)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("vas", *(f"cam-{number}={source}" for number, source in enumerate(WRONG))), len(WRONG)),
        (
            ("vas", "--json", *(f"bad id {number}={source}" for number, source in enumerate(WRONG))),
            2 * len(WRONG),
        ),
        (("vas", *WRONG), len(WRONG)),
        (("demo", *(f"--source={source}" for source in WRONG)), len(WRONG)),
        (("demo", "--json", "--cameras", "4", "--source", WRONG[0]), 1),
    ],
    ids=["sources", "ids", "no ids", "demo", "demo, one source"],
)
def test_a_refused_source_shows_no_password(roots: Roots, arguments: tuple[str, ...], told: int) -> None:
    """However wrong addresses are, each is refused in a line of its own without its password: exit code 2."""
    done = ruth(roots, *arguments)
    assert done.returncode == 2
    assert "cret" not in done.stdout + done.stderr
    assert [line[:7] for line in done.stderr.splitlines()] == ["ruth: '"] * told


@pytest.mark.parametrize(
    "arguments",
    [
        ("vas", "cam=test", "--sorces", "rtsp://u:S3cret@h/x"),
        ("vas", "cam=test", "--source=rtsp://u:S3 cret@h/S3cret@x"),
        ("vas", "cam=test", "--s=rtsp://u:S3cret@h/x"),
        ("vas", "--seconds", "rtsp://h/x?token=S3cret", "cam=test"),
        ("demo", "rtsp://u:S3cret@h/x"),
        ("rtsp://u:S3cret@h/x",),
        ("check", "rtsp://u:S3cret@h/x"),
        ("peek", "rtsp://u:S3cret@h/x"),
        ("vas", "cam=test", "--sources", "rtsp://u:S3cret@h/x"),
    ],
)
def test_wrong_usage_shows_no_password(roots: Roots, arguments: tuple[str, ...]) -> None:
    """An address in the wrong place of a command line is refused without its password: exit code 2."""
    done = ruth(roots, *arguments)
    assert done.returncode == 2
    assert "cret" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "address",
    [
        "rtsp://u:S3cret@127.0.0.1:{}/x",
        "rtsp://u:S3cret%40S3cret@127.0.0.1:{}/x",
        "rtsp://127.0.0.1:{}/s?user=u&password=S3cret",
        "rtsp://127.0.0.1:{}/user=u_password=S3cret_channel=1.sdp",
        "RTSP+UDP://u:S3cret@127.0.0.1:{}/x",
        "http://u:S3cret@127.0.0.1:{}/x.m3u8?token=S3cret",
    ],
)
def test_words_of_ffmpeg_show_no_password(roots: Roots, refusing: int, address: str) -> None:
    """What FFmpeg says of an address is shown without its password, in words and as JSON: exit code 1."""
    source = address.format(refusing)
    for arguments in (
        ("vas", "--json", f"cam={source}"),
        ("demo", "--cameras", "1", "--seconds", "5", "--source", source),
    ):
        done = ruth(roots, *arguments)
        assert done.returncode == 1
        assert "cret" not in done.stdout + done.stderr
        assert "cam: exit" in done.stderr or "front-door: exit" in done.stderr


def test_sources_from_a_file(roots: Roots, clip: Path, tmp_path: Path) -> None:
    """Sources come from a file, from standard input and from the command line together."""
    file = tmp_path / "sources.toml"
    file.write_text(f'a = "{clip}"\n')
    refused = ruth(roots, "vas", "--sources", file)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert f"chmod 600 {file}" in refused.stderr
    file.chmod(0o600)
    done = ruth(roots, "vas", "--once", "--json", "--sources", file, f"b={clip}")
    assert [camera["camera_id"] for camera in json.loads(done.stdout)["cameras"]] == ["b", "a"]
    done = ruth(roots, "vas", "--once", "--json", "--sources", "-", stdin=f'c = "{clip}"\n')
    assert [camera["read"] for camera in json.loads(done.stdout)["cameras"]] == [FRAMES]
    assert done.returncode == 0


def test_no_source_at_all(roots: Roots) -> None:
    """Without a camera there is nothing to do: exit code 2, and how to name one."""
    for arguments in ((), ("--sources", "-")):
        done = ruth(roots, "vas", *arguments)
        assert done.returncode == 2
        assert "CAMERA=SOURCE" in done.stderr
        assert "--sources FILE" in done.stderr


def test_a_recording_never_overwrites_a_source(roots: Roots, clip: Path, tmp_path: Path) -> None:
    """A recording that would be a source's own file, through a link, is refused: exit code 2."""
    folder = tmp_path / "rec"
    folder.mkdir()
    shutil.copy(clip, folder / "a.mkv")
    (tmp_path / "link").symlink_to(folder)
    before = (folder / "a.mkv").read_bytes()
    for camera in ("a=test:64x48", f"a={tmp_path}/link/a.mkv"):
        done = ruth(roots, "vas", "--once", camera, f"other={tmp_path}/link/a.mkv", "--recordings", folder)
        assert done.returncode == 2
        assert "a.mkv is the source of" in done.stderr
        assert (folder / "a.mkv").read_bytes() == before
        assert os.listdir(folder) == ["a.mkv"]


def test_a_recording_never_overwrites_an_earlier_one(
    ffmpeg: FFmpeg, roots: Roots, clip: Path, tmp_path: Path
) -> None:
    """Each run records into a file of its own, and the summary tells which; without video there is none."""
    (tmp_path / "junk.mp4").write_bytes(b"junk" * 100)
    folder = tmp_path / "rec"
    for name in ("a.mkv", "a~2.mkv"):
        done = ruth(roots, "vas", "--once", f"a={clip}", f"bad={tmp_path}/junk.mp4", "--recordings", folder)
        assert done.returncode == 1
        good, bad = done.stdout.splitlines()
        assert good.endswith(f", recorded in {folder}/{name}")
        assert "recorded" not in bad
    assert sorted(os.listdir(folder)) == ["a.mkv", "a~2.mkv"]
    assert recorded(ffmpeg, folder / "a.mkv") == recorded(ffmpeg, folder / "a~2.mkv") == EVERY_FRAME


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "ascii"])
def test_names_of_any_bytes(roots: Roots, clip: Path, tmp_path: Path, encoding: str) -> None:
    """Names of any bytes are played and recorded into, and shown escaped, whatever the terminal can show."""
    odd = os.fsdecode(b"\xe9\n\x1b]0;X\x07\xe2\x80\xae\xc3\xa9 ")
    path, folder = tmp_path / f"{odd}.mp4", tmp_path / f"{odd}.rec"
    shutil.copy(clip, path)
    done = ruth(
        roots, "vas", "--once", f"cam={path}", "--recordings", folder, environ={"PYTHONIOENCODING": encoding}
    )
    assert done.returncode == 0
    assert os.listdir(folder) == ["cam.mkv"]
    for line in (done.stdout + done.stderr).replace(os.fsdecode(b"\xe9"), "?").splitlines():
        assert line.isprintable()
        assert "\\xE9\\n\\u001B]0;X\\u0007\\u202E" in line
    assert len(done.stdout.splitlines()) == len(done.stderr.splitlines()) == 1
    as_object = ruth(roots, "vas", "--once", "--json", f"cam={path}", environ={"PYTHONIOENCODING": encoding})
    assert json.loads(as_object.stdout)["cameras"][0]["source"] == str(path)


def test_words_of_ffmpeg_are_escaped(roots: Roots, tmp_path: Path) -> None:
    """What FFmpeg says of a file with control characters in its name is one printable line."""
    path = tmp_path / "a\x1b[2J\nruth: forged: 1x1.mp4"
    path.write_bytes(b"junk" * 100)
    done = ruth(roots, "vas", "--once", f"cam={path}")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.isprintable()
    assert line.startswith("ruth: cam: exit ")


def test_a_recording_that_cannot_be_made(roots: Roots, clip: Path, tmp_path: Path) -> None:
    """A camera whose recording cannot be made ends alone, in words; the others go on."""
    with small_tmpfs(tmp_path / "rec", 8 * MIB, files=1) as folder:
        done = ruth(roots, "vas", "--once", f"a={clip}", f"b={clip}", "--recordings", folder)
        kept = os.listdir(folder)
    assert done.returncode == 1
    assert sorted(f"{FRAMES} read" in line for line in done.stdout.splitlines()) == [False, True]
    assert "not started: [Errno 28] No space left on device" in done.stderr
    assert len(kept) == 1


def test_slots(roots: Roots, processes: Processes) -> None:
    """A camera's ring holds as many frames as were asked for."""
    processes.ruth("vas", "cam=test:64x48", "--slots", "12", env=roots.environ())
    meta = roots.export / "cam" / "frame.meta"
    wait_until(lambda: meta.exists() and len(meta.read_bytes()) == 4096, "an export", 60)
    assert struct.unpack_from("<I", meta.read_bytes(), SLOT_COUNT_OFFSET) == (12,)


@pytest.mark.parametrize("slots", [("1",), ("63",), ("x",), ("12", "--export-version", "1")])
def test_slots_that_no_ring_has(roots: Roots, slots: tuple[str, ...]) -> None:
    """A ring has 2 to 62 slots, and an export of version 1 has none: exit code 2."""
    done = ruth(roots, "vas", "cam=test", "--slots", *slots)
    assert done.returncode == 2
    assert "2 to 62" in done.stderr or "version 1" in done.stderr

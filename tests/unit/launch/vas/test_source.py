from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from launch.vas.source import CameraSource, Kind, SourceError, parse_sources

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def clip(tmp_path: Path) -> str:
    """A file that could be a video."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"video")
    return str(path)


def one(argument: str) -> CameraSource:
    """The one source of one argument."""
    (source,) = parse_sources([argument])
    return source


def problems(*arguments: str) -> tuple[str, ...]:
    """What is wrong with them."""
    with pytest.raises(SourceError) as caught:
        parse_sources(arguments)
    return caught.value.problems


def test_file(clip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file becomes an absolute path, and is shown as the user wrote it."""
    monkeypatch.chdir(os.path.dirname(clip))
    source = one("front-door=clip.mp4")
    assert (source.camera_id, source.kind, source.where, source.shown) == (
        "front-door",
        Kind.FILE,
        clip,
        "clip.mp4",
    )


def test_file_name_with_equals_sign(clip: str) -> None:
    """Only the first '=' divides camera and source."""
    path = os.path.join(os.path.dirname(clip), "a=b.mp4")
    os.rename(clip, path)
    assert one(f"front-door={path}").where == path


@pytest.mark.parametrize("url", ["rtsp://10.0.0.7/main", "rtsps://cam.example:322/a?b=c", "RTSP://h/x"])
def test_rtsp(url: str) -> None:
    """A camera's address goes to FFmpeg as it was written."""
    source = one(f"cam={url}")
    assert (source.kind, source.where, source.shown) == (Kind.RTSP, url, url)


def test_password_is_not_shown() -> None:
    """What is shown of an address has no password; what FFmpeg gets has it."""
    source = one("cam=rtsp://admin:p@ss@10.0.0.7:554/main")
    assert source.shown == "rtsp://admin:***@10.0.0.7:554/main"
    assert source.where == "rtsp://admin:p@ss@10.0.0.7:554/main"


def test_listening() -> None:
    """rtsp-listen:// is an rtsp:// address at which FFmpeg waits for the camera."""
    source = one("cam=rtsp-listen://127.0.0.1:8554/x")
    assert (source.kind, source.where) == (Kind.RTSP_LISTEN, "rtsp://127.0.0.1:8554/x")


@pytest.mark.parametrize("address", ["0.0.0.0:8554", "cam.example:8554", "127.0.0.1"])
def test_listening_on_loopback_only(address: str) -> None:
    """rtsp-listen:// listens on 127.0.0.1 and a named port, nowhere else."""
    (problem,) = problems(f"cam=rtsp-listen://{address}/x")
    assert "127.0.0.1" in problem


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("test", (640, 360, 25)),
        ("test:320x180", (320, 180, 25)),
        ("test:1920x1080@60", (1920, 1080, 60)),
        ("test:16x7680@240", (16, 7680, 240)),
    ],
)
def test_test_source(given: str, expected: tuple[int, int, int]) -> None:
    """A test source may choose its size, and then its rate."""
    source = one(f"cam={given}")
    assert source.kind is Kind.TEST
    assert (source.width, source.height, source.fps) == expected


@pytest.mark.parametrize("size", ["14x180", "320x7682", "321x180", "320x181"])
def test_test_source_size(size: str) -> None:
    """A test source's width and height are even and from 16 to 7680."""
    (problem,) = problems(f"cam=test:{size}")
    assert "even, 16 to 7680" in problem


@pytest.mark.parametrize("fps", ["0", "241"])
def test_test_source_rate(fps: str) -> None:
    """A test source's rate is from 1 to 240."""
    (problem,) = problems(f"cam=test:320x180@{fps}")
    assert "1 to 240" in problem


@pytest.mark.parametrize("given", ["http://cam/x", "rtmp://cam/x", "file:///x", "udp://h:1"])
def test_unknown_scheme(given: str) -> None:
    """An address of another kind is refused, and the message says which there are."""
    (problem,) = problems(f"cam={given}")
    assert "rtsp[s]://" in problem


@pytest.mark.parametrize("given", ["", "no-such-file", "test:", "test:8", "a\0b"])
def test_no_such_file(given: str) -> None:
    """What is neither address nor test nor file is refused, and the message says what is allowed."""
    (problem,) = problems(f"cam={given}")
    assert "a source is" in problem


def test_not_a_regular_file(tmp_path: Path) -> None:
    """A directory or a FIFO is no source, and looking at it does not block."""
    os.mkfifo(tmp_path / "fifo")
    found = problems(f"a={tmp_path}", f"b={tmp_path}/fifo")
    assert all("not a regular file" in problem for problem in found)


@pytest.mark.parametrize("url", ["rtsp://", "rtsp:///path", "rtsp://host:99999/x", "rtsp://h:x/"])
def test_bad_address(url: str) -> None:
    """An address without a host, or with an impossible port, is refused."""
    assert len(problems(f"cam={url}")) == 1


@pytest.mark.parametrize("camera_id", ["", "..", "a/b", "-x", "a b", "x" * 65])
def test_bad_camera_id(camera_id: str) -> None:
    """A camera id that no path may be built from is refused."""
    (problem,) = problems(f"{camera_id}=test")
    assert "camera id" in problem


def test_same_camera_twice() -> None:
    """A camera has one source."""
    (problem,) = problems("cam=test", "cam=test")
    assert "twice" in problem


def test_every_problem_at_once() -> None:
    """Every problem of every argument is told at once, a line each."""
    with pytest.raises(SourceError) as caught:
        parse_sources(["front-door", "..=test", "cam=http://x", "ok=test"])
    assert len(caught.value.problems) == 3
    assert str(caught.value).splitlines() == list(caught.value.problems)

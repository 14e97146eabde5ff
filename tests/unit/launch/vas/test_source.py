from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.addresses import SECRET, addresses, queries
from launch.vas.source import CameraSource, Kind, SourceError, _file_kind, parse_sources

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


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("rtsp://10.0.0.7/main", Kind.RTSP),
        ("rtsps://cam.example:322/a?b=c", Kind.RTSP),
        ("rtsp://[fe80::1%eth0]:554/x", Kind.RTSP),
        ("http://10.0.0.7:8080/video.mjpg", Kind.HTTP),
        ("https://cam.example/live/index.m3u8?quality=1", Kind.HTTP),
        ("srt://10.0.0.7:9000?latency=200000", Kind.SRT),
        ("srt://127.0.0.1:9000?mode=listener", Kind.SRT),
    ],
)
def test_address(url: str, kind: Kind) -> None:
    """An address goes to FFmpeg as it was written."""
    source = one(f"cam={url}")
    assert (source.kind, source.where, source.shown) == (kind, url, url)
    assert source.kind.live


@pytest.mark.parametrize(
    ("url", "kind", "where"),
    [
        ("RTSP://h/Main", Kind.RTSP, "rtsp://h/Main"),
        ("rtsp+udp://h/x", Kind.RTSP_UDP, "rtsp://h/x"),
        ("RTSP+UDP://h/x", Kind.RTSP_UDP, "rtsp://h/x"),
        ("Http://H/X", Kind.HTTP, "http://H/X"),
    ],
)
def test_scheme_for_ffmpeg(url: str, kind: Kind, where: str) -> None:
    """A scheme may be written in upper case; FFmpeg gets it in lower case, and only schemes that it knows."""
    source = one(f"cam={url}")
    assert (source.kind, source.where, source.shown) == (kind, where, url)


def test_password_is_not_shown() -> None:
    """What is shown of an address has no password; what FFmpeg gets has it."""
    source = one("cam=rtsp://admin:p@ss@10.0.0.7:554/main")
    assert source.shown == "rtsp://***@10.0.0.7:554/main"
    assert source.where == "rtsp://admin:p@ss@10.0.0.7:554/main"
    assert "p@ss" not in repr(source)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(addresses() | queries(), st.sampled_from(["cam=", "bad id=", ""]))
def test_no_source_shows_its_password(address: str, before: str) -> None:
    """Taken or refused, what is shown of an address has no password or token; a problem is printable."""
    shown: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    try:
        shown = tuple(source.shown for source in parse_sources([before + address]))
    except SourceError as error:
        problems = error.problems
    assert shown or problems
    assert not any(SECRET in text for text in shown + problems)
    assert all(problem.isprintable() for problem in problems)


@pytest.mark.parametrize("password", ["S3/cret", "S3#cret", "S3?cret", "12/S3cret"])
@pytest.mark.parametrize("scheme", ["rtsp", "HTTP", "srt"])
def test_password_to_be_encoded(scheme: str, password: str) -> None:
    """A password with a character that ends the host is refused, unseen, with how to write it."""
    (problem,) = problems(f"cam={scheme}://u:{password}@h:99/x")
    assert "percent-encode '/' as %2F" in problem
    assert problem.startswith(f"'cam={scheme}://***@h:99/x': ")
    assert not re.search("S3|cret", problem)


@pytest.mark.parametrize(
    "url", ["rtsp://u:S3 cret@h/x", "rtsp://h/\x1b]0;X\x07", "rtsp://h/a\nb", "http://h/\u202e"]
)
def test_character_to_be_encoded(url: str) -> None:
    """An address with a space or an unprintable character is refused, in printable words."""
    (problem,) = problems(f"cam={url}")
    assert "percent-encode it" in problem
    assert problem.isprintable()


@pytest.mark.parametrize(
    "argument",
    [
        "cam=rtsp://u:S3cret@h:99999/x",
        "cam=rtsp://u:S3cret@h:S3cret/x",
        "cam=rtsp://u:S3cret",
        "cam=rtsp://u:S3cret%40h/x",
        "cam=rtsp://u:S3cret@[::1/x",
        "cam=rtsp://u:S3cret@",
        "cam=RTSPX://u:S3cret@h/x",
        "cam=rtsp:/u:S3cret@h/x",
        "cam=rtsp:u:S3cret@h/x",
        "cam=u:S3cret@h/x",
        "bad id=rtsp://u:S3cret@h/x",
        "bad id=rtsp://h:99999/x?password=S3cret",
        "rtsp://u:S3cret@h/x",
        "rtsp://h/x?user=u&password=S3cret",
        "cam=rtsp://h:99999/x?user=u&password=S3cret",
        "cam=rtsp://h:99999/user=u_password=S3cret_channel=1",
        "cam=srt://h?passphrase=S3cret",
    ],
)
def test_no_problem_shows_a_password(argument: str) -> None:
    """What is wrong with an address is said without its password."""
    assert not any("S3cret" in problem for problem in problems(argument))


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


@pytest.mark.parametrize("given", ["rtmp://cam/x", "file:///x", "udp://h:1"])
def test_unknown_scheme(given: str) -> None:
    """An address of another kind is refused, and the message says which there are."""
    (problem,) = problems(f"cam={given}")
    assert "rtsp[s]://" in problem


@pytest.mark.parametrize(
    ("given", "meant"), [("rstp://h/x", "rtsp"), ("htps://h/x", "https"), ("rtsp-udp://h/x", "rtsp+udp")]
)
def test_slip_in_a_scheme(given: str, meant: str) -> None:
    """A scheme that is nearly one gets that one suggested."""
    (problem,) = problems(f"cam={given}")
    assert f"did you mean '{meant}'?" in problem


def test_slip_in_a_name(clip: str) -> None:
    """A path that is nearly that of a file gets that file's name suggested, and a word nearly test, that."""
    (problem,) = problems(f"cam={clip[:-1]}")
    assert "did you mean 'clip.mp4'?" in problem
    (problem,) = problems("cam=tset")
    assert "did you mean 'test'?" in problem


def test_slip_in_the_slashes() -> None:
    """A known scheme without its two slashes is not a file: how an address begins is said."""
    (problem,) = problems("cam=rtsp:/10.0.0.7/x")
    assert "an address begins with rtsp://" in problem


def test_srt_needs_a_port() -> None:
    """SRT has no port of its own."""
    (problem,) = problems("cam=srt://h")
    assert "srt://HOST:PORT" in problem


@pytest.mark.parametrize("mode", ["listener", "rendezvous", "%6Cistener"])
def test_srt_listening_on_loopback_only(mode: str) -> None:
    """An srt:// address listens on 127.0.0.1 only."""
    (problem,) = problems(f"cam=srt://0.0.0.0:9000?latency=1&mode={mode}")
    assert "127.0.0.1" in problem


@pytest.mark.parametrize("given", ["", "no-such-file", "test:", "test:8", "a\0b"])
def test_no_such_file(given: str) -> None:
    """What is neither address nor test nor file is refused, and the message says what is allowed."""
    (problem,) = problems(f"cam={given}")
    assert "a source is" in problem


def test_not_a_regular_file(tmp_path: Path) -> None:
    """A directory or a FIFO is not a source, and looking at it does not block."""
    os.mkfifo(tmp_path / "fifo")
    found = problems(f"a={tmp_path}", f"b={tmp_path}/fifo", "c=/dev/zero")
    assert all("not a regular file" in problem for problem in found)


@pytest.mark.parametrize(("major", "kind"), [(81, Kind.V4L2), (1, None)])
def test_video_device(major: int, kind: Kind | None) -> None:
    """A character device of the video subsystem is a camera; another is not a source."""
    status = os.stat_result((stat.S_IFCHR | 0o660, *[0] * 9), {"st_rdev": os.makedev(major, 5)})
    if kind is None:
        with pytest.raises(ValueError, match="not a video device"):
            _file_kind(status)
    else:
        assert _file_kind(status) is kind


def test_file_name_of_any_characters(tmp_path: Path) -> None:
    """A file may have any name."""
    path = tmp_path / os.fsdecode(b"a\nb\x1b[2J\xe9.mp4")
    path.write_bytes(b"video")
    source = one(f"cam={path}")
    assert (source.kind, source.where, source.shown) == (Kind.FILE, str(path), str(path))


@pytest.mark.parametrize(
    "url", ["rtsp://", "rtsp:///path", "rtsp://host:99999/x", "rtsp://h:x/", "http://u@/x", "srt://:1"]
)
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
        parse_sources(["front-door", "..=test", "cam=rtmp://x", "ok=test"])
    assert len(caught.value.problems) == 3
    assert str(caught.value).splitlines() == list(caught.value.problems)

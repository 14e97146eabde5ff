"""What ``ruth vas`` is given: ``CAMERA=SOURCE``, read and checked before anything starts.

| source | is |
|---|---|
| a path | a video file, played at its own pace, over and over or once |
| ``/dev/videoN`` | a camera of this host, a V4L2 device |
| ``rtsp://...``, ``rtsps://...`` | a camera, over TCP |
| ``rtsp+udp://...`` | a camera that sends over UDP only |
| ``rtsp-listen://127.0.0.1:PORT/...`` | the other way round: a camera that connects to us, on loopback only |
| ``http://...``, ``https://...`` | MJPEG or HLS |
| ``srt://HOST:PORT`` | a camera or encoder that sends by SRT |
| ``test``, ``test:WxH``, ``test:WxH@FPS`` | generated pictures, really encoded and really decoded |

Nothing here knows FFmpeg; it only asks what a file is. No problem that it states shows a password.
"""

from __future__ import annotations

import enum
import os
import re
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from launch.screen.nearest import suggestion
from launch.screen.redaction import redact
from launch.vas.address import host_and_port
from ruth.errors import RuthError
from ruth.identity import id_problem
from ruth.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LOOPBACK = "127.0.0.1"

TEST_WIDTH, TEST_HEIGHT, TEST_FPS = 640, 360, 25
SIDE_MIN, SIDE_MAX, FPS_MAX = 16, 7680, 240

SOURCE_ALLOWED = (
    "a file, /dev/videoN, rtsp[s]://..., rtsp+udp://..., http[s]://..., srt://HOST:PORT,"
    f" rtsp-listen://{LOOPBACK}:PORT/... or test[:WxH[@FPS]]"
)

_TEST = re.compile(r"test(?::([0-9]{1,5})x([0-9]{1,5})(?:@([0-9]{1,4}))?)?")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(/*)")
_V4L2_MAJOR: Final = 81  # of the device number, Documentation/admin-guide/devices.txt of the kernel
_NEIGHBOURS_MAX: Final = 1000  # names of a folder that are compared with one that is not there


class SourceError(RuthError):
    """What was asked of ``ruth vas`` is not possible: every problem at once, one per line.

    Attributes:
        problems: What is wrong and what is allowed, one printable text per problem.

    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class Kind(enum.Enum):
    """What a camera's pictures come from."""

    FILE = "file"
    RTSP = "rtsp"
    RTSP_UDP = "rtsp+udp"
    RTSP_LISTEN = "rtsp-listen"  # the camera connects to us: for tests, on loopback only
    HTTP = "http"  # MJPEG or HLS
    SRT = "srt"
    V4L2 = "v4l2"
    TEST = "test"

    @property
    def live(self) -> bool:
        """It has its own pace and no end: it is not played, and when it ends it was lost."""
        return self not in (Kind.FILE, Kind.TEST)


_KINDS: Final = {
    "rtsp": Kind.RTSP,
    "rtsps": Kind.RTSP,
    "rtsp+udp": Kind.RTSP_UDP,
    "rtsp-listen": Kind.RTSP_LISTEN,
    "http": Kind.HTTP,
    "https": Kind.HTTP,
    "srt": Kind.SRT,
}
"""Schemes of addresses, in lower case."""


@dataclass(frozen=True, slots=True)
class CameraSource:
    """One camera of ``ruth vas``.

    Attributes:
        camera_id: A checked camera id.
        kind: What its pictures come from.
        where: What FFmpeg opens: an absolute path, or a URL with its scheme in lower case; empty for
            :attr:`Kind.TEST`. Any character, and passwords: not to be shown.
        shown: The source as the user wrote it, without passwords. For messages and summaries; any character.
        width: Pixels, for :attr:`Kind.TEST` only: even, 16 to 7680.
        height: As ``width``.
        fps: Pictures a second, for :attr:`Kind.TEST` only: 1 to 240.

    """

    camera_id: str
    kind: Kind
    where: str = field(repr=False)
    shown: str
    width: int = TEST_WIDTH
    height: int = TEST_HEIGHT
    fps: int = TEST_FPS


@dataclass(frozen=True, slots=True)
class GivenSource:
    """One source as it was given, not checked yet.

    Attributes:
        place: Where it was given: the beginning of its problems, printable, without passwords.
        camera_id: Its camera.
        text: The source.
        problem: What is wrong with it already, printable; empty if nothing is.

    """

    place: str
    camera_id: str = field(repr=False)
    text: str = field(repr=False)
    problem: str = ""


def parse_sources(arguments: Iterable[str], more: Iterable[GivenSource] = ()) -> tuple[CameraSource, ...]:
    """The cameras that ``CAMERA=SOURCE...`` asks for, in that order, then those of ``more``.

    Raises:
        SourceError: With every problem of every source.

    """
    sources: list[CameraSource] = []
    problems: list[str] = []
    seen: set[str] = set()
    for each in (*map(_given_by, arguments), *more):
        if each.problem:
            problems.append(f"{each.place}: {each.problem}")
            continue
        if (problem := id_problem(each.camera_id)) is not None:
            problems.append(f"{each.place}: camera id: {problem}")
        elif each.camera_id in seen:
            problems.append(f"{each.place}: camera {each.camera_id!r} is given twice")
        seen.add(each.camera_id)
        try:
            sources.append(_parse_source(each.camera_id, each.text))
        except ValueError as error:
            problems.append(f"{each.place}: {error}")
    if problems:
        raise SourceError(problems)
    return tuple(sources)


def _given_by(argument: str) -> GivenSource:
    """The source in one argument, ``CAMERA=SOURCE``."""
    camera_id, equals, source = argument.partition("=")
    is_id = id_problem(camera_id) is None
    place = f"{camera_id}={redact(source)}" if equals and is_id else redact(argument)
    is_pair = equals and "://" not in camera_id  # where it is, the "=" is one of a query
    return GivenSource(f"'{printable(place)}'", camera_id, source, "" if is_pair else "not CAMERA=SOURCE")


def _parse_source(camera_id: str, given: str) -> CameraSource:
    """One source. ValueError says what is wrong with it, in printable words without a password."""
    if (test := _TEST.fullmatch(given)) is not None:
        return _test_source(camera_id, given, *test.groups())
    scheme = _SCHEME.match(given)
    if scheme is not None and len(scheme[2]) >= 2:
        return _url_source(camera_id, given, scheme[1].lower(), given[scheme.end(1) + len("://") :])
    try:
        status = os.stat(given)
    except (OSError, ValueError) as error:
        if scheme is not None and scheme[1].lower() in _KINDS:
            raise ValueError(f"an address begins with {scheme[1].lower()}://") from None
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ValueError(f"{reason}{_meant(given)}; a source is {SOURCE_ALLOWED}") from None
    kind = _file_kind(status)
    if not os.access(given, os.R_OK):
        raise ValueError("no permission to read it")
    return CameraSource(camera_id, kind, os.path.abspath(given), given)


def _file_kind(status: os.stat_result) -> Kind:
    """What a path leads to, by its status. ValueError if that cannot be a source."""
    if stat.S_ISREG(status.st_mode):
        return Kind.FILE
    if not stat.S_ISCHR(status.st_mode):
        raise ValueError("not a regular file")
    if os.major(status.st_rdev) != _V4L2_MAJOR:
        raise ValueError("not a regular file, and not a video device")
    return Kind.V4L2


def _meant(path: str) -> str:
    """The end of a message about a path that does not exist: a similar name in its folder, if any."""
    folder, name = os.path.split(path)
    try:
        with os.scandir(folder or ".") as entries:
            names = [entry.name for entry, _ in zip(entries, range(_NEIGHBOURS_MAX), strict=False)]
    except (OSError, ValueError):
        names = []
    return suggestion(name, ["test", *names])


def _test_source(
    camera_id: str, given: str, width: str | None, height: str | None, fps: str | None
) -> CameraSource:
    sides = int(width or TEST_WIDTH), int(height or TEST_HEIGHT)
    rate = int(fps or TEST_FPS)
    if any(side % 2 or not SIDE_MIN <= side <= SIDE_MAX for side in sides):
        raise ValueError(f"width and height must be even, {SIDE_MIN} to {SIDE_MAX}")
    if not 1 <= rate <= FPS_MAX:
        raise ValueError(f"frames per second must be 1 to {FPS_MAX}")
    return CameraSource(camera_id, Kind.TEST, "", given, *sides, rate)


def _url_source(camera_id: str, given: str, scheme: str, rest: str) -> CameraSource:
    """A source that is an address: ``rest`` is what follows ``scheme://``."""
    kind = _KINDS.get(scheme)
    if kind is None:
        meant = suggestion(scheme, list(_KINDS))
        raise ValueError(f"cannot read {printable(scheme)}://{meant}; a source is {SOURCE_ALLOWED}")
    host, port = host_and_port(rest)
    if kind is Kind.RTSP_LISTEN and (host != LOOPBACK or not port):
        raise ValueError(f"rtsp-listen:// listens on {LOOPBACK} and a port only")
    if kind is Kind.SRT:
        if not port:
            raise ValueError("an srt:// address needs a port: srt://HOST:PORT")
        if re.search(r"[?&]mode=(?!caller(?:&|\Z))", rest) and host != LOOPBACK:
            raise ValueError(f"srt:// calls; with another mode it is for {LOOPBACK} only")
    ffmpeg_scheme = "rtsp" if kind in (Kind.RTSP_UDP, Kind.RTSP_LISTEN) else scheme
    return CameraSource(camera_id, kind, f"{ffmpeg_scheme}://{rest}", redact(given))

"""What ``ruth vas`` is given: ``CAMERA=SOURCE...``, read and checked before anything starts.

| source | is |
|---|---|
| a path | a video file, played at its own pace, over and over or once |
| ``rtsp://...``, ``rtsps://...`` | a camera, over TCP |
| ``rtsp-listen://127.0.0.1:PORT/...`` | the other way round: a camera that connects to us, on loopback only |
| ``test``, ``test:WxH``, ``test:WxH@FPS`` | generated pictures, really encoded and really decoded |

Nothing here knows FFmpeg; it only asks whether a file is there.
"""

from __future__ import annotations

import enum
import os
import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ruth.errors import RuthError
from ruth.identity import id_problem

if TYPE_CHECKING:
    from collections.abc import Sequence

LOOPBACK = "127.0.0.1"

TEST_WIDTH, TEST_HEIGHT, TEST_FPS = 640, 360, 25
SIDE_MIN, SIDE_MAX, FPS_MAX = 16, 7680, 240

SOURCE_ALLOWED = "a file, rtsp[s]://..., rtsp-listen://127.0.0.1:PORT/... or test[:WxH[@FPS]]"

_TEST = re.compile(r"test(?::([0-9]{1,5})x([0-9]{1,5})(?:@([0-9]{1,4}))?)?")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


class SourceError(RuthError):
    """What was asked of ``ruth vas`` cannot be: every problem at once, one a line.

    Attributes:
        problems: What is wrong and what is allowed, one text a problem.

    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class Kind(enum.Enum):
    """What a camera's pictures come from."""

    FILE = "file"
    RTSP = "rtsp"
    RTSP_LISTEN = "rtsp-listen"  # the camera connects to us: for tests, on loopback only
    TEST = "test"


@dataclass(frozen=True, slots=True)
class CameraSource:
    """One camera of ``ruth vas``.

    Attributes:
        camera_id: A checked camera id.
        kind: What its pictures come from.
        where: What FFmpeg opens: an absolute path, or a URL; empty for :attr:`Kind.TEST`.
        shown: The source as the user wrote it, without a password. For messages and summaries.
        width: Pixels, for :attr:`Kind.TEST` only: even, 16 to 7680.
        height: As ``width``.
        fps: Pictures a second, for :attr:`Kind.TEST` only: 1 to 240.

    """

    camera_id: str
    kind: Kind
    where: str
    shown: str
    width: int = TEST_WIDTH
    height: int = TEST_HEIGHT
    fps: int = TEST_FPS


def parse_sources(arguments: Sequence[str]) -> tuple[CameraSource, ...]:
    """The cameras that ``CAMERA=SOURCE...`` asks for, in that order.

    Raises:
        SourceError: With every problem of every argument.

    """
    sources: list[CameraSource] = []
    problems: list[str] = []
    seen: set[str] = set()
    for argument in arguments:
        camera_id, equals, given = argument.partition("=")
        if not equals:
            problems.append(f"{argument!r}: not CAMERA=SOURCE")
            continue
        if (problem := id_problem(camera_id)) is not None:
            problems.append(f"{argument!r}: camera id {camera_id!r}: {problem}")
        elif camera_id in seen:
            problems.append(f"{argument!r}: camera {camera_id!r} is given twice")
        seen.add(camera_id)
        try:
            sources.append(_parse_source(camera_id, given))
        except ValueError as error:
            problems.append(f"{argument!r}: {error}")
    if problems:
        raise SourceError(problems)
    return tuple(sources)


def _parse_source(camera_id: str, given: str) -> CameraSource:
    """One source. ValueError says what is wrong with it."""
    if (test := _TEST.fullmatch(given)) is not None:
        return _test_source(camera_id, given, *test.groups())
    if (scheme := _SCHEME.match(given)) is not None:
        return _url_source(camera_id, given, scheme[1].lower())
    try:
        mode = os.stat(given).st_mode
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ValueError(f"{reason}; a source is {SOURCE_ALLOWED}") from None
    if not stat.S_ISREG(mode):
        raise ValueError("not a regular file")
    if not os.access(given, os.R_OK):
        raise ValueError("no permission to read it")
    return CameraSource(camera_id, Kind.FILE, os.path.abspath(given), given)


def _test_source(
    camera_id: str, given: str, width: str | None, height: str | None, fps: str | None
) -> CameraSource:
    sides = int(width or TEST_WIDTH), int(height or TEST_HEIGHT)
    rate = int(fps or TEST_FPS)
    if any(side % 2 or not SIDE_MIN <= side <= SIDE_MAX for side in sides):
        raise ValueError(f"width and height must be even, {SIDE_MIN} to {SIDE_MAX}")
    if not 1 <= rate <= FPS_MAX:
        raise ValueError(f"frames a second must be 1 to {FPS_MAX}")
    return CameraSource(camera_id, Kind.TEST, "", given, *sides, rate)


def _url_source(camera_id: str, given: str, scheme: str) -> CameraSource:
    if scheme not in {"rtsp", "rtsps", "rtsp-listen"}:
        raise ValueError(f"cannot read {scheme}://; a source is {SOURCE_ALLOWED}")
    parts = urlsplit(given)
    if not parts.hostname:
        raise ValueError("no host in the URL")
    port = parts.port  # ValueError if it is no port
    shown = given
    if parts.password is not None:
        address = parts.netloc.rpartition("@")[2]
        shown = parts._replace(netloc=f"{parts.username}:***@{address}").geturl()
    if scheme != "rtsp-listen":
        return CameraSource(camera_id, Kind.RTSP, given, shown)
    if parts.hostname != LOOPBACK or not port:
        raise ValueError(f"rtsp-listen:// listens on {LOOPBACK} and a port only")
    return CameraSource(camera_id, Kind.RTSP_LISTEN, "rtsp" + given[len(scheme) :], shown)

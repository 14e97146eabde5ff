"""Which FFmpeg the stand-in VAS uses, and what that one can do.

Written for FFmpeg 5.1 to 9.0.
"""

from __future__ import annotations

import functools
import importlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ruth.errors import RuthError

if TYPE_CHECKING:
    from collections.abc import Mapping

FFMPEG_VARIABLE = "RUTH_FFMPEG"

_ANSWER_SECONDS = 30  # that a program has to say what it can do


class FFmpegMissingError(RuthError):
    """There is no FFmpeg that the stand-in VAS can use.

    Attributes:
        path: The FFmpeg that was looked at, or None if there is none at all.

    """

    def __init__(self, path: str | None, problem: str) -> None:
        super().__init__(f"{problem}; to get one: pip install 'ruth[demo]', or: apt install ffmpeg")
        self.path = path


@dataclass(frozen=True, slots=True)
class FFmpeg:
    """An FFmpeg that can do what the stand-in VAS needs.

    Attributes:
        path: Its program file.

    """

    path: str


def find_ffmpeg(environ: Mapping[str, str]) -> FFmpeg:
    """``RUTH_FFMPEG``, else ``ffmpeg`` on ``PATH``, else the one of the package ``imageio-ffmpeg``.

    Runs it once to ask for its options, some 30 ms.

    Raises:
        FFmpegMissingError: There is none, or the first of them is unusable.

    """
    path = environ.get(FFMPEG_VARIABLE)
    if path and not (os.path.isfile(path) and os.access(path, os.X_OK)):
        raise FFmpegMissingError(path, f"{FFMPEG_VARIABLE}={path} is not an executable file")
    path = path or shutil.which("ffmpeg", path=environ.get("PATH")) or packaged_ffmpeg()
    if path is None:
        raise FFmpegMissingError(None, "FFmpeg is not installed")
    try:
        options = _ask(path, "-h", "full")
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FFmpegMissingError(path, f"{path} does not run: {error}") from error
    if "-fps_mode" not in options:
        raise FFmpegMissingError(path, f"{path} is not an FFmpeg, or older than 5.1")
    if "libx264 AVOptions" not in options:
        raise FFmpegMissingError(path, f"{path} was built without libx264")
    return FFmpeg(path)


@functools.cache
def knows(ffmpeg: FFmpeg, listing: Literal["protocols", "demuxers"], name: str) -> bool:
    """Whether an FFmpeg names a protocol among those it reads, or a demuxer. Runs it, once for each question.

    Raises:
        OSError: It does not run.
        FFmpegMissingError: It does not answer.

    """
    try:
        answer = _ask(ffmpeg.path, f"-{listing}")
    except subprocess.TimeoutExpired as error:
        raise FFmpegMissingError(ffmpeg.path, f"{ffmpeg.path} does not answer") from error
    text = answer.partition("\nOutput:")[0]
    # A protocol stands alone; a demuxer as " D  video4linux2,v4l2 Video4Linux2 device grab", or " D d ...".
    pattern = r"(?m)^ *(\S+)$" if listing == "protocols" else r"(?m)^ D[ d]* ([\w,]+) "
    return any(name in names.split(",") for names in re.findall(pattern, text))


def _ask(path: str, *arguments: str) -> str:
    """What an FFmpeg answers on stdout. Raises as :func:`subprocess.run`."""
    answer = subprocess.run(
        [path, "-hide_banner", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_ANSWER_SECONDS,
        check=False,
    )
    return answer.stdout.decode(errors="replace")


def packaged_ffmpeg() -> str | None:
    """The program of the package ``imageio-ffmpeg``, or None if it has none."""
    try:
        package = importlib.import_module("imageio_ffmpeg")
        return str(package.get_ffmpeg_exe())
    except (ImportError, RuntimeError):  # the package is absent, or was installed without a program
        return None

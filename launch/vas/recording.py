"""Where recordings are kept: one never overwrites another, nor a source, whatever links lead to it.

A camera's recordings are ``CAMERA.mkv``, ``CAMERA~2.mkv``, ``CAMERA~3.mkv`` and so on: the first name that is
free when it starts. No camera id holds a ``~``, so no two cameras meet. A name is taken by making the file
(``O_EXCL``, which follows no link), so no two servers meet either. Why a number:
docs/decisions/0021-sources-and-recordings.md.
"""

from __future__ import annotations

import itertools
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from launch.vas.matroska import BYTES_MAX, may_have_picture
from launch.vas.source import SourceError
from ruth.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from launch.vas.source import CameraSource


def prepare_folder(folder: str, sources: Sequence[CameraSource]) -> str:
    """Makes the folder for the recordings of ``sources``, if it is missing. Returns its absolute path.

    Raises:
        SourceError: It cannot be had or written to, or one of the names in it leads to the file of a source.

    """
    folder = os.path.abspath(folder)
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise SourceError((f"recordings in {printable(folder)}: {error.strerror}",)) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SourceError((f"recordings in {printable(folder)}: no permission to write there",))
    if problems := list(_sources_among_recordings(folder, sources)):
        raise SourceError(problems)
    return folder


def claim_recording(folder: str, camera_id: str) -> str:
    """Makes the next recording of a camera as an empty file, and returns its path.

    Raises:
        OSError: It cannot be made.

    """
    for path in _names(folder, camera_id):
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
            return path
    raise AssertionError("names never end")


def keep_recording(path: str) -> bool:
    """Removes a recording without a picture. Returns whether there is one now."""
    try:
        with open(path, "rb") as file:
            if may_have_picture(file.read(BYTES_MAX)):
                return True
        os.unlink(path)
    except OSError:  # it was moved or removed meanwhile
        pass
    return False


def _names(folder: str, camera_id: str) -> Iterator[str]:
    yield f"{folder}/{camera_id}.mkv"
    for number in itertools.count(2):
        yield f"{folder}/{camera_id}~{number}.mkv"


def _sources_among_recordings(folder: str, sources: Iterable[CameraSource]) -> Iterator[str]:
    """What is wrong: the names of recordings, up to the first free one, that are the file of a source."""
    files = {}
    for source in sources:
        with suppress(OSError):  # not a file
            files[_identity(os.stat(source.where))] = source.camera_id
    for source in sources:
        for path in itertools.takewhile(os.path.lexists, _names(folder, source.camera_id)):
            with suppress(OSError):  # a link that leads nowhere
                if (owner := files.get(_identity(os.stat(path)))) is not None:
                    name = os.path.basename(path)
                    reason = f"{name} is the source of {owner}; choose another folder"
                    yield f"recordings in {printable(folder)}: {reason}"


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino

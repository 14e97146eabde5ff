from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from harness.exports import (
    DATA_V1,
    DATA_V2,
    EXPORTS,
    HEIGHT,
    META_V1,
    META_V2,
    SLOT_SIZE,
    SLOTS,
    WIDTH,
    both_versions,
    next_frame,
    patched,
    put,
)
from harness.open_descriptors import left_of
from harness.rings import kill
from harness.waiting import within
from ruth.export.layout import (
    SEQUENCE_OFFSET,
    VERSION_OFFSET,
)
from ruth.export.outcome import TORN, UNCHANGED, Absent, Fresh
from ruth.identity import DATA_NAME, META_NAME
from ruth.vas.ring import FrameRing

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Processes, Roots
    from ruth.export.source import ExportSource

NOBODY = 65534

# Reads once for each line that it is given, as a user who owns nothing, and says what it found.
STRANGER = f"""
import os, sys
from ruth.export.source import ExportSource
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid({NOBODY})
    os.setuid({NOBODY})
source = ExportSource(sys.argv[1], "front-door")
for line in sys.stdin:
    print(type(source.try_read()).__name__, source.session, flush=True)
"""


class KilledError(Exception):
    """The writer of a test was killed."""


class Mortal:
    """Stands before an array of a ring's meta; after so many stores, the writer is killed."""

    def __init__(self, array: memoryview, stores_left: list[int]) -> None:
        self._array, self._stores_left = array, stores_left

    def __getitem__(self, position: int) -> int:
        value: int = self._array[position]
        return value

    def __setitem__(self, position: int, value: int) -> None:
        if not self._stores_left[0]:
            raise KilledError
        self._stores_left[0] -= 1
        self._array[position] = value


# --- the writer dies or goes mad --------------------------------------------------------------------------


@pytest.mark.parametrize("tells", [True, False], ids=["successor tells", "successor is silent"])
@pytest.mark.parametrize("stores", range(11))
def test_a_writer_killed_after_any_store_is_survived(
    roots: Roots, camera: Path, source: ExportSource, stores: int, tells: bool
) -> None:
    """Killed after each single store of a frame: whole frames only, then idle, then the next writer's.

    The look that follows the next writer's first frame finds it, also where the dead one left its record
    forever unfinished and no process told its readers.
    """
    dead = FrameRing(str(camera), WIDTH, HEIGHT, WIDTH, SLOTS)
    dead.begin_frame()
    dead.commit(100)
    first = source.try_read()
    assert isinstance(first, Fresh)
    stores_left = [stores]
    dead._words = Mortal(dead._words, stores_left)  # type: ignore[assignment]
    dead._halves = Mortal(dead._halves, stores_left)  # type: ignore[assignment]
    with suppress(KilledError):
        dead.begin_frame()
        dead.commit(200)
    found = [source.try_read() for _ in range(3)]
    for outcome in found:
        if isinstance(outcome, Fresh):
            record = outcome.record
            assert (record.frame_id, record.timestamp_ns, record.data_offset) == (1, 200, SLOT_SIZE)
            assert stores >= 9
    assert found[1:] in ([UNCHANGED] * 2, [TORN] * 2)
    kill(dead)
    successor = FrameRing(str(camera if tells else roots.export / "other"), WIDTH, HEIGHT, WIDTH, SLOTS)
    successor.begin_frame()
    successor.commit(300)
    if not tells:
        for name in (DATA_NAME, META_NAME):
            (roots.export / "other" / name).rename(camera / name)
    outcome = source.try_read()
    assert isinstance(outcome, Fresh)
    assert (outcome.record.frame_id, outcome.record.timestamp_ns, outcome.session) == (0, 300, 2)
    successor.close()


def test_a_record_left_unfinished_is_idle(camera: Path, source: ExportSource) -> None:
    """A writer killed inside its record leaves an export that is torn for good, and costs nothing more."""
    put(camera, patched(META_V2, (SEQUENCE_OFFSET, 8, 13)), DATA_V2)
    assert source.try_read() is TORN
    held = left_of(camera)
    for _ in range(1000):
        assert source.try_read() is TORN
    assert left_of(camera) == held
    for name in (META_NAME, DATA_NAME):
        (camera / name).unlink()
    assert isinstance(source.try_read(), Absent)
    assert left_of(camera) == []


# --- files that are cut, missing or mixed -----------------------------------------------------------------


@pytest.mark.parametrize(
    "length", [0, 1, 3, 4, 8, 56, 63, 64, 65, 96, 127, 128, 129, 192, 4095, 4096, 4097, 16383, 16384, 65536]
)
@pytest.mark.parametrize("name", [META_NAME, DATA_NAME])
@both_versions
def test_a_file_of_another_length_is_idle(
    camera: Path, source: ExportSource, version: int, name: str, length: int
) -> None:
    """A file cut or lengthened to any size, before or after it was bound, gives no frame twice or wrong.

    A ring may be longer than it needs to be; nothing else may.
    """
    whole = EXPORTS[version][name == DATA_NAME]
    harmless = length == len(whole) or (version == 2 and name == DATA_NAME and length > len(whole))
    put(camera, *EXPORTS[version])
    os.truncate(camera / name, length)
    outcome = source.try_read()
    assert isinstance(outcome, Fresh) is harmless
    put(camera, *EXPORTS[version])
    source.try_read()
    os.truncate(camera / name, length)
    for _ in range(3):
        assert not isinstance(source.try_read(), Fresh)
    put(camera, next_frame(EXPORTS[version][0]), EXPORTS[version][1])
    outcome = source.try_read()
    assert isinstance(outcome, Fresh)
    assert outcome.record.frame_id == 6


@pytest.mark.parametrize("name", [META_NAME, DATA_NAME])
@both_versions
def test_one_file_without_the_other_is_idle(
    camera: Path, source: ExportSource, version: int, name: str
) -> None:
    """Meta without data, or data without meta, is absent and holds nothing; it binds when both are there."""
    put(camera, *EXPORTS[version])
    (camera / name).rename(camera / "away")
    for _ in range(3):
        assert isinstance(source.try_read(), Absent)
        assert left_of(camera) == []
    (camera / "away").rename(camera / name)
    assert isinstance(source.try_read(), Fresh)


@pytest.mark.parametrize(("meta", "data"), [(META_V1, DATA_V2), (META_V2, DATA_V1)], ids=["v1 v2", "v2 v1"])
@both_versions
def test_mixed_versions_are_idle(
    camera: Path, source: ExportSource, version: int, meta: bytes, data: bytes
) -> None:
    """A header of one version beside the data of the other gives no frame, whichever was bound before."""
    put(camera, *EXPORTS[version])
    assert isinstance(source.try_read(), Fresh)
    put(camera, next_frame(meta), data)
    for _ in range(3):
        assert not isinstance(source.try_read(), Fresh)
    put(camera, next_frame(META_V2, 2), DATA_V2)
    outcome = source.try_read()
    assert isinstance(outcome, Fresh)
    assert outcome.record.frame_id == 7


@pytest.mark.parametrize("version_field", [0, 3, 256, 2**32 - 1])
@both_versions
def test_an_unknown_version_is_absent(
    camera: Path, source: ExportSource, version: int, version_field: int
) -> None:
    """A version that is neither 1 nor 2 is refused by its number, whatever else the header says."""
    put(camera, patched(EXPORTS[version][0], (VERSION_OFFSET, 4, version_field)), EXPORTS[version][1])
    assert source.try_read() == Absent(f"version {version_field}")
    assert left_of(camera) == []


# --- what is not a file -------------------------------------------------------------------------------------


def replace(path: Path, kind: str) -> None:
    """Moves what is at a path away, and puts something else in its place."""
    away = path.parent / "away"
    path.rename(away)
    if kind == "FIFO":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "file":
        path.write_bytes(b"")
    elif kind == "link":
        path.symlink_to("away")
    elif kind == "absolute link":
        path.symlink_to(away)
    elif kind == "loop":
        path.symlink_to(path.name)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))
    elif kind == "device":
        try:
            os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))
        except PermissionError:
            pytest.skip("making a device needs root")


def put_back(path: Path) -> None:
    """Undoes :func:`replace`."""
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink()
    (path.parent / "away").rename(path)


@pytest.mark.parametrize("bound", [False, True], ids=["at start", "while bound"])
@pytest.mark.parametrize("kind", ["FIFO", "directory", "link", "absolute link", "loop", "socket", "device"])
@pytest.mark.parametrize("name", [META_NAME, DATA_NAME])
@both_versions
def test_what_is_no_regular_file_is_refused(
    camera: Path, source: ExportSource, version: int, name: str, kind: str, bound: bool
) -> None:
    """Anything but a regular file in place of one gives no frame and waits for no process; then it binds.

    Version 1 looks at frame.data only when there is a new header, so there the header is new as well.
    """
    put(camera, *EXPORTS[version])
    if bound:
        assert isinstance(source.try_read(), Fresh)
        if version == 1:
            put(camera, next_frame(META_V1), DATA_V1)
    replace(camera / name, kind)
    with within(30):
        for _ in range(3):
            assert isinstance(source.try_read(), Absent)
            assert left_of(camera) == []
    put_back(camera / name)
    outcome = source.try_read()
    assert outcome is UNCHANGED if bound and version == 2 else isinstance(outcome, Fresh)
    assert source.session == 1


@pytest.mark.parametrize("kind", ["FIFO", "file", "link", "absolute link", "loop", "socket"])
@both_versions
def test_what_is_no_directory_is_refused(camera: Path, source: ExportSource, version: int, kind: str) -> None:
    """Anything but a real directory in place of a camera's gives no frame and waits for no process."""
    put(camera, *EXPORTS[version])
    replace(camera, kind)
    with within(30):
        for _ in range(3):
            outcome = source.try_read()
            assert isinstance(outcome, Absent)
            assert "Not a directory" in outcome.reason
            assert left_of(camera) == []
    put_back(camera)
    assert isinstance(source.try_read(), Fresh)


# --- who may not read -------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["directory", META_NAME, DATA_NAME])
@both_versions
def test_permission_denied_is_idle_until_it_is_granted(
    roots: Roots, camera: Path, processes: Processes, version: int, what: str
) -> None:
    """A user who may not read finds nothing, and binds at the first poll after being allowed to."""
    path = camera if what == "directory" else camera / what
    put(camera, *EXPORTS[version])
    path.chmod(0)
    look = start_stranger(roots, processes)
    assert look() == "Absent 0"
    path.chmod(0o755 if what == "directory" else 0o644)
    assert look() == "Fresh 1"
    assert look() == "Unchanged 1"


@both_versions
def test_permission_withdrawn_for_a_while_gives_no_frame_twice(
    roots: Roots, camera: Path, processes: Processes, version: int
) -> None:
    """A directory that was closed to a bound reader for a while is the same export when it opens again."""
    put(camera, *EXPORTS[version])
    look = start_stranger(roots, processes)
    assert look() == "Fresh 1"
    for _ in range(2):
        camera.chmod(0)
        assert look().startswith("Absent")
        camera.chmod(0o755)
        assert look() == "Unchanged 1"


@both_versions
def test_another_user_can_read_and_needs_nothing_else(
    roots: Roots, camera: Path, processes: Processes, version: int
) -> None:
    """Files that only their owner can write are enough for a reader who owns nothing."""
    put(camera, *EXPORTS[version])
    for name in (META_NAME, DATA_NAME):
        (camera / name).chmod(0o444)
    camera.chmod(0o555)
    look = start_stranger(roots, processes)
    assert [look(), look()] == ["Fresh 1", "Unchanged 1"]


class Stranger:
    """A reader in a process of another user; each call is one poll there."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self) -> str:
        """What it found, and the session."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("look\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()


def start_stranger(roots: Roots, processes: Processes) -> Stranger:
    """Starts one, in roots that it can reach."""
    roots.export.parent.chmod(0o755)
    roots.export.chmod(0o755)
    return Stranger(
        processes.start(
            sys.executable,
            "-c",
            STRANGER,
            roots.export,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    )

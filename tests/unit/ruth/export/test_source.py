from __future__ import annotations

import ctypes
import os
import shutil
import struct
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, TypeAlias

import pytest

from harness.open_descriptors import left_of
from harness.rings import kill
from ruth.errors import InvalidIdError
from ruth.export.layout import (
    EPOCH_OFFSET,
    FLAGS_OFFSET,
    SEQUENCE_OFFSET,
    SLOT_COUNT_OFFSET,
    WAKE_OFFSET,
    FrameRecord,
    pack_record,
)
from ruth.export.outcome import TORN, UNCHANGED, Absent, Fresh
from ruth.export.source import ExportSource
from ruth.identity import DATA_NAME, META_NAME
from ruth.vas.ring import FrameRing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Processes, Roots

WIDTH, HEIGHT, SLOTS = 16, 8, 3

# inotify(7): what is done to the files of a directory.
IN_OPEN, IN_CLOSE_WRITE = 0x20, 0x08
EVENT = struct.Struct("iIII")


class RenamingWriter:
    """Version 1: each frame in two new files that are renamed over the old ones, data first."""

    version: Final = 1

    def __init__(self, camera: Path, width: int = WIDTH, height: int = HEIGHT) -> None:
        camera.mkdir(parents=True, exist_ok=True)
        self._camera, self._width, self._height = camera, width, height
        self.frame_id = 0

    def publish(self, *timestamps: int) -> None:
        """Publishes frames."""
        size = self._width * self._height * 3 // 2
        for timestamp in timestamps:
            record = FrameRecord(
                1, 0, self.frame_id, timestamp, self._width, self._height, 0, self._width, size, 0, 0
            )
            for name, content in ((DATA_NAME, bytes(size)), (META_NAME, pack_record(record))):
                (self._camera / f"{name}.tmp").write_bytes(content)
                (self._camera / f"{name}.tmp").rename(self._camera / name)
            self.frame_id += 1

    def die(self) -> None:
        """As if it were killed: the files stay. The frozen VAS holds no lock."""

    def close(self) -> None:
        """Removes the files."""
        for name in (META_NAME, DATA_NAME):
            (self._camera / name).unlink(missing_ok=True)


class RingWriter:
    """Version 2: the ring of this project."""

    version: Final = 2

    def __init__(self, camera: Path, width: int = WIDTH, height: int = HEIGHT) -> None:
        self._ring: FrameRing | None = FrameRing(str(camera), width, height, width, SLOTS)

    def publish(self, *timestamps: int) -> None:
        """Publishes frames."""
        assert self._ring is not None
        for timestamp in timestamps:
            self._ring.begin_frame()
            self._ring.commit(timestamp)

    def die(self) -> None:
        """As if it were killed: its lock is free, the files stay."""
        if self._ring is not None:
            kill(self._ring)

    def close(self) -> None:
        """Closes the ring and releases it; safe to call twice."""
        if self._ring is not None:
            self._ring.close()
            self._ring = None


# Replaces its own export again and again, sometimes closing it before. Timestamps tell which export it was.
SUCCESSORS = f"""
import itertools, sys
from ruth.vas.ring import FrameRing
print("ready", flush=True)
for n in itertools.count(1):
    ring = FrameRing(sys.argv[1], {WIDTH}, {HEIGHT}, {WIDTH}, {SLOTS})
    for frame in range(n % 7):
        ring.begin_frame()
        ring.commit(1000 * n + frame)
    if n % 3 == 0:
        ring.close()
    ring = None  # as if it were killed: its lock is free
"""

Writer: TypeAlias = RenamingWriter | RingWriter
both_versions = pytest.mark.parametrize("kind", [RenamingWriter, RingWriter], ids=["v1", "v2"])


@pytest.fixture
def camera(roots: Roots) -> Path:
    """The path of a camera's directory, which does not exist yet."""
    return roots.export / "front-door"


@pytest.fixture
def write(camera: Path) -> Iterator[Callable[..., Writer]]:
    """Starts writers of that camera, each once the one before is dead, and ends them afterwards."""
    started: list[Writer] = []

    def start(kind: type[Writer], width: int = WIDTH, height: int = HEIGHT) -> Writer:
        for earlier in started:
            earlier.die()
        started.append(kind(camera, width, height))
        return started[-1]

    yield start
    for writer in started:
        writer.close()


@contextmanager
def watched(directory: Path) -> Iterator[Callable[[], list[tuple[str, str]]]]:
    """Gives a function that returns which names of a directory were opened, or closed after writing."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    assert descriptor >= 0, os.strerror(ctypes.get_errno())
    try:
        assert libc.inotify_add_watch(descriptor, os.fsencode(directory), IN_OPEN | IN_CLOSE_WRITE) >= 0

        def events() -> list[tuple[str, str]]:
            found: list[tuple[str, str]] = []
            with suppress(BlockingIOError):
                content, position = os.read(descriptor, 65536), 0
                while position < len(content):
                    _, mask, _, length = EVENT.unpack_from(content, position)
                    position += EVENT.size
                    name = content[position : position + length].rstrip(b"\0").decode()
                    position += length
                    found.append(("opened" if mask & IN_OPEN else "written", name))
            return found

        yield events
    finally:
        os.close(descriptor)


def fresh(outcome: object) -> tuple[int, int, int]:
    """Id, timestamp and session of a fresh frame."""
    assert isinstance(outcome, Fresh), outcome
    return outcome.record.frame_id, outcome.record.timestamp_ns, outcome.session


def edit(camera: Path, offset: int, value: int, size: int) -> None:
    """Overwrites a number of ``frame.meta``, in place."""
    with (camera / META_NAME).open("r+b") as meta:
        meta.seek(offset)
        meta.write(value.to_bytes(size, "little"))


def leave_a_frame(camera: Path, writer: Writer) -> None:
    """Publishes a frame, ends its writer and leaves copies of the files, in files that it does not map."""
    writer.publish(1)
    contents = {name: (camera / name).read_bytes() for name in (DATA_NAME, META_NAME)}
    writer.close()
    for name, content in contents.items():
        (camera / name).write_bytes(content)
    if writer.version == 2:
        edit(camera, EPOCH_OFFSET - 8, 0, 8)  # data_inode: not stated


# --- four outcomes ----------------------------------------------------------------------------------------


@both_versions
def test_a_look_finds_one_of_four_values(
    camera: Path, source: ExportSource, write: Callable[..., Writer], kind: type[Writer]
) -> None:
    """Absent before there is an export, fresh once for each newest frame, else unchanged."""
    assert isinstance(source.try_read(), Absent)
    assert (source.version, source.session) == (0, 0)
    writer = write(kind)
    for n in range(40):
        writer.publish(1000 + n)
        assert fresh(source.try_read()) == (n, 1000 + n, 1)
        assert source.try_read() is UNCHANGED
        assert source.try_read() is UNCHANGED
    writer.publish(2000, 2001)
    assert fresh(source.try_read())[1] == 2001
    assert (source.version, source.session) == (kind.version, 1)
    writer.close()
    assert isinstance(source.try_read(), Absent)
    assert (source.version, source.session) == (0, 1)


def test_an_export_without_a_frame_is_unchanged(source: ExportSource, write: Callable[..., Writer]) -> None:
    """A version 2 export that holds no frame yet is bound, and has nothing new."""
    write(RingWriter)
    assert source.try_read() is UNCHANGED
    assert (source.version, source.session) == (2, 1)


def test_a_record_being_changed_is_torn(
    camera: Path, source: ExportSource, write: Callable[..., Writer]
) -> None:
    """A version 2 record with an odd sequence is torn, before and after the export was bound."""
    writer = write(RingWriter)
    writer.publish(1)
    for sequence in (3, 5):
        edit(camera, SEQUENCE_OFFSET, sequence, 8)
        assert source.try_read() is TORN
        edit(camera, SEQUENCE_OFFSET, sequence + 1, 8)
        assert fresh(source.try_read()) == (0, 1, 1)


def test_a_pair_being_changed_is_torn(
    camera: Path, source: ExportSource, write: Callable[..., Writer]
) -> None:
    """A version 1 frame.data of another size than its header's frame is torn, until it fits."""
    write(RenamingWriter).publish(1)
    content = (camera / DATA_NAME).read_bytes()
    (camera / DATA_NAME).write_bytes(content + b"\0")
    assert source.try_read() is TORN
    (camera / DATA_NAME).write_bytes(content)
    assert fresh(source.try_read()) == (0, 1, 1)


@pytest.mark.parametrize("missing", ["root", "directory", "meta and data", "meta", "data"])
@both_versions
def test_what_is_missing_is_absent_with_its_reason(
    roots: Roots,
    camera: Path,
    source: ExportSource,
    write: Callable[..., Writer],
    kind: type[Writer],
    missing: str,
) -> None:
    """Whatever of an export is not there, the outcome says so, and holds nothing open."""
    writer = write(kind)
    writer.publish(1)
    if missing == "root":
        roots.export.rename(roots.export.parent / "elsewhere")
    elif missing == "directory":
        camera.rename(camera.parent / "elsewhere")
    else:
        for name in missing.split(" and "):
            (camera / f"frame.{name}").unlink()
    ours = left_of(camera)
    outcome = source.try_read()
    assert isinstance(outcome, Absent)
    assert "No such file or directory" in outcome.reason
    assert left_of(camera) == ours


def test_an_outcome_has_a_readable_repr(source: ExportSource) -> None:
    """A process that prints an outcome or a source sees what it is."""
    assert (repr(UNCHANGED), repr(TORN)) == ("Unchanged()", "Torn()")
    assert repr(Absent("gone")) == "Absent(reason='gone')"
    assert repr(source).startswith("ExportSource('/dev/shm/")
    assert repr(source).endswith("/front-door', version=0, session=0)")


def test_an_id_that_is_none_is_refused(roots: Roots) -> None:
    """A path is built from nothing but a camera id."""
    with pytest.raises(InvalidIdError):
        ExportSource(str(roots.export), "../front-door")


# --- read-only by construction ----------------------------------------------------------------------------


@both_versions
def test_nothing_is_opened_or_mapped_for_writing(
    camera: Path, source: ExportSource, write: Callable[..., Writer], kind: type[Writer]
) -> None:
    """Every descriptor of a bound export is read-only and closed on exec; every mapping of it is r--s."""
    leave_a_frame(camera, write(kind))
    with watched(camera) as events:
        assert fresh(source.try_read()) == (0, 1, 1)
        assert source.try_read() is UNCHANGED
        seen = events()
    descriptors = [
        number
        for number in os.listdir("/proc/self/fd")
        if os.path.realpath(f"/proc/self/fd/{number}").startswith(str(camera))
    ]
    assert descriptors
    for number in descriptors:
        with open(f"/proc/self/fdinfo/{number}") as info:
            flags = int(next(line for line in info if line.startswith("flags:")).split()[1], 8)
        assert flags & os.O_ACCMODE == os.O_RDONLY
        assert flags & os.O_CLOEXEC
    with open("/proc/self/maps") as maps:
        protections = [line.split()[1] for line in maps if f"{camera}/" in line]
    assert protections == (["r--s"] * 2 if kind is RingWriter else [])
    source.close()
    assert {what for what, _ in seen} == {"opened"}


def test_the_data_of_version_1_is_not_opened_to_decide(
    camera: Path, source: ExportSource, write: Callable[..., Writer]
) -> None:
    """Once bound, a poll opens frame.meta and nothing else: no directory, and no pixels."""
    writer = write(RenamingWriter)
    writer.publish(1)
    assert isinstance(source.try_read(), Fresh)
    with watched(camera) as events:
        for n in range(3):
            assert source.try_read() is UNCHANGED
            writer.publish(2 + n)
            events()
            assert isinstance(source.try_read(), Fresh)
            assert events() == [("opened", META_NAME)]


def test_a_bound_version_2_export_is_not_opened_again(
    camera: Path, source: ExportSource, write: Callable[..., Writer]
) -> None:
    """Both files are opened when an export is bound; looking at it opens nothing, frames or not."""
    writer = write(RingWriter)
    writer.publish(1)
    assert isinstance(source.try_read(), Fresh)
    with watched(camera) as events:
        for n in range(40):
            writer.publish(2 + n)
            assert isinstance(source.try_read(), Fresh)
            assert source.try_read() is UNCHANGED
        assert events() == []


# --- another export ---------------------------------------------------------------------------------------


@both_versions
def test_a_writer_started_anew_is_a_new_session(
    source: ExportSource, write: Callable[..., Writer], kind: type[Writer]
) -> None:
    """New files whose ids begin again are met at the next poll, as another session, first frame and all."""
    for session in (1, 2, 3):
        writer = write(kind)
        writer.publish(10 * session, 10 * session + 1)
        assert fresh(source.try_read()) == (1, 10 * session + 1, session)
        assert source.try_read() is UNCHANGED


@both_versions
def test_a_writer_that_ended_before_is_a_new_session(
    source: ExportSource, write: Callable[..., Writer], kind: type[Writer]
) -> None:
    """The same with an absence between the two."""
    for session in (1, 2, 3):
        writer = write(kind)
        writer.publish(1, session)
        assert fresh(source.try_read()) == (1, session, session)
        writer.close()
        assert isinstance(source.try_read(), Absent)


def test_another_version_is_a_new_session(source: ExportSource, write: Callable[..., Writer]) -> None:
    """Each change from one version to the other is a new session, also without a poll in between."""
    kinds: tuple[type[Writer], ...] = (RenamingWriter, RingWriter, RenamingWriter, RingWriter)
    for n, kind in enumerate(kinds):
        write(kind).publish(*range(n + 1))
        assert fresh(source.try_read()) == (n, n, n + 1)
        assert source.version == kind.version


def test_another_version_met_torn_is_a_new_session(
    camera: Path, source: ExportSource, write: Callable[..., Writer]
) -> None:
    """A version 1 found again behind a ring is another session, also where its first poll gave no frame."""
    renaming = write(RenamingWriter)
    renaming.publish(1)
    assert fresh(source.try_read()) == (0, 1, 1)
    write(RingWriter).publish(2)
    assert fresh(source.try_read()) == (0, 2, 2)
    renaming.publish(3)
    os.truncate(camera / DATA_NAME, 1)
    assert source.try_read() is TORN
    renaming.publish(4)
    assert fresh(source.try_read()) == (2, 4, 3)


def test_a_ring_that_is_replaced_at_once_is_never_absent(
    source: ExportSource, write: Callable[..., Writer]
) -> None:
    """Who waits for a frame of a ring that was replaced finds the new one at the look after waking."""
    write(RingWriter).publish(1)
    assert fresh(source.try_read()) == (0, 1, 1)
    successor = write(RingWriter)
    assert source.try_read() is UNCHANGED
    assert source.session == 2
    successor.publish(7)
    assert fresh(source.try_read()) == (0, 7, 2)


def test_the_same_files_with_another_epoch_are_another_export(
    camera: Path, source: ExportSource, write: Callable[..., Writer]
) -> None:
    """A writer that began again in the same files is a new session at the next poll."""
    writer = write(RingWriter)
    writer.publish(1, 2)
    assert fresh(source.try_read()) == (1, 2, 1)
    edit(camera, EPOCH_OFFSET, 1, 8)
    assert fresh(source.try_read()) == (1, 2, 2)
    assert source.try_read() is UNCHANGED


@both_versions
def test_another_resolution_comes_with_its_own_views(
    source: ExportSource, write: Callable[..., Writer], kind: type[Writer]
) -> None:
    """The next frame after a change of resolution has the new geometry, and a mapping that holds it."""
    for width, height in ((16, 8), (1920, 1080), (2, 2), (640, 480)):
        write(kind, width, height).publish(1)
        outcome = source.try_read()
        assert isinstance(outcome, Fresh)
        assert (outcome.record.width, outcome.record.height) == (width, height)
        assert outcome.record.data_size == width * height * 3 // 2
        if source.ring is not None:
            assert len(source.ring.data_map or b"") >= SLOTS * outcome.record.data_size


def test_a_replaced_directory_is_noticed(
    camera: Path, source: ExportSource, write: Callable[..., Writer]
) -> None:
    """A directory that was moved away with its export is lost; the one in its place is another export."""
    write(RingWriter).publish(1)
    assert fresh(source.try_read()) == (0, 1, 1)
    camera.rename(camera.parent / "elsewhere")
    assert isinstance(source.try_read(), Absent)
    write(RingWriter).publish(2)
    assert fresh(source.try_read()) == (0, 2, 2)


def test_exports_replaced_without_a_pause_are_told_apart(
    camera: Path, source: ExportSource, processes: Processes
) -> None:
    """Of a thousand exports in a row each session is one of them, each later one newer, no frame twice."""
    writer = processes.start(sys.executable, "-c", SUCCESSORS, camera, stdout=subprocess.PIPE)
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"ready\n"
    met: list[tuple[int, int, int]] = [(0, 0, -1)]  # session, which export, frame
    deadline = time.monotonic() + 30
    while met[-1][1] < 1000 or len(met) < 100:
        assert time.monotonic() < deadline, met[-1]
        outcome = source.try_read()
        if isinstance(outcome, Fresh):
            export, frame = divmod(outcome.record.timestamp_ns, 1000)
            assert frame == outcome.record.frame_id
            assert (outcome.session == met[-1][0]) is (export == met[-1][1])
            met.append((outcome.session, export, frame))
            assert met[-2] < met[-1]
    assert writer.poll() is None


@pytest.mark.parametrize("retired", [True, False], ids=["retired", "not retired"])
def test_frames_of_a_replaced_writer_end_when_the_path_is_compared(
    roots: Roots, source: ExportSource, write: Callable[..., Writer], retired: bool
) -> None:
    """A writer that goes on in files that no process can open any more is given up, told or not."""
    old = write(RingWriter)
    old.publish(1)
    assert fresh(source.try_read()) == (0, 1, 1)
    assert not source.close_if_replaced()
    if retired:
        write(RingWriter).publish(77)
    else:
        other = RingWriter(roots.export / "other")
        other.publish(77)
        for name in (DATA_NAME, META_NAME):
            (roots.export / "other" / name).rename(roots.export / "front-door" / name)
    old.publish(2)
    if not retired:
        assert fresh(source.try_read()) == (1, 2, 1)
    assert source.close_if_replaced()
    assert fresh(source.try_read()) == (0, 77, 2)
    old.publish(99)
    assert source.try_read() is UNCHANGED


# --- the same export, found again -------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["directory", META_NAME, DATA_NAME])
@both_versions
def test_an_export_found_again_gives_no_frame_twice(
    camera: Path, source: ExportSource, write: Callable[..., Writer], kind: type[Writer], what: str
) -> None:
    """An export that was out of reach for a while is the same session, and only its next frame is new."""
    writer = write(kind)
    writer.publish(1, 2)
    assert fresh(source.try_read()) == (1, 2, 1)
    path = camera if what == "directory" else camera / what
    for n in range(3):
        path.rename(camera.parent / "away")
        gone = source.try_read()
        assert isinstance(gone, Absent) or (kind is RenamingWriter and what == DATA_NAME)
        (camera.parent / "away").rename(path)
        assert source.try_read() is UNCHANGED
        writer.publish(3 + n)
        assert fresh(source.try_read()) == (2 + n, 3 + n, 1)


def test_a_ring_found_again_after_version_1_gives_no_frame_twice(
    camera: Path, source: ExportSource, write: Callable[..., Writer]
) -> None:
    """A ring found again after a version 1 export is another session, but has no new frame."""
    write(RingWriter).publish(7)
    assert isinstance(source.try_read(), Fresh)
    aside = camera.with_name("aside")
    camera.rename(aside)
    camera.mkdir()
    write(RenamingWriter).publish(1)
    assert isinstance(source.try_read(), Fresh)
    shutil.rmtree(camera)
    aside.rename(camera)
    assert source.try_read() is UNCHANGED
    assert (source.version, source.session) == (2, 3)


@both_versions
def test_closing_a_source_forgets_no_frame(
    source: ExportSource, write: Callable[..., Writer], kind: type[Writer]
) -> None:
    """A source that was closed binds again at its next poll, to the same session, without a frame twice."""
    writer = write(kind)
    writer.publish(1)
    assert fresh(source.try_read()) == (0, 1, 1)
    source.close()
    source.close()
    assert source.try_read() is UNCHANGED
    writer.publish(2)
    assert fresh(source.try_read()) == (1, 2, 1)


@pytest.mark.parametrize("name", [META_NAME, DATA_NAME])
@both_versions
def test_an_export_cut_short_and_restored_gives_no_frame_twice(
    camera: Path, source: ExportSource, write: Callable[..., Writer], kind: type[Writer], name: str
) -> None:
    """Bytes that were lost and came back are the same frame of the same session."""
    leave_a_frame(camera, write(kind))
    assert fresh(source.try_read()) == (0, 1, 1)
    content = (camera / name).read_bytes()
    for length in (0, 1, 63, len(content) - 1):
        os.truncate(camera / name, length)
        for _ in range(3):
            assert not isinstance(source.try_read(), Fresh)
        with (camera / name).open("r+b") as file:
            file.write(content)
        assert source.try_read() is UNCHANGED
    assert source.session == 1


# --- letting go -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["both", META_NAME, DATA_NAME])
@both_versions
def test_unlinked_files_are_let_go_of(
    camera: Path, source: ExportSource, write: Callable[..., Writer], kind: type[Writer], name: str
) -> None:
    """When files of an export are unlinked, one poll later no descriptor or mapping keeps their memory."""
    leave_a_frame(camera, write(kind))
    assert fresh(source.try_read()) == (0, 1, 1)
    for unlinked in (META_NAME, DATA_NAME) if name == "both" else (name,):
        (camera / unlinked).unlink()
    outcome = source.try_read()
    assert isinstance(outcome, Absent) or (kind is RenamingWriter and name == DATA_NAME)
    assert [left for left in left_of(camera) if "(deleted)" in left] == []
    if isinstance(outcome, Absent):
        assert left_of(camera) == []
        assert (source.version, source.ring) == (0, None)


def test_data_unlinked_under_a_writer_that_goes_on_is_noticed(
    camera: Path, source: ExportSource, write: Callable[..., Writer]
) -> None:
    """Frames whose pixels no process can open any more end when the path is compared."""
    writer = write(RingWriter)
    writer.publish(1)
    assert fresh(source.try_read()) == (0, 1, 1)
    (camera / DATA_NAME).unlink()
    assert source.close_if_replaced()
    assert isinstance(source.try_read(), Absent)
    assert source.ring is None


def test_a_writer_that_closes_is_let_go_of(
    camera: Path, source: ExportSource, write: Callable[..., Writer]
) -> None:
    """After a regular end the look that follows is absent, and nothing of the export is held any more."""
    writer = write(RingWriter)
    writer.publish(1)
    assert fresh(source.try_read()) == (0, 1, 1)
    writer.close()
    del writer
    assert isinstance(source.try_read(), Absent)
    assert [left for left in left_of(camera) if META_NAME in left] == []


def test_a_closed_export_that_still_stands_is_absent(
    roots: Roots, camera: Path, source: ExportSource, write: Callable[..., Writer]
) -> None:
    """An export marked closed is absent, look after look; to a new reader after its last frame."""
    leave_a_frame(camera, write(RingWriter))
    assert fresh(source.try_read()) == (0, 1, 1)
    edit(camera, FLAGS_OFFSET, 3, 4)
    for _ in range(3):
        assert source.try_read() == Absent("closed by its writer")
        assert left_of(camera) == []
    with ExportSource(str(roots.export), "front-door") as late:
        assert fresh(late.try_read()) == (0, 1, 1)
        for _ in range(3):
            assert late.try_read() == Absent("closed by its writer")
            assert left_of(camera) == []


def test_a_source_is_a_context(camera: Path, roots: Roots, write: Callable[..., Writer]) -> None:
    """Leaving the block closes whatever the source had open."""
    leave_a_frame(camera, write(RingWriter))
    with ExportSource(str(roots.export), "front-door") as source:
        assert fresh(source.try_read()) == (0, 1, 1)
        assert left_of(camera) != []
    assert left_of(camera) == []


def test_the_word_to_wait_for_is_that_of_the_last_look(
    camera: Path, source: ExportSource, write: Callable[..., Writer]
) -> None:
    """The bound ring gives what a process waits for: the wake word as it was before the last poll."""
    writer = write(RingWriter)
    for n in range(3):
        writer.publish(n)
        source.try_read()
        assert source.ring is not None
        assert source.ring.meta_map is not None
        assert source.ring.wake == n + 1
        assert source.ring.meta_map[WAKE_OFFSET:SLOT_COUNT_OFFSET] == (n + 1).to_bytes(4, "little")


@pytest.mark.parametrize("frames", [1, 15, 16, 17, 31, 32, 33])
def test_the_last_frame_of_an_export_is_given(roots: Roots, frames: int) -> None:
    """The last frame published is given although the export was closed and removed right after it."""
    ring = FrameRing(str(roots.export / "a"), 64, 48, 64, 4)
    with ExportSource(str(roots.export), "a") as source:
        assert source.try_read() is UNCHANGED
        for frame in range(frames):
            ring.begin_frame()
            ring.commit(1000 + frame)
            if frame < frames - 1:
                assert isinstance(source.try_read(), Fresh)
        ring.close()
        outcome = source.try_read()
        assert isinstance(outcome, Fresh)
        assert outcome.record.frame_id == frames - 1

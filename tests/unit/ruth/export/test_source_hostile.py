from __future__ import annotations

import itertools
import os
import random
import resource
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from harness.exports import (
    DATA_V1,
    DATA_V2,
    EXPORTS,
    FRAME_SIZE,
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
from harness.waiting import within
from ruth.export.layout import (
    DATA_INODE_OFFSET,
    DATA_OFFSET_OFFSET,
    DATA_SIZE_OFFSET,
    EPOCH_OFFSET,
    FLAGS_OFFSET,
    FRAME_ID_OFFSET,
    HEIGHT_OFFSET,
    PICTURE_OFFSET,
    PIXEL_FORMAT_OFFSET,
    SEQUENCE_OFFSET,
    SLOT_COUNT_OFFSET,
    SLOT_SIZE_OFFSET,
    STRIDE_OFFSET,
    TIMESTAMP_OFFSET,
    VERSION_OFFSET,
    WAKE_OFFSET,
    WIDTH_OFFSET,
)
from ruth.export.nv12 import nv12_views
from ruth.export.outcome import Absent, Fresh
from ruth.identity import DATA_NAME, META_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Processes, Roots
    from ruth.export.outcome import Outcome
    from ruth.export.source import ExportSource

READS = 20_000

# Does to an export whatever can be done to files, at random and without a pause.
VANDAL = """
import os, random, sys
camera, seed = sys.argv[1], int(sys.argv[2])
chosen = random.Random(seed)
other = camera + ".other"
os.chdir(camera)
whole = {name: open(name, "rb").read() for name in ("frame.meta", "frame.data")}
def restore(name):
    with open(name + ".tmp", "wb") as file:
        file.write(whole[name])
    os.rename(name + ".tmp", name)
def scribble(name):
    with open(name, "r+b") as file:
        file.seek(chosen.choice((0, 8, 16, 24, 40, 48, 56, 64, 72, 80, 88, 96)))
        file.write(chosen.randbytes(chosen.choice((1, 4, 8))))
acts = [
    restore, restore, restore, scribble, scribble, os.unlink,
    lambda name: os.truncate(name, chosen.choice((0, 63, 64, 4095, 4096, 16384))),
    lambda name: os.rename(name, "away"),
    lambda name: os.rename("away", name),
    lambda name: os.symlink("away", name),
    lambda name: os.mkfifo(name),
    lambda name: os.link("away", name),
    lambda name: os.mkdir(name),
    lambda name: os.rmdir(name),
    lambda name: os.rename(camera, other),
    lambda name: os.rename(other, camera),
    lambda name: os.symlink(other, camera),
    lambda name: os.path.islink(camera) and os.unlink(camera),
]
print("ready", flush=True)
while True:
    try:
        chosen.choice(acts)(chosen.choice(("frame.meta", "frame.data")))
    except OSError:
        pass
"""

# Looks for a ring that is larger than the address space it may have.
CONFINED = """
import resource, sys
from ruth.export.source import ExportSource
source = ExportSource(sys.argv[1], "front-door")
resource.setrlimit(resource.RLIMIT_AS, (2**32, resource.RLIM_INFINITY))
print(*{type(source.try_read()).__name__ for _ in range(1000)}, source.try_read())
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(type(source.try_read()).__name__)
"""

# Every field with its size: of both versions, then of version 2 only.
FIELDS_V1 = [
    (VERSION_OFFSET, 4),
    (PICTURE_OFFSET, 4),
    (FRAME_ID_OFFSET, 8),
    (TIMESTAMP_OFFSET, 8),
    (WIDTH_OFFSET, 4),
    (HEIGHT_OFFSET, 4),
    (PIXEL_FORMAT_OFFSET, 4),
    (STRIDE_OFFSET, 4),
    (DATA_SIZE_OFFSET, 8),
    (DATA_OFFSET_OFFSET, 8),
    (SEQUENCE_OFFSET, 8),
]
FIELDS_V2 = [
    *FIELDS_V1,
    (WAKE_OFFSET, 4),
    (SLOT_COUNT_OFFSET, 4),
    (SLOT_SIZE_OFFSET, 8),
    (DATA_INODE_OFFSET, 8),
    (EPOCH_OFFSET, 8),
    (FLAGS_OFFSET, 4),
]
SMALL = [0, 1, 2, 3, 4, 7, 8, 9, 14, 15, 16, 17, 18, 61, 62, 63, 64, 191, 192, 193]
LARGE = [4095, 4096, 4097, 8192, 12288, 16384, 16385, 2**15, 2**16, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1]
HUGE = [2**32, 2**53, 2**63 - 4096, 2**63 - 1, 2**63, 2**64 - 4096, 2**64 - 2, 2**64 - 1]
VALUES = {4: SMALL + LARGE, 8: SMALL + LARGE + HUGE}


def resident_bytes() -> int:
    """Memory of this process that is really there."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# --- hostile numbers --------------------------------------------------------------------------------------


def assert_harmless(outcome: Outcome, source: ExportSource, meta: bytes) -> None:
    """A frame that is accepted lies wholly inside its slot and its mapping, and can be viewed."""
    if not isinstance(outcome, Fresh):
        return
    record = outcome.record
    assert record.width > 0
    assert record.height > 0
    assert record.width <= record.stride
    assert record.data_size == record.stride * record.height * 3 // 2
    if record.version == 1:
        assert record.data_size == FRAME_SIZE
        assert nv12_views(DATA_V1, record).nv12.shape == (record.height * 3 // 2, record.width)
        return
    assert source.ring is not None
    assert source.ring.data_map is not None
    slot_size = int.from_bytes(meta[SLOT_SIZE_OFFSET : SLOT_SIZE_OFFSET + 8], "little")
    assert record.data_offset % slot_size == 0
    assert record.data_size <= slot_size
    assert record.data_offset + record.data_size <= len(source.ring.data_map) <= len(DATA_V2)
    assert nv12_views(source.ring.data_map, record).nv12.shape == (record.height * 3 // 2, record.width)


def hostile(fields: list[tuple[int, int]], seed: int) -> Iterator[tuple[tuple[int, int, int], ...]]:
    """Every value of every field alone, then random ones of two to five fields at once."""
    for offset, size in fields:
        for value in VALUES[size]:
            yield ((offset, size, value),)
    chosen = random.Random(seed)
    while True:
        yield tuple(
            (offset, size, chosen.choice(VALUES[size]))
            for offset, size in chosen.sample(fields, chosen.randint(2, 5))
        )


@pytest.mark.soak
@pytest.mark.parametrize(
    "fresh_files", [False, pytest.param(True, marks=pytest.mark.long)], ids=["in place", "in new files"]
)
def test_hostile_numbers_in_a_ring_do_no_harm(
    camera: Path, source: ExportSource, soaking: bool, fresh_files: bool
) -> None:
    """Boundary values in every field, alone and together: no exception, no view outside a slot, no leak.

    10,000 headers, each looked at twice; in the longer form, in place, a million.
    """
    headers = 1_000_000 if soaking and not fresh_files else READS // 2
    put(camera, META_V2, DATA_V2)
    source.try_read()
    held = len(left_of(camera))
    accepted = 0
    memory = 0
    with (camera / META_NAME).open("r+b", buffering=0) as standing:
        changes = hostile(FIELDS_V2, seed=1)
        for n in range(headers):
            meta = patched(next_frame(META_V2, n), *next(changes))
            if fresh_files:
                put(camera, meta, DATA_V2)
            else:
                os.pwrite(standing.fileno(), meta, 0)
            for _ in range(2):
                outcome = source.try_read()
                accepted += isinstance(outcome, Fresh)
                assert_harmless(outcome, source, meta)
            if n == headers // 10:
                memory = resident_bytes()
    assert accepted > 50
    assert len(left_of(camera)) <= held
    assert resident_bytes() - memory < 4 * 2**20


def test_hostile_numbers_in_a_version_1_header_do_no_harm(camera: Path, source: ExportSource) -> None:
    """The same for version 1, each header in a new file, beside a data file of the right size."""
    put(camera, META_V1, DATA_V1)
    source.try_read()
    held = len(left_of(camera))
    accepted = 0
    changes = hostile(FIELDS_V1, seed=2)
    for n in range(READS // 2):
        meta = patched(next_frame(META_V1, n), *next(changes))
        (camera / "frame.meta.tmp").write_bytes(meta)
        (camera / "frame.meta.tmp").rename(camera / META_NAME)
        for _ in range(2):
            outcome = source.try_read()
            accepted += isinstance(outcome, Fresh)
            assert_harmless(outcome, source, meta)
    assert accepted > 50
    assert len(left_of(camera)) <= held


@pytest.mark.parametrize(
    "changes",
    [
        ((WIDTH_OFFSET, 4, 64), (STRIDE_OFFSET, 4, 64), (HEIGHT_OFFSET, 4, 64), (DATA_SIZE_OFFSET, 8, 6144)),
        ((STRIDE_OFFSET, 4, 2**32 - 1), (DATA_SIZE_OFFSET, 8, (2**32 - 1) * HEIGHT * 3 // 2)),
        ((HEIGHT_OFFSET, 4, 2**32 - 2), (DATA_SIZE_OFFSET, 8, WIDTH * (2**32 - 2) * 3 // 2)),
        ((WIDTH_OFFSET, 4, 15), (STRIDE_OFFSET, 4, 16)),
        ((STRIDE_OFFSET, 4, 8), (DATA_SIZE_OFFSET, 8, 96)),
        ((DATA_OFFSET_OFFSET, 8, SLOTS * SLOT_SIZE),),
        ((DATA_OFFSET_OFFSET, 8, 2**64 - SLOT_SIZE),),
        ((SLOT_SIZE_OFFSET, 8, 2**62), (SLOT_COUNT_OFFSET, 4, 4)),
    ],
    ids=[
        "larger than its slot",
        "stride beyond the file",
        "height beyond the file",
        "odd width",
        "stride below width",
        "slot after the last",
        "slot before the first",
        "ring of 2^64 bytes",
    ],
)
def test_numbers_that_agree_with_each_other_and_not_with_the_file_are_refused(
    camera: Path, source: ExportSource, changes: tuple[tuple[int, int, int], ...]
) -> None:
    """A header that is consistent in itself and does not fit its ring is absent."""
    put(camera, patched(META_V2, *changes), DATA_V2)
    assert isinstance(source.try_read(), Absent)
    assert left_of(camera) == []


@pytest.mark.parametrize("timestamp_ns", [0, 1, 2**63, 2**64 - 1])
@both_versions
def test_any_timestamp_is_a_timestamp(
    camera: Path, source: ExportSource, version: int, timestamp_ns: int
) -> None:
    """What time a frame is of is not judged here: it is handed on as it is."""
    meta, data = EXPORTS[version]
    put(camera, patched(meta, (TIMESTAMP_OFFSET, 8, timestamp_ns)), data)
    outcome = source.try_read()
    assert isinstance(outcome, Fresh)
    assert outcome.record.timestamp_ns == timestamp_ns


def test_a_sparse_data_file_of_any_size_does_no_harm(camera: Path, source: ExportSource) -> None:
    """A ring that is as large as its file claims to be, and larger than memory, is bound or refused."""
    for slot_size in (2**30, 2**40, 2**60):
        put(camera, patched(META_V2, (SLOT_SIZE_OFFSET, 8, slot_size), (DATA_OFFSET_OFFSET, 8, 0)), b"")
        try:
            os.truncate(camera / DATA_NAME, SLOTS * slot_size)
        except OSError:
            continue  # no file can be so large here
        memory = resident_bytes()
        assert isinstance(source.try_read(), Fresh | Absent)
        assert resident_bytes() - memory < 2**20


# --- limits and vandals -----------------------------------------------------------------------------------


@both_versions
def test_without_descriptors_an_export_is_absent(camera: Path, source: ExportSource, version: int) -> None:
    """At the limit of descriptors, whichever open it is that fails, nothing leaks; it binds when it can."""
    put(camera, *EXPORTS[version])
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 0  # version 1: directory twice and meta; 2: once, both files, a mapping each
    try:
        for spare in range(8):
            listed = os.listdir("/proc/self/fd")  # with the one that listed them, which is gone by now
            used = [int(number) for number in listed if os.path.exists(f"/proc/self/fd/{number}")]
            free = (number for number in itertools.count() if number not in used)
            limit = list(itertools.islice(free, spare + 1))[-1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limits[1]))
            outcome = source.try_read()
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            if isinstance(outcome, Fresh):
                needed = spare
                break
            assert isinstance(outcome, Absent)
            assert "Too many open files" in outcome.reason
            assert left_of(camera) == []
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert needed == (3 if version == 1 else 5)
    assert source.session == 1


def test_without_address_space_an_export_is_absent(roots: Roots, camera: Path, processes: Processes) -> None:
    """A ring that a process may not map is absent to it, look after look, and bound once it may."""
    meta = patched(META_V2, (SLOT_SIZE_OFFSET, 8, 2**30), (DATA_OFFSET_OFFSET, 8, 2**30))
    put(camera, meta, b"")
    os.truncate(camera / DATA_NAME, SLOTS * 2**30)
    process = processes.start(sys.executable, "-c", CONFINED, roots.export, stdout=subprocess.PIPE, text=True)
    confined, free = process.communicate(timeout=60)[0].splitlines()
    assert confined.startswith("Absent Absent(")
    assert "Cannot allocate memory" in confined
    assert free == "Fresh"


@both_versions
def test_whatever_is_done_to_an_export_reading_goes_on(
    camera: Path, source: ExportSource, processes: Processes, version: int
) -> None:
    """20,000 looks while files are cut, scribbled on, moved, linked and removed: nothing raises or leaks."""
    put(camera, *EXPORTS[version])
    vandal = processes.start(sys.executable, "-c", VANDAL, camera, str(version), stdout=subprocess.PIPE)
    assert vandal.stdout is not None
    assert vandal.stdout.readline() == b"ready\n"
    met: set[type] = set()
    looks = 0
    with within(60):
        while looks < READS or not {Absent, Fresh} <= met:
            met.add(type(source.try_read()))
            looks += 1
            if looks % 1000 == 0:
                assert len(left_of(camera.parent)) <= 6
    assert vandal.poll() is None
    vandal.kill()
    vandal.wait()
    source.close()
    assert left_of(camera.parent) == []

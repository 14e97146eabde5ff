from __future__ import annotations

import itertools
import os
import resource
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from doubles.small_tmpfs import MIB, small_tmpfs
from doubles.unread_output import UNREAD
from harness.exports import newest
from ruth.errors import ExportError
from ruth.export.layout import (
    META_SIZE_V2,
    VERSION_2,
    FrameRecord,
    pack_record,
)
from ruth.vas.exporter import open_exporter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Processes, Roots
    from harness.published import Messages

WIDTH, HEIGHT = 16, 8
FRAME_SIZE = WIDTH * HEIGHT * 3 // 2
FRAME = bytes(range(FRAME_SIZE))

# Cannot export, and reports that as VAS does when nothing else is said.
REPORTING = """
from ruth.vas.exporter import open_exporter
exporter = open_exporter("front-door", 15, 8)
assert not exporter.enabled and exporter.begin_frame() is None
"""

# Replaces an export whose frame.meta is a hole, on a tmpfs that is full from then on.
REPLACING = f"""
import sys
from ruth.vas.exporter import open_exporter
exporter = open_exporter("front-door", {WIDTH}, {HEIGHT}, slot_count=2)
sys.exit(0 if exporter.publish(bytes({FRAME_SIZE}), 1) else 1)
"""


@pytest.fixture(name="small_tmpfs")
def fixture_small_tmpfs(roots: Roots) -> Iterator[Path]:
    """The export root as a tmpfs of 1 MiB, unmounted afterwards."""
    with small_tmpfs(roots.export, MIB) as path:
        yield path


# --- what cannot be exported ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ((15, 8), {}),
        ((0, 0), {}),
        ((-16, 8), {}),
        ((2**32, 2**32), {}),
        ((2**32 - 2, 2**32 - 2), {}),
        ((16.0, 8), {}),
        (("16", "8"), {}),
        ((None, None), {}),
        ((16, 8), {"stride": 0}),
        ((16, 8), {"stride": 14}),
        ((16, 8), {"slot_count": 1}),
        ((16, 8), {"slot_count": 63}),
        ((16, 8), {"root": "/proc/nowhere"}),
        ((16, 8), {"root": "/dev/null"}),
        ((16, 8), {"root": "/proc/\0"}),
        ((16, 8), {"root": "/proc/" + "x" * 300}),
    ],
)
def test_what_cannot_be_exported_leaves_one_message(
    roots: Roots, messages: Messages, arguments: tuple[int, int], options: dict[str, int]
) -> None:
    """Geometry, memory or place that cannot be: one message, not enabled, and every call refused."""
    exporter = open_exporter(
        "front-door",
        *arguments,
        environ=roots.environ(),
        report=messages,
        **options,  # type: ignore[arg-type]
    )
    assert not exporter.enabled
    assert exporter.begin_frame() is None
    assert not exporter.commit(1)
    assert not exporter.publish(FRAME, 1)
    exporter.abandon()
    exporter.close()
    assert messages == [exporter.problem]
    assert "front-door" in messages[0]
    assert not (roots.export / "front-door").exists() or os.listdir(roots.export / "front-door") == []


def test_a_full_tmpfs_is_one_message_and_decoding_goes_on(
    small_tmpfs: Path, roots: Roots, messages: Messages
) -> None:
    """Memory that cannot be reserved: one message, nothing exported, no file left, its memory returned."""
    exporter = open_exporter("front-door", 1280, 720, environ=roots.environ(), report=messages)
    for n in range(100):
        assert exporter.begin_frame() is None
        assert not exporter.publish(bytes(1280 * 720 * 3 // 2), n)
    assert not exporter.enabled
    assert messages == [f"{roots.export}/front-door: cannot export: No space left on device"]
    assert os.listdir(small_tmpfs / "front-door") == []
    free = os.statvfs(small_tmpfs)
    assert free.f_bavail == free.f_blocks == MIB // free.f_frsize


def test_memory_for_the_header_counts_too(small_tmpfs: Path, roots: Roots, messages: Messages) -> None:
    """When frame.data fits and frame.meta does not, frame.data is given back."""
    slots = 2
    pages = MIB // 4096
    with (small_tmpfs / "filler").open("wb") as filler:
        os.posix_fallocate(filler.fileno(), 0, (pages - slots) * 4096)
    exporter = open_exporter(
        "front-door", WIDTH, HEIGHT, slot_count=slots, environ=roots.environ(), report=messages
    )
    assert not exporter.enabled
    assert len(messages) == 1
    assert os.listdir(small_tmpfs / "front-door") == []
    assert os.statvfs(small_tmpfs).f_bavail == slots


def test_a_full_tmpfs_leaves_the_export_that_stands(
    small_tmpfs: Path, roots: Roots, messages: Messages
) -> None:
    """When the memory for a new resolution cannot be had, the earlier export is still intact and works."""
    earlier = open_exporter("front-door", WIDTH, HEIGHT, environ=roots.environ(), report=messages)
    larger = open_exporter("front-door", 1280, 720, environ=roots.environ(), report=messages)
    assert not larger.enabled
    assert earlier.publish(FRAME, 7)
    assert newest(roots.export / "front-door") == (0, 7, FRAME)
    earlier.close()


def test_replacing_an_export_on_a_full_tmpfs_kills_nobody(
    small_tmpfs: Path, roots: Roots, processes: Processes
) -> None:
    """A writer whose own memory is reserved needs none for what it replaces: no SIGBUS from a hole there."""
    camera = small_tmpfs / "front-door"
    camera.mkdir()
    record = pack_record(FrameRecord(VERSION_2, 0, 0, 0, WIDTH, HEIGHT, 0, WIDTH, FRAME_SIZE, 0, 0))
    for content in (b"", record):
        with (camera / "frame.meta").open("wb") as meta:
            meta.write(content)
            meta.truncate(META_SIZE_V2)
        used = META_SIZE_V2 if content else 0
        with (small_tmpfs / "filler").open("wb") as filler:
            os.posix_fallocate(filler.fileno(), 0, MIB - 3 * 4096 - used)
        writer = processes.start(sys.executable, "-c", REPLACING, env=roots.environ())
        assert writer.wait(timeout=60) == 0
        for name in ("frame.meta", "frame.data"):
            (camera / name).unlink()
        (small_tmpfs / "filler").unlink()


def test_without_descriptors_nothing_is_left_half_made(roots: Roots, messages: Messages) -> None:
    """At the limit of descriptors, whichever open of the writer fails, nothing is left open or made."""
    camera = roots.export / "front-door"
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    refused = 0
    try:
        for spare in range(10):
            listed = os.listdir("/proc/self/fd")  # with the one that listed them, which is gone by now
            used = [int(number) for number in listed if os.path.exists(f"/proc/self/fd/{number}")]
            free = (number for number in itertools.count() if number not in used)
            limit = list(itertools.islice(free, spare + 1))[-1]
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limits[1]))
            exporter = open_exporter("front-door", WIDTH, HEIGHT, environ=roots.environ(), report=messages)
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
            if exporter.enabled:
                break
            refused += 1
            assert "Too many open files" in messages[-1]
            assert not camera.exists() or os.listdir(camera) == []
            assert len(os.listdir("/proc/self/fd")) == len(listed)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert refused == len(messages) > 3
    assert exporter.publish(FRAME, 1)
    assert newest(roots.export / "front-door") == (0, 1, FRAME)
    exporter.close()


# --- the message ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [OSError("stderr is gone"), ValueError("I/O operation on closed file")])
def test_a_message_that_cannot_be_left_disturbs_nobody(roots: Roots, error: Exception) -> None:
    """Whatever the place for messages answers, opening and publishing do not raise; the message is kept."""

    def report(problem: str) -> None:
        raise error

    refused = open_exporter("front-door", 15, HEIGHT, environ=roots.environ(), report=report)
    assert not refused.enabled
    assert refused.problem is not None
    exporter = open_exporter("front-door", WIDTH, HEIGHT, environ=roots.environ(), report=report)
    assert not exporter.publish(b"", 1)
    assert exporter.problem is not None
    assert exporter.publish(FRAME, 1)
    exporter.close()


def test_the_message_is_one_line_on_stderr(roots: Roots, processes: Processes) -> None:
    """Unless it is given another place, a message is one line on stderr, and stdout stays empty."""
    process = processes.start(
        sys.executable,
        "-c",
        REPORTING,
        env=roots.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert err.startswith("ruth: not exported: ")
    assert err.endswith("NV12 needs even numbers above 0\n")
    assert err.count("\n") == 1


def test_without_stderr_the_message_is_lost(roots: Roots, processes: Processes) -> None:
    """A process without stderr reports nowhere: nothing goes to stdout or to a file that has number 2 now."""
    process = processes.start(
        "sh",
        "-c",
        'exec "$0" "$@" 2>&-',
        sys.executable,
        "-c",
        REPORTING,
        env=roots.environ(),
        stdout=subprocess.PIPE,
    )
    assert process.communicate(timeout=60)[0] == b""
    assert process.returncode == 0


@pytest.mark.parametrize("make", UNREAD)
def test_a_stderr_that_nobody_reads_holds_no_decoder_up(
    roots: Roots, processes: Processes, make: Callable[[], tuple[int, int]]
) -> None:
    """Where stderr is full, or a stopped terminal, the message is lost and decoding goes on."""
    read_end, write_end = make()
    try:
        process = processes.start(sys.executable, "-c", REPORTING, env=roots.environ(), stderr=write_end)
        assert process.wait(timeout=60) == 0
    finally:
        os.close(read_end)
        os.close(write_end)


def test_export_errors_know_their_directory() -> None:
    """What an exporter turns into its message names the directory that was meant."""
    error = ExportError("/export/front-door", "no room")
    assert (str(error), error.directory) == ("/export/front-door: no room", "/export/front-door")


def test_a_relative_root_below_a_folder_that_is_gone(
    roots: Roots, messages: Messages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a relative root leads nowhere, since the working directory was removed: one message, no more."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    exporter = open_exporter("a", 16, 8, root="vas", environ=roots.environ(), report=messages)
    assert not exporter.enabled
    assert len(messages) == 1
    assert "No such file or directory" in messages[0]

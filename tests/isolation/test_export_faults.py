"""What can be in place of an export, or become of one: a real agent idles beside it, and then goes on.

Each fault is a camera of its own. What is edited has a new frame in it, so that an agent that fails to
notice the fault decides about that frame.
"""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from harness.agents import launched, record, view_agent, wait_observed, wake_ups
from harness.exports import (
    EXPORTS,
    HEIGHT,
    META_V1,
    META_V2,
    SLOT_SIZE,
    SLOTS,
    WIDTH,
    next_frame,
    patched,
    put,
)
from harness.waiting import wait_until
from launch.agent.native.library import VARIABLE
from launch.observe.agent_view import cpu_time_ns
from ruth.export.layout import (
    DATA_INODE_OFFSET,
    DATA_OFFSET_OFFSET,
    DATA_SIZE_OFFSET,
    FLAG_CLOSED,
    FLAGS_OFFSET,
    HEIGHT_OFFSET,
    PIXEL_FORMAT_OFFSET,
    RECORD_SIZE,
    SEQUENCE_OFFSET,
    SLOT_COUNT_OFFSET,
    SLOT_SIZE_OFFSET,
    STRIDE_OFFSET,
    VERSION_OFFSET,
    WIDTH_OFFSET,
)
from ruth.identity import DATA_NAME, META_NAME

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Processes, Roots

FIRST, SECOND = 5, 6  # ids of the frame that an export begins with, and of the next one
U32, U64 = 2**32 - 1, 2**64 - 1
METAS = {1: META_V1, 2: META_V2}


def unlinked(name: str) -> Callable[[Path], None]:
    """One file is gone, the other is there."""
    return lambda folder: (folder / name).unlink()


def renamed(name: str) -> Callable[[Path], None]:
    """One file has another name."""
    return lambda folder: (folder / name).rename(folder / f"old-{name}") and None


def replaced(name: str, make: Callable[[Path], object]) -> Callable[[Path], None]:
    """Something else has the name of one file."""

    def replace(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return replace


def folder_is_a_link(version: int) -> Callable[[Path], None]:
    """A link leads to the folder of another export, which has a new frame."""

    def link(folder: Path) -> None:
        other = folder.with_name(f"other-{folder.name}")
        other.mkdir()
        meta, data = EXPORTS[version]
        put(other, next_frame(meta), data)
        folder.rename(folder.with_name(f"old-{folder.name}"))
        folder.symlink_to(other)

    return link


def file_is_a_link(name: str) -> Callable[[Path], None]:
    """A link leads to where one file is now."""

    def link(folder: Path) -> None:
        (folder / name).rename(folder / f"real-{name}")
        (folder / name).symlink_to(folder / f"real-{name}")

    return link


def edited(version: int, *changes: tuple[int, int, int]) -> Callable[[Path], None]:
    """The header has a new frame and other numbers: as a new file in version 1, in place in version 2."""
    content = patched(next_frame(METAS[version]), *changes)

    def edit(folder: Path) -> None:
        if version == 1:
            put_meta(folder, content)
        else:
            with (folder / META_NAME).open("r+b") as meta:
                meta.write(content)

    return edit


def header_of(version: int) -> Callable[[Path], None]:
    """The header is one of the other version; the data is not."""
    return lambda folder: put_meta(folder, next_frame(METAS[3 - version]))


def put_meta(folder: Path, content: bytes) -> None:
    """Another header, in a new file."""
    (folder / "new").write_bytes(content)
    (folder / "new").rename(folder / META_NAME)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is done to an export of one version."""

    version: int
    inflict: Callable[[Path], None]


def faults() -> dict[str, Fault]:
    """All of them, by the name of the camera that has it."""
    either: dict[str, Callable[[int], Callable[[Path], None]]] = {
        "meta-without-data": lambda _: unlinked(DATA_NAME),
        "data-without-meta": lambda _: unlinked(META_NAME),
        "neither": lambda _: shutil.rmtree,
        "data-renamed": lambda _: renamed(DATA_NAME),
        "meta-renamed": lambda _: renamed(META_NAME),
        "folder-renamed": lambda _: (
            lambda folder: folder.rename(folder.with_name(f"old-{folder.name}")) and None
        ),
        "folder-is-a-link": folder_is_a_link,
        "meta-is-a-link": lambda _: file_is_a_link(META_NAME),
        "data-is-a-link": lambda _: file_is_a_link(DATA_NAME),
        "meta-is-a-fifo": lambda _: replaced(META_NAME, os.mkfifo),
        "data-is-a-fifo": lambda _: replaced(DATA_NAME, os.mkfifo),
        "meta-is-a-folder": lambda _: replaced(META_NAME, os.mkdir),
        "data-is-a-folder": lambda _: replaced(DATA_NAME, os.mkdir),
        "versions-mixed": header_of,
        "version-0": lambda version: edited(version, (VERSION_OFFSET, 4, 0)),
        "version-3": lambda version: edited(version, (VERSION_OFFSET, 4, 3)),
        "version-highest": lambda version: edited(version, (VERSION_OFFSET, 4, U32)),
        "no-nv12": lambda version: edited(version, (PIXEL_FORMAT_OFFSET, 4, 1)),
        "no-width": lambda version: edited(version, (WIDTH_OFFSET, 4, 0)),
        "odd-width": lambda version: edited(version, (WIDTH_OFFSET, 4, WIDTH - 1)),
        "no-height": lambda version: edited(version, (HEIGHT_OFFSET, 4, 0)),
        "odd-height": lambda version: edited(version, (HEIGHT_OFFSET, 4, HEIGHT - 1)),
        "twice-as-high": lambda version: edited(version, (HEIGHT_OFFSET, 4, 2 * HEIGHT)),
        "stride-below-width": lambda version: edited(version, (STRIDE_OFFSET, 4, WIDTH - 2)),
        "size-of-no-frame": lambda version: edited(version, (DATA_SIZE_OFFSET, 8, 1)),
        "size-highest": lambda version: edited(version, (DATA_SIZE_OFFSET, 8, U64)),
        "geometry-highest": lambda version: edited(
            version, (WIDTH_OFFSET, 4, U32 - 1), (HEIGHT_OFFSET, 4, U32 - 1), (STRIDE_OFFSET, 4, U32)
        ),
    }
    tall = SLOT_SIZE // (WIDTH * 3 // 2) // 2 * 2 + 2  # the least even height that no slot can hold
    rings: dict[str, Callable[[Path], None]] = {
        "larger-than-its-slot": edited(
            2, (HEIGHT_OFFSET, 4, tall), (DATA_SIZE_OFFSET, 8, WIDTH * tall * 3 // 2)
        ),
        "between-two-slots": edited(2, (DATA_OFFSET_OFFSET, 8, SLOT_SIZE // 2)),
        "behind-the-last-slot": edited(2, (DATA_OFFSET_OFFSET, 8, SLOTS * SLOT_SIZE)),
        "offset-highest": edited(2, (DATA_OFFSET_OFFSET, 8, U64 - SLOT_SIZE + 1)),
        "one-slot": edited(2, (SLOT_COUNT_OFFSET, 4, 1)),
        "63-slots": edited(2, (SLOT_COUNT_OFFSET, 4, 63)),
        "more-slots-than-data": edited(2, (SLOT_COUNT_OFFSET, 4, SLOTS + 1)),
        "slots-of-no-pages": edited(2, (SLOT_SIZE_OFFSET, 8, SLOT_SIZE - 1)),
        "slot-size-highest": edited(2, (SLOT_SIZE_OFFSET, 8, U64 & ~4095)),
        "another-data-file": edited(2, (DATA_INODE_OFFSET, 8, 1)),
        "closed": edited(2, (FLAGS_OFFSET, 4, FLAG_CLOSED), (SEQUENCE_OFFSET, 8, 13)),
        "torn-for-ever": edited(2, (SEQUENCE_OFFSET, 8, 13)),
        "all-ones": edited(2, *((offset, 8, U64) for offset in range(0, RECORD_SIZE, 8))),
    }
    found = {
        f"{name}-v{version}": Fault(version, make(version))
        for name, make in either.items()
        for version in EXPORTS
    }
    return found | {name: Fault(2, inflict) for name, inflict in rings.items()}


def clean(folder: Path) -> None:
    """Takes away whatever the fault has left at the camera's path."""
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()


@pytest.mark.parametrize("native", ["on", "off"])
def test_agents_idle_beside_any_of_it_and_go_on(
    roots: Roots, processes: Processes, monkeypatch: pytest.MonkeyPatch, native: str
) -> None:
    """Alive, no decision, a poll per second, and the first good frame is observed, by the same process."""
    monkeypatch.setenv(VARIABLE, native)
    cameras = faults()
    for camera, fault in cameras.items():
        (roots.export / camera).mkdir(parents=True)
        put(roots.export / camera, *EXPORTS[fault.version])
    pids = launched(roots, processes, *cameras)
    for camera in cameras:
        wait_observed(roots, camera, FIRST)
    for camera, fault in cameras.items():
        fault.inflict(roots.export / camera)
    until = time.monotonic() + 2.2  # an agent of version 1 looks often until a second has brought nothing
    wait_until(lambda: time.monotonic() >= until, "every agent has polled")
    before = {camera: (wake_ups(pid), cpu_time_ns(pid) or 0) for camera, pid in pids.items()}
    until = time.monotonic() + 2
    wait_until(lambda: time.monotonic() >= until, "two seconds have passed")
    for camera, pid in pids.items():
        woken, used_ns = before[camera]
        assert view_agent(roots, camera).pid == pid, camera
        assert record(roots, camera).frames == 1, camera
        assert wake_ups(pid) - woken <= 4, camera
        assert (cpu_time_ns(pid) or 0) - used_ns < 20_000_000, camera
    for camera, fault in cameras.items():
        clean(roots.export / camera)
        meta, data = EXPORTS[fault.version]
        put(roots.export / camera, next_frame(meta), data)
    for camera, pid in pids.items():
        wait_observed(roots, camera, SECOND)
        assert view_agent(roots, camera).pid == pid

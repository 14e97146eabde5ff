"""A tmpfs of a test's own, small enough to be filled."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIB = 2**20


@contextmanager
def small_tmpfs(path: Path, size: int, files: int = 0) -> Iterator[Path]:
    """A tmpfs of ``size`` bytes, and of so many files at most unless 0, at a folder, made if missing.

    It is unmounted afterwards; without root, a skip.
    """
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    path.mkdir(exist_ok=True)
    inodes = files + 1 if files else 0  # the folder has one, too; 0 is not a limit
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},nr_inodes={inodes}", "tmpfs", path]
    mounted = subprocess.run(command, capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


def free_bytes(path: Path) -> int:
    """What can still be stored there."""
    status = os.statvfs(path)
    return status.f_bfree * status.f_frsize


def fill(path: Path) -> None:
    """Leaves not a byte free."""
    with (path / "filler").open("wb", buffering=0) as filler:
        for size in (MIB, 4096):
            try:
                while True:
                    filler.write(bytes(size))
            except OSError:
                continue

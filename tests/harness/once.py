"""What is expensive to make and only read afterwards: made once per run, however many processes run tests."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

_WORKER = "PYTEST_XDIST_WORKER"


def made_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder ``name`` of this run, after ``make`` has filled it; the first process that asks makes it.

    A folder that could not be made is tried again by the next one that asks.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if _WORKER in os.environ else base  # each process has a folder of its own within
    folder, made = shared / name, shared / f"{name}.made"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        if not made.exists():
            folder.mkdir(exist_ok=True)
            make(folder)
            made.touch()
    return folder

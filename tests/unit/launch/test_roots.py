from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from faults.tracer import Failing, run
from launch.roots import nearest_existing_directory

if TYPE_CHECKING:
    from pathlib import Path


def test_a_directory_that_stands_is_itself(tmp_path: Path) -> None:
    """What exists is taken as it is."""
    assert nearest_existing_directory(str(tmp_path)) == str(tmp_path)


def test_the_nearest_above_one_that_does_not_stand(tmp_path: Path) -> None:
    """Else the nearest directory above it; a file is none."""
    (tmp_path / "file").touch()
    assert nearest_existing_directory(str(tmp_path / "missing" / "below")) == str(tmp_path)
    assert nearest_existing_directory(str(tmp_path / "file" / "below")) == str(tmp_path)


def test_a_kernel_that_tells_of_no_directory() -> None:
    """Where every stat(2) fails, the search ends at the root directory instead of going on for ever."""

    def search() -> None:
        assert nearest_existing_directory("/dev/shm/vas") == "/"

    ran = run(lambda: None, search, Failing(1, errno.ENOMEM, for_ever=True), seconds=2.0)
    assert (ran.code, ran.escaped, ran.late) == (0, "", False)

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from launch.launcher.start_over import own_arguments

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("given", "count", "own"),
    [
        (["python", "bin/ruth", "up", "-d"], 3, ["-P", "{here}/bin/ruth", "up", "-d"]),
        (["python", "/bin/ruth", "up"], 2, ["-P", "/bin/ruth", "up"]),
        (["python", "-W", "ignore", "bin/ruth", "up"], 2, ["-P", "-W", "ignore", "{here}/bin/ruth", "up"]),
        (["python", "-m", "ruth", "up", "r.toml"], 3, ["-P", "-m", "ruth", "up", "r.toml"]),
        (["python", "-Em", "ruth", "up"], 2, ["-P", "-Em", "ruth", "up"]),
        (["python", "-c", "code()", "up"], 2, ["-P", "-c", "code()", "up"]),
        (["python", "-mruth", "up"], 2, ["-P", "-mruth", "up"]),
    ],
)
def test_a_command_for_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: list[str], count: int, own: list[str]
) -> None:
    """A script gets its absolute path; a module, code and what follows stay; no folder is imported from."""
    monkeypatch.chdir(tmp_path)
    assert own_arguments(given, count, safe=False) == [word.format(here=os.getcwd()) for word in own]


def test_once_is_enough() -> None:
    """A command that is safe already stays as it is, however often a launcher starts over."""
    given = ["python", "-P", "/bin/ruth", "up"]
    assert own_arguments(given, 2, safe=True) == given[1:]

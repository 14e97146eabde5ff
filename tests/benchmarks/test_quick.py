from __future__ import annotations

import math
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from benchmarks.plot import plot_missing
from benchmarks.record import read_records
from benchmarks.registry import NAMES, benchmark_named
from conftest import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Processes

pytestmark = [pytest.mark.alone, pytest.mark.long]

COMMAND = [sys.executable, "-m", "benchmarks"]
# Rows of each first table where nothing is left out, and what cannot be had by whom.
ROWS = {
    "publish": 11,
    "notice": 15,
    "cameras": 6,
    "version1": 6,
    "rhythm": 12,
    "idle": 2,
    "gate": 12,
    "view": 6,
    "many": 5,
    "pictures": 11,
    "off": 2,
    "decode": 4,
}
LEFT_OUT = ("was left out", "were not counted")
NEGATIVE_MAY_BE = ("one more, ms", "private memory grown, bytes")  # differences of two measurements


@pytest.mark.parametrize("name", NAMES)
def test_the_short_form_gives_numbers(name: str, tmp_path: Path, processes: Processes) -> None:
    """Each benchmark runs, says how far it is, and leaves tables, numbers, a plot and no process."""
    command = [*COMMAND, name, "--quick", "-o", tmp_path]
    done = subprocess.run(command, cwd=PROJECT / "tests", capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert f"1/1 {name}" in done.stderr
    assert "Traceback" not in done.stderr
    record = read_records(tmp_path)[name]
    assert record.quick
    complete = not [note for note in record.result.notes if any(words in note for words in LEFT_OUT)]
    assert len(record.result.tables[0].rows) == ROWS[name] or not complete
    for table in record.result.tables:
        assert table.title in done.stdout
        assert table.rows
        for row in table.rows:
            for header, cell in zip(table.headers, row, strict=True):
                if isinstance(cell, int | float):
                    assert math.isfinite(cell), (table.title, header)
                    assert cell >= 0 or header in NEGATIVE_MAY_BE, (table.title, header)
    drawn = bool(record.result.charts) and plot_missing() is None
    assert (tmp_path / f"{name}.png").exists() == drawn
    assert not psutil.Process().children()


def test_an_unknown_name_is_refused() -> None:
    """A benchmark that there is none of is wrong usage, and the message names those that there are."""
    done = subprocess.run([*COMMAND, "speed"], cwd=PROJECT / "tests", capture_output=True, text=True)
    assert done.returncode == 2
    assert ", ".join(NAMES) in done.stderr


def test_the_short_form_is_not_documented() -> None:
    """Numbers taken in haste do not get into the documentation."""
    command = [*COMMAND, "--quick", "--document"]
    done = subprocess.run(command, cwd=PROJECT / "tests", capture_output=True, text=True)
    assert done.returncode == 2


def test_help_lists_every_benchmark() -> None:
    """--help says of each benchmark what it measures."""
    done = subprocess.run([*COMMAND, "--help"], cwd=PROJECT / "tests", capture_output=True, text=True)
    assert done.returncode == 0
    for name in NAMES:
        assert f"{name:8} {benchmark_named(name).ABOUT}" in done.stdout

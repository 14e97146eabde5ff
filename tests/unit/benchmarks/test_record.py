from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.record import Record, read_records, write_records
from benchmarks.result import Result, Table

if TYPE_CHECKING:
    from pathlib import Path


def record(name: str, value: float) -> Record:
    """A record of one number."""
    result = Result(name, (Table(name, ("us",), ((value,),)),))
    return Record(result, "2000-12-31", "a machine", 0.5, 12.0, quick=False)


def test_no_file_is_no_record(tmp_path: Path) -> None:
    """Where nothing was written yet, nothing is read."""
    assert read_records(tmp_path) == {}


def test_a_run_replaces_its_own_records_only(tmp_path: Path) -> None:
    """A benchmark run again replaces its numbers; those of the others stay."""
    folder = tmp_path / "new"
    write_records(folder, [record("gate", 1.0), record("view", 2.0)])
    write_records(folder, [record("gate", 3.0)])
    assert read_records(folder) == {"gate": record("gate", 3.0), "view": record("view", 2.0)}


def test_circumstances() -> None:
    """Beside numbers is on what, when and beside what else they were measured, and if it was in haste."""
    told = record("gate", 1.0).circumstances
    assert told == "a machine. Measured 2000-12-31 in 12 s; load average before: 0.5"

from __future__ import annotations

import pytest

from benchmarks.reach import BEHIND, GOALS, REACHED, cell, reach_table
from benchmarks.record import Record
from benchmarks.result import Result, Table


def record(name: str, *tables: Table) -> Record:
    """A record with these tables."""
    return Record(Result(name, tables), "2000-12-31", "a machine", 0.5, 12.0, quick=False)


GATE = Table(
    "One decision",
    ("models", "by", "median, ns per decision"),
    ((1, "agent, all models", 90.0), (4, "agent, all models", 79.0)),
)
FRAMES = Table(
    "Cameras",
    ("cameras", "by", "missed", "p99, us", "CPU, us per frame and agent"),
    ((1_000, "Ruth", 0, 900.0, 17.0), (2_000, "Ruth", 5, 5_000.0, 20.0)),
)
PROCESSES = Table(
    "Processes", ("cameras", "by", "private memory, MB", "one more, ms"), ((1_000, "Ruth", 1.5, 0.5),)
)


def judged(name: str, *tables: Table) -> dict[str, tuple[object, ...]]:
    """What is measured and whether it is reached, by what it is."""
    rows = reach_table({name: record(name, *tables)}).rows
    return {str(row[0]): row[2:] for row in rows}


def test_a_cell_is_found_by_its_row_and_head() -> None:
    """A figure is the number below a header in the row that begins so; without such a row there is none."""
    records = {"gate": record("gate", GATE)}
    assert cell(records, "gate", 0, (4,), "median, ns per decision") == 79.0
    assert cell(records, "gate", 0, (None, "agent, all models"), "median, ns per decision") == 90.0
    assert cell(records, "gate", 0, (16,), "median, ns per decision") is None
    assert cell(records, "gate", 0, (4,), "by") is None
    assert cell({}, "gate", 0, (4,), "by") is None


def test_what_is_reached_and_what_is_not() -> None:
    """A figure within its goal is reached, one beyond it is not, and what was not measured is not judged."""
    assert judged("gate", GATE)["one decision, 4 models, in Python"] == ("79.0", REACHED)
    found = judged("cameras", FRAMES, PROCESSES)
    assert found["private memory of an agent, 1,000 cameras"] == ("1.50", BEHIND)
    assert found["one more agent, launched"] == ("0.500", REACHED)
    assert found["one decision, 4 models, in Python"] == ("-", None)


def test_frames_missed() -> None:
    """The most cameras count of which not one frame was missed."""
    assert judged("cameras", FRAMES, PROCESSES)["cameras without a frame missed"] == ("1,000", BEHIND)


def test_recordings_that_differ() -> None:
    """One recording that is not the same bytes is behind the goal."""
    headers = ("arm", "x without Ruth", "recordings")
    good = Table(
        "paced",
        headers,
        (("without Ruth", 1.0, "2 of 2 identical"), ("export, agents", 0.99, "2 of 2 identical")),
    )
    bad = Table(
        "flat out",
        headers,
        (("without Ruth", 1.0, "1 of 1 identical"), ("export, agents", 0.97, "0 of 1 identical")),
    )
    found = judged("decode", good, bad)
    assert found["recordings that differ by a byte"] == ("1.00", BEHIND)
    assert found["decoding at a camera's pace, slowest arm"] == ("0.990", REACHED)
    assert found["decoding flat out, slowest arm"] == ("0.970", BEHIND)


@pytest.mark.parametrize("name", sorted({goal.what for goal in GOALS}))
def test_without_records_nothing_is_judged(name: str) -> None:
    """Nothing measured is neither reached nor behind."""
    assert {str(row[0]): row[2:] for row in reach_table({}).rows}[name] == ("-", None)

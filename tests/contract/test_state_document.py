"""docs/agent-state.md says what the code says: offsets, types, decisions, measures."""

from __future__ import annotations

import re

import pytest

from conftest import PROJECT
from ruth.agent import state
from ruth.agent.measure import Measure
from ruth.subscription.gate import Decision

DOCUMENT = (PROJECT / "docs" / "agent-state.md").read_text(encoding="utf-8")
HEADER, _, SUBSCRIPTION = (state.__doc__ or "").partition("     384  subscription 0")


def section(title: str) -> str:
    """The text of one section of the document."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found[1]


@pytest.mark.parametrize(
    ("title", "byte_map"),
    [("The header", HEADER), ("One subscription", SUBSCRIPTION)],
    ids=["header", "model"],
)
def test_each_field_of_the_byte_map_has_its_row(title: str, byte_map: str) -> None:
    """The tables have exactly the fields of the byte map beside the code, which is tested itself."""
    rows = re.findall(
        r"^\| (\d+) \| (u32|u64|f64|64 bytes|256 bytes) \| (\w+) \|", section(title), re.MULTILINE
    )
    fields = re.findall(r"^ +(\d+)  (\w+) +(u32|u64|f64|64 bytes|256 bytes)\b", byte_map, re.MULTILINE)
    assert rows == [(offset, kind, name) for offset, name, kind in fields]
    assert len(rows) >= 9


def test_every_decision_is_listed() -> None:
    """The document has each decision with its number."""
    rows = re.findall(r"^\| (\d+) \| ([A-Z_]+) \|$", section("What was decided"), re.MULTILINE)
    assert rows == [(str(int(decision)), decision.name) for decision in Decision]


def test_every_measure_is_listed() -> None:
    """The document has each measure of confinement with its bit, by the name that ruth ps prints."""
    rows = re.findall(r"^\| (\d+) \| ([a-z_]+) \|$", section("Confinement"), re.MULTILINE)
    assert [(1 << int(bit), name.upper()) for bit, name in rows] == [(int(one), one.name) for one in Measure]


def test_the_sizes_are_those_of_the_code() -> None:
    """The document states the size of the file, and where subscriptions start and how far apart."""
    assert f"{state.STATE_SIZE:,} bytes" in DOCUMENT
    assert f"starts at {state.HEADER_SIZE}, each {state.MODEL_SIZE} bytes after" in DOCUMENT

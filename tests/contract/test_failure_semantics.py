"""docs/failure-semantics.md names tests that exist, and leaves out no fault and no domain."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from conftest import PROJECT

DOCUMENT = (PROJECT / "docs" / "failure-semantics.md").read_text(encoding="utf-8")
FAULTS = (PROJECT / "docs" / "faults.md").read_text(encoding="utf-8")
SPECIFICATION = (PROJECT / "docs" / "specification.md").read_text(encoding="utf-8")
TEST = re.compile(r"`([\w/]+\.py)::(\w+)`")
ROW = re.compile(r"^\| (.+?) \| (.+) \|$", re.MULTILINE)
HEADS = {"fault", "---"}


def section(title: str) -> str:
    """The text below one heading of the second level."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found[1]


@cache
def functions_of(file: str) -> frozenset[str]:
    """The test functions of a file below tests/; none if there is no such file."""
    path = PROJECT / "tests" / file
    if not path.is_file():
        return frozenset()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def rows(text: str) -> dict[str, str]:
    """Each row of the text's tables: first column, and the rest."""
    return {first: rest for first, rest in ROW.findall(text) if first not in HEADS and "---" not in first}


def test_every_test_that_is_named_exists() -> None:
    """Every `file::test` leads to a function of that name in that file."""
    named = TEST.findall(DOCUMENT)
    assert len(named) > 60
    assert [f"{file}::{test}" for file, test in named if test not in functions_of(file)] == []


def test_a_test_that_is_missing_would_be_noticed() -> None:
    """A name that is not a test of its file, and a file that is none, lead nowhere."""
    assert "test_every_test_that_is_named_exists" in functions_of("contract/test_failure_semantics.py")
    assert "test_nothing" not in functions_of("contract/test_failure_semantics.py")
    assert functions_of("contract/test_nothing.py") == frozenset()


def test_nothing_else_looks_like_the_name_of_a_test() -> None:
    """Whatever in the document has two colons is such a name, so none escapes the test above."""
    assert DOCUMENT.count("::") == len(TEST.findall(DOCUMENT)) + DOCUMENT.count("`file::test`")


@pytest.mark.parametrize("title", ["Every fault and its tests", "Faults of writers, records and hosts"])
def test_every_fault_has_a_test(title: str) -> None:
    """Each row of the tables of faults names at least one test."""
    table = rows(section(title))
    assert len(table) > 10
    assert [fault for fault, shown_by in table.items() if not TEST.search(shown_by)] == []


def test_the_faults_are_those_of_the_list() -> None:
    """The table has the rows of docs/faults.md, word for word, in its order; others may be among them."""
    listed = list(rows(FAULTS))
    assert len(listed) > 30
    table = rows(section("Every fault and its tests"))
    assert [fault for fault in table if fault in set(listed)] == listed


def test_the_domains_are_those_of_the_specification() -> None:
    """There is one part for each failure domain that docs/specification.md names, in its order."""
    found = re.search(r"Failure domains: \*\*(.+?)\*\*", SPECIFICATION, re.DOTALL)
    assert found is not None
    specified = [name.strip().lower() for name in found[1].replace("\n", " ").split("|")]
    documented = re.findall(r"^### (.+)$", section("The five domains"), re.MULTILINE)
    assert [name.lower().replace(", ", "/") for name in documented] == specified


def test_every_domain_says_all_of_it() -> None:
    """Each part says what fails, what happens and what is deliberately not done, and names a test."""
    parts = re.split(r"^### .+$", section("The five domains"), flags=re.MULTILINE)[1:]
    assert len(parts) == 5
    for part in parts:
        assert re.findall(r"^\*(.+?):\*", part, re.MULTILINE) == ["Fails", "Happens", "Deliberately not done"]
        assert TEST.search(part)

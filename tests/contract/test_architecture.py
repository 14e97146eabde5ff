"""docs/architecture.md has a row for each folder, and the folder's own first line agrees with it."""

from __future__ import annotations

import ast
import re
from collections import Counter

import pytest

from conftest import PROJECT

PAGE = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
ROWS = {
    folder: (is_what, dies, notices)
    for folder, is_what, dies, notices in re.findall(
        r"^\| `((?:ruth|launch)/\w+)/` \| (.*?) \| (.*?) \| (.*?) \|$", PAGE, re.MULTILINE
    )
}
# What a first line says, and the row as well, of what dies and what notices.
SAID = {
    "launch/launcher": ("Dies alone", "live on"),
    "launch/agent": ("that camera's tap", "``ruth ps``"),
    "launch/observe": ("Dies alone", "its user notices"),
    "launch/prepare": ("Dies alone", "its user notices"),
    "launch/vas": ("exports end", "agents idle"),
    "launch/demo": ("takes all of them along", ""),
    "launch/cli": ("Dies with the process that was started", "its user notices"),
    "launch/screen": ("each verb's", ""),
}


def first_line(folder: str) -> str:
    """What a package says of itself."""
    text = (PROJECT / folder / "__init__.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(text)) or "").splitlines()[0]


def test_each_folder_has_a_row() -> None:
    """The table names each folder of ruth/ and launch/, and no other."""
    there = {
        f"{package}/{path.name}"
        for package in ("ruth", "launch")
        for path in (PROJECT / package).iterdir()
        if path.is_dir() and path.name != "__pycache__"
    }
    assert set(ROWS) == there


@pytest.mark.parametrize("folder", SAID)
def test_a_folder_says_what_its_row_says(folder: str) -> None:
    """Each folder of processes says in its first line what dies with it and what notices; its row agrees."""
    for said in SAID[folder]:
        assert said in first_line(folder)
    _, dies, notices = ROWS[folder]
    assert ("itself" in dies) == ("alone" in first_line(folder) or folder == "launch/demo")
    assert ("user" in notices) == (folder.split("/")[1] in {"observe", "prepare", "demo", "cli", "screen"})


def test_each_folder_of_processes_is_among_them() -> None:
    """A new folder of launch/ with code cannot come without such a first line."""
    assert set(SAID) == {row for row in ROWS if row.startswith("launch/")} - {"launch/deploy"}


def test_a_walk_names_files_that_exist() -> None:
    """Each step of the two walks names a file or folder of its room that is there."""
    walks = PAGE[PAGE.index("## Two walks") : PAGE.index("## Processes")]
    steps = re.findall(r"^\| `((?:ruth|launch)/[\w/]*)` \| (.*) \|$", walks, re.MULTILINE)
    assert len(steps) > 15
    for folder, step in steps:
        for name in re.findall(r"`([\w/]+\.(?:py|c)|\w+/)`", step):
            assert (PROJECT / folder / name).exists(), (folder, name)


def test_a_name_means_one_class() -> None:
    """No two public classes of the product have one name."""
    names = Counter(
        node.name
        for package in ("ruth", "launch")
        for module in (PROJECT / package).rglob("*.py")
        for node in ast.parse(module.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, count in names.items() if count > 1] == []


# Never reach a user: raised and caught within one module or its caller, or not an error.
INTERNAL = {"IncompleteError", "_IncompleteError", "SignalledError", "RuthError"}


def test_exceptions_have_one_base() -> None:
    """Each exception that a user may meet derives from RuthError."""
    builtin = {"Exception", "BaseException", "OSError", "ValueError", "TypeError", "RuntimeError"}
    found = {
        node.name
        for package in ("ruth", "launch")
        for module in (PROJECT / package).rglob("*.py")
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
        and node.bases
        and {base.id for base in node.bases if isinstance(base, ast.Name)} <= builtin
        and any(isinstance(base, ast.Name) and base.id in builtin for base in node.bases)
    }
    assert found <= INTERNAL

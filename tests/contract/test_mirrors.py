"""Each module has a test file of its own, or a line in stand_ins.toml that names one that stands for it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from conftest import PROJECT

TESTS = PROJECT / "tests"
LIST = Path(__file__).with_name("stand_ins.toml")
STAND_INS: dict[str, str] = tomllib.loads(LIST.read_text(encoding="utf-8"))
CODE = (".py", ".c", ".h")


def modules() -> list[str]:
    """Every module of ruth and launch, and the script; not what makes a folder a package."""
    found = [
        str(path.relative_to(PROJECT))
        for package in ("ruth", "launch")
        for path in sorted((PROJECT / package).rglob("*"))
        if path.suffix in CODE and path.name != "__init__.py"
    ]
    return [*found, "launch/ruth"]


def mirror_of(module: str) -> str:
    """The test file of that module's own, below tests/."""
    path = Path(module)
    return f"unit/{path.parent}/test_{path.stem}.py"


def without_a_test(names: list[str], stand_ins: dict[str, str]) -> list[str]:
    """The modules that have neither."""
    return [name for name in names if name not in stand_ins and not (TESTS / mirror_of(name)).is_file()]


def test_every_module_has_a_test() -> None:
    """Each has its mirror or a line in the list."""
    assert without_a_test(modules(), STAND_INS) == []


def test_a_module_without_a_test_would_be_found() -> None:
    """The check fails for a module that has neither."""
    assert without_a_test(["ruth/core.py", "ruth/nothing.py"], {}) == ["ruth/nothing.py"]


def test_every_line_is_needed_and_leads_somewhere() -> None:
    """No line names a module that is gone or has its mirror, and each leads to a file with tests."""
    assert sorted(set(STAND_INS) - set(modules())) == []
    assert [name for name in STAND_INS if (TESTS / mirror_of(name)).is_file()] == []
    assert [test for test in STAND_INS.values() if "\ndef test_" not in text_of(test)] == []


def text_of(test: str) -> str:
    """The text of a file below tests/; empty if there is none."""
    path = TESTS / test
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def uses(text: str, folder: str, path: Path) -> bool:
    """Whether a text imports that module of the folder, or names its file."""
    name = path.stem
    pattern = rf"{folder}\.{name}\b|from {folder} import .*\b{name}\b|\b{path.name}\b"
    return re.search(pattern, text) is not None


def test_every_double_and_harness_is_used() -> None:
    """Each module of tests/doubles and tests/harness is imported or run by name in another file of tests."""
    texts = {path: path.read_text(encoding="utf-8") for path in TESTS.rglob("*.py") if path != Path(__file__)}
    unused = [
        str(path.relative_to(TESTS))
        for folder in ("doubles", "harness")
        for path in sorted((TESTS / folder).glob("*.py"))
        if not any(
            re.search(
                rf"{folder}\.{path.stem}\b|\b{path.name}\b|from {folder} import .*\b{path.stem}\b", text
            )
            for other, text in texts.items()
            if other != path
        )
    ]
    assert unused == []

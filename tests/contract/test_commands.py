"""Each verb has its page, and the page says of options and exit codes what the code says."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from conftest import PROJECT
from launch import exits
from launch.commands import VERBS
from launch.completion.grammar import WORDS, verb_grammar

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Roots
    from launch.completion.grammar import Option

FOLDER = PROJECT / "docs" / "commands"
HEADINGS = ["Interface", "Options", "Exit codes", "Signals", "Notes"]
CODES = {name: value for name, value in vars(exits).items() if name.startswith("EXIT_")}

each_verb = pytest.mark.parametrize("verb", [verb.name for verb in VERBS])


def page(verb: str) -> str:
    """The page of a verb."""
    return (FOLDER / f"{verb}.md").read_text(encoding="utf-8")


def section(verb: str, heading: str) -> str:
    """What stands on a page below a heading."""
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", page(verb), re.MULTILINE | re.DOTALL)
    assert found, f"{verb}.md has no {heading}"
    return found[1].strip("\n")


def cells(text: str) -> list[str]:
    """The first cells of a table, without its head."""
    return [line.split(" | ")[0].removeprefix("| ") for line in text.splitlines() if line.startswith("| ")][
        1:
    ]


def written(option: Option) -> str:
    """An option as a page's table has it: its names, each with what it takes."""
    if option.value is None:
        values = [""]
    elif option.value.kind == WORDS:
        values = [f" {word}" for word in option.value.words]
    else:
        values = [f" {option.value.name}"]
    return ", ".join(f"`{name}{value}`" for name in option.names for value in values)


def options_of(verb: str) -> list[Option]:
    """The options of a verb, but its help."""
    return [option for option in verb_grammar(verb, "").options if "--help" not in option.names]


def codes_in(verb: str) -> set[int]:
    """The exit codes that the module of a verb names itself."""
    tree = ast.parse((PROJECT / "launch" / "commands" / f"{verb}.py").read_text(encoding="utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return {CODES[name] for name in names if name in CODES} | (
        {exits.EXIT_USAGE} if "UsageError" in names else set()
    )


def test_a_page_each() -> None:
    """Every verb has a page, every page is a verb's, and all are in the list of pages."""
    verbs = {verb.name for verb in VERBS}
    assert {path.stem for path in FOLDER.glob("*.md")} - {"README"} == verbs
    assert set(re.findall(r"\[(\w+)\]\(\1\.md\)", page("README"))) == verbs


@each_verb
def test_headings(verb: str) -> None:
    """Every page has the same headings in the same order, below its title and a sentence."""
    assert page(verb).startswith(f"# ruth {verb}\n\n")
    assert re.match(r"\S.*\.$", page(verb).split("\n## ")[0].split("\n", 2)[2].strip(), re.DOTALL)
    assert re.findall(r"^## (.*)$", page(verb), re.MULTILINE) == HEADINGS
    assert all(section(verb, heading) for heading in HEADINGS)


@each_verb
def test_the_usage(verb: str) -> None:
    """The first line below Interface is the usage, with every option and argument."""
    usage = section(verb, "Interface").splitlines()[0]
    assert usage.startswith(f"    ruth {verb}")
    for positional in verb_grammar(verb, "").positionals:
        assert re.search(rf"(?<![\w-]){re.escape(positional.value.name)}\b", usage), positional.value.name
    for option in options_of(verb):
        assert any(re.search(rf"(?<![\w-]){name}\b", usage) for name in option.names), option.names


@each_verb
def test_options(verb: str) -> None:
    """The table of options has exactly the options of the parser, with what they take, in its order."""
    listed = cells(section(verb, "Options"))
    if not options_of(verb):
        assert section(verb, "Options") == "None."
    assert listed == [written(option) for option in options_of(verb)]


@each_verb
def test_exit_codes(verb: str) -> None:
    """The table of exit codes has what the verb's module returns or raises, and no unknown code."""
    listed = [int(cell) for cell in cells(section(verb, "Exit codes"))]
    assert listed == sorted(set(listed))
    assert codes_in(verb) | {exits.EXIT_USAGE, exits.EXIT_INTERRUPTED} <= set(listed)
    assert set(listed) <= set(CODES.values())


@each_verb
def test_wrong_usage(verb: str, roots: Roots) -> None:
    """An option that the verb does not have ends it with the code of wrong usage, and its help with 0."""
    for option, code in (("--no-such-option", exits.EXIT_USAGE), ("--help", exits.EXIT_OK)):
        done = subprocess.run(
            [sys.executable, "-m", "launch.cli", verb, option], env=roots.environ(), capture_output=True
        )
        assert done.returncode == code


def test_a_wrong_page_would_be_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page with an option too many, or without an exit code, fails the tests above."""
    text = page("ps")
    monkeypatch.setattr(sys.modules[__name__], "FOLDER", tmp_path)
    (tmp_path / "ps.md").write_text(text.replace("| `--json` |", "| `--jason` |"))
    with pytest.raises(AssertionError):
        test_options("ps")
    (tmp_path / "ps.md").write_text(text.replace("| 2 |", "| 7 |"))
    with pytest.raises(AssertionError):
        test_exit_codes("ps")
    (tmp_path / "ps.md").write_text(text.replace("## Notes", "## Remarks"))
    with pytest.raises(AssertionError):
        test_headings("ps")


def test_the_codes_of_the_readme() -> None:
    """The README's line of exit codes is the constants."""
    said = re.search(
        r"Exit codes: 0 ok, 1 failure, 2 wrong usage or configuration,\s+130 interrupted", page_of_readme()
    )
    assert said
    assert sorted(CODES.values()) == [0, 1, 2, 130]


def page_of_readme() -> str:
    """The README."""
    return (PROJECT / "README.md").read_text(encoding="utf-8")

"""Each verb has its page, and the page says of options and exit codes what the code says."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from conftest import PROJECT
from harness.commands import run_ruth
from launch import exits
from launch.cli.completion.grammar import WORDS, verb_grammar
from launch.cli.verbs import VERBS

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Roots
    from launch.cli.completion.grammar import Option

FOLDER = PROJECT / "docs" / "commands"
HEADINGS = ["Interface", "Options", "Exit codes", "Signals", "Notes"]
CODES = {name: value for name, value in vars(exits).items() if name.startswith("EXIT_")}

each_verb = pytest.mark.parametrize("verb", [verb.name for verb in VERBS])


def page(verb: str) -> str:
    """The page of a verb."""
    return (FOLDER / f"{verb}.md").read_text(encoding="utf-8")


def section(verb: str, heading: str) -> str:
    """What is on a page below a heading."""
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", page(verb), re.MULTILINE | re.DOTALL)
    assert found, f"{verb}.md has no {heading}"
    return found[1].strip("\n")


def cells(text: str) -> list[str]:
    """The first cells of a table, without its header."""
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
    tree = ast.parse((PROJECT / "launch" / "cli" / "commands" / f"{verb}.py").read_text(encoding="utf-8"))
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
        done = run_ruth(verb, option, env=roots.environ())
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


def typed(roots: Roots, *command: str) -> tuple[int, str, str]:
    """Exit code and what is said on both outputs."""
    done = subprocess.run(
        [sys.executable, "-P", *command], env=roots.environ(), capture_output=True, text=True
    )
    return done.returncode, done.stdout, done.stderr


def test_help_of_a_verb_is_its_option(roots: Roots) -> None:
    """``ruth help up`` is ``ruth up --help``; without a verb it is the list of all."""
    ruth = ("-m", "launch.cli.main")
    assert typed(roots, *ruth, "help", "up") == typed(roots, *ruth, "up", "--help")
    assert typed(roots, *ruth, "help") == typed(roots, *ruth, "--help")


def test_python_m_ruth_is_the_command(roots: Roots) -> None:
    """Its help, its exit codes and its messages are those of ``ruth``."""
    for arguments in (["--version"], ["help", "up"], ["ps"], ["down", "nobody"], []):
        assert typed(roots, "-m", "ruth", *arguments) == typed(roots, "-m", "launch.cli.main", *arguments)


def test_python_m_ruth_without_the_command(roots: Roots, tmp_path: Path) -> None:
    """Where only the package is there, and nothing is installed, a message says so."""
    (tmp_path / "ruth").symlink_to(PROJECT / "ruth")
    run = "runpy.run_module('ruth', run_name='__main__')"
    code = f"import sys, runpy; sys.path[:0] = [{str(tmp_path)!r}]; {run}"
    said = typed(roots, "-S", "-c", code)
    assert said == (1, "", "ruth: the command is not installed for this Python\n")


@pytest.mark.parametrize("arguments", [["chek"], ["help", "chek"], ["chek", "--json"]])
def test_a_verb_that_there_is_not(roots: Roots, arguments: list[str]) -> None:
    """A slip in a verb is answered with the nearest one, in one line."""
    code, out, err = typed(roots, "-m", "launch.cli.main", *arguments)
    assert (code, out, err) == (exits.EXIT_USAGE, "", "ruth: no verb 'chek'; did you mean 'check'?\n")


def test_an_address_in_the_place_of_a_verb_keeps_its_password(roots: Roots) -> None:
    """What is not a verb is quoted without its secrets, and escaped."""
    code, out, err = typed(roots, "-m", "launch.cli.main", "rtsp://u:S3cret@h/\x1b[2J" + "x" * 100)
    assert (code, out) == (exits.EXIT_USAGE, "")
    assert "S3cret" not in err
    assert err.startswith("ruth: no verb 'rtsp://***@h/\\u001B[2Jxxx")
    assert len(err) < 250


@pytest.mark.parametrize(
    "arguments",
    [["down", "Front-Dor"], ["inspect", "Front-Dor"], ["follow", "Front-Dor"], ["peek", "Front-Dor"]],
)
def test_a_camera_that_there_is_not(roots: Roots, arguments: list[str]) -> None:
    """Every verb that takes a CAMERA answers a slip with the nearest one that it knows."""
    for root in (roots.state, roots.export):
        (root / "front-door").mkdir(parents=True)
    code, out, err = typed(roots, "-m", "launch.cli.main", *arguments)
    assert (code, out) == (exits.EXIT_FAILURE, "")
    assert "; did you mean 'front-door'?\n" in err


def test_a_camera_that_is_not_configured(roots: Roots, tmp_path: Path) -> None:
    """``ruth agent`` answers a slip with the nearest camera of the configuration."""
    config = tmp_path / "a.toml"
    config.write_text("[models]\np = {}\n[cameras]\nfront-door = {}\nyard = {}\n")
    code, _, err = typed(roots, "-m", "launch.cli.main", "agent", "frnot-door", "-c", str(config))
    assert code == exits.EXIT_USAGE
    assert err == f"ruth: camera 'frnot-door' is not in {config}; did you mean 'front-door'?\n"

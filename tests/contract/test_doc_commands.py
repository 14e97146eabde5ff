"""Every ``ruth ...`` that a page, a unit or a script shows is one: its verb and its options exist."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import pytest

from conftest import PROJECT
from launch.cli.completion.grammar import verb_grammar
from launch.cli.main import parser_of
from launch.cli.verbs import VERBS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGES = [
    PROJECT / "README.md",
    *sorted((PROJECT / "docs").rglob("*.md")),
    *sorted((PROJECT / "launch" / "deploy").glob("*.service")),
    PROJECT / "launch" / "deploy" / "compose.yaml",
    PROJECT / "launch" / "deploy" / "daemonset.yaml",
]
NAMES = {verb.name for verb in VERBS}

# The command behind what may be before it: variables, another user, a path.
_LINE = re.compile(r"^(?:\$ )?(?:\w+=\S* )*(?:sudo -u \S+ )?(?:\./launch/|/\S+/)?(ruth [a-zA-Z-].*)$")
_EXEC = re.compile(r"Exec(StartPre|Start|Reload)=")
_INLINE = re.compile(r"`(?:\./launch/)?(ruth\s[^`]+)`")
_STANDS_FOR = re.compile(r"^[A-Z]+$|\.\.\.")  # CONFIG, CAMERA...: what it says is put in its place
_LITERAL = re.compile(r"[\w./=:@,<>-]+")


class Shown(NamedTuple):
    """A command as shown: its words without ``ruth``, and whether it is meant to be typed as it is."""

    words: tuple[str, ...]
    literal: bool


def commands_in(text: str) -> Iterator[Shown]:
    """What a text shows of the command: whole lines of code, and code within sentences."""
    fenced = False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or _EXEC.match(line) or line.startswith(("    ", "#   ")):
            found = _LINE.match(_EXEC.sub("", line.strip("# ")))
            if found:
                words = found[1].split("  ")[0].split(" #")[0].split()[1:]
                literal = all(_LITERAL.fullmatch(word) and not _STANDS_FOR.search(word) for word in words)
                yield Shown(tuple(words), literal)
    for found in _INLINE.finditer(re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)):
        yield Shown(tuple(found[1].split()[1:]), literal=False)


def problem_of(shown: Shown) -> str | None:
    """What is wrong with a command, or None."""
    verb, *rest = shown.words
    if verb in ("VERB", "--version", "--help"):
        return None
    if verb not in NAMES:
        return f"no verb {verb!r}"
    known = {name for option in verb_grammar(verb, "").options for name in option.names} | {"--help", "-h"}
    for word in rest:
        option = word.strip("[]()|,").split("=")[0]
        if re.fullmatch(r"--?[a-z][a-z-]*", option) and option not in known:
            return f"no option {option!r}"
    if shown.literal:
        try:
            parser_of([verb]).parse_args([verb, *rest])
        except SystemExit as error:
            return None if error.code == 0 else "does not parse"
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_commands(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each command of a page has a verb and options that there are, and parses where it can be typed."""
    shown = [
        (command.words, problem_of(command)) for command in commands_in(page.read_text(encoding="utf-8"))
    ]
    assert [(words, problem) for words, problem in shown if problem] == []


def test_commands_are_found() -> None:
    """The search finds what is typed in the README and in the page on operations."""
    for name, least in (("README.md", 10), ("docs/operations.md", 15)):
        shown = list(commands_in((PROJECT / name).read_text(encoding="utf-8")))
        assert len(shown) >= least
        assert sum(command.literal for command in shown) >= 4


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("    ruth launch ruth.toml", "no verb 'launch'"),
        ("    ./launch/ruth ps --jason", "no option '--jason'"),
        ("see `ruth top --fast`", "no option '--fast'"),
        ("see `ruth\nupp CONFIG`", "no verb 'upp'"),
        ("```\nsudo -u ruth ruth inspect\n```", "does not parse"),
        ("    A=b /opt/bin/ruth plan a.toml --hosts many  # how many", "does not parse"),
        ("ExecStart=/usr/local/bin/ruth agent", "does not parse"),
    ],
)
def test_a_wrong_command_would_be_found(text: str, problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A verb or an option that there is not, or an argument too few, is found wherever it is."""
    (shown,) = commands_in(text)
    assert problem_of(shown) == problem

from __future__ import annotations

import argparse
from importlib import import_module

import pytest

from conftest import PROJECT
from launch.cli.main import parser_of
from launch.cli.verbs import VERBS

NAMES = [verb.name for verb in VERBS]

# Arguments without which a verb has something else to say.
NEEDED = {
    "agent": ("a", "-c", "c"),
    "check": ("c",),
    "completion": ("bash",),
    "follow": ("a",),
    "inspect": ("a",),
    "peek": ("a",),
    "plan": ("c",),
    "up": ("c",),
    "vas": ("a=test",),
}


def test_every_module_is_a_verb() -> None:
    """The modules of launch/cli/commands are the verbs of the list, each once."""
    modules = {path.stem for path in (PROJECT / "launch" / "cli" / "commands").glob("*.py")} - {"__init__"}
    assert sorted(NAMES) == sorted(modules)


@pytest.mark.parametrize("name", NAMES)
def test_a_verb_is_options_and_a_run(name: str) -> None:
    """A verb's module describes its options to a parser, and has a function that runs it."""
    command = import_module(f"launch.cli.commands.{name}")
    parser = argparse.ArgumentParser()
    command.add_options(parser)
    assert callable(command.run)


@pytest.mark.parametrize("name", NAMES)
def test_the_help_of_a_verb(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """``ruth VERB --help`` shows the verb's own line and options, and exits with 0."""
    with pytest.raises(SystemExit) as exited:
        parser_of([name]).parse_args([name, "--help"])
    assert exited.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.startswith(f"usage: ruth {name} ")
    assert next(verb.text for verb in VERBS if verb.name == name) in shown


@pytest.mark.parametrize("name", NAMES)
def test_what_a_verb_does_not_know(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown option ends a verb with 2 and the verb's own usage; what was probably meant is said."""
    with pytest.raises(SystemExit) as exited:
        parser_of([name]).parse_args([name, *NEEDED.get(name, ()), "--hellp"])
    assert exited.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(f"usage: ruth {name} ")
    assert said.splitlines()[-1] == f"ruth {name}: error: unknown: --hellp; did you mean '--help'?"


def test_options_may_stand_between_arguments() -> None:
    """Sources that go on after an option are taken, in their order, as most commands take them."""
    given = ["vas", "a=test", "--once", "b=test", "--seconds", "2", "c=test"]
    options = parser_of(["vas"]).parse_args(given)
    assert (options.cameras, options.once, options.seconds) == (["a=test", "b=test", "c=test"], True, 2)


def test_an_argument_too_many(capsys: pytest.CaptureFixture[str]) -> None:
    """An argument that a verb does not take is named as it is; no option is guessed for it."""
    with pytest.raises(SystemExit) as exited:
        parser_of(["doctor"]).parse_args(["doctor", "yard"])
    assert exited.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1] == "ruth doctor: error: unknown: yard"


def test_help_lists_all_verbs_and_loads_none() -> None:
    """``ruth --help`` lists every verb in the list's order, with its line."""
    shown = parser_of(()).format_help()
    lines = [line.split(maxsplit=1) for line in shown.splitlines() if line.startswith("    ")]
    assert [tuple(line) for line in lines] == [(verb.name, verb.text) for verb in VERBS]

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from launch.cli.completion.bash import bash_script
from launch.cli.completion.fish import fish_script
from launch.cli.completion.grammar import KINDS, WORDS, Option, Value, grammar, verb_grammar
from launch.cli.completion.zsh import zsh_script
from launch.observe.top.control import ORDERS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from launch.cli.completion.grammar import VerbGrammar

VERBS = grammar()


def test_a_verb_as_its_parser_has_it() -> None:
    """Options with their names and what they take; arguments in their order."""
    found = verb_grammar("top", "live")
    by_name = {option.names[-1]: option for option in found.options}
    assert by_name["--sort"].value == Value("SORT", WORDS, ORDERS)
    assert by_name["--count"] == Option(
        ("-n", "--count"), by_name["--count"].text, Value("COUNT", "anything"), False
    )
    assert by_name["--json"].value is None
    assert found.positionals == ()
    (camera,) = verb_grammar("down", "end").positionals
    assert (camera.value.kind, camera.repeats) == ("cameras", True)
    assert {
        option.repeats for option in verb_grammar("demo", "see").options if "--source" in option.names
    } == {True}


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_every_value_is_of_a_known_kind(verb: VerbGrammar) -> None:
    """What each option and argument takes has a name that launch/cli/completion/grammar.py knows."""
    values = [option.value for option in verb.options if option.value] + [
        one.value for one in verb.positionals
    ]
    assert [value.name for value in values if value.kind != WORDS and value.name not in KINDS] == []


@pytest.mark.parametrize(
    ("shell", "script"), [("bash", bash_script), ("fish", fish_script), ("zsh", zsh_script)]
)
def test_every_verb_and_option_is_in_the_script(
    shell: str, script: Callable[[Sequence[VerbGrammar]], str]
) -> None:
    """No verb and no option is forgotten."""
    text = script(VERBS)
    for verb in VERBS:
        assert verb.name in text
        for option in verb.options:
            names = [name.lstrip("-") if shell == "fish" else name for name in option.names]
            assert all(name in text for name in names), (shell, verb.name)


def test_help_texts_do_no_harm() -> None:
    """What a help text may hold is quoted for zsh."""
    text = "it's a [list]: 50%% \\ of it"
    verb = VERBS[0]._replace(
        name="x", text=text, options=(Option(("--y",), text, None, False),), positionals=()
    )
    script = zsh_script([verb])
    assert (
        subprocess.run(
            ["sh", "-c", "command -v zsh >/dev/null || exit 0; zsh -n"], input=script.encode()
        ).returncode
        == 0
    )
    assert "[it'\\''s a \\[list\\]\\: 50% \\\\ of it]" in script

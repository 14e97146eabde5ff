from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ruth.vas.flag import FLAG, export_enabled


def any_case(word: str) -> list[str]:
    """``word`` in every mixture of upper and lower case."""
    return sorted(
        {"".join(letters) for letters in itertools.product(*zip(word.lower(), word.upper(), strict=True))}
    )


def test_the_flag_has_the_name_of_the_contract() -> None:
    """The variable is AI_FRAME_EXPORT_ENABLED."""
    assert FLAG == "AI_FRAME_EXPORT_ENABLED"


def test_without_the_variable_nothing_is_exported() -> None:
    """The flag is off by default."""
    assert not export_enabled({})


@pytest.mark.parametrize("word", ["true", "1", "yes", "on"])
def test_four_words_switch_it_on_in_any_case(word: str) -> None:
    """True, 1, yes and on switch it on, in every mixture of cases."""
    assert all(export_enabled({FLAG: value}) for value in any_case(word))


@pytest.mark.parametrize(
    "value",
    [
        "",
        "0",
        "false",
        "no",
        "off",
        "2",
        "-1",
        "01",
        "1.0",
        "y",
        "t",
        "enabled",
        " true",
        "true ",
        "on\n",
        "\uff11",
    ],
)
def test_anything_else_is_off(value: str) -> None:
    """Anything but these four words is off, also a word that only resembles one."""
    assert not export_enabled({FLAG: value})


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.text(max_size=6) | st.text(alphabet="trueysonTRUEYSON1 ", max_size=5))
def test_no_other_text_switches_it_on(value: str) -> None:
    """There is no text outside the four words' spellings that switches it on."""
    spellings = {spelling for word in ("true", "1", "yes", "on") for spelling in any_case(word)}
    assert export_enabled({FLAG: value}) == (value in spellings)


def test_only_the_environment_given_counts() -> None:
    """A variable with another name, or another case of the name, changes nothing."""
    assert not export_enabled({FLAG.lower(): "true", f"{FLAG}_": "true", "ENABLED": "true"})

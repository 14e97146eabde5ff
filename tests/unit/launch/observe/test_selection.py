from __future__ import annotations

import pytest

from launch.observe.selection import select
from ruth.errors import InvalidIdError

KNOWN = ["front-door", "gate-1", "gate-2", "yard"]


@pytest.mark.parametrize(
    ("wanted", "cameras"),
    [
        ([], KNOWN),
        (["yard"], ["yard"]),
        (["yard", "gate-1", "yard"], ["gate-1", "yard"]),
        (["gate-*"], ["gate-1", "gate-2"]),
        (["gate-?", "gate-1"], ["gate-1", "gate-2"]),
        (["*[12]"], ["gate-1", "gate-2"]),
        (["*"], KNOWN),
    ],
)
def test_ids_and_patterns_select_cameras(wanted: list[str], cameras: list[str]) -> None:
    """Each camera once, in the order of all; nothing asked for is all."""
    assert select(wanted, KNOWN) == (tuple(cameras), ())


def test_what_no_camera_is_called_is_a_problem_with_a_suggestion() -> None:
    """The others are selected all the same."""
    found = select(["Yrad", "gate-1", "x*"], KNOWN)
    assert found.cameras == ("gate-1",)
    assert found.problems[0] == "Yrad: no such camera; did you mean 'yard'?"
    assert found.problems[1].startswith("x*: no such camera")


def test_case_counts() -> None:
    """Folders of Linux differ in case, and so do cameras."""
    assert select(["YARD"], KNOWN).cameras == ()


@pytest.mark.parametrize("name", ["..", "a/b", "", "a\n"])
def test_what_cannot_be_an_id_is_refused(name: str) -> None:
    """A name without a pattern in it is held to the rule of ids."""
    with pytest.raises(InvalidIdError):
        select([name], KNOWN)


def test_a_pattern_is_shown_escaped() -> None:
    """What was typed moves no cursor."""
    (problem,) = select(["*\x1b[2J"], KNOWN).problems
    assert problem.isprintable()

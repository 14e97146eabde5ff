from __future__ import annotations

import pytest

from launch.screen.nearest import closest, is_slip, nearest, suggestion


def test_a_slip_is_guessed() -> None:
    """A name close to one that there is gets that one suggested."""
    assert nearest("frontdoor", ["yard", "front-door"]) == "; did you mean 'front-door'?"


def test_without_a_guess_all_are_named() -> None:
    """A name like no other gets the first few that there are."""
    assert nearest("x", ["yard", "garage"]) == "; there are: yard, garage"
    assert nearest("x", [f"camera-{number}" for number in range(9)]).endswith("camera-4 and 4 more")


def test_nothing_is_suggested_of_nothing() -> None:
    """Where there is nothing, nothing is suggested."""
    assert nearest("x", []) == ""


def test_suggestion_alone() -> None:
    """A suggestion without a list is a close name, or nothing."""
    assert suggestion("frontdoor", ["yard", "front-door"]) == "; did you mean 'front-door'?"
    assert suggestion("x", ["yard"]) == ""


def test_an_id_that_differs_in_case_is_guessed() -> None:
    """Case is no reason not to find a name; the suggestion has the one that is known."""
    assert nearest("FRONT-DOOR", ["Front-Door", "yard"]) == "; did you mean 'Front-Door'?"
    assert closest("frnot-door", ["yard", "front-door"]) == "front-door"
    assert closest("zebra", ["yard", "front-door"]) is None


@pytest.mark.parametrize(
    "name",
    [
        "Front-Door",
        "front_door",
        "front.door",
        "fron-door",
        "front--door",
        "front-doot",
        "frnot-door",
        "frontdoor",
    ],
)
def test_one_slip_is_one(name: str) -> None:
    """Case, another separator, a character less, more or other, two neighbours swapped."""
    assert is_slip(name, "front-door")
    assert is_slip("front-door", name)


@pytest.mark.parametrize(
    ("name", "known"),
    [("yard", "yard"), ("gate-1", "gate-2"), ("gate-1", "gate-12"), ("yolo", "yolo8"), ("plate", "platoon"),
     ("abcd", "badc"), ("", "ab"), ("car", "cat"), ("m1", "x1")],
)  # fmt: skip
def test_the_same_other_numbers_and_two_slips_are_none(name: str, known: str) -> None:
    """Names with other numbers are other names, and so are those that differ in more."""
    assert not is_slip(name, known)
    assert not is_slip(known, name)


def test_a_long_name_is_compared_in_time() -> None:
    """A long text is cut before it is compared."""
    assert closest("x" * 1_000_000, ["y" * 64]) is None

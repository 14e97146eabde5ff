from __future__ import annotations

from launch.nearest import nearest, suggestion


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

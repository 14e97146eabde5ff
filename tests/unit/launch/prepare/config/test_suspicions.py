from __future__ import annotations

import pytest

from launch.prepare.config.plan import parse_config, suspicions_in

CAMERA = "[cameras.{}.models]\n{} = {{}}\n"


def cameras(**models: str) -> str:
    """A configuration of cameras with a model each."""
    return "".join(
        CAMERA.format(camera_id.replace("_", "-"), model_id) for camera_id, model_id in models.items()
    )


def found(text: str) -> list[tuple[int | None, str, str | None]]:
    """Line, key and suggestion of each suspicion in a text that is valid."""
    parse_config(text)
    return [(each.line, each.key, each.suggestion) for each in suspicions_in(text)]


def test_cameras_that_differ_in_case_only_are_suspicious() -> None:
    """Two folders that a reader takes for one are named, and allowed."""
    text = cameras(Yard="person", yard="person")
    assert found(text) == [(3, "cameras.yard", "did you mean 'Yard'?")]


def test_a_group_that_names_a_camera_in_another_case_is_suspicious() -> None:
    """It makes a camera of its own, where the one above was most likely meant."""
    text = (
        '[models]\nperson = {}\n[cameras]\nyard = {}\n[groups.g]\ncameras = [\n"gate",\n"YARD",\n"YARD2"]\n'
    )
    assert found(text) == [(8, "groups.g.cameras", "did you mean 'yard'?")]


@pytest.mark.parametrize("slip", ["persom", "Person"])
def test_a_model_that_one_camera_has_a_slip_away_from_what_others_have_is_suspicious(slip: str) -> None:
    """Without [models] a slip makes a model that no runtime asks for."""
    text = cameras(a="person", b=slip, c="person")
    assert found(text) == [(4, f"cameras.b.models.{slip}", "did you mean 'person'?")]


def test_of_two_models_that_are_named_once_the_second_is_suspicious() -> None:
    """Neither is more common; the first one counts."""
    assert found(cameras(a="person", b="persom")) == [
        (4, "cameras.b.models.persom", "did you mean 'person'?")
    ]


@pytest.mark.parametrize(
    "text",
    [
        cameras(gate_1="person", gate_2="person"),
        cameras(a="yolo8", b="yolo9"),
        cameras(a="boat", b="goat", c="boat", d="goat"),
        "[models]\nboat = {}\ngoat = false\n[cameras]\na = { models.goat = {} }\n",
        "".join(CAMERA.format(f"c{number}", f"m{number}x") for number in range(400)),
    ],
    ids=["numbers", "versions", "both often", "named by [models]", "too many to compare"],
)
def test_what_is_meant_is_not_suspicious(text: str) -> None:
    """Numbered cameras, versions of a model, and names that are used more than once are no slips."""
    assert found(text) == []

from __future__ import annotations

import json

import pytest

from launch.prepare.config.plan import ConfigError, parse_config
from launch.prepare.config.report import as_json, as_table

TEXT = """\
[models]
person = { max_fps = 5 }
plate  = { max_fps = 2.5 }
[cameras]
front-door = {}
yard = { models = { person = { max_fps = 10 }, plate = false, audit = {} } }
hall = { models = { person = { active = false } } }
"""
PLAN = parse_config(TEXT)
MARK = "..."


def test_a_column_per_model_where_there_is_room() -> None:
    """The cap of each model of each camera: with a number, without one, inactive, or not there."""
    assert as_table(PLAN, None, MARK) == (
        "CAMERA        person  plate  audit\n"
        "front-door       <=5  <=2.5      -\n"
        "yard            <=10      -    all\n"
        "hall        inactive  <=2.5      -\n"
    )


def test_models_are_listed_where_columns_do_not_fit() -> None:
    """A narrow terminal has them in one column, cut."""
    assert as_table(PLAN, 30, MARK) == (
        "CAMERA      MODELS\n"
        "front-door  person<=5, plat...\n"
        "yard        person<=10, audit\n"
        "hall        person<=5 (inac...\n"
    )


def test_cameras_with_little_in_common_are_listed() -> None:
    """A column for each of many models that one camera has would be mostly empty."""
    text = "".join(f"[cameras.c{number}.models]\nm{number} = {{}}\n" for number in range(5))
    assert as_table(parse_config(text), None, MARK).splitlines()[1] == "c0      m0"


@pytest.mark.parametrize("limit", [1, 5, 10, 20, 33, 34, 35, 80])
def test_no_line_is_longer_than_the_terminal(limit: int) -> None:
    """Nothing wraps at any width."""
    assert max(map(len, as_table(PLAN, limit, MARK).splitlines())) <= limit


def test_a_valid_configuration_as_an_object() -> None:
    """Cameras in their order with all that they have in the end, and no error."""
    found = json.loads(as_json("ruth.toml", PLAN, ()))
    assert (found["config"], found["valid"], found["errors"], found["warnings"]) == (
        "ruth.toml",
        True,
        [],
        [],
    )
    assert [camera["camera_id"] for camera in found["cameras"]] == ["front-door", "yard", "hall"]
    assert found["cameras"][1]["models"] == [
        {"model_id": "person", "max_fps": 10, "active": True},
        {"model_id": "audit", "max_fps": None, "active": True},
    ]


def test_a_configuration_that_is_not_valid_as_an_object() -> None:
    """Every error with its fields, and no cameras."""
    with pytest.raises(ConfigError) as raised:
        parse_config(TEXT.replace("audit", "persom") + "lobby = { modles = {} }\n")
    found = json.loads(as_json("ruth.toml", None, raised.value.problems))
    assert (found["valid"], found["cameras"]) == (False, None)
    assert [(error["line"], error["key"], error["suggestion"]) for error in found["errors"]] == [
        (6, "cameras.yard.models.persom", "did you mean 'person'?"),
        (8, "cameras.lobby.modles", "did you mean 'models'?"),
    ]
    assert all(
        set(error) == {"line", "key", "value", "reason", "allowed", "suggestion"} for error in found["errors"]
    )


def test_what_cannot_be_read_is_an_error_without_a_line() -> None:
    """A text stands for a file that has none."""
    (error,) = json.loads(as_json("f", None, ["f: No such file or directory"]))["errors"]
    assert (error["line"], error["reason"]) == (None, "f: No such file or directory")

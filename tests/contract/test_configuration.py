"""Configurations on pages are valid, for the parser and for the schema, and come to what the pages say."""

from __future__ import annotations

import json
import re
import tomllib

import pytest
from jsonschema import Draft202012Validator

from conftest import PROJECT
from launch.prepare.config.plan import parse_config, suspicions_in
from launch.prepare.config.report import as_table
from launch.prepare.config_file import schema_text

SOURCES = [PROJECT / "README.md", *sorted((PROJECT / "docs").rglob("*.md"))]
PAGE = (PROJECT / "docs" / "configuration.md").read_text(encoding="utf-8")
LINES_MAX = 60


def blocks(text: str) -> list[str]:
    """The fenced blocks of TOML."""
    return re.findall(r"```toml\n(.*?)```", text, re.DOTALL)


EXAMPLES = [
    pytest.param(block, id=f"{path.name}-{number}")
    for path in SOURCES
    for number, block in enumerate(blocks(path.read_text(encoding="utf-8")))
]


def test_examples_are_found() -> None:
    """The README and the page on configuration have examples."""
    assert len(blocks(PAGE)) >= 5
    assert len(EXAMPLES) > len(blocks(PAGE))


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_is_valid(text: str) -> None:
    """Each example is a configuration without a warning, and an editor marks nothing in it."""
    assert parse_config(text).cameras
    assert suspicions_in(text) == ()
    Draft202012Validator(json.loads(schema_text())).validate(tomllib.loads(text))


def test_what_the_first_example_comes_to() -> None:
    """The table below the first example is what ``ruth check --show`` prints of it."""
    (shown,) = re.findall(r"```\n(CAMERA .*?)```", PAGE, re.DOTALL)
    assert as_table(parse_config(blocks(PAGE)[0]), None, "...") == shown


def test_two_hundred_cameras_in_sixty_lines() -> None:
    """The last example has 200 cameras, four models, groups and exceptions, in less than 60 lines."""
    text = blocks(PAGE)[-1]
    assert len(text.splitlines()) < LINES_MAX
    document = tomllib.loads(text)
    assert len(document["models"]) == 4
    cameras = {
        camera.camera_id: {model.model_id: model for model in camera.models}
        for camera in parse_config(text).cameras
    }
    assert len(cameras) == 200
    assert set(cameras["hall-001"]) == {"person", "audit"}
    assert [cameras[camera]["person"].max_fps for camera in ("hall-016", "hall-017", "yard-064")] == [
        5,
        15,
        10,
    ]
    assert cameras["gate-001"]["plate"].max_fps == 12.5
    assert "plate" not in cameras["gate-032"]
    assert cameras["dock-3"]["plate"].max_fps is None
    assert not cameras["workshop"]["person"].active
    assert "smoke" in cameras["bridge"]


def test_the_slip_on_the_page_is_refused_in_these_words() -> None:
    """The message that the page shows is the one that comes."""
    text = blocks(PAGE)[0].replace("person = { max_fps = 10 }", "persom = { max_fps = 10 }")
    with pytest.raises(Exception, match="persom") as raised:
        parse_config(text)
    (said,) = re.findall(r"^    (ruth\.toml:\d+: .*\n    .*)$", PAGE, re.MULTILINE)
    assert str(raised.value) == re.sub(r"\s+", " ", said)

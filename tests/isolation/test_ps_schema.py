"""The schema of ``ruth ps --json`` says what is printed: keys, types, words."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from harness.agents import configure, launched, wait_dead, wait_observed
from harness.published import FRAME, exporter_of
from launch.observe.agent_view import AgentView, ModelView
from launch.observe.attention import STATES
from launch.observe.death import CAUSES
from launch.observe.ps import schema_text
from ruth.subscription.gate import Decision

if TYPE_CHECKING:
    from conftest import Processes, Roots

SCHEMA: dict[str, Any] = json.loads(schema_text())
CAMERA, MODEL = SCHEMA["$defs"]["camera"], SCHEMA["$defs"]["model"]
VALIDATOR = Draft202012Validator(SCHEMA)


def ps(roots: Roots, *options: str) -> Any:
    """What ``ruth ps`` prints, as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "launch.cli.main", "ps", *options],
        env=roots.environ(), capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    return json.loads(done.stdout)


def test_every_key_and_every_word_is_in_it() -> None:
    """Keys are those of the values that are printed, in their order; words are those of the code."""
    for part, printed in ((CAMERA, AgentView), (MODEL, ModelView)):
        keys = [field.name for field in dataclasses.fields(printed)]
        assert list(part["properties"]) == part["required"] == keys
    assert CAMERA["properties"]["state"]["enum"] == list(STATES)
    assert CAMERA["properties"]["death_cause"]["enum"] == [*CAUSES, None]
    decisions = [decision.name for decision in Decision if decision is not Decision.NONE]
    assert MODEL["properties"]["last_decision"]["enum"] == [*decisions, None]


def test_what_is_printed_is_valid(roots: Roots, processes: Processes) -> None:
    """Cameras that run, died, idle, are absent or unknown are all valid; --schema prints the schema."""
    Draft202012Validator.check_schema(SCHEMA)
    assert ps(roots, "--schema") == SCHEMA
    exporter = exporter_of(roots, "fed")
    pids = launched(roots, processes, "ended", "fed", "idle", "killed")
    exporter.publish(FRAME, 1)
    wait_observed(roots, "fed", 0)
    for camera, number in (("killed", signal.SIGKILL), ("ended", signal.SIGTERM)):
        os.kill(pids[camera], number)
        wait_dead(roots, camera)
    cameras = ps(roots, "--json", "-c", str(configure(roots, "absent", "fed")))
    assert sorted(camera["camera_id"] for camera in cameras) == ["absent", "ended", "fed", "idle", "killed"]
    VALIDATOR.validate(cameras)
    exporter.close()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("state", "Dead"),
        ("camera_id", "a/b"),
        ("death", "killed"),
        ("frames", -1),
        ("export", "v3"),
        ("x", 1),
    ],
)
def test_what_is_not_printed_is_not_valid(key: str, value: object) -> None:
    """The schema refuses another word, type, sign or key."""
    camera = dict.fromkeys(CAMERA["required"]) | {
        "camera_id": "a", "state": "dead", "frames": 0, "missed": 0, "confinement": [], "models": [],
        "stopped": False,
    }  # fmt: skip
    VALIDATOR.validate([camera])
    assert not VALIDATOR.is_valid([camera | {key: value}])

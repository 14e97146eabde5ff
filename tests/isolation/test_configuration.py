"""The configuration as verbs take it: named, by default, from standard input; shown, as JSON, as a schema."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from harness.agents import pid_of, view_agent
from harness.waiting import within

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Processes, Roots

TEXT = """\
[models]
person = { max_fps = 5 }
plate = { max_fps = 2.5 }
[cameras]
yard = { models = { person = { max_fps = 10 }, plate = false } }
[groups.gates]
cameras = ["gate-1"]
models = { plate = { max_fps = 8 } }
"""
COMES_TO = {"yard": {"person": 10.0}, "gate-1": {"person": 5.0, "plate": 8.0}}


@pytest.fixture
def folder(roots: Roots) -> Path:
    """A folder with a ruth.toml, beside the roots of the test."""
    path = roots.state.parent / "folder"
    path.mkdir()
    (path / "ruth.toml").write_text(TEXT)
    return path


def ruth(roots: Roots, folder: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """The command, typed in a folder."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "launch.cli.main", *arguments],
        cwd=folder, env=roots.environ(), input=stdin, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def subscribed(roots: Roots) -> dict[str, dict[str, float | None]]:
    """What the agents that live say they were launched with."""
    return {
        camera: {model.model_id: model.max_fps for model in view_agent(roots, camera).models}
        for camera in COMES_TO
    }


@pytest.mark.parametrize("how", [(), ("ruth.toml",), ("-c", "ruth.toml"), ("-",), ("-c", "-")], ids=" ".join)
def test_agents_have_what_the_file_comes_to(
    roots: Roots, folder: Path, processes: Processes, how: tuple[str, ...]
) -> None:
    """However CONFIG is given, each camera's process has its own, its group's and everyone's models."""
    if "-" in how:
        (folder / "ruth.toml").unlink()
    launcher = processes.start(
        sys.executable, "-P", "-m", "launch.cli.main", "up", *how,
        cwd=folder, env=roots.environ(), stdin=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert launcher.stdin is not None
    launcher.stdin.write(TEXT)
    launcher.stdin.close()
    for camera in COMES_TO:
        pid_of(roots, camera)
    assert subscribed(roots) == COMES_TO
    launcher.terminate()
    with within(30):
        launcher.wait()


def test_a_wrong_file_launches_nothing(roots: Roots, folder: Path) -> None:
    """One slip in one camera: every error, exit code 2, no process and no folder."""
    (folder / "ruth.toml").write_text(TEXT.replace("plate = false", "plat = false"))
    answer = ruth(roots, folder, "up", "-d")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.startswith(
        "ruth.toml:5: cameras.yard.models.plat = false: camera 'yard' has no model 'plat'"
    )
    assert not roots.state.exists()


def test_check_shows_what_each_camera_has(roots: Roots, folder: Path) -> None:
    """--show is a table of cameras and caps."""
    answer = ruth(roots, folder, "check", "--show")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout == "CAMERA  person  plate\nyard      <=10      -\ngate-1     <=5    <=8\n"


def test_check_as_json(roots: Roots, folder: Path) -> None:
    """One object and nothing else, with the exit code of the file: valid, not valid, not there."""
    answer = ruth(roots, folder, "check", "--json")
    found = json.loads(answer.stdout)
    assert (answer.returncode, answer.stderr, found["valid"]) == (0, "", True)
    assert {
        camera["camera_id"]: {model["model_id"]: model["max_fps"] for model in camera["models"]}
        for camera in found["cameras"]
    } == COMES_TO
    answer = ruth(roots, folder, "check", "-", "--json", stdin=TEXT + "a = 1\nb = 2\n")
    found = json.loads(answer.stdout)
    assert (answer.returncode, answer.stderr, found["config"]) == (2, "", "stdin")
    assert [error["line"] for error in found["errors"]] == [9, 10]
    answer = ruth(roots, folder, "check", "nowhere.toml", "--json")
    assert (answer.returncode, answer.stderr) == (2, "")
    assert json.loads(answer.stdout)["errors"][0]["reason"] == "nowhere.toml: No such file or directory"


def test_a_warning_does_not_make_a_file_wrong(roots: Roots, folder: Path) -> None:
    """Two cameras that differ in case only: said on standard error, exit code 0, and they can be launched."""
    (folder / "ruth.toml").write_text(TEXT + '[groups.more]\ncameras = ["Yard"]\n')
    answer = ruth(roots, folder, "check")
    assert (answer.returncode, answer.stdout) == (0, "ruth.toml: ok, cameras: 3, subscriptions: 5\n")
    assert answer.stderr.startswith(
        "ruth.toml:10: warning: groups.more.cameras: camera id: differs from 'yard'"
    )
    warnings = json.loads(ruth(roots, folder, "check", "--json").stdout)["warnings"]
    assert [warning["suggestion"] for warning in warnings] == ["did you mean 'yard'?"]


def test_the_schema_is_printed_without_a_configuration(roots: Roots, folder: Path) -> None:
    """--schema needs no file."""
    (folder / "ruth.toml").unlink()
    answer = ruth(roots, folder, "check", "--schema")
    assert answer.returncode == 0
    assert json.loads(answer.stdout)["title"] == "ruth.toml"


def test_ps_lists_the_cameras_of_the_folder(roots: Roots, folder: Path) -> None:
    """A camera that was never launched is seen without naming the file; a wrong file hides no process."""
    listed = json.loads(ruth(roots, folder, "ps", "--json").stdout)
    assert [(camera["camera_id"], camera["state"]) for camera in listed] == [
        ("gate-1", "absent"),
        ("yard", "absent"),
    ]
    (folder / "ruth.toml").write_text("x")
    answer = ruth(roots, folder, "ps")
    assert (answer.returncode, answer.stdout) == (0, "cameras: 0 (none)\n")
    assert answer.stderr.startswith("ruth.toml:1: x: ")
    assert "; shown without it\n" in answer.stderr

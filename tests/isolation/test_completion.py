"""Completion in real shells: verbs, options, what options take, and the cameras that there are."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from harness.shells import SHELLS, Shell, shell
from launch.cli.verbs import VERBS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Processes, Roots

pytestmark = pytest.mark.parametrize("name", SHELLS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a configuration and a folder in it."""
    (tmp_path / "ruth.toml").touch()
    (tmp_path / "recorded").mkdir()
    return tmp_path


@pytest.fixture
def typed(name: str, roots: Roots, processes: Processes, folder: Path) -> Iterator[Shell]:
    """A shell of that name, where two cameras have a state and one has an export."""
    for camera in ("front-door", "front-gate"):
        (roots.state / camera).mkdir(parents=True)
    for camera in ("front-gate", "yard"):
        (roots.export / camera).mkdir(parents=True)
    with shell(processes, name, folder, roots.environ()) as started:
        yield started


def test_verbs(typed: Shell) -> None:
    """Verbs are completed, and all of them are offered."""
    assert typed.complete("ruth pe").line == "ruth peek "
    offered = typed.complete("ruth ").offered
    assert {verb.name for verb in VERBS} <= set(offered)


def test_options(typed: Shell) -> None:
    """The options of the verb are completed, and no others."""
    assert typed.complete("ruth top --inter").line == "ruth top --interval "
    assert typed.complete("ruth ps --inter").line == "ruth ps --inter"
    offered = typed.complete("ruth top --").offered
    assert {"--config", "--count", "--interval", "--sort", "--json", "--help"} <= set(offered)


def test_words(typed: Shell) -> None:
    """Where only some words are allowed, these are completed."""
    assert typed.complete("ruth top --sort n").line == "ruth top --sort name "
    assert typed.complete("ruth completion z").line == "ruth completion zsh "


def test_cameras(typed: Shell) -> None:
    """Cameras that have a state or an export are completed, read when Tab is pressed."""
    assert typed.complete("ruth inspect y").line == "ruth inspect yard "
    completed = typed.complete("ruth inspect f")
    assert completed.line == "ruth inspect front-"
    assert {"front-door", "front-gate"} <= set(completed.offered)
    assert typed.complete("ruth down yard front-d").line == "ruth down yard front-door "
    assert typed.complete("ruth agent -c ruth.toml y").line == "ruth agent -c ruth.toml yard "


def test_a_camera_that_is_new(typed: Shell, roots: Roots) -> None:
    """A camera that came after the shell was started is offered, and one that is gone is not."""
    (roots.state / "lobby").mkdir()
    (roots.export / "yard").rmdir()
    assert typed.complete("ruth peek lo").line == "ruth peek lobby "
    assert typed.complete("ruth peek y").line == "ruth peek y"


def test_one_camera_is_enough(typed: Shell) -> None:
    """Where one camera was given and no more are allowed, nothing is offered, no file either."""
    assert typed.complete("ruth peek yard r").line == "ruth peek yard r"


def test_files(typed: Shell) -> None:
    """Files are completed where a file is meant, and folders where a folder is."""
    assert typed.complete("ruth up ruth").line == "ruth up ruth.toml "
    assert typed.complete("ruth ps -c ruth").line == "ruth ps -c ruth.toml "
    assert typed.complete("ruth vas --recordings r").line == "ruth vas --recordings recorded/"


def test_no_files_where_none_are_meant(typed: Shell) -> None:
    """Numbers are not to be guessed: files are not offered for them."""
    assert typed.complete("ruth top -n r").line == "ruth top -n r"
    assert typed.complete("ruth ps r").line == "ruth ps r"


def test_sources(typed: Shell) -> None:
    """A camera and what it is to show: the camera, an equals sign, ``test`` or a file."""
    assert typed.complete("ruth vas y").line == "ruth vas yard="
    assert typed.complete("ruth vas yard=te").line == "ruth vas yard=test "
    assert typed.complete("ruth vas yard=ruth").line == "ruth vas yard=ruth.toml "


def test_without_any_camera(name: str, roots: Roots, processes: Processes, folder: Path) -> None:
    """Where there is no camera, and not even a folder, nothing is offered and nothing complained of."""
    with shell(processes, name, folder, roots.environ()) as typed:
        completed = typed.complete("ruth inspect ")
        assert completed.line == "ruth inspect "
        assert not {"no", "error", "found"} & set(completed.offered)


def test_a_hostile_folder(typed: Shell, roots: Roots, folder: Path) -> None:
    """A folder whose name is not a valid camera id is not offered, and what it says is not run."""
    marker = folder / "run"
    for hostile in (
        f"$(touch {marker.name})",
        f"`touch {marker.name}`",
        "a b",
        "a;b",
        "a\nb",
        "-x",
        ".hidden",
    ):
        (roots.state / hostile).mkdir()
    offered = typed.complete("ruth inspect ").offered
    assert {"front-door", "front-gate", "yard"} <= set(offered)
    assert not {"a", "b", "a;b", "-x", ".hidden"} & set(offered)
    typed.complete("ruth inspect a")
    typed.complete("ruth inspect $")
    assert not marker.exists()


def test_the_shell_takes_the_script(name: str, roots: Roots) -> None:
    """The script is one that the shell finds no fault with."""
    script = subprocess.run(
        [sys.executable, "-m", "launch.cli.main", "completion", name],
        env=roots.environ(),
        capture_output=True,
        check=True,
    ).stdout
    done = subprocess.run([name, "-n"], input=script, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")

"""Completion in a real fish: what it offers for a line, by its own ``complete -C``."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from launch.cli.completion.fish import fish_script
from launch.cli.completion.grammar import grammar
from launch.cli.verbs import VERB_NAMES
from ruth.identity import EXPORT_ROOT_VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Roots

FISH = shutil.which("fish")
pytestmark = pytest.mark.skipif(FISH is None, reason="there is no fish here (apt install fish)")

# Of each line all that is offered; where more is, those that must be among it.
OFFERED = {
    "ruth pe": ["peek"],
    "ruth top --inter": ["--interval"],
    "ruth ps --inter": [],
    "ruth top --sort n": ["name"],
    "ruth completion f": ["fish"],
    "ruth help pe": ["peek"],
    "ruth inspect y": ["yard"],
    "ruth inspect ": ["front-door", "front-gate", "yard"],
    "ruth down yard front-d": ["front-door"],
    "ruth agent -c ruth.toml y": ["yard"],
    "ruth peek yard f": [],
    "ruth ps -c ruth": ["ruth.toml"],
    "ruth vas --recordings r": ["recorded/"],
    "ruth top -n r": [],
    "ruth ps ruth": [],
    "ruth vas y": ["yard="],
    "ruth vas yard=te": ["yard=test"],
    "ruth vas yard=ruth": ["yard=ruth.toml"],
}
HOSTILE = ("$(touch run)", "(touch run)", "`touch run`", "a b", "a;b", "a\nb", "-x", ".hidden", "x" * 65)


def offered(folder: Path, environ: dict[str, str], *lines: str) -> dict[str, list[str]]:
    """What fish offers for each line, without the words that describe it; it says nothing on stderr."""
    assert FISH is not None
    script = folder / "ruth.fish"
    script.write_text(fish_script(grammar()), encoding="utf-8")
    asked = "".join(f"echo '=== {line}'\ncomplete -C '{line}'\n" for line in lines)
    environ = {**environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder / "config")}
    done = subprocess.run(
        [FISH, "--no-config", "-c", f"source {script}\nrm {script}\n{asked}"],
        cwd=folder, env=environ, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    answers = dict(part.partition("\n")[::2] for part in done.stdout.split("=== ")[1:])
    return {line: [one.split("\t")[0] for one in text.splitlines()] for line, text in answers.items()}


def prepared(tmp_path: Path, roots: Roots) -> dict[str, str]:
    """A folder to be in, two cameras with a state and two with an export. Returns the environment."""
    (tmp_path / "ruth.toml").touch()
    (tmp_path / "recorded").mkdir()
    for camera in ("front-door", "front-gate"):
        (roots.state / camera).mkdir(parents=True)
    for camera in ("front-gate", "yard"):
        (roots.export / camera).mkdir(parents=True)
    return roots.environ()


def test_what_is_offered(tmp_path: Path, roots: Roots) -> None:
    """Verbs, options, what options take, cameras and files, each where it is meant and nowhere else."""
    environ = prepared(tmp_path, roots)
    found = offered(tmp_path, environ, *OFFERED, "ruth ")
    assert set(VERB_NAMES) <= set(found.pop("ruth "))
    assert found == OFFERED


def test_a_hostile_folder_and_no_folder(tmp_path: Path, roots: Roots) -> None:
    """Names that are not camera ids are not offered, and what they say is not run; a root may be missing."""
    environ = prepared(tmp_path, roots)
    for name in HOSTILE:
        (roots.state / name).mkdir()
    missing = {**environ, EXPORT_ROOT_VARIABLE: str(tmp_path / "none")}
    assert offered(tmp_path, missing, "ruth inspect ", "ruth inspect a", "ruth inspect \\$") == {
        "ruth inspect ": ["front-door", "front-gate"],
        "ruth inspect a": ["front-gate"],  # fish finds what a word contains as well
        "ruth inspect \\$": [],
    }
    assert not (tmp_path / "run").exists()

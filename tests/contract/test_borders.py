from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

from conftest import PROJECT

LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")

VAS = "nothing in ruth imports ruth.vas: only VAS itself writes an export"
STRANGERS = "export and subscription do not know each other"
DECIDES = "what decides knows no I/O, clock, thread, queue, log or process"
NO_PROCESS = "nothing in ruth is or starts a process, thread, worker or server"
LAYERS = "in launch, each folder imports those below it only: none upward, no circle"
LOOK = "observe and prepare look, and run nothing: they import neither launcher nor agent"
AGENT = "an agent's process knows no launcher, no observer and no preparation"
CIRCLE = "no circle among modules or folders anywhere"


class Plant(NamedTuple):
    """A line that breaks a contract, and where it is planted."""

    contract: str
    file: str
    line: str


PLANTS = [
    Plant("ruth never imports launch", "ruth/core.py", "import launch"),
    Plant("ruth never imports launch", "ruth/vas/ring.py", "from launch import __name__"),
    Plant(VAS, "ruth/export/source.py", "from ruth.vas import flag"),
    Plant(VAS, "ruth/agent/agent.py", "from ruth.vas import flag"),
    Plant(VAS, "ruth/runtime/frame.py", "from ruth.vas import flag"),
    Plant(STRANGERS, "ruth/export/layout.py", "import ruth.subscription.gate"),
    Plant(STRANGERS, "ruth/subscription/gate.py", "from ruth.export import layout"),
    Plant(DECIDES, "ruth/subscription/gate.py", "import time"),
    Plant(DECIDES, "ruth/export/layout.py", "from os import environ"),
    Plant(DECIDES, "ruth/agent/agent.py", "import ruth.futex"),
    Plant(DECIDES, "ruth/agent/last_allowed.py", "import os"),
    Plant(NO_PROCESS, "ruth/export/source.py", "import threading"),
    Plant(NO_PROCESS, "ruth/runtime/stream.py", "import asyncio"),
    Plant(NO_PROCESS, "ruth/vas/exporter.py", "from multiprocessing import shared_memory"),
    Plant(NO_PROCESS, "ruth/vas/flag.py", "def late() -> None:\n    import logging"),
    Plant(LAYERS, "launch/vas/address.py", "import launch.demo.summary"),
    Plant(LAYERS, "launch/launcher/claim.py", "import launch.vas.address"),
    Plant(LAYERS, "launch/observe/attention.py", "import launch.prepare.config.lines"),
    Plant(LAYERS, "launch/exits.py", "import launch.screen.colour"),
    Plant(LOOK, "launch/observe/liveness.py", "from launch.agent import title"),
    Plant(LOOK, "launch/prepare/config_file.py", "import launch.agent.native.library"),
    Plant(AGENT, "launch/agent/title.py", "import launch.observe.same_clock"),
    Plant(AGENT, "launch/agent/process.py", "import launch.observe.same_clock"),
    Plant(CIRCLE, "launch/agent/inotify.py", "import launch.agent.waiter"),
    Plant(CIRCLE, "ruth/export/pixels.py", "import ruth.export.ring_reader"),
]


def contracts() -> list[str]:
    """The names of the contracts in pyproject.toml."""
    with (PROJECT / "pyproject.toml").open("rb") as file:
        settings = tomllib.load(file)["tool"]["importlinter"]
    return [contract["name"] for contract in settings["contracts"]]


def lint(project: Path) -> tuple[int, dict[str, str], str]:
    """Runs the check on a project: its exit code, each contract's KEPT or BROKEN, and all it said."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [LINT_IMPORTS, "--no-cache"],
        cwd=project,
        env=environ | {"PYTHONPATH": str(project), "COLUMNS": "300", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
    )
    verdicts = {}
    for line in done.stdout.splitlines():
        said = re.fullmatch(r"(.*) (KEPT|BROKEN)(?: \(\d+ ignored imports?\))?", line)
        if said is not None:
            verdicts[said[1]] = said[2]
    return done.returncode, verdicts, done.stdout + done.stderr


def copy_of_the_project(target: Path) -> Path:
    """A copy of what the check looks at."""
    for package in ("ruth", "launch"):
        shutil.copytree(PROJECT / package, target / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(PROJECT / "pyproject.toml", target / "pyproject.toml")
    return target


def test_the_borders_are_kept() -> None:
    """The project keeps every contract about who may import what."""
    code, verdicts, said = lint(PROJECT)
    assert code == 0, said
    assert verdicts == dict.fromkeys(contracts(), "KEPT")


def test_the_check_finds_nothing_in_a_bare_copy(tmp_path: Path) -> None:
    """A copy of the project is as clean as the project: what a plant breaks, it has broken itself."""
    code, verdicts, said = lint(copy_of_the_project(tmp_path))
    assert code == 0, said
    assert verdicts == dict.fromkeys(contracts(), "KEPT")


@pytest.mark.long
@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: f"{plant.file}: {plant.line.split()[-1]}")
def test_a_planted_violation_is_found(tmp_path: Path, plant: Plant) -> None:
    """One forbidden import anywhere fails the check, and it names that contract."""
    project = copy_of_the_project(tmp_path)
    with (project / plant.file).open("a", encoding="utf-8") as file:
        file.write(f"\n{plant.line}\n")
    code, verdicts, said = lint(project)
    assert code == 1, said
    broken = {name for name, verdict in verdicts.items() if verdict == "BROKEN"}
    assert plant.contract in broken
    assert broken - {plant.contract} <= {LAYERS, CIRCLE}  # a step upward may close a circle as well


def test_every_contract_is_shown_to_fail() -> None:
    """There is no contract without a planted violation."""
    assert {plant.contract for plant in PLANTS} == set(contracts())


def test_no_module_escapes_the_border_of_vas() -> None:
    """Everything in ruth but ruth.vas itself is held to the rule that nothing imports ruth.vas."""
    with (PROJECT / "pyproject.toml").open("rb") as file:
        settings = tomllib.load(file)["tool"]["importlinter"]
    (held,) = (contract["source_modules"] for contract in settings["contracts"] if contract["name"] == VAS)
    here = {
        f"ruth.{entry.stem}"
        for entry in (PROJECT / "ruth").iterdir()
        if entry.suffix == ".py" or (entry / "__init__.py").exists()
    }
    assert set(held) == here - {"ruth.vas", "ruth.__init__"}


def test_the_package_itself_imports_no_vas() -> None:
    """What ``import ruth`` runs is held to it as well: a public name is imported when it is asked for."""
    code = "import sys, ruth; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "ruth" in done.stdout.split()
    assert not {name for name in done.stdout.split() if name.startswith(("ruth.vas", "launch"))}

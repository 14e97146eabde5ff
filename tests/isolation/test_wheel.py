from __future__ import annotations

import json
import re
import subprocess
import tomllib
import zipfile
from email.parser import Parser
from typing import TYPE_CHECKING, Any

import pytest

from conftest import PROJECT
from harness.agents import configure
from harness.installed_wheel import DEPENDENCIES, Installation, install, installation_in
from harness.once import made_once
from harness.published import Feed, exporter_of
from harness.waiting import wait_until
from ruth import __version__

if TYPE_CHECKING:
    from email.message import Message
    from pathlib import Path

    from conftest import Processes, Roots


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A wheel in an empty environment."""
    return installation_in(made_once(tmp_path_factory, "wheel", install))


@pytest.fixture(scope="module")
def metadata(installed: Installation) -> Message:
    """What the wheel says of itself."""
    with zipfile.ZipFile(installed.wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def run(
    installed: Installation, roots: Roots, *arguments: str | Path, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs the installed command outside the checkout, to its end."""
    return subprocess.run(
        [str(installed.ruth), *map(str, arguments)],
        env=roots.environ(),
        cwd=folder or installed.prefix,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_it_is_what_was_installed(installed: Installation, roots: Roots) -> None:
    """The command runs the installed modules, and nothing of the checkout."""
    code = "import launch.cli.main, ruth; print(launch.cli.main.__file__, ruth.__file__)"
    done = subprocess.run(
        [installed.prefix / "bin" / "python", "-c", code],
        cwd=installed.prefix,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert all(path.startswith(str(installed.packages)) for path in done.stdout.split())
    assert run(installed, roots, "--version").stdout == f"ruth {__version__}\n"


def test_a_mistake_in_a_configuration(installed: Installation, roots: Roots) -> None:
    """The installed command checks a configuration: right is 0, wrong is 2 with the line."""
    config = configure(roots, "front-door")
    assert run(installed, roots, "check", config).returncode == 0
    config.write_text("[cameras.a.models]\nm = { max_fsp = 5 }\n", encoding="utf-8")
    done = run(installed, roots, "check", config)
    assert done.returncode == 2
    assert "max_fps" in done.stderr


def test_the_schema_is_installed(installed: Installation, roots: Roots) -> None:
    """The schema of ruth.toml is part of the wheel."""
    assert json.loads(run(installed, roots, "check", "--schema").stdout)["title"] == "ruth.toml"


def test_the_main_job(installed: Installation, roots: Roots, processes: Processes) -> None:
    """Installed: agents are launched, decide on real frames, are listed, and are ended."""
    config = configure(roots, "front-door", "yard")
    launcher = processes.start(installed.ruth, "up", config, env=roots.environ(), cwd=installed.prefix)

    def listed() -> Any:
        done = run(installed, roots, "ps", "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    wait_until(
        lambda: [agent["state"] for agent in listed() if agent["pid"]] == ["idle", "idle"], "both are idle"
    )
    cameras = ("front-door", "yard")
    with Feed({camera: exporter_of(roots, camera) for camera in cameras}):
        wait_until(
            lambda: all(
                agent["state"] == "running"
                and {model["model_id"] for model in agent["models"] if model["allowed"] > 1}
                == {"person", "plate", "audit"}
                for agent in listed()
            ),
            "all models of both cameras are allowed frames",
        )
    ended = run(installed, roots, "down")
    assert ended.returncode == 0
    assert re.findall(r"^([\w-]+): agent \d+ ended$", ended.stdout, re.MULTILINE) == list(cameras)
    assert [agent["state"] for agent in listed()] == ["dead", "dead"]
    launcher.terminate()
    assert launcher.wait(timeout=60) == 0


def test_a_runtime_gets_frames(installed: Installation, roots: Roots, processes: Processes) -> None:
    """Installed: ``ruth.attach`` gives a model the frames that its subscription was allowed."""
    processes.start(installed.ruth, "up", configure(roots, "front-door"), env=roots.environ())
    code = (
        "import ruth\n"
        "with ruth.attach('front-door', 'audit', timeout=20) as stream:\n"
        "    print(next(iter(stream)).nv12.shape)\n"
    )
    with Feed({"front-door": exporter_of(roots, "front-door")}):
        done = subprocess.run(
            [installed.prefix / "bin" / "python", "-c", code],
            env=roots.environ(),
            cwd=installed.prefix,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert (done.stdout, done.stderr) == ("(72, 64)\n", "")


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion(installed: Installation, roots: Roots, shell: str) -> None:
    """The installed command writes the completion of each shell."""
    done = run(installed, roots, "completion", shell)
    assert done.returncode == 0
    assert "inspect" in done.stdout


def test_contents(installed: Installation) -> None:
    """The wheel holds both packages, typed, and what is compiled; no tests, documents, scripts."""
    with zipfile.ZipFile(installed.wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name and ".data/" not in name}
    wanted = {
        str(path.relative_to(PROJECT))
        for package in ("ruth", "launch")
        for path in (PROJECT / package).rglob("*")
        if path.suffix in (".py", ".typed", ".c", ".h", ".json") and path.name != "hatch_build.py"
    }
    assert names == wanted | {"launch/agent/native/native.so", "ruth/native/libruth.so"}
    assert {"ruth/py.typed", "launch/py.typed"} <= names


def test_what_is_compiled_is_of_its_source(installed: Installation) -> None:
    """An agent of the wheel finds what was compiled from the sources beside it."""
    code = "from launch.agent.native.library import load; found = load(); print(found[0] is None, found[1])"
    done = subprocess.run(
        [installed.prefix / "bin" / "python", "-c", code],
        env={},
        cwd=installed.prefix,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("False None\n", "")


def test_units_stand_where_systemd_looks(installed: Installation) -> None:
    """Both units are below lib/systemd/system of the prefix, as they are in the checkout."""
    for name in ("ruth.service", "ruth@.service"):
        unit = installed.prefix / "lib" / "systemd" / "system" / name
        assert unit.read_bytes() == (PROJECT / "launch" / "deploy" / name).read_bytes()


@pytest.mark.parametrize(
    "name", ["60-ruth-sysctl.conf", "60-ruth-tmpfiles.conf", "60-ruth-container-tmpfiles.conf"]
)
def test_files_that_are_there_to_be_copied(installed: Installation, name: str) -> None:
    """They are below share/ruth of the prefix, where nothing applies them by itself."""
    shipped = installed.prefix / "share" / "ruth" / name
    assert shipped.read_bytes() == (PROJECT / "launch" / "deploy" / name).read_bytes()


def test_what_it_depends_on(metadata: Message) -> None:
    """Without an extra, the wheel wants numpy and psutil alone; the extras are those of pyproject.toml."""
    wanted = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    assert sorted(re.split(r"[<>=~! ]", line)[0] for line in wanted) == sorted(DEPENDENCIES)
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(metadata.get_all("Provides-Extra", [])) == set(project["optional-dependencies"])


def test_the_version_is_one(metadata: Message) -> None:
    """The version of the wheel, of the module and of the newest release of the changelog are the same."""
    changelog = (PROJECT / "docs" / "changelog.md").read_text(encoding="utf-8")
    newest = re.search(r"^## (\d\S*)", changelog, re.MULTILINE)
    assert newest
    assert metadata["Version"] == __version__ == newest[1]

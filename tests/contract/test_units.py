"""The units for systemd: checked by systemd itself, and held against docs/specification.md."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from typing import TYPE_CHECKING

import pytest

from conftest import PROJECT
from launch.agent.confine.limits import OOM_SCORE_ADJ
from launch.cli.main import parser_of

if TYPE_CHECKING:
    from pathlib import Path

UNITS = ["ruth.service", "ruth@.service"]
COMMAND = "/usr/local/bin/ruth"
CONFIG = "/etc/ruth/ruth.toml"

each_unit = pytest.mark.parametrize("name", UNITS)


def text_of(name: str) -> str:
    """A unit's text."""
    return (PROJECT / "launch" / "deploy" / name).read_text(encoding="utf-8")


def service(name: str) -> dict[str, str]:
    """What is in a unit's section Service."""
    parser = ConfigParser(interpolation=None, delimiters="=", strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text_of(name))
    return dict(parser["Service"])


def analyzed(
    verb: str, folder: Path, name: str, text: str, *options: str
) -> subprocess.CompletedProcess[str]:
    """What systemd-analyze says of a unit, whose command is the one of this environment."""
    systemd_analyze = shutil.which("systemd-analyze")
    if systemd_analyze is None:
        pytest.skip("there is no systemd-analyze here (apt install systemd)")
    command = folder / "ruth"
    command.write_text(f"#!{sys.executable}\n", encoding="ascii")
    command.chmod(0o755)
    unit = folder / name.replace("@.", "@front-door.")
    unit.write_text(text.replace(COMMAND, str(command)), encoding="utf-8")
    return subprocess.run(
        [systemd_analyze, verb, *options, str(unit)], capture_output=True, text=True, timeout=60
    )


@each_unit
def test_systemd_finds_nothing_wrong(name: str, tmp_path: Path) -> None:
    """``systemd-analyze verify`` has nothing to say of a unit."""
    done = analyzed("verify", tmp_path, name, text_of(name), "--man=no")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@each_unit
def test_a_wrong_unit_would_be_found(name: str, tmp_path: Path) -> None:
    """The check above hears of a key that systemd does not know."""
    wrong = text_of(name).replace("KeyringMode=", "KeyringMood=")
    assert "KeyringMood" in analyzed("verify", tmp_path, name, wrong, "--man=no").stderr


@each_unit
def test_exposure(name: str, tmp_path: Path) -> None:
    """By systemd's own count a unit is hardly exposed: below 2 of 10."""
    done = analyzed("security", tmp_path, name, text_of(name), "--offline=yes", "--threshold=20")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("name", "key", "verb"),
    [
        ("ruth.service", "ExecStartPre", "check"),
        ("ruth.service", "ExecStart", "up"),
        ("ruth.service", "ExecReload", "apply"),
        ("ruth@.service", "ExecStart", "agent"),
    ],
)
def test_the_command_parses(name: str, key: str, verb: str) -> None:
    """A unit runs verbs with options that they have, of one configuration."""
    command, *arguments = service(name)[key].replace("%i", "front-door").split()
    assert command == COMMAND
    assert arguments[0] == verb
    options = vars(parser_of(arguments).parse_args(arguments))
    named = [value for value in options.values() if value == "/etc/ruth/ruth.toml" or value == [CONFIG]]
    assert len(named) == 1
    assert f"ConditionPathExists={CONFIG}\n" in text_of(name)


def test_an_instance_ends_with_the_launch() -> None:
    """After ``systemctl stop ruth`` no agent runs, not one that was started by hand either."""
    assert "PartOf=ruth.service\n" in text_of("ruth@.service")


def test_readiness() -> None:
    """The launch says when it is done; for that alone it has a socket, of this host. An instance has none."""
    assert (service("ruth.service")["Type"], service("ruth@.service")["Type"]) == ("notify", "exec")
    assert service("ruth.service")["RestrictAddressFamilies"] == "AF_UNIX"
    assert service("ruth@.service")["RestrictAddressFamilies"] == "none"


def test_folders_made_at_boot(tmp_path: Path) -> None:
    """systemd-tmpfiles makes the folders with their owners, and none for others to write to."""
    tmpfiles = shutil.which("systemd-tmpfiles")
    if tmpfiles is None or os.getuid() != 0:
        pytest.skip("needs systemd-tmpfiles (apt install systemd) and root")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd").write_text("root:x:0:0::/:\nruth:x:4242:4242::/:\n", encoding="ascii")
    (tmp_path / "etc" / "group").write_text("root:x:0:\nruth:x:4242:\n", encoding="ascii")
    for name, owner in (("60-ruth-tmpfiles.conf", 4242), ("60-ruth-container-tmpfiles.conf", 65532)):
        file = PROJECT / "launch" / "deploy" / name
        root = f"--root={tmp_path}"
        done = subprocess.run(
            [tmpfiles, root, "--create", str(file)], capture_output=True, text=True, timeout=60
        )
        assert (done.returncode, done.stderr) == (0, "")
        status = (tmp_path / "dev" / "shm" / "ruth").stat()
        assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (owner, owner, 0o755)


@each_unit
def test_nothing_is_restarted(name: str) -> None:
    """No unit restarts or watches anything, or acts on a failure (docs/specification.md, "Failure rules")."""
    assert service(name)["Restart"] == "no"
    acting = r"^(Watchdog|OnFailure|OnSuccess|StartLimit|RestartSec|ExecStop|Upholds)"
    assert not re.search(acting, text_of(name), re.MULTILINE)


def test_only_the_launcher_ends_agents() -> None:
    """Systemd signals the launcher alone; agents go on when it was killed, or one of them for memory."""
    found = service("ruth.service")
    assert (found["KillMode"], found["OOMPolicy"]) == ("process", "continue")
    assert "OOMScoreAdjust" not in found, f"agents raise theirs to {OOM_SCORE_ADJ} themselves"


@each_unit
def test_states_stay(name: str) -> None:
    """Neither a private /dev/shm nor the end of the unit takes agents' states from those who read them."""
    found = service(name)
    assert found["RemoveIPC"] == "no"
    assert found["KeyringMode"] == "private"
    assert not {"DynamicUser", "PrivateIPC", "PrivateDevices", "TemporaryFileSystem"} & set(found)


@each_unit
def test_another_user_without_rights(name: str) -> None:
    """A unit has a user of its own, no capability, no network, and exports read-only."""
    found = service(name)
    assert found["User"] not in ("", "root", "0")
    assert found["CapabilityBoundingSet"] == found["AmbientCapabilities"] == ""
    assert found["PrivateNetwork"] == "yes"
    assert found["ReadOnlyPaths"] == "-/dev/shm/vas"


def test_the_unit_of_one_camera_is_as_confined_as_that_of_all() -> None:
    """What differs between both units is what each runs, how it ends, and how much it may take."""
    one, all_of_them = service("ruth@.service"), service("ruth.service")
    different = {key for key in one | all_of_them if one.get(key) != all_of_them.get(key)}
    assert different == {
        "ExecStart", "ExecStartPre", "ExecReload", "Type", "RestrictAddressFamilies",
        "KillMode", "MemoryMax", "TasksMax", "LimitNOFILE",
    }  # fmt: skip

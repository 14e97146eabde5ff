"""The units under a systemd that is process 1, of a host in namespaces: started, stopped, and with deaths."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.agents import MODELS
from harness.published import Feed, exporter_of
from harness.systemd_host import UID, SystemdHost, systemd_host
from harness.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

CAMERAS = ("front-door", "yard")
MEASURES = {"no_new_privs", "no_core_dumps", "memory_limit", "nice", "oom_score_adj", "seccomp"}
CONFIG = "".join(f"[cameras.{camera}.models]\n{MODELS}" for camera in CAMERAS)


@pytest.fixture(scope="module")
def host() -> Iterator[SystemdHost]:
    """The host, and beside it a video server that exports both cameras."""
    with systemd_host(CONFIG) as made:
        exporters = {camera: exporter_of(made.roots, camera) for camera in CAMERAS}
        with Feed(exporters):
            yield made
        for exporter in exporters.values():
            exporter.close()


@pytest.fixture
def pids(host: SystemdHost) -> Iterator[dict[str, int]]:
    """The agents of both cameras, once ``systemctl start ruth`` has launched them; by camera."""
    assert host.call("systemctl", "start", "ruth").returncode == 0
    yield {camera: running(host, camera) for camera in CAMERAS}
    host.call("systemctl", "stop", "ruth", *(f"ruth@{camera}" for camera in CAMERAS))
    host.call("/usr/local/bin/ruth", "down")
    host.call("systemctl", "reset-failed")


def running(host: SystemdHost, camera_id: str) -> int:
    """The pid of an agent, there, once it observes frames."""

    def pid() -> int:
        camera = host.cameras().get(camera_id, {})
        return int(camera["pid"] or 0) if camera.get("state") == "running" else 0

    return wait_until(pid, f"{camera_id} is observed")


def wait_state(host: SystemdHost, unit: str, state: str) -> None:
    """Waits until a unit is ``active``, ``inactive`` or ``failed``."""
    wait_until(lambda: host.property(unit, "ActiveState") == state, f"{unit} is {state}")


def test_agents_of_the_unit(host: SystemdHost, pids: dict[str, int]) -> None:
    """Agents observe frames as the unit's user, confined by it and by themselves, exports read-only."""
    cameras = host.cameras()
    for camera, pid in pids.items():
        status = host.call("cat", f"/proc/{pid}/status").stdout.split()
        assert status[status.index("Uid:") + 1] == str(UID)
        assert status[status.index("CapBnd:") + 1].strip("0") == ""
        mounts = [line.split() for line in host.call("cat", f"/proc/{pid}/mountinfo").stdout.splitlines()]
        (options,) = [fields[5] for fields in mounts if fields[4] == "/dev/shm/vas"]
        assert "ro" in options.split(",")
        assert set(cameras[camera]["confinement"]) >= MEASURES
    assert host.property("ruth", "NRestarts") == "0"


def test_an_agent_that_dies(host: SystemdHost, pids: dict[str, int]) -> None:
    """An agent that is killed ends neither the unit nor another agent, and is not started again."""
    host.call("kill", "-9", str(pids["yard"]))
    wait_until(lambda: host.cameras()["yard"]["death"] == "SIGKILL", "its death is known")
    frames = host.cameras()["front-door"]["frames"]
    wait_until(lambda: host.cameras()["front-door"]["frames"] > frames + 10, "the other goes on")
    found = host.cameras()
    assert found["front-door"]["pid"] == pids["front-door"]
    assert (found["yard"]["state"], found["yard"]["pid"]) == ("dead", None)
    assert (host.property("ruth", "ActiveState"), host.property("ruth", "NRestarts")) == ("active", "0")


def test_a_camera_by_hand(host: SystemdHost, pids: dict[str, int]) -> None:
    """``systemctl start ruth@CAMERA`` starts one camera's agent; one that has a live agent is left alone."""
    host.call("kill", "-9", str(pids["yard"]))
    wait_until(lambda: host.cameras()["yard"]["state"] == "dead", "it is dead")
    for camera in CAMERAS:
        host.call("systemctl", "start", f"ruth@{camera}")
    assert running(host, "yard") == int(host.property("ruth@yard", "MainPID")) != pids["yard"]
    wait_state(host, "ruth@front-door", "failed")
    assert host.property("ruth@front-door", "ExecMainStatus") == "1"
    assert running(host, "front-door") == pids["front-door"]
    host.call("systemctl", "stop", "ruth@yard")
    assert host.cameras()["yard"]["state"] == "dead"
    assert running(host, "front-door") == pids["front-door"]


def test_a_launcher_that_is_killed(host: SystemdHost, pids: dict[str, int]) -> None:
    """A launcher killed with -9 fails the unit and no agent; after ``ruth down`` the unit launches again."""
    host.call("systemctl", "kill", "--signal=SIGKILL", "--kill-who=main", "ruth")
    wait_state(host, "ruth", "failed")
    assert {camera: running(host, camera) for camera in CAMERAS} == pids
    host.call("systemctl", "start", "ruth")  # it finds no camera to launch, and ends
    wait_state(host, "ruth", "inactive")
    assert {camera: running(host, camera) for camera in CAMERAS} == pids
    assert host.call("/usr/local/bin/ruth", "down").returncode == 0
    host.call("systemctl", "start", "ruth")
    assert not set(pids.values()) & {running(host, camera) for camera in CAMERAS}


def test_stop(host: SystemdHost, pids: dict[str, int]) -> None:
    """``systemctl stop ruth`` ends the launcher, and the launcher its agents, long before a timeout."""
    begun = time.monotonic()
    assert host.call("systemctl", "stop", "ruth").returncode == 0
    assert time.monotonic() - begun < 30
    wait_until(lambda: all(camera["state"] == "dead" for camera in host.cameras().values()), "all have ended")
    assert host.property("ruth", "ActiveState") == "inactive"
    assert (host.property("ruth", "Result"), host.property("ruth", "ExecMainStatus")) == ("success", "0")


def test_a_start_is_done_when_agents_are_launched(host: SystemdHost, pids: dict[str, int]) -> None:
    """``systemctl start`` returns once the launch is done, and the unit's status says what came of it."""
    assert pids.keys() == set(CAMERAS)
    assert host.property("ruth", "StatusText") == "agents launched: 2, failed: 0"


def test_a_wrong_file_and_a_changed_one(host: SystemdHost, pids: dict[str, int]) -> None:
    """``systemctl reload`` changes what differs; a wrong file changes nothing, and starts nothing."""
    config = Path(f"/proc/{host.pid}/root/etc/ruth/ruth.toml")
    try:
        config.write_text(CONFIG.replace("[cameras.yard", "[camera.yard"), encoding="utf-8")
        assert host.call("systemctl", "reload", "ruth").returncode != 0
        assert {camera: running(host, camera) for camera in CAMERAS} == pids
        config.write_text(CONFIG + "attic = { max_fps = 3 }\n", encoding="utf-8")
        assert host.call("systemctl", "reload", "ruth").returncode == 0
        wait_until(
            lambda: "attic" in [model["model_id"] for model in host.cameras()["yard"]["models"]],
            "yard has it",
        )
        assert running(host, "front-door") == pids["front-door"]
        assert running(host, "yard") != pids["yard"]
        host.call("systemctl", "stop", "ruth")
        config.write_text("[cameras]\nyard = 5\n", encoding="utf-8")
        assert host.call("systemctl", "start", "ruth").returncode != 0
        assert host.property("ruth", "Result") == "exit-code"
        config.unlink()
        host.call("systemctl", "reset-failed")
        assert host.call("systemctl", "start", "ruth").returncode == 0
        assert host.property("ruth", "ConditionResult") == "no"
    finally:
        config.write_text(CONFIG, encoding="utf-8")


def test_an_instance_ends_with_the_launch(host: SystemdHost, pids: dict[str, int]) -> None:
    """``systemctl stop ruth`` ends an agent as well that was started by hand."""
    host.call("kill", "-9", str(pids["yard"]))
    wait_until(lambda: host.cameras()["yard"]["state"] == "dead", "it is dead")
    host.call("systemctl", "start", "ruth@yard")
    running(host, "yard")
    host.call("systemctl", "stop", "ruth")
    wait_state(host, "ruth@yard", "inactive")
    assert host.cameras()["yard"]["state"] == "dead"

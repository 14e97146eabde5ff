"""The confinement of launch/deploy/compose.yaml without an engine: in namespaces as engines make them."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conftest import PROJECT
from harness.agents import CAPS, children_of, configure
from harness.published import FRAME, expected, exporter_of
from harness.streams import Follower
from harness.waiting import wait_until

if TYPE_CHECKING:
    from conftest import Processes, Roots

UID = 65532
TOOLS = ("unshare", "mount", "setpriv")
COMPOSE = (PROJECT / "launch" / "deploy" / "compose.yaml").read_text(encoding="utf-8")

# As root of new namespaces: what is mounted, then who it is run as. Ruth and Python are put where any user
# can reach them, wherever they are on this machine.
SCRIPT = """
set -e
mount --bind "$VAS_EXPORT_ROOT" "$VAS_EXPORT_ROOT"
mount -o remount,bind,ro,nosuid,nodev,noexec "$VAS_EXPORT_ROOT"
mount -t tmpfs -o mode=755 none /mnt
for folder in ruth launch python; do
    mkdir "/mnt/$folder"
    mount --bind "$1" "/mnt/$folder"
    shift
done
mount -o remount,ro /mnt
cd /
exec setpriv --reuid UID --regid UID --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \\
    env PYTHONHOME=/mnt/python LD_LIBRARY_PATH=/mnt/python/lib PYTHONPATH=/mnt PYTHONDONTWRITEBYTECODE=1 \\
    "/mnt/python/bin/$PYTHON" -c "$CODE"
""".replace("UID", str(UID))

RUTH_UP = "import sys; from launch.cli.main import main; sys.exit(main(['up', '{config}']))"

PROBE = """
import errno, json, os, socket
def attempt(action):
    try:
        action()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "done"
camera = os.environ["VAS_EXPORT_ROOT"] + "/front-door"
print(json.dumps({
    "uid": os.getuid(),
    "interfaces": [name for _, name in socket.if_nameindex()],
    "processes": len([name for name in os.listdir("/proc") if name.isdecimal()]),
    "write": attempt(lambda: os.open(camera + "/frame.data", os.O_RDWR)),
    "make": attempt(lambda: os.mkdir(camera + "/new")),
    "remove": attempt(lambda: os.unlink(camera + "/frame.meta")),
    "chroot": attempt(lambda: os.chroot("/")),
    "read": attempt(lambda: os.close(os.open(camera + "/frame.data", os.O_RDONLY))),
}))
"""


def contained(processes: Processes, roots: Roots, code: str) -> subprocess.Popen[str]:
    """Runs Python code as in a container; its first process has pid 1 there."""
    if os.getuid() != 0:
        pytest.skip("another uid, as in a container, wants root")
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"there is no {', '.join(missing)} here")
    if subprocess.run(["unshare", "--mount", "--net", "mount", "-t", "tmpfs", "none", "/mnt"]).returncode:
        pytest.skip("this machine allows no new namespaces")
    for folder in (roots.export, roots.state):
        folder.mkdir(exist_ok=True)
    roots.state.parent.chmod(0o755)
    os.chown(roots.state, UID, UID)
    folders = [str(PROJECT / "ruth"), str(PROJECT / "launch"), sys.base_prefix]
    python = Path(sys.executable).resolve().name
    environ = {**roots.environ(flag=None), "CODE": code, "PYTHON": python}
    namespaces = ["--mount", "--net", "--ipc", "--uts", "--pid", "--fork", "--mount-proc", "--kill-child"]
    return processes.start(
        "unshare", *namespaces, "sh", "-c", SCRIPT, "sh", *folders,
        env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_agents_observe_frames(roots: Roots, processes: Processes) -> None:
    """Another uid, a read-only mount, no network, own pids: every frame is decided as anywhere else."""
    config = configure(roots, "front-door", "yard")
    exporters = {camera: exporter_of(roots, camera) for camera in ("front-door", "yard")}
    contained(processes, roots, RUTH_UP.format(config=config))
    for camera, exporter in exporters.items():
        state = roots.state / camera / "agent.state"
        wait_until(lambda state=state: state.exists() and state.stat().st_size > 0, f"{camera} was launched")
        assert state.stat().st_uid == UID
        frames = [(number, 1_000_000_000 + number * 40_000_000) for number in range(100)]
        with Follower(roots, camera) as follower:
            for number, timestamp_ns in frames:
                exporter.publish(FRAME, timestamp_ns)
                seen = follower.wait_for(number)
        assert seen.missed == 0
        for model in seen.models:
            wanted = expected(CAPS[model.model_id], frames)
            assert (model.allowed, model.skipped) == (wanted.allowed, wanted.skipped)
        exporter.close()


def test_a_replaced_export_is_found_through_the_mount(roots: Roots, processes: Processes) -> None:
    """The directory is mounted, not its files: an export made again behind the mount is found."""
    config = configure(roots, "front-door")
    contained(processes, roots, RUTH_UP.format(config=config))
    state = roots.state / "front-door" / "agent.state"
    wait_until(lambda: state.exists() and state.stat().st_size > 0, "the agent was launched")
    with Follower(roots, "front-door") as follower:
        for session in range(3):
            exporter = exporter_of(roots, "front-door")
            exporter.publish(FRAME, 1_000_000_000 * (session + 1))
            wait_until(
                lambda session=session: (found := follower.newest()) and found.frames == session + 1,
                f"the frame of export {session} was observed",
            )
            exporter.close()
            shutil.rmtree(roots.export / "front-door", ignore_errors=True)


def test_a_root_made_anew_is_found_behind_a_mount_on_itself(roots: Roots, processes: Processes) -> None:
    """Where exports are mounted upon themselves, as ruth.service does, their root may be made again."""
    config = configure(roots, "front-door")
    contained(processes, roots, RUTH_UP.format(config=config))
    state = roots.state / "front-door" / "agent.state"
    wait_until(lambda: state.exists() and state.stat().st_size > 0, "the agent was launched")
    shutil.rmtree(roots.export)
    exporter = exporter_of(roots, "front-door")
    exporter.publish(FRAME, 1_000_000_000)
    with Follower(roots, "front-door") as follower:
        follower.wait_for(0)
    exporter.close()


def test_the_container_ends_as_the_launcher_does(roots: Roots, processes: Processes) -> None:
    """SIGTERM to the first process ends the agents and is exit code 0, as an engine expects."""
    config = configure(roots, "front-door")
    started = contained(processes, roots, RUTH_UP.format(config=config))
    assert started.stdout is not None
    assert re.fullmatch(r"front-door: agent \d+\n", started.stdout.readline())
    (launcher,) = children_of(started.pid)
    (agent,) = children_of(launcher)
    os.kill(launcher, signal.SIGTERM)
    assert started.wait(timeout=60) == 0
    assert not Path(f"/proc/{agent}").exists()


def test_what_is_refused_inside(roots: Roots, processes: Processes) -> None:
    """The confinement of these tests is one: nothing of an export can be changed, and there is no network."""
    exporter = exporter_of(roots, "front-door")
    out, err = contained(processes, roots, PROBE).communicate(timeout=30)
    exporter.close()
    assert err == ""
    assert json.loads(out) == {
        "uid": UID,
        "interfaces": ["lo"],
        "processes": 1,
        "write": "EACCES",  # another user's, before it is a read-only mount
        "make": "EROFS",
        "remove": "EROFS",
        "chroot": "EPERM",
        "read": "done",
    }


@pytest.mark.parametrize(
    "line",
    [
        f'user: "{UID}:{UID}"',
        'restart: "no"',
        "network_mode: none",
        "read_only: true",
        "cap_drop: [ALL]",
        'security_opt: ["no-new-privileges:true"]',
    ],
)
def test_compose_says_the_same(line: str) -> None:
    """What these tests confine with is in launch/deploy/compose.yaml too."""
    assert re.search(rf"^    {re.escape(line)}", COMPOSE, re.MULTILINE)


def test_compose_limits_processes_and_memory() -> None:
    """The container may have so many processes and so much memory and no more."""
    assert re.search(r"^    pids_limit: \d+", COMPOSE, re.MULTILINE)
    assert re.search(r"^    mem_limit: \d+g", COMPOSE, re.MULTILINE)


def test_compose_mounts_the_directory_read_only() -> None:
    """The folder of all exports is mounted, read-only; never a file, which would stay the old one."""
    mounts = re.findall(r"source: (\S+)\n +target: (\S+)\n( +read_only: true\n)?", COMPOSE)
    assert [(source, target, bool(read_only)) for source, target, read_only in mounts] == [
        ("/dev/shm/vas", "/dev/shm/vas", True),
        ("/dev/shm/ruth", "/dev/shm/ruth", False),
        ("/etc/ruth", "/etc/ruth", True),
    ]


def test_compose_is_valid() -> None:
    """Docker's own parser takes launch/deploy/compose.yaml."""
    docker = shutil.which("docker")
    command = [
        docker or "docker",
        "compose",
        "-f",
        str(PROJECT / "launch" / "deploy" / "compose.yaml"),
        "config",
        "-q",
    ]
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True).returncode:
        pytest.skip("there is no docker compose here")
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")

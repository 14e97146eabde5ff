"""One poll tells which camera's process does what: ``ruth ps`` and the system's own tools."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from harness.agents import configure, launched, pid_of, view_agent, wait_dead, wait_observed
from harness.commands import run_ruth_text
from harness.published import FRAME, Feed, exporter_of
from harness.waiting import wait_until
from launch.launcher.claim import claim
from launch.observe.liveness import read_sighting as sighting_of
from ruth.agent.agent import StreamAgent
from ruth.agent.state import STATE_SIZE
from ruth.agent.state_reader import StateReader
from ruth.agent.state_writer import AgentIdentity, StateWriter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Processes, Roots

LONGEST = "x" * 64

# A launcher whose agents die of themselves, natively, at their first frame; what of is their camera's name.
FAULTY = """
import ctypes, os, sys
from launch.agent.process import AgentProcess
from launch.cli.main import main
from ruth.agent.agent import StreamAgent

DEATHS = {
    "exits": lambda: os._exit(3),
    "ends": lambda: os._exit(0),
    "aborts": os.abort,
    "null-pointer": lambda: ctypes.string_at(0),
}

observe = StreamAgent.observe

def faulty(self, frame_id, timestamp_ns):
    DEATHS.get(self.camera_id, lambda: None)()
    return observe(self, frame_id, timestamp_ns)

StreamAgent.observe = faulty
AgentProcess.prepare_start = lambda *_: None  # they begin in Python
sys.exit(main(["up", sys.argv[1]]))
"""


def asked(roots: Roots, *options: str, width: int | None = None) -> subprocess.CompletedProcess[str]:
    """``ruth ps``, and what came of it."""
    environ = roots.environ() | ({} if width is None else {"COLUMNS": str(width)})
    return run_ruth_text("ps", *options, env=environ)


def ps(roots: Roots, *options: str, width: int | None = None) -> str:
    """What ``ruth ps`` prints, if nothing is wrong."""
    done = asked(roots, *options, width=width)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@contextlib.contextmanager
def held_record(roots: Roots, camera_id: str, identity: AgentIdentity) -> Iterator[None]:
    """A camera whose lock is held and whose record names this process."""
    held = claim(str(roots.state), camera_id, 0)
    try:
        with mmap.mmap(held, STATE_SIZE) as memory, memoryview(memory) as view:
            writer = StateWriter(StreamAgent(camera_id)).initialise(view, identity)
            del writer
        yield
    finally:
        os.close(held)


def test_each_death_is_named(roots: Roots, processes: Processes) -> None:
    """Agents were killed, crashed, exited: ps names each death, and the launcher has printed nothing."""
    deaths = {
        "aborts": "SIGABRT",
        "ends": "exit 0",
        "exits": "exit 3",
        "killed": "SIGKILL",
        "null-pointer": "SIGSEGV",
    }
    cameras = [*deaths, "lives"]
    exporters = [exporter_of(roots, camera) for camera in cameras]
    said = roots.state.parent / "said"
    with said.open("wb") as out:
        launcher = processes.start(
            sys.executable, "-c", FAULTY, configure(roots, *cameras),
            env=roots.environ(), stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    pids = {camera: pid_of(roots, camera) for camera in cameras}
    wait_until(lambda: said.read_text().count("\n") == len(cameras), "the launcher has said whom it launched")
    before = said.read_bytes()
    for exporter in exporters:
        exporter.publish(FRAME, time.monotonic_ns())
    os.kill(pids["killed"], signal.SIGKILL)
    for camera in deaths:
        wait_dead(roots, camera)
    wait_observed(roots, "lives", 0)
    found = {camera["camera_id"]: camera for camera in json.loads(ps(roots, "--json"))}
    assert {camera: found[camera]["death"] for camera in deaths} == deaths
    assert {found[camera]["state"] for camera in deaths} == {"dead"}
    assert found["lives"]["pid"] == pids["lives"]
    shown = [line.split()[2:4] for line in ps(roots).splitlines()[1:4]]
    assert shown == [["dead:", "SIGABRT"], ["dead:", "exit"], ["dead:", "exit"]]
    assert launcher.poll() is None
    assert said.read_bytes() == before
    for exporter in exporters:
        exporter.close()


def test_a_death_whose_launcher_is_gone(roots: Roots, processes: Processes) -> None:
    """When the launcher has ended, no process knows how an agent died: it is dead, and no more is said."""
    launcher = processes.ruth("up", configure(roots, "a"), env=roots.environ())
    pid = pid_of(roots, "a")
    launcher.kill()
    launcher.wait(timeout=60)
    os.kill(pid, signal.SIGKILL)
    wait_dead(roots, "a")
    os.waitpid(pid, 0)  # this process has inherited it, as pid 1 would, and reaps it as pid 1 does
    found = view_agent(roots, "a")
    assert (found.state, found.death, found.pid) == ("dead", None, None)
    assert ps(roots).splitlines()[1].split()[:4] == ["a", "-", "dead", "-"]


@pytest.mark.parametrize("fed", [True, False])
def test_a_stopped_agent(roots: Roots, processes: Processes, fed: bool) -> None:
    """A stopped agent is described, by one word in the table and in JSON."""
    exporter = exporter_of(roots, "a")
    pid = launched(roots, processes, "a")["a"]
    if fed:
        exporter.publish(FRAME, time.monotonic_ns())
        wait_observed(roots, "a", 0)
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: sighting_of(str(roots.state), "a").stopped, "it is stopped")
    assert ps(roots).splitlines()[1].split()[:3] == ["a", str(pid), "stopped"]
    (found,) = json.loads(ps(roots, "--json"))
    assert (found["pid"], found["death"], found["state"], found["stopped"]) == (pid, None, "stopped", True)
    assert found["private_bytes"] > 0
    exporter.close()


def test_a_reused_pid_is_no_agent(roots: Roots, processes: Processes) -> None:
    """A record that names a process which started at another time names no process: no pid, no cost."""
    bystander = processes.start("sleep", "60")
    with held_record(roots, "a", AgentIdentity(bystander.pid, 1, time.monotonic_ns(), 0)):
        found = view_agent(roots, "a")
        assert (found.state, found.pid, found.cpu_percent, found.private_bytes) == (
            "unseen",
            None,
            None,
            None,
        )
    assert (view_agent(roots, "a").state, view_agent(roots, "a").death) == ("dead", None)


def test_a_dead_pid_that_is_a_strangers_zombie(roots: Roots, processes: Processes) -> None:
    """How another process died who had the same pid is not shown as the agent's death."""
    stranger = processes.start("sleep", "60")
    with held_record(roots, "a", AgentIdentity(stranger.pid, 1, time.monotonic_ns(), 0)):
        stranger.kill()
        os.waitid(os.P_PID, stranger.pid, os.WEXITED | os.WNOWAIT)
    assert (view_agent(roots, "a").state, view_agent(roots, "a").death) == ("dead", None)


def test_looking_changes_nothing(roots: Roots, processes: Processes) -> None:
    """A poll writes nothing, takes no lock, and leaves the agent's state and descriptors as they were."""
    pid = launched(roots, processes, "a")["a"]
    path = roots.state / "a" / "agent.state"
    os.kill(pid, signal.SIGSTOP)
    before = path.read_bytes(), path.stat().st_mtime_ns, sorted(os.listdir(f"/proc/{pid}/fd"))
    ps(roots)
    ps(roots, "--json")
    assert (path.read_bytes(), path.stat().st_mtime_ns, sorted(os.listdir(f"/proc/{pid}/fd"))) == before
    with StateReader(str(roots.state), "a") as reader:
        assert reader.alive()
    assert psutil.Process(pid).status() == psutil.STATUS_STOPPED


@pytest.mark.parametrize("camera", ["a", "front-door", LONGEST], ids=len)
def test_the_systems_own_tools_name_the_camera(roots: Roots, processes: Processes, camera: str) -> None:
    """Whatever the length of its id, a camera's process is found by name: ps, pgrep, psutil, /proc."""
    pid = launched(roots, processes, camera, "other")[camera]
    title = f"ruth: agent {camera}"

    def said_by(*command: str) -> str:
        return subprocess.run(command, capture_output=True, text=True, timeout=10).stdout

    wait_until(lambda: said_by("ps", "-ww", "-o", "args=", "-p", str(pid)) == f"{title}\n", "ps names it")
    assert said_by("ps", "-o", "comm=", "-p", str(pid)) == f"{title[:15]}\n"
    found = said_by("pgrep", "-f", f"^{title}$").split()
    assert str(pid) in found
    assert str(pid_of(roots, "other")) not in found
    assert " ".join(psutil.Process(pid).cmdline()) == title  # psutil parts it at blanks
    assert psutil.Process(pid).name() == title[:15]
    assert Path(f"/proc/{pid}/comm").read_text() == f"{title[:15]}\n"


@pytest.mark.parametrize("width", [40, 80, 120, None])
def test_no_line_is_wider_than_asked(roots: Roots, processes: Processes, width: int | None) -> None:
    """The table of real agents keeps within the columns that there are; without a limit it is whole."""
    os.kill(launched(roots, processes, "front-door", LONGEST)["front-door"], signal.SIGKILL)
    wait_dead(roots, "front-door")
    lines = ps(roots, width=width).splitlines()
    assert len(lines) == 4
    assert "\x1b" not in "".join(lines)
    if width is None:
        assert LONGEST in lines[2]
        assert lines[0].split()[-3:] == ["person<=5", "plate<=2.5", "audit"]
    else:
        assert max(map(len, lines)) <= width
        assert ("\N{HORIZONTAL ELLIPSIS}" in lines[2]) == (width < 120)


def test_a_terminal_that_knows_no_ellipsis(roots: Roots, processes: Processes) -> None:
    """Where stdout is ASCII, the mark of what was cut is three dots, and nothing fails."""
    launched(roots, processes, LONGEST)
    done = subprocess.run(
        [sys.executable, "-m", "launch.cli.main", "ps"],
        env=roots.environ() | {"COLUMNS": "80", "PYTHONIOENCODING": "ascii"},
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"xxx...xxx" in done.stdout


# Another user, who may not even read our Python: once as ourselves loads all that it needs.
STRANGER = """
import contextlib, io, os, sys
from launch.cli.main import main
with contextlib.redirect_stdout(io.StringIO()):
    main(sys.argv[1:])
os.setgroups([])
os.setresuid(65534, 65534, 65534)
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user(roots: Roots, processes: Processes) -> None:
    """Another user sees which camera, which process and what was decided; not its memory, nor how it died."""
    roots.state.parent.chmod(0o755)
    exporter = exporter_of(roots, "a")
    pids = launched(roots, processes, "a", "b")
    exporter.publish(FRAME, time.monotonic_ns())
    wait_observed(roots, "a", 0)
    os.kill(pids["b"], signal.SIGKILL)
    wait_dead(roots, "b")

    def seen(*arguments: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-c", STRANGER, *arguments], env=roots.environ(), capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    alive, dead = seen("ps", "--json")
    assert (alive["pid"], alive["frames"], alive["models"][0]["allowed"]) == (pids["a"], 1, 1)
    assert alive["private_bytes"] is None
    assert alive["cpu_percent"] is not None
    assert (dead["state"], dead["death"]) == ("dead", None)
    process = seen("inspect", "a", "--json")["process"]
    assert process["resident_bytes"] > 0
    assert (process["private_bytes"], process["descriptors"], process["maps"]) == (None, None, None)
    exporter.close()


def test_some_cameras(roots: Roots, processes: Processes) -> None:
    """Ids and patterns select cameras, states too; the last line counts those that were asked for."""
    pids = launched(roots, processes, "gate-1", "gate-2", "yard")
    os.kill(pids["gate-2"], signal.SIGKILL)
    wait_dead(roots, "gate-2")
    assert [line.split()[0] for line in ps(roots, "gate-*").splitlines()] == [
        "CAMERA", "gate-2", "gate-1", "cameras:"
    ]  # fmt: skip
    assert ps(roots, "gate-*").splitlines()[-1] == "cameras: 2 (1 dead, 1 idle)"
    found = json.loads(ps(roots, "--state", "dead", "--state", "stopped", "--json"))
    assert [camera["camera_id"] for camera in found] == ["gate-2"]
    assert ps(roots, "--state", "absent") == "cameras: 3 (1 dead, 2 idle)\n"
    done = asked(roots, "yrad", "gate-1")
    assert done.returncode == 1
    assert done.stderr == "ruth: yrad: no such camera; did you mean 'yard'?\n"
    assert done.stdout.splitlines()[-1] == "cameras: 1 (1 idle)"
    assert asked(roots, "a/b").returncode == 2


def test_whether_all_run(roots: Roots, processes: Processes) -> None:
    """--check ends with 0 if every camera runs, and with 1 if one does not, which is listed."""
    assert asked(roots, "--check").returncode == 1
    exporters = [exporter_of(roots, camera) for camera in ("a", "b")]
    pids = launched(roots, processes, "a", "b")
    with Feed(dict(zip("ab", exporters, strict=True))):
        for camera in "ab":
            wait_observed(roots, camera, 1)
        done = asked(roots, "--check")
        assert (done.returncode, done.stdout) == (0, "cameras: 2 (2 running)\n")
        os.kill(pids["b"], signal.SIGKILL)
        wait_dead(roots, "b")
        done = asked(roots, "--check", "--json")
        assert done.returncode == 1
        assert [camera["camera_id"] for camera in json.loads(done.stdout)] == ["b"]
        assert asked(roots, "--check", "a").returncode == 0
    for exporter in exporters:
        exporter.close()

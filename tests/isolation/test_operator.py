"""What an operator types: ps, down, agent, check, and what they answer (docs/commands/README.md)."""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import resource
import signal
import struct
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from harness.agents import configure, launched, pid_of, view_agent, wait_dead, wait_observed
from harness.commands import run_ruth_text
from harness.published import FRAME, exporter_of
from harness.waiting import wait_until
from launch.launcher.claim import claim
from ruth.agent.agent import StreamAgent
from ruth.agent.state import STATE_SIZE
from ruth.agent.state_writer import AgentIdentity, StateWriter

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Processes, Roots

PS_KEYS = [
    "camera_id", "pid", "state", "death", "export", "frame_id", "timestamp_ns", "frames", "age_s",
    "uptime_s", "cpu_percent", "private_bytes", "confinement", "models",
    "stopped", "problem", "missed", "death_cause", "dead_s",
]  # fmt: skip
MODEL_KEYS = [
    "model_id", "max_fps", "active", "allowed", "skipped", "last_frame_id", "last_timestamp_ns",
    "last_decision",
]  # fmt: skip


def ruth(roots: Roots, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs one verb to its end."""
    return run_ruth_text(*arguments, env=roots.environ())


def ps(roots: Roots, *arguments: str | Path) -> dict[str, dict[str, object]]:
    """``ruth ps --json``, by camera."""
    answer = ruth(roots, "ps", "--json", *arguments)
    assert (answer.returncode, answer.stderr) == (0, "")
    return {camera["camera_id"]: camera for camera in json.loads(answer.stdout)}


def test_ps_of_a_running_agent(roots: Roots, processes: Processes) -> None:
    """``ruth ps --json`` has the documented keys, in order, with what is true of a fed agent."""
    exporter = exporter_of(roots, "a")
    pid = launched(roots, processes, "a")["a"]
    now = time.monotonic_ns()
    exporter.publish(FRAME, now)
    wait_observed(roots, "a", 0)
    found = ps(roots)["a"]
    assert list(found) == PS_KEYS
    assert (found["pid"], found["state"], found["death"], found["export"]) == (pid, "running", None, "v2")
    assert (found["frame_id"], found["timestamp_ns"], found["frames"]) == (0, now, 1)
    models = found["models"]
    assert isinstance(models, list)
    assert [list(model) for model in models] == [MODEL_KEYS] * 3
    assert models[0] == {
        "model_id": "person", "max_fps": 5.0, "active": True, "allowed": 1, "skipped": 0,
        "last_frame_id": 0, "last_timestamp_ns": now, "last_decision": "ALLOW",
    }  # fmt: skip
    assert models[2]["max_fps"] is None
    exporter.close()


def test_ps_of_an_idle_agent(roots: Roots, processes: Processes) -> None:
    """An agent without a frame for two seconds is idle; what it has not seen is null."""
    pid = launched(roots, processes, "a")["a"]
    found = ps(roots)["a"]
    assert (found["pid"], found["state"], found["export"], found["frame_id"]) == (pid, "idle", None, None)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_ps_of_a_dead_agent(roots: Roots, processes: Processes, number: signal.Signals) -> None:
    """A dead agent is dead, without a pid, and the kernel's word on how it died is shown."""
    os.kill(launched(roots, processes, "a")["a"], number)
    wait_dead(roots, "a")
    found = ps(roots)["a"]
    assert (found["pid"], found["state"], found["death"]) == (None, "dead", number.name)


def test_ps_of_a_camera_never_started(roots: Roots) -> None:
    """A configured camera without an agent is absent."""
    found = ps(roots, "-c", configure(roots, "a"))["a"]
    assert (found["pid"], found["state"], found["death"], found["models"]) == (None, "absent", None, [])


def test_ps_without_cameras(roots: Roots) -> None:
    """Without any camera ps says where it looked, exits 0, and makes nothing."""
    answer = ruth(roots, "ps")
    assert (answer.returncode, answer.stdout) == (0, "cameras: 0 (none)\n")
    assert answer.stderr == f"ruth: no camera below {roots.state}, and none is configured\n"
    assert ps(roots) == {}
    assert not roots.state.exists()


def test_ps_into_a_closed_pipe(roots: Roots) -> None:
    """Ps into a pipe without a reader fails quietly."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "launch.cli.main", "ps"],
        env=roots.environ(),
        stdout=writer,
        stderr=subprocess.PIPE,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def test_down_ends_everybody(roots: Roots, processes: Processes) -> None:
    """``ruth down`` ends all live agents by SIGTERM and their launcher, says whom, and exits 0."""
    launcher = processes.ruth("up", configure(roots, "a", "b"), env=roots.environ())
    pids = {camera: pid_of(roots, camera) for camera in ("a", "b")}
    answer = ruth(roots, "down")
    assert (answer.returncode, answer.stderr) == (0, "")
    ended = "".join(f"{camera}: agent {pid} ended\n" for camera, pid in pids.items())
    assert answer.stdout == f"{ended}launcher {launcher.pid} ended\n"
    assert launcher.wait(timeout=2) == 0


def test_down_ends_only_whom_it_is_told(roots: Roots, processes: Processes) -> None:
    """``ruth down CAMERA`` ends that camera's agent and no other."""
    pids = launched(roots, processes, "a", "b")
    assert ruth(roots, "down", "b").returncode == 0
    assert view_agent(roots, "a").pid == pids["a"]
    assert view_agent(roots, "b").pid is None


def test_down_after_the_launcher_is_gone(roots: Roots, processes: Processes) -> None:
    """``ruth down`` works when the launcher was killed long ago."""
    launcher = processes.ruth("up", configure(roots, "a"), env=roots.environ())
    pid_of(roots, "a")
    launcher.kill()
    launcher.wait(timeout=60)
    answer = ruth(roots, "down")
    assert (answer.returncode, answer.stderr) == (0, "")
    assert view_agent(roots, "a").pid is None


def test_down_is_not_misled_by_a_stray_folder(roots: Roots, processes: Processes) -> None:
    """A folder below the state root that is not a valid camera id does not keep agents from being ended."""
    launched(roots, processes, "a")
    (roots.state / ".stray").mkdir()
    (roots.state / "empty").mkdir()
    assert ruth(roots, "down").stdout.startswith("a: agent ")
    assert set(ps(roots)) == {"a", "empty"}


def test_down_with_few_descriptors(roots: Roots, processes: Processes) -> None:
    """More cameras than a process may have descriptors are ended all the same, and all are named."""
    cameras = [f"c{number}" for number in range(30)]
    launched(roots, processes, *cameras)
    done = subprocess.run(
        [sys.executable, "-m", "launch.cli.main", "down"],
        env=roots.environ(),
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20)),
    )
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 31


def test_down_of_nobody(roots: Roots, processes: Processes) -> None:
    """No agent to end is not a failure; a named camera without an agent is one."""
    answer = ruth(roots, "down")
    assert (answer.returncode, answer.stdout, answer.stderr) == (
        0,
        "",
        f"ruth: no live agent below {roots.state}\n",
    )
    answer = ruth(roots, "down", "a")
    assert (answer.returncode, answer.stdout, answer.stderr) == (1, "", "ruth: a: no live agent\n")


def test_down_of_a_stopped_agent(roots: Roots, processes: Processes) -> None:
    """An agent that is stopped cannot end by SIGTERM: down says so after two seconds, and fails."""
    pid = launched(roots, processes, "a")["a"]
    os.kill(pid, signal.SIGSTOP)
    answer = ruth(roots, "down")
    assert answer.returncode == 1
    assert f"a: agent {pid} was told to end and has not" in answer.stderr


@pytest.mark.parametrize("camera", ["..", "/etc", "a/b", "", "x" * 300, "a\nb", ".hidden"])
def test_hostile_names(roots: Roots, camera: str) -> None:
    """An invalid camera id is refused with exit code 2 and no traceback, and nothing is made."""
    answer = ruth(roots, "down", camera)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr.startswith("ruth: camera id ")
    assert "Traceback" not in answer.stderr
    assert not roots.state.exists()


def test_agent_in_the_foreground(roots: Roots, processes: Processes) -> None:
    """``ruth agent`` is the camera's agent, in the foreground, until Ctrl-C ends it by the signal."""
    exporter = exporter_of(roots, "a")
    agent = processes.ruth("agent", "a", "-c", configure(roots, "a"), env=roots.environ())
    assert pid_of(roots, "a") == agent.pid
    exporter.publish(FRAME, time.monotonic_ns())
    wait_observed(roots, "a", 0)
    agent.send_signal(signal.SIGINT)
    assert agent.wait(timeout=60) == -signal.SIGINT
    exporter.close()


def test_agent_that_runs_already(roots: Roots, processes: Processes) -> None:
    """``ruth agent`` leaves a camera alone that has a live agent, says so, and fails."""
    pid = launched(roots, processes, "a")["a"]
    answer = ruth(roots, "agent", "a", "-c", configure(roots, "a"))
    assert (answer.returncode, answer.stderr) == (1, "ruth: a: has a live agent, left alone\n")
    assert view_agent(roots, "a").pid == pid


def test_agent_of_an_unknown_camera(roots: Roots) -> None:
    """``ruth agent`` of a camera that is not configured says which ones are, with exit code 2."""
    answer = ruth(roots, "agent", "z", "-c", configure(roots, "a", "b"))
    assert answer.returncode == 2
    assert "camera 'z' is not in" in answer.stderr
    assert answer.stderr.endswith("; there are: a, b\n")


def test_check_of_a_good_file(roots: Roots) -> None:
    """``ruth check`` of a good file says how much is in it."""
    path = configure(roots, "a", "b")
    answer = ruth(roots, "check", path)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert answer.stdout == f"{path}: ok, cameras: 2, subscriptions: 6\n"


BAD = """\
[cameras.front-door.models]
person = { max_fps = "5" }
plate = { maxfps = 2.5 }
[cameras."a/b".models]
person = { max_fps = -1 }
"""


@pytest.mark.parametrize("verb", [["check"], ["up"], ["agent", "front-door", "-c"], ["ps", "-c"]])
def test_bad_configuration(roots: Roots, verb: list[str]) -> None:
    """Every verb that reads a configuration names all that is wrong, with its line, and exits with 2."""
    path = roots.state.parent / "bad.toml"
    path.write_text(BAD, encoding="utf-8")
    answer = ruth(roots, *verb, path)
    assert (answer.returncode, answer.stdout) == (2, "")
    lines = answer.stderr.splitlines()
    assert [line.split(": ")[0] for line in lines] == [f"{path}:{number}" for number in (2, 3, 4, 5)]
    assert "did you mean 'max_fps'?" in lines[1]
    assert not roots.state.exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "No such file or directory"), (b"\xff", "not UTF-8 at byte 0"), (b"", "cameras")],
)
def test_unreadable_configuration(roots: Roots, content: bytes | None, message: str) -> None:
    """A file that is missing, not UTF-8 or empty is refused with one line and exit code 2."""
    path = roots.state.parent / "ruth.toml"
    if content is not None:
        path.write_bytes(content)
    answer = ruth(roots, "check", path)
    assert answer.returncode == 2
    assert len(answer.stderr.splitlines()) == 1
    assert str(path) in answer.stderr
    assert "Traceback" not in answer.stderr
    assert message in answer.stderr


@pytest.mark.parametrize(
    "arguments",
    [[], ["restart"], ["up"], ["demo", "--cameras", "0"], ["demo", "--seconds", "-1"], ["vas", "a"],
     ["vas", "a=/no/such/file"], ["demo", "--source", "/no/such/file"], ["vas", "a=ftp://127.0.0.1/x"],
     ["vas", "../x=test"], ["vas", "a=test", "a=test"]],
)  # fmt: skip
def test_wrong_usage(roots: Roots, arguments: list[str]) -> None:
    """Wrong usage is explained on stderr and exits with 2, without a traceback; nothing is made."""
    answer = ruth(roots, *arguments)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr
    assert "Traceback" not in answer.stderr
    assert not roots.state.exists()
    assert not roots.export.exists()


def test_missing_ffmpeg(roots: Roots) -> None:
    """Without FFmpeg, vas and demo say how to get it, and fail with 1."""
    environ = {**roots.environ(), "PATH": "", "RUTH_FFMPEG": "/no/such/ffmpeg"}
    for verb in (["vas", "a=test"], ["demo"]):
        answer = subprocess.run(
            [sys.executable, "-m", "launch.cli.main", *verb], env=environ, capture_output=True, text=True
        )
        assert (answer.returncode, answer.stdout) == (1, "")
        assert "/no/such/ffmpeg" in answer.stderr
        assert "Traceback" not in answer.stderr


def test_version(roots: Roots) -> None:
    """``ruth --version`` prints the version of the package."""
    answer = ruth(roots, "--version")
    assert (answer.returncode, answer.stdout) == (0, "ruth 0.1.0\n")


def test_down_does_not_signal_a_starting_camera(roots: Roots, processes: Processes) -> None:
    """Between a launcher's claim and the agent's first record there is no pid to be mistaken about."""
    os.kill(launched(roots, processes, "a")["a"], signal.SIGKILL)
    wait_dead(roots, "a")
    held = claim(str(roots.state), "a", 3)
    try:
        assert view_agent(roots, "a").pid is None
        answer = ruth(roots, "down")
        assert (answer.returncode, answer.stderr) == (1, "ruth: a: not signalled: it is being launched\n")
    finally:
        os.close(held)
    wait_until(lambda: view_agent(roots, "a").state == "dead", "it was taken on, and nothing lives")
    assert view_agent(roots, "a").death is None


def test_a_readers_lock_is_no_life(roots: Roots, processes: Processes) -> None:
    """A read lock on a dead agent's state, which any process can hold, makes no process look alive."""
    os.kill(launched(roots, processes, "a")["a"], signal.SIGKILL)
    wait_dead(roots, "a")
    with (roots.state / "a" / "agent.state").open("rb") as state:
        whole_file_read = struct.pack("=hh4xqqi4x", fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
        fcntl.fcntl(state, fcntl.F_OFD_SETLK, whole_file_read)
        assert view_agent(roots, "a").state == "dead"
        assert ruth(roots, "down").stderr == f"ruth: no live agent below {roots.state}\n"
        answer = ruth(roots, "up", configure(roots, "a"))
    assert answer.returncode == 1
    assert "locked by a process that is not an agent" in answer.stderr


def test_a_reused_pid_is_not_signalled(roots: Roots, processes: Processes) -> None:
    """A pid that is another process's by now is not signalled, whatever the record and the lock say."""
    bystander = processes.start("sleep", "60")
    held = claim(str(roots.state), "a", 1)
    try:
        agent = StreamAgent("a")
        memory = mmap.mmap(held, STATE_SIZE)
        StateWriter(agent).initialise(memoryview(memory), AgentIdentity(bystander.pid, 1, 0, 0))
        assert ruth(roots, "down").stdout == ""
        assert bystander.poll() is None
    finally:
        os.close(held)


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_closed_standard_descriptors(roots: Roots, closed: int) -> None:
    """A verb started with one of 0 to 2 closed does its work, without a traceback or a stray message."""
    done = subprocess.run(
        [sys.executable, "-m", "launch.cli.main", "ps"],
        env=roots.environ(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        preexec_fn=lambda: os.close(closed),
    )
    assert done.returncode == 0
    assert done.stdout == (b"" if closed == 1 else b"cameras: 0 (none)\n")
    assert done.stderr.count(b"\n") == (closed != 2)


def test_full_stdout(roots: Roots) -> None:
    """Where stdout takes nothing, a verb says so in one line and fails."""
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "launch.cli.main", "ps"],
            env=roots.environ(),
            stdout=full,
            stderr=subprocess.PIPE,
        )
    assert (done.returncode, done.stderr) == (1, b"ruth: No space left on device\n")


def test_a_configuration_that_is_no_file(roots: Roots) -> None:
    """A FIFO, a device or a folder as configuration is refused at once, with exit code 2."""
    fifo = roots.state.parent / "fifo"
    os.mkfifo(fifo)
    for path in (fifo, "/dev/zero"):
        answer = ruth(roots, "check", path)
        assert (answer.returncode, answer.stderr) == (2, f"ruth: {path}: not a regular file\n")
    assert ruth(roots, "check", roots.state.parent).returncode == 2


def test_an_unreadable_state_root(roots: Roots) -> None:
    """Where it is unknown what lives, ps and down say so and fail instead of seeing none."""
    roots.state.write_text("not a folder")
    for verb in ("ps", "down"):
        answer = ruth(roots, verb)
        assert (answer.returncode, answer.stdout) == (1, "")
        assert answer.stderr == f"ruth: {roots.state}: Not a directory\n"

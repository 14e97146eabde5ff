"""``ruth apply`` and launchers that start over: who launches, who is left alone, what must not go wrong."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.agents import children_of, open_files, pid_of, record, view_agent, wait_dead
from harness.commands import run_ruth_text
from harness.waiting import wait_until
from launch.agent.native.library import load
from launch.launcher.asking import Asking, AskingError
from launch.launcher.request import Request
from launch.observe.launchers import FOLDER, live_launchers
from ruth.agent.state import VERSION_OFFSET

if TYPE_CHECKING:
    import subprocess

    from conftest import Processes, Roots

MODELS = "[models]\nperson = {{ max_fps = {} }}\n[cameras]\n{}"


def write(roots: Roots, *cameras: str, cap: float = 5, name: str = "ruth.toml") -> Path:
    """A file with these cameras."""
    path = roots.state.parent / name
    path.write_text(MODELS.format(cap, "".join(f"{camera} = {{}}\n" for camera in cameras)), encoding="utf-8")
    return path


def ruth(roots: Roots, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs one verb to its end, in the folder of the file."""
    return run_ruth_text(*arguments, env=roots.environ(), cwd=roots.state.parent)


def launched(roots: Roots, *cameras: str, cap: float = 5, name: str = "ruth.toml") -> int:
    """Launches them, detached; the pid of the launcher."""
    before = {launcher.pid for launcher in live_launchers(str(roots.state))}
    answer = ruth(roots, "up", "-d", write(roots, *cameras, cap=cap, name=name))
    assert answer.returncode == 0, answer.stderr
    (launcher,) = {launcher.pid for launcher in live_launchers(str(roots.state))} - before
    return launcher


def pids(roots: Roots, *cameras: str) -> list[int | None]:
    """Of the live agents."""
    return [view_agent(roots, camera).pid for camera in cameras]


def start_over(launcher: int, roots: Roots, camera: str) -> None:
    """Signals a launcher as by hand, and waits until it has launched that camera."""
    os.kill(launcher, signal.SIGUSR1)
    pid_of(roots, camera)


def blocked(pid: int) -> int:
    """Signals that a process blocks, a bit each."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("SigBlk:"):
            return int(line.split()[1], 16)
    raise AssertionError(pid)


def test_a_launcher_starts_over_as_a_fresh_one(roots: Roots, processes: Processes) -> None:
    """Same process, arguments, folder, descriptors and niceness; its agents are as a first launch's."""
    launcher = launched(roots, "a", "b")
    process = Path(f"/proc/{launcher}")
    before = process.joinpath("cmdline").read_bytes().split(b"\0")
    files, folder = sorted(open_files(launcher)), os.readlink(process / "cwd")
    nice = os.getpriority(os.PRIO_PROCESS, launcher)
    for camera in ("c", "d"):  # twice: what is kept, is kept again
        write(roots, "a", "b", "c", *("d" for _ in range(camera == "d")))
        start_over(launcher, roots, camera)
        wait_until(lambda: sorted(open_files(launcher)) == files, "it has only its own descriptors")
    after = process.joinpath("cmdline").read_bytes().split(b"\0")
    assert [word for word in after if word != b"-P"] == [word for word in before if word != b"-P"]
    assert after.count(b"-P") == 1
    assert os.readlink(process / "cwd") == folder == "/"
    assert os.getpriority(os.PRIO_PROCESS, launcher) == nice
    for camera in "abcd":
        pid = pid_of(roots, camera)
        assert pid in children_of(launcher)
        assert os.getpriority(os.PRIO_PROCESS, pid) == nice
        assert os.getsid(pid) == pid
        assert blocked(pid) == 0


@pytest.mark.skipif(load()[0] is None, reason="nothing is compiled here: each agent needs Python of its own")
def test_agents_of_a_launcher_that_started_over_share_its_memory(roots: Roots, processes: Processes) -> None:
    """Each has at most 0.06 MB of its own, as after a first launch; one keeps what was written since."""
    cameras = [f"c{number}" for number in range(8)]
    launched(roots, "a")
    write(roots, "a", *cameras)
    assert ruth(roots, "apply").returncode == 0
    for camera in cameras:
        wait_until(lambda camera=camera: view_agent(roots, camera).confinement, "it is confined")
    private = sorted(view_agent(roots, camera).private_bytes or 0 for camera in cameras)
    assert private[-2] <= 62_000, private


def test_a_launcher_told_to_end_while_it_starts_over_ends_its_agents(
    roots: Roots, processes: Processes
) -> None:
    """SIGTERM right behind SIGUSR1 is not lost: all agents, old and new, are told to end."""
    launcher = launched(roots, "a", "b")
    os.kill(launcher, signal.SIGUSR1)
    os.kill(launcher, signal.SIGTERM)
    for camera in "ab":
        wait_dead(roots, camera)
    assert live_launchers(str(roots.state)) == []


def test_a_request_that_no_process_waits_for_any_more_is_carried_out_as_it_was(
    roots: Roots, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was asked for is launched and nothing else, also if the process that asked has gone."""
    launched(roots, "a", "b", "c")
    for camera in "bc":
        assert ruth(roots, "down", camera).returncode == 0
    (launcher,) = live_launchers(str(roots.state))
    monkeypatch.setattr("launch.launcher.asking.DEADLINE_S", 0.0)
    with Asking(str(roots.state), launcher) as asking, pytest.raises(AskingError, match="not answered"):
        asking.ask(["c"])
    pid_of(roots, "c")
    wait_until(lambda: view_agent(roots, "c").confinement, "it is confined")
    assert view_agent(roots, "b").pid is None


@pytest.mark.parametrize(
    "content", [b"", b"ruth request 1", b"ruth request 1\0x\0these\0../b\0", b"\xff" * 99]
)
def test_a_request_that_is_not_valid_asks_for_no_camera(roots: Roots, content: bytes) -> None:
    """It is removed, and nothing is launched by it; no request at all is something else."""
    folder = roots.state / FOLDER
    folder.mkdir(parents=True)
    path = folder / "4711.request"
    assert Request.take(str(roots.state), 4711) is None
    path.write_bytes(content)
    assert Request.take(str(roots.state), 4711) == Request("", frozenset())
    assert not path.exists()


def test_by_hand_all_that_have_no_agent_are_launched(roots: Roots, processes: Processes) -> None:
    """Signalled without a request, it launches what is in the file and has no live agent, in silence."""
    write(roots, "a")
    out = roots.state.parent / "out"
    with out.open("wb") as stream:
        launcher = processes.ruth(
            "up", cwd=roots.state.parent, env=roots.environ(), stdout=stream, stderr=stream
        )
    agent = pid_of(roots, "a")
    wait_until(out.read_bytes, "the launcher has said what it launched")
    said = out.read_bytes()
    os.kill(agent, signal.SIGKILL)
    wait_dead(roots, "a")
    start_over(launcher.pid, roots, "a")
    assert out.read_bytes() == said
    assert agent in children_of(launcher.pid)  # the zombie is kept
    launcher.terminate()
    assert launcher.wait(timeout=5) == 0
    wait_dead(roots, "a")


def test_a_wrong_file_keeps_every_agent(roots: Roots, processes: Processes) -> None:
    """A launcher that reads a wrong file goes on as it was, and starts over for the next one."""
    launcher = launched(roots, "a")
    before = pids(roots, "a")
    (roots.state.parent / "ruth.toml").write_text("nonsense")
    (found,) = live_launchers(str(roots.state))
    with Asking(str(roots.state), found) as asking:
        answer = asking.ask(["a", "b"])
    assert answer.problem is not None
    assert "ruth.toml:1: " in answer.problem
    assert answer.launched.started == ()
    assert pids(roots, "a") == before
    write(roots, "a", "b")
    assert ruth(roots, "apply").returncode == 0
    assert pid_of(roots, "b") in children_of(launcher)


def test_a_program_that_is_gone(roots: Roots, processes: Processes) -> None:
    """A launcher that cannot start over says so to who asks, before an agent is ended, and goes on."""
    program = (
        "import sys; from launch.cli.main import main; sys.executable = '/gone'; sys.exit(main(sys.argv[1:]))"
    )
    config = write(roots, "a")
    launcher = processes.start(sys.executable, "-c", program, "up", config, env=roots.environ())
    agent = pid_of(roots, "a")
    wait_until(lambda: live_launchers(str(roots.state))[0].agents, "it has its record")
    write(roots, "a", cap=8)
    answer = ruth(roots, "apply")
    assert (answer.returncode, answer.stdout) == (1, "a: change (person 5, file 8)\n")
    assert f"launcher {launcher.pid}: nothing was changed: cannot start over: " in answer.stderr
    assert pids(roots, "a") == [agent]
    assert launcher.poll() is None


@pytest.mark.parametrize("how", ["stopped", "asked"])
def test_a_launcher_that_cannot_be_asked(roots: Roots, processes: Processes, how: str) -> None:
    """Stopped, or being asked by another process: nothing is ended."""
    launcher = launched(roots, "a")
    before = pids(roots, "a")
    (found,) = live_launchers(str(roots.state))
    write(roots, "a", cap=8)
    if how == "stopped":
        os.kill(launcher, signal.SIGSTOP)
        answer = ruth(roots, "apply")
        os.kill(launcher, signal.SIGCONT)
    else:
        with Asking(str(roots.state), found):
            answer = ruth(roots, "apply")
    assert answer.returncode == 1
    assert f"ruth: launcher {launcher}: " in answer.stderr
    assert pids(roots, "a") == before
    assert ruth(roots, "apply").returncode == 0
    assert pids(roots, "a") != before


def test_a_launcher_that_dies_is_no_longer_asked(roots: Roots, processes: Processes) -> None:
    """Killed before it answers, it is said to have ended; its agents go on, and another launcher comes."""
    launcher = launched(roots, "a", "b")
    before = pids(roots, "a", "b")
    (found,) = live_launchers(str(roots.state))
    with Asking(str(roots.state), found) as asking:
        os.kill(launcher, signal.SIGKILL)
        with pytest.raises(AskingError, match=r"has ended|cannot be asked"):
            asking.ask(["a"])
    assert pids(roots, "a", "b") == before
    write(roots, "a", "b", "c")
    assert ruth(roots, "apply").returncode == 0
    assert pids(roots, "a", "b") == before
    assert [one.pid for one in live_launchers(str(roots.state))] != [launcher]


def test_detached_launches_do_not_pile_up(roots: Roots, processes: Processes) -> None:
    """``ruth up -d`` of the same file has the launcher that lives launch what is new, and what is dead."""
    launcher = launched(roots, "a", "b")
    os.kill(pid_of(roots, "a"), signal.SIGKILL)
    wait_dead(roots, "a")
    write(roots, "a", "b", "c")
    answer = ruth(roots, "up", "-d")
    assert answer.returncode == 0
    assert sorted(line.split(":")[0] for line in answer.stdout.splitlines()) == ["a", "c"]
    assert answer.stderr == "ruth: b: has a live agent, left alone\n"
    assert [one.pid for one in live_launchers(str(roots.state))] == [launcher]
    other = launched(roots, "d", name="other.toml")  # another file is another launch
    assert len({launcher, other}) == 2


def test_another_files_agents_are_left_alone(roots: Roots, processes: Processes) -> None:
    """Agents of another file are not removed; one of a camera in both, with other caps, is named and left."""
    launched(roots, "a", "b", name="one.toml")
    other = launched(roots, "c", name="two.toml")
    before = pids(roots, "a", "b", "c")
    answer = ruth(roots, "apply", "-c", write(roots, "c", "a", cap=8, name="two.toml"))
    assert answer.returncode == 0
    assert answer.stdout.splitlines()[0] == "c: change (person 5, file 8)"
    assert "a: left alone: person 5, file 8; launcher " in answer.stderr
    assert pids(roots, "a", "b") == before[:2]
    assert pid_of(roots, "c") in children_of(other)


def test_an_agent_in_the_foreground_is_left_alone(roots: Roots, processes: Processes) -> None:
    """An agent of ``ruth agent`` belongs to who started it."""
    config = write(roots, "a")
    agent = processes.ruth("agent", "a", "-c", config, env=roots.environ())
    pid_of(roots, "a")
    write(roots, "a", cap=8)
    answer = ruth(roots, "apply", "-c", config)
    assert (answer.returncode, answer.stdout) == (0, "")
    assert "a: left alone: person 5, file 8; it runs by itself (ruth agent)" in answer.stderr
    assert pids(roots, "a") == [agent.pid]


def test_what_is_asked_of_standard_input(roots: Roots, processes: Processes) -> None:
    """A launch from standard input serves no file: its agents are compared, and left alone."""
    config = write(roots, "a")
    with config.open("rb") as text:
        processes.ruth("up", "-", env=roots.environ(), stdin=text)
    pid = pid_of(roots, "a")
    wait_until(lambda: live_launchers(str(roots.state))[0].agents, "it has its record")
    assert record(roots, "a").configuration == 0
    write(roots, "a", cap=8)
    answer = ruth(roots, "apply")
    assert "launcher" in answer.stderr
    assert "which serves standard input" in answer.stderr
    assert pids(roots, "a") == [pid]


def test_up_of_some(roots: Roots, processes: Processes) -> None:
    """``ruth up CAMERA`` and patterns launch those alone; a camera not in the file is a usage error."""
    write(roots, "gate-1", "gate-2", "yard")
    answer = ruth(roots, "up", "-d", "gate-*")
    assert (answer.returncode, len(answer.stdout.splitlines())) == (0, 2)
    assert pids(roots, "yard") == [None]
    answer = ruth(roots, "up", "-d", "Yard")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "did you mean 'yard'" in answer.stderr


def test_down_of_some_and_of_a_file(roots: Roots, processes: Processes) -> None:
    """Patterns end those alone, and the launcher stays; ``-c`` ends the agents and launcher of one file."""
    launcher = launched(roots, "gate-1", "gate-2", "yard")
    other = launched(roots, "hall", name="other.toml")
    answer = ruth(roots, "down", "gate-*")
    assert (answer.returncode, len(answer.stdout.splitlines())) == (0, 2)
    assert f"launched by {launcher}, which stays" in answer.stderr
    answer = ruth(roots, "down", "zzz-*", "yrad")
    assert answer.returncode == 1
    assert "zzz-*: no such camera" in answer.stderr
    assert "yrad: no live agent; did you mean 'yard'?" in answer.stderr
    answer = ruth(roots, "down", "-c", "ruth.toml")
    assert answer.returncode == 0
    assert answer.stdout.splitlines()[-1] == f"launcher {launcher} ended"
    assert [one.pid for one in live_launchers(str(roots.state))] == [other]


def test_launchers_without_an_agent_are_named_and_ended(roots: Roots, processes: Processes) -> None:
    """``ruth doctor`` names a launcher whose agents are all dead; ``ruth down`` ends it."""
    launcher = launched(roots, "a")
    os.kill(pid_of(roots, "a"), signal.SIGKILL)
    wait_dead(roots, "a")
    assert f"without a live agent: {launcher};" in " ".join(ruth(roots, "doctor").stdout.split())
    answer = ruth(roots, "down")
    assert (answer.returncode, answer.stdout) == (0, f"launcher {launcher} ended\n")
    assert os.listdir(roots.state / FOLDER) == []


def test_doctor_says_what_differs(roots: Roots, processes: Processes) -> None:
    """``ruth doctor`` warns of a live agent that is otherwise than the file."""
    launched(roots, "a")
    write(roots, "a", cap=8)
    said = " ".join(ruth(roots, "doctor").stdout.split())
    assert "warn configuration a: differs from ruth.toml: person 5, file 8" in said


def test_an_agent_of_another_layout_is_ended(roots: Roots, processes: Processes) -> None:
    """Whatever the layout of its record, ``apply --upgrade`` and ``down`` end an agent by its lock."""
    launched(roots, "a", "b")
    for camera in "ab":
        with (roots.state / camera / "agent.state").open("r+b") as state:
            os.pwrite(state.fileno(), (2).to_bytes(4, "little"), VERSION_OFFSET)
    answer = ruth(roots, "apply")
    assert (answer.returncode, answer.stdout) == (0, "")
    assert "a: left alone, not compared: its state is not used: state version 2" in answer.stderr
    answer = ruth(roots, "apply", "--upgrade", "a")
    assert answer.returncode == 0
    assert answer.stdout.splitlines()[-1] == f"a: agent {pid_of(roots, 'a')}"
    assert ruth(roots, "down", "b").stdout.startswith("b: agent ")

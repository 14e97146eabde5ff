"""The launcher as a process: what it forks, leaves alone and ends on (docs/specification.md)."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from harness.agents import children_of, configure, launched, open_files, pid_of, view_agent, wait_dead
from harness.waiting import wait_until, within
from launch.agent.native.library import VARIABLE
from launch.observe.launchers import FOLDER

if TYPE_CHECKING:
    from conftest import Processes, Roots

ENDINGS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
WRITE, RT_SIGTIMEDWAIT = 1, 128  # system call numbers of x86-64
STRANGER = 100_000 + os.getpid()  # a uid that owns no process: a limit on its processes counts only ours


def test_one_process_a_camera(roots: Roots, processes: Processes) -> None:
    """The launcher forks exactly one process per camera, each in a session of its own."""
    launcher = processes.ruth("up", configure(roots, "a", "b", "c"), env=roots.environ())
    pids = {pid_of(roots, camera) for camera in ("a", "b", "c")}
    assert set(children_of(launcher.pid)) == pids
    assert {os.getsid(pid) for pid in pids} == pids


@pytest.mark.skipif(shutil.which("ps") is None, reason="no ps on this machine")
@pytest.mark.parametrize("camera", ["front-door", "x" * 64])
def test_ps_shows_the_camera(roots: Roots, processes: Processes, camera: str) -> None:
    """Plain ps shows each agent by its camera's name, however long that is, and once."""
    pids = launched(roots, processes, camera)
    listing = subprocess.run(["ps", "-eww", "-o", "pid=,args="], capture_output=True, text=True, check=True)
    lines = [line.split(None, 1) for line in listing.stdout.splitlines() if f"ruth: agent {camera}" in line]
    assert (str(pids[camera]), f"ruth: agent {camera}") in [(pid, args) for pid, args in lines]


def test_agents_share_no_descriptor(roots: Roots, processes: Processes) -> None:
    """An agent has /dev/null for 0 to 2, its own agent.state, and nothing else of the launcher's."""
    pids = launched(roots, processes, "a", "b")
    for camera, pid in pids.items():
        wait_until(lambda camera=camera: view_agent(roots, camera).confinement, "the agent is confined")
        files = open_files(pid)
        assert files.count("/dev/null") == 3
        assert {file for file in files if file != "/dev/null"} == {str(roots.state / camera / "agent.state")}


def test_second_launch_leaves_live_agents_alone(roots: Roots, processes: Processes) -> None:
    """A camera that has a live agent is left alone by another launcher, which says so and is done."""
    pids = launched(roots, processes, "a", "b")
    config = configure(roots, "a", "b")
    second = processes.ruth("up", config, env=roots.environ(), stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    out, err = second.communicate(timeout=60)
    assert (second.returncode, out) == (0, b"")
    assert err == b"ruth: a, b: have a live agent, left alone\n"
    assert {camera: view_agent(roots, camera).pid for camera in pids} == pids


def test_only_missing_agents_are_launched(roots: Roots, processes: Processes) -> None:
    """A second launch starts what is not alive, and nothing else."""
    pids = launched(roots, processes, "a", "b")
    os.kill(pids["a"], signal.SIGKILL)
    wait_dead(roots, "a")
    processes.ruth("up", configure(roots, "a", "b"), env=roots.environ())
    assert pid_of(roots, "a") != pids["a"]
    assert view_agent(roots, "b").pid == pids["b"]


def test_a_death_is_nobodys_business(roots: Roots, processes: Processes) -> None:
    """After a death the launcher writes nothing and starts no process; the dead agent stays, a zombie."""
    config = configure(roots, "a", "b")
    out = roots.state.parent / "out"
    with out.open("wb") as stream:
        launcher = processes.ruth("up", config, env=roots.environ(), stdout=stream, stderr=stream)
    pids = {camera: pid_of(roots, camera) for camera in ("a", "b")}
    wait_until(lambda: out.read_bytes().count(b"\n") == 2, "the launcher has said what it launched")
    said = out.read_bytes()
    os.kill(pids["a"], signal.SIGKILL)
    wait_until(lambda: view_agent(roots, "a").death == "SIGKILL", "the kernel tells how a died")
    assert set(children_of(launcher.pid)) == set(pids.values())
    assert view_agent(roots, "b").pid == pids["b"]
    assert out.read_bytes() == said


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda number: number.name)
def test_ending_the_launcher_ends_its_agents(
    roots: Roots, processes: Processes, ending: signal.Signals
) -> None:
    """SIGTERM, SIGINT and SIGHUP end the launcher at once, with 0, and its agents by SIGTERM."""
    launcher = processes.ruth(
        "up",
        configure(roots, "a", "b"),
        env=roots.environ(),
        preexec_fn=lambda: signal.signal(ending, signal.SIG_DFL),  # a shell's background job ignores SIGINT
    )
    pids = [pid_of(roots, camera) for camera in ("a", "b")]
    wait_until(lambda: _waits_to_be_ended(launcher.pid), "the launcher waits to be ended")
    launcher.send_signal(ending)
    assert launcher.wait(timeout=60) == 0
    wait_dead(roots, "a")
    wait_dead(roots, "b")
    assert [os.WTERMSIG(os.waitpid(pid, 0)[1]) for pid in pids] == [signal.SIGTERM] * 2


def test_nohup_holds(roots: Roots, processes: Processes) -> None:
    """A launcher that was started with SIGHUP ignored, as under nohup, goes on when the terminal closes."""
    launcher = processes.ruth(
        "up",
        configure(roots, "a"),
        env=roots.environ(),
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    pid = pid_of(roots, "a")
    wait_until(lambda: _waits_to_be_ended(launcher.pid), "the launcher waits to be ended")
    ignored = int(re.findall(r"SigIgn:\s+(\w+)", Path(f"/proc/{launcher.pid}/status").read_text())[0], 16)
    assert ignored >> (signal.SIGHUP - 1) & 1
    launcher.send_signal(signal.SIGTERM)
    assert launcher.wait(timeout=60) == 0
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGTERM


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGTERM])
def test_an_ignored_signal_does_not_end_a_launch_under_way(
    roots: Roots, processes: Processes, number: signal.Signals
) -> None:
    """What was ignored when the launcher was started is ignored while it forks, too."""
    cameras = [f"camera-{place}" for place in range(40)]
    launcher = processes.ruth(
        "up",
        configure(roots, *cameras),
        env=roots.environ(),
        preexec_fn=lambda: signal.signal(number, signal.SIG_IGN),
    )
    wait_until(lambda: children_of(launcher.pid), "it forks")
    while len(children_of(launcher.pid)) < len(cameras):
        launcher.send_signal(number)
        assert launcher.poll() is None
    for camera in cameras:
        pid_of(roots, camera)


def test_killed_launcher_takes_nobody_along(roots: Roots, processes: Processes) -> None:
    """A launcher killed with -9 leaves every agent running."""
    launcher = processes.ruth("up", configure(roots, "a", "b"), env=roots.environ())
    pids = {camera: pid_of(roots, camera) for camera in ("a", "b")}
    launcher.kill()
    launcher.wait(timeout=60)
    assert {camera: view_agent(roots, camera).pid for camera in pids} == pids


@pytest.mark.parametrize("detach", [(), ("-d",)], ids=["foreground", "detached"])
def test_second_thread_refuses(roots: Roots, processes: Processes, detach: tuple[str, ...]) -> None:
    """A launcher with a second thread refuses to fork, and makes nothing."""
    script = (
        "import sys, threading; from launch.cli.main import main\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "sys.exit(main(['up', *sys.argv[1:]]))\n"
    )
    up = (sys.executable, "-c", script, *detach, configure(roots, "a"))
    launcher = processes.start(*up, env=roots.environ(), stderr=subprocess.PIPE)
    _, err = launcher.communicate(timeout=60)
    assert launcher.returncode == 1
    assert err == b"ruth: the launcher has 2 threads, must have 1 to fork\n"
    assert not roots.state.exists()


def test_ignored_sigchld_is_not_inherited(roots: Roots, processes: Processes) -> None:
    """With SIGCHLD ignored by the process that starts the launcher, deaths can still be read."""
    processes.ruth(
        "up",
        configure(roots, "a"),
        env=roots.environ(),
        preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
    )
    os.kill(pid_of(roots, "a"), signal.SIGSEGV)
    wait_until(lambda: view_agent(roots, "a").death == "SIGSEGV", "the kernel tells how a died")


def test_blocked_signals_are_not_inherited(roots: Roots, processes: Processes) -> None:
    """Agents end by SIGTERM although the process that started the launcher had it blocked."""
    processes.ruth(
        "up",
        configure(roots, "a"),
        env=roots.environ(),
        preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]),
    )
    os.kill(pid_of(roots, "a"), signal.SIGTERM)
    wait_until(lambda: view_agent(roots, "a").death == "SIGTERM", "a ends by SIGTERM")


def test_umask_is_not_inherited(roots: Roots, processes: Processes) -> None:
    """Other users can read an agent's state, whatever the umask of the launcher is."""
    processes.ruth(
        "up", configure(roots, "a"), env=roots.environ(), preexec_fn=lambda: os.umask(0o077) and None
    )
    pid_of(roots, "a")
    state = roots.state / "a" / "agent.state"
    modes = [path.stat().st_mode & 0o777 for path in (state, state.parent, roots.state)]
    assert modes == [0o644, 0o755, 0o755]


def test_closed_standard_descriptors(roots: Roots, processes: Processes) -> None:
    """A launcher started with 0 to 2 closed launches all the same, and its agents have /dev/null there."""
    processes.ruth(
        "up", configure(roots, "a", "b"), env=roots.environ(), preexec_fn=lambda: os.closerange(0, 3)
    )
    for camera in ("a", "b"):
        pid = pid_of(roots, camera)
        wait_until(lambda pid=pid: open_files(pid).count("/dev/null") == 3, "0 to 2 are /dev/null")


def test_full_pipe_on_stdout(roots: Roots, processes: Processes) -> None:
    """With a full pipe on its stdout the launcher launches all cameras, and still ends when told."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, bytes(65536))
    except BlockingIOError:
        os.set_blocking(writer, True)
    try:
        launcher = processes.ruth("up", configure(roots, "a", "b"), env=roots.environ(), stdout=writer)
        pids = [pid_of(roots, camera) for camera in ("a", "b")]
        wait_until(lambda: _system_call(launcher.pid) == WRITE, "the launcher is stuck in its write")
        launcher.terminate()
        assert launcher.wait(timeout=60) == 0
        assert [os.WTERMSIG(os.waitpid(pid, 0)[1]) for pid in pids] == [signal.SIGTERM] * 2
    finally:
        os.close(reader)
        os.close(writer)


def test_closed_pipe_on_stdout(roots: Roots, processes: Processes) -> None:
    """With no process at the other end of its stdout the launcher launches all cameras and stays."""
    reader, writer = os.pipe()
    os.close(reader)
    launcher = processes.ruth("up", configure(roots, "a", "b"), env=roots.environ(), stdout=writer)
    os.close(writer)
    for camera in ("a", "b"):
        pid_of(roots, camera)
    wait_until(lambda: _waits_to_be_ended(launcher.pid), "the launcher waits to be ended")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another uid, so root")
@pytest.mark.parametrize("word", ["on", "off"])
def test_a_failing_fork_costs_one_camera(
    roots: Roots, processes: Processes, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    """When fork fails for one camera, the others run, and the launch says so in one line."""
    monkeypatch.setenv(VARIABLE, word)
    config = configure(roots, "a", "b", "c")
    roots.state.mkdir()
    os.chown(roots.state, STRANGER, STRANGER)

    # What is imported comes first: the interpreter may lie where the stranger may not read.
    script = (
        "import os, resource, sys, launch.launcher.launcher, launch.prepare.comparison\n"
        "from launch.cli.main import main; main(['check', sys.argv[1]])\n"
        f"os.setresuid({STRANGER}, {STRANGER}, {STRANGER})\n"
        "resource.setrlimit(resource.RLIMIT_NPROC, (3, 3))\n"  # the launcher and two agents
        "sys.exit(main(['up', sys.argv[1]]))\n"
    )
    err = roots.state.parent / "err"
    os.chmod(roots.state.parent, 0o755)  # noqa: S103 - for the stranger
    with err.open("wb") as stream:
        processes.start(sys.executable, "-c", script, config, env=roots.environ(), stderr=stream)
    for camera in ("a", "b"):
        pid_of(roots, camera)
    wait_until(err.read_bytes, "the launcher says what failed")
    assert err.read_bytes() == b"ruth: c: fork: Resource temporarily unavailable\n"
    assert view_agent(roots, "c").state == "dead"  # it was claimed, and nothing lives


def test_more_cameras_than_descriptors(roots: Roots, processes: Processes) -> None:
    """A launcher that may have few files open launches as many cameras as one that may have many."""
    cameras = [f"camera-{number}" for number in range(20)]
    processes.ruth(
        "up",
        configure(roots, *cameras),
        env=roots.environ(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (12, 12)),
    )
    pids = {camera: pid_of(roots, camera) for camera in cameras}
    for camera, pid in pids.items():
        wait_until(lambda camera=camera: view_agent(roots, camera).confinement, "the agent is confined")
        held = {file for file in open_files(pid) if file.endswith("agent.state")}
        assert held == {str(roots.state / camera / "agent.state")}


def test_the_launcher_is_shown_as_it_was_started(roots: Roots, processes: Processes) -> None:
    """Once all are launched, the launcher's command line is its own again, argument by argument."""
    config = configure(roots, "a")
    launcher = processes.ruth("up", config, env=roots.environ())
    pid_of(roots, "a")
    wanted = [sys.executable, "-m", "launch.cli.main", "up", str(config)]
    wait_until(lambda: psutil.Process(launcher.pid).cmdline() == wanted, "it is shown as it was started")


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="needs root and unshare(1)")
def test_launcher_as_pid_1(roots: Roots, processes: Processes) -> None:
    """As pid 1 of a pid namespace the launcher does the same: agents run, and SIGTERM ends it and them."""
    unshare = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
    command = (sys.executable, "-m", "launch.cli.main", "up", configure(roots, "a", "b"))
    outer = processes.start(*unshare, *command, env=roots.environ(), stdout=subprocess.PIPE)
    for camera in ("a", "b"):
        wait_until(lambda camera=camera: view_agent(roots, camera).confinement, f"the agent of {camera} runs")
    with within(30):
        assert [outer.stdout.readline().split(b":")[0] for _ in range(2)] == [b"a", b"b"]
    [launcher] = children_of(outer.pid)
    first, second = children_of(launcher)
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: psutil.Process(first).status() == psutil.STATUS_ZOMBIE, "it stays a zombie")
    os.kill(launcher, signal.SIGTERM)
    assert outer.wait(timeout=60) == 0
    wait_until(lambda: not psutil.pid_exists(second), "the other agent has ended")
    assert outer.stdout.read() == b""


@pytest.mark.parametrize("blocks", ["0", "8"])
@pytest.mark.parametrize("detach", [(), ("-d",)], ids=["foreground", "detached"])
def test_a_limit_of_file_sizes_is_an_error(roots: Roots, detach: tuple[str, ...], blocks: str) -> None:
    """Where no file may be as long as a state, the launcher says so, camera by camera."""
    config = configure(roots, "a", "b")
    up = (sys.executable, "-m", "launch.cli.main", "up", *detach, config)
    shell = ("/bin/sh", "-c", f'ulimit -f {blocks}; exec "$0" "$@"')
    done = subprocess.run(
        [*shell, *up], env=roots.environ(), capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 1
    assert [line.split(":")[1].strip() for line in done.stderr.splitlines()] == ["a", "b"]


def test_descriptors_above_a_lowered_limit_are_closed(roots: Roots, processes: Processes) -> None:
    """An agent keeps no descriptor of the launcher's, also not one above a limit that was lowered since."""
    (roots.state.parent / "file").write_bytes(b"")
    script = (
        "import os, resource, sys\n"
        "os.dup2(os.open(sys.argv[2], os.O_RDWR), 200)\n"
        "os.set_inheritable(200, True)\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'launch.cli.main', 'up', sys.argv[1]])\n"
    )
    config = configure(roots, "a")
    processes.start(sys.executable, "-c", script, config, roots.state.parent / "file", env=roots.environ())
    wait_until(lambda: view_agent(roots, "a").confinement, "the agent is confined")
    assert str(roots.state.parent / "file") not in open_files(pid_of(roots, "a"))


def test_detached_launch_returns(roots: Roots, processes: Processes) -> None:
    """``ruth up -d`` returns once the agents are launched, and they and their launcher stay."""
    first = processes.ruth("up", "-d", configure(roots, "a"), env=roots.environ(), stdout=subprocess.PIPE)
    out, _ = first.communicate(timeout=60)
    pid = pid_of(roots, "a")
    assert (first.returncode, out) == (0, f"a: agent {pid}\n".encode())
    launcher = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    assert pid in children_of(launcher)
    record = roots.state / FOLDER / str(launcher)
    assert set(open_files(launcher)) == {"/dev/null", str(record)}
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: view_agent(roots, "a").death == "SIGKILL", "the detached launcher keeps the zombie")


def test_launcher_imports_what_it_needs(roots: Roots, processes: Processes) -> None:
    """Neither the launcher nor an agent maps numpy, psutil or anything of a model."""
    launcher = processes.ruth("up", configure(roots, "a"), env=roots.environ())
    for pid in (pid_of(roots, "a"), launcher.pid):
        maps = Path(f"/proc/{pid}/maps").read_text()
        assert "numpy" not in maps
        assert "psutil" not in maps


def _waits_to_be_ended(pid: int) -> bool:
    return _system_call(pid) == RT_SIGTIMEDWAIT


def _system_call(pid: int) -> int | None:
    """Number of the system call that a process is blocked in, or None if it is not (proc(5))."""
    first = Path(f"/proc/{pid}/syscall").read_text().split()[0]
    return None if first == "running" else int(first)

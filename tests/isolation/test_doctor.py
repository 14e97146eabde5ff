"""``ruth doctor`` on this host as it is, and as it becomes: it finds what ``ruth up`` then runs into."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from doubles.frozen_vas import Version1Writer
from harness.agents import configure, launched, view_agent, wait_dead
from harness.commands import RUTH, run_ruth_text
from harness.published import FRAME, exporter_of
from harness.terminals import screen_of
from harness.waiting import wait_until
from launch.agent.confine.confinement import would_confine
from launch.agent.native.library import load, ruled_out
from launch.prepare.doctor.facts import NativeStatus
from launch.prepare.doctor.gather import gather
from launch.prepare.doctor.gather_limits import inotify_instances_of_user, tasks_of_user
from launch.prepare.doctor.mounts import mount_of, read_mounts
from ruth.export.layout import NO_FRAME_EVER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Processes, Roots
    from launch.prepare.doctor.facts import HostFacts

NATIVE = NativeStatus(load()[1], ruled_out(), "compile")
STRANGER = 61234  # a user who owns nothing, and has no process

# Runs `ruth` as that user. That user may not read where Python lies, so all is loaded before.
AS_STRANGER = f"""
import contextlib, io, os, resource, sys
from launch.cli.main import main
import launch.cli.commands.up, launch.launcher.launcher, launch.prepare.config.plan, ruth.core, encodings.idna
with contextlib.redirect_stdout(io.StringIO()):
    main(["doctor"])
os.chdir("/")
os.setgroups([])
os.setgid({STRANGER})
limit = int(sys.argv.pop(1))
if limit:
    resource.setrlimit(resource.RLIMIT_NPROC, (limit, limit))
os.setuid({STRANGER})
sys.exit(main())
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one call came to."""

    code: int
    out: str
    err: str

    def finding(self, check: str) -> dict[str, str]:
        """What one check found, of ``--json``."""
        found: dict[str, str] = next(one for one in json.loads(self.out) if one["check"] == check)
        return found

    @property
    def failed(self) -> set[str]:
        """The checks that would stop ``ruth up``."""
        return {one["check"] for one in json.loads(self.out) if one["level"] == "fail"}


def run(roots: Roots, *command: str | Path, **options: object) -> Answer:
    """Runs a command to its end."""
    done = subprocess.run(
        [str(part) for part in command],
        env=roots.environ(),
        capture_output=True,
        text=True,
        timeout=60,
        **options,  # type: ignore[call-overload]
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def doctor(roots: Roots, *arguments: str | Path, **options: object) -> Answer:
    """``ruth doctor --json``."""
    if options:
        answer = run(roots, *RUTH, "doctor", "--json", *arguments, **options)
    else:
        done = run_ruth_text("doctor", "--json", *arguments, env=roots.environ())
        answer = Answer(done.returncode, done.stdout, done.stderr)
    assert answer.err == ""
    return answer


def stranger(roots: Roots, *arguments: str | Path, processes: int = 0) -> Answer:
    """``ruth`` as another user, who may have so many processes; 0 for any number."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    return run(roots, sys.executable, "-c", AS_STRANGER, str(processes), *arguments)


def let_in(folder: Path) -> None:
    """Lets other users into a folder: a test's own is its user's alone."""
    folder.chmod(0o755)


def facts(roots: Roots, *cameras: str) -> HostFacts:
    """What is gathered about these cameras, or all that are known."""
    return gather(
        str(roots.export), str(roots.state), cameras or None, would_confine(str(roots.export)), NATIVE
    )


@pytest.fixture
def small(roots: Roots) -> Iterator[Path]:
    """The export root as a tmpfs of 1 MiB, unmounted afterwards."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    roots.export.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(roots.export)]
    mounted = subprocess.run(mount, capture_output=True, text=True)
    if mounted.returncode != 0:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    try:
        yield roots.export
    finally:
        subprocess.run(["umount", "--lazy", str(roots.export)], check=True)


def test_a_host_on_which_ruth_runs(roots: Roots, processes: Processes) -> None:
    """Where agents do run and are fed, nothing is found that would stop them."""
    exporter = exporter_of(roots, "a")
    exporter.publish(FRAME, 1)
    launched(roots, processes, "a")
    answer = doctor(roots, "-c", configure(roots, "a"))
    assert (answer.code, answer.failed) == (0, set())
    assert answer.finding("states")["text"] == "to launch: 0, with a live agent: 1"
    assert answer.finding("exports")["level"] == "ok"
    assert answer.finding("futex")["level"] == "ok"
    exporter.close()


def test_facts_about_the_machine(roots: Roots) -> None:
    """Machine, memory, tasks and limits are what other sources say of this host."""
    host = facts(roots)
    assert (host.kernel.machine, host.kernel.release) == (os.uname().machine, os.uname().release)
    assert host.user == os.geteuid()
    available = next(room for room in host.memory if room.name == "available memory")
    assert available.limit == psutil.virtual_memory().total
    assert available.left is not None
    assert abs(available.left - psutil.virtual_memory().available) < available.limit / 5
    pid_max = next(room for room in host.tasks if room.name == "kernel.pid_max")
    assert pid_max.limit == int(Path("/proc/sys/kernel/pid_max").read_text())
    assert len(psutil.pids()) <= pid_max.used + 100
    assert host.descriptors == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert host.open_files.left
    assert host.inotify is not None
    assert host.inotify.limit == int(Path("/proc/sys/fs/inotify/max_user_instances").read_text())


def test_tasks_of_a_user(processes: Processes) -> None:
    """A process more is a task more of its user."""
    before = tasks_of_user(os.getuid())
    started = [processes.start("sleep", "60") for _ in range(20)]
    assert tasks_of_user(os.getuid()) >= before + 10
    assert started[0].poll() is None
    assert tasks_of_user(STRANGER) == 0


def test_inotify_instances_of_a_user(roots: Roots, processes: Processes) -> None:
    """An agent that watches its camera's directory has an instance, which counts against its user's limit."""
    (roots.export / "a").mkdir(parents=True)
    before = inotify_instances_of_user(os.getuid())
    launched(roots, processes, "a")
    wait_until(lambda: inotify_instances_of_user(os.getuid()) > before, "the agent watches")
    assert inotify_instances_of_user(STRANGER) == 0


def test_facts_about_the_roots(roots: Roots, tmp_path: Path) -> None:
    """Where a root lies, and what room there is, is what the system says; a missing one is above."""
    roots.export.mkdir(parents=True)
    host = facts(roots)
    assert (host.exports.filesystem, host.exports.standing) == ("tmpfs", str(roots.export))
    free = shutil.disk_usage(roots.export).free
    assert host.exports.free_bytes is not None
    assert abs(host.exports.free_bytes - free) < 100_000_000
    assert (host.states.standing, host.states.mode) == (str(roots.state.parent), None)
    mount = mount_of(os.path.realpath(tmp_path), read_mounts())
    assert mount is not None
    elsewhere = gather(str(tmp_path), str(tmp_path), None, would_confine(str(tmp_path)), NATIVE)
    assert elsewhere.exports.filesystem == mount.filesystem


def test_facts_about_exports(roots: Roots) -> None:
    """Exports of both versions are found with their size, owner, modes and what is wrong with them."""
    exporter = exporter_of(roots, "two")
    exporter.publish(FRAME, 1)
    (roots.export / "one").mkdir()
    Version1Writer(roots.export / "one").write(7, 1)
    (roots.export / "empty").mkdir()
    (roots.export / "never").mkdir()
    Version1Writer(roots.export / "never").start()
    (roots.export / "two" / "frame.data").chmod(0o666)
    empty, never, one, two = facts(roots).cameras
    assert never.export is not None
    assert never.export.problem == NO_FRAME_EVER
    assert one.export is not None
    assert (one.export.problem, one.export.version, one.export.data_bytes) == (None, 1, 64 * 48 * 3 // 2)
    assert two.export is not None
    data = roots.export / "two" / "frame.data"
    assert (two.export.problem, two.export.version) == (None, 2)
    assert two.export.data_bytes == data.stat().st_size
    assert two.export.owner == os.geteuid()
    assert two.export.modes[2] == (str(data), 0o666)
    assert empty.export is not None
    assert empty.export.problem == "frame.meta: No such file or directory"
    assert facts(roots, "none").cameras[0].export is None
    exporter.close()


def test_nothing_is_changed(roots: Roots, processes: Processes) -> None:
    """A look at a host leaves no file, no lock and no mark; a stopped agent is live all the same."""
    pid = launched(roots, processes, "a")["a"]
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: view_agent(roots, "a").stopped, "the agent is stopped")
    state = roots.state / "a" / "agent.state"
    before = (state.read_bytes(), sorted(roots.state.parent.rglob("*")))
    answer = doctor(roots, "-c", configure(roots, "a", "b"))
    assert answer.code == 0
    assert answer.finding("states")["text"] == "to launch: 1, with a live agent: 1"
    assert answer.finding("agents")["text"] == "live: 1, of them stopped: a: they see no frame"
    assert str(pid) in answer.finding("agents")["fix"]
    assert (state.read_bytes(), sorted(roots.state.parent.rglob("*"))) == before
    assert not roots.export.exists()


def test_a_dead_agent_can_be_launched_again(roots: Roots, processes: Processes) -> None:
    """What a dead agent left is in no way of another."""
    os.kill(launched(roots, processes, "a")["a"], signal.SIGKILL)
    wait_dead(roots, "a")
    assert doctor(roots).finding("states")["text"] == "to launch: 1, with a live agent: 0"


def test_a_state_that_somebody_has_locked(roots: Roots, processes: Processes) -> None:
    """A state that another process has locked stops ``ruth up``, and is found beforehand."""
    os.kill(launched(roots, processes, "a")["a"], signal.SIGKILL)
    wait_dead(roots, "a")
    config = configure(roots, "a")
    with (roots.state / "a" / "agent.state").open("rb") as state:
        whole_file_read = struct.pack("=hh4xqqi4x", fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
        fcntl.fcntl(state, fcntl.F_OFD_SETLK, whole_file_read)
        answer = doctor(roots, "-c", config)
        assert (answer.code, answer.failed) == (1, {"states"})
        assert "a (locked by a process that is not an agent)" in answer.finding("states")["text"]
        assert run(roots, sys.executable, "-m", "launch.cli.main", "up", config).code == 1


@pytest.mark.parametrize("kind", ["link", "file", "folder", "fifo"])
def test_a_state_that_is_none(roots: Roots, processes: Processes, kind: str) -> None:
    """What is where a state should be stops ``ruth up``, and is found beforehand, whatever it is."""
    roots.state.mkdir(parents=True)
    path = roots.state / "a"
    if kind == "link":
        path.symlink_to(roots.state)
    elif kind == "file":
        path.touch()
    else:
        path.mkdir()
        if kind == "folder":
            (path / "agent.state").mkdir()
        else:
            os.mkfifo(path / "agent.state")
    config = configure(roots, "a")
    answer = doctor(roots, "-c", config)
    assert (answer.code, answer.failed) == (1, {"states"})
    assert run(roots, sys.executable, "-m", "launch.cli.main", "up", config).code == 1


def test_a_state_root_that_is_anothers(roots: Roots, processes: Processes) -> None:
    """Who may not make folders in the state root cannot launch, and is told how to."""
    roots.state.mkdir(parents=True)
    config = configure(roots, "a")
    let_in(roots.state.parent)
    answer = stranger(roots, "doctor", "--json", "-c", config)
    assert (answer.code, answer.failed) == (1, {"state root"})
    assert f"chown {STRANGER} {roots.state}" in answer.finding("state root")["fix"]
    up = stranger(roots, "up", config)
    assert up.code == 1
    assert "Permission denied" in up.err


def test_states_of_another_user(roots: Roots, processes: Processes) -> None:
    """States that another user's agents left cannot be taken, and are named."""
    os.kill(launched(roots, processes, "a")["a"], signal.SIGKILL)
    wait_dead(roots, "a")
    config = configure(roots, "a")
    let_in(roots.state.parent)
    roots.state.chmod(0o777)
    answer = stranger(roots, "doctor", "--json", "-c", config)
    assert (answer.code, answer.failed) == (1, {"states"})
    assert "no permission to write" in answer.finding("states")["text"]
    assert answer.finding("writers")["level"] == "warn"
    assert stranger(roots, "up", config).code == 1


def test_too_few_processes(roots: Roots) -> None:
    """A limit of processes that the cameras exceed is found, and is what ``ruth up`` runs into."""
    for root in (roots.state, roots.export):
        root.mkdir(parents=True)
    let_in(roots.state.parent)
    roots.state.chmod(0o777)
    config = configure(roots, *(f"camera-{number}" for number in range(8)))
    answer = stranger(roots, "doctor", "--json", "-c", config, processes=4)
    assert (answer.code, answer.failed) == (1, {"processes"})
    assert "to launch: 8, room for 3 (RLIMIT_NPROC is 4, 1 in use)" in answer.finding("processes")["text"]
    assert stranger(roots, "doctor", "--json", "-c", config, processes=9).failed == set()


def test_too_few_descriptors(roots: Roots, processes: Processes) -> None:
    """A limit of descriptors below what a launch needs is found, and is what ``ruth up`` runs into."""
    config = configure(roots, "a")

    def limit(count: int) -> dict[str, object]:
        return {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))}

    answer = doctor(roots, "-c", config, **limit(6))
    assert (answer.code, answer.failed) == (1, {"descriptors"})
    up = run(roots, sys.executable, "-m", "launch.cli.main", "up", "-d", config, **limit(6))
    assert up.code == 1
    assert "Too many open files" in up.err
    answer = doctor(roots, "-c", config, **limit(9))
    assert (answer.code, answer.finding("descriptors")["level"]) == (0, "warn")


def test_a_small_tmpfs(roots: Roots, small: Path) -> None:
    """Exports that will not fit are found before the video server finds out, and stop no agent."""
    answer = doctor(roots, "-c", configure(roots, "a"))
    assert answer.code == 0
    finding = answer.finding("shared memory")
    assert finding["level"] == "warn"
    assert "12.5 MB more needed, 1.0 MB free" in finding["text"]
    assert f"mount -o remount,size=12M {small}" in finding["fix"]


def test_an_export_root_that_is_no_memory(roots: Roots, tmp_path: Path) -> None:
    """An export root on a disk is found."""
    mount = mount_of(os.path.realpath(tmp_path), read_mounts())
    if mount is None or mount.filesystem == "tmpfs":
        pytest.skip("the folder for temporary files is a tmpfs here")
    environ = {**roots.environ(), "VAS_EXPORT_ROOT": str(tmp_path)}
    command = [sys.executable, "-m", "launch.cli.main", "doctor", "--json"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    finding = Answer(done.returncode, done.stdout, done.stderr).finding("export root")
    assert (done.returncode, finding["level"]) == (0, "warn")
    assert mount.filesystem in finding["text"]


def test_exports_of_the_same_user(roots: Roots) -> None:
    """Agents that would be VAS's own user are warned of; another user is fine."""
    exporter = exporter_of(roots, "a")
    exporter.publish(FRAME, 1)
    assert doctor(roots).finding("user")["level"] == "warn"
    let_in(roots.state.parent)
    finding = stranger(roots, "doctor", "--json").finding("user")
    assert finding["level"] == "ok"
    assert finding["text"] == f"exports belong to uid {os.geteuid()}, agents run as uid {STRANGER}"
    exporter.close()


def test_exports_that_a_stranger_cannot_read(roots: Roots) -> None:
    """Exports that this user may not read are found, with what the system says."""
    exporter = exporter_of(roots, "a")
    exporter.publish(FRAME, 1)
    let_in(roots.state.parent)
    (roots.export / "a").chmod(0o700)
    finding = stranger(roots, "doctor", "--json").finding("exports")
    assert finding["level"] == "warn"
    assert "a: Permission denied" in finding["text"]
    exporter.close()


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_terminal(roots: Roots, processes: Processes, columns: int) -> None:
    """On a terminal levels have colours, and no line is wider than it."""
    screen = screen_of(processes, "doctor", columns=columns, lines=40, env=roots.environ())
    assert screen.code == 0
    assert max(map(len, screen.lines)) <= columns
    assert "\x1b[32mok\x1b[0m" in screen.raw
    assert screen.lines[-1].endswith("`ruth up`")
    plain = screen_of(processes, "doctor", columns=columns, lines=40, env=roots.environ(), NO_COLOR="1")
    assert "\x1b" not in plain.raw


def test_a_bad_configuration(roots: Roots) -> None:
    """A configuration that is wrong is refused with 2, as by every verb."""
    path = roots.state.parent / "ruth.toml"
    path.write_text("[cameras]\nx = 1\n")
    answer = run(roots, sys.executable, "-m", "launch.cli.main", "doctor", "-c", path)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err

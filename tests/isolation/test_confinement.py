"""What an agent cannot do from inside: attempts made in a confined process, refused by the kernel."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conftest import PROJECT, Roots
from harness.agents import configure, launched, pid_of, record, view_agent, wait_observed
from harness.published import FRAME, exporter_of
from harness.waiting import wait_until
from launch.agent.confine.landlock import landlock_version
from ruth.agent.measure import Measure, measure_names
from ruth.agent.state import STATE_SIZE

if TYPE_CHECKING:
    from conftest import Processes

LANDLOCK_ALONE = "CONFINED_BY_LANDLOCK_ALONE"
PROGRAM = PROJECT / "tests" / "doubles" / "confined_attempt.py"
FILTERED = PROJECT / "tests" / "doubles" / "filtered.py"

pytestmark = pytest.mark.skipif(
    os.uname().machine != "x86_64" or landlock_version() < 6,
    reason="needs seccomp filters on x86-64 and Landlock 6, which has all that is asked for here",
)


def attempt(roots: Roots, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Runs confined_attempt.py as the agent of camera ``a``; ends by itself."""
    return subprocess.run(
        [sys.executable, PROGRAM, "a", *arguments],
        env=roots.environ() | environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        cwd=roots.state.parent,
    )


def said(roots: Roots, *arguments: str, **environ: str) -> str:
    """What the attempt came to."""
    done = attempt(roots, *arguments, **environ)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (("open for writing",), "refused EPERM"),
        (("open for writing by os.open",), "refused EPERM"),
        (("map writable",), "refused EACCES"),
        (("mprotect",), "refused EACCES"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_an_export_cannot_be_written(roots: Roots, arguments: tuple[str, ...], answer: str) -> None:
    """An agent can neither open its camera's files for writing nor make a mapping of them writable."""
    exporter = exporter_of(roots, "a")
    exporter.publish(FRAME, 1)
    assert said(roots, *arguments) == answer
    exporter.close()


def test_a_store_into_an_export_kills_its_own_process(roots: Roots) -> None:
    """A store through the read-only mapping is a SIGSEGV, and not a byte is changed."""
    exporter = exporter_of(roots, "a")
    exporter.publish(b"\x01" * len(FRAME), 1)
    before = [path.read_bytes() for path in sorted((roots.export / "a").iterdir())]
    assert attempt(roots, "store").returncode == -signal.SIGSEGV
    assert [path.read_bytes() for path in sorted((roots.export / "a").iterdir())] == before
    exporter.close()


@pytest.mark.parametrize("how", ["open", "open by the old call", "openat2"])
@pytest.mark.parametrize("of", ["another camera's export", "another agent's state", "a file of the host"])
def test_nothing_else_can_be_opened(roots: Roots, how: str, of: str) -> None:
    """An agent opens its own camera's export and nothing else, whichever way it asks."""
    other = exporter_of(roots, "b")
    state = roots.state / "b" / "agent.state"
    state.parent.mkdir(parents=True)
    state.write_bytes(b"x")
    paths = {
        "another camera's export": roots.export / "b" / "frame.meta",
        "another agent's state": state,
        "a file of the host": Path("/etc/passwd"),
    }
    assert said(roots, how, str(paths[of])) == "refused EPERM"
    other.close()


@pytest.mark.parametrize("path", ["../b/frame.meta", "frame.meta", "."])
def test_no_way_leads_out_of_its_own_directory(roots: Roots, path: str) -> None:
    """Also from the descriptor of its own directory, only the two sealed names can be opened."""
    own, other = exporter_of(roots, "a"), exporter_of(roots, "b")
    assert said(roots, "open from own directory", path) == "refused EPERM"
    own.close()
    other.close()


@pytest.mark.parametrize("how", ["mprotect", "munmap", "mremap", "map over it"])
def test_the_sealed_names_cannot_be_changed(roots: Roots, how: str) -> None:
    """The memory that holds the names an agent may open cannot be made writable, moved or replaced."""
    assert said(roots, "change the page", how) == "refused EPERM"


def test_a_store_into_the_sealed_names_kills_its_own_process(roots: Roots) -> None:
    """A store into the sealed names is a SIGSEGV."""
    assert attempt(roots, "change the page", "store").returncode == -signal.SIGSEGV


@pytest.mark.parametrize("how", ["make a file", "unlink", "rename", "truncate"])
def test_the_file_system_cannot_be_changed(roots: Roots, how: str) -> None:
    """An agent makes, removes, renames and shortens no file, not even where its user could."""
    roots.export.mkdir(parents=True)
    path = roots.export / "file"
    path.write_text("content")
    assert said(roots, how, str(path)) in {"refused EACCES", "refused EPERM"}
    assert path.read_text() == "content"


@pytest.mark.parametrize("how", ["TCP", "UDP"])
def test_no_socket(roots: Roots, how: str) -> None:
    """An agent cannot make a socket."""
    assert said(roots, how) == "refused EPERM"


def test_landlock_alone_refuses_too(roots: Roots, processes: Processes) -> None:
    """Without filters, too, an agent writes no file, reaches no socket and signals no process."""
    exporter = exporter_of(roots, "a")
    environ = {LANDLOCK_ALONE: "1"}
    sibling = launched(roots, processes, "b")["b"]
    abstract = f"ruth-test-{os.getpid()}"
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"\0{abstract}")
        listening.listen()
        refused = {
            ("TCP by a socket it has", str(server.getsockname()[1])): "EACCES",
            ("abstract socket", abstract): "EPERM",
            ("signal", str(sibling)): "EPERM",
            ("open for writing by os.open",): "EACCES",
            ("make a file", str(roots.state.parent / "new")): "EACCES",
            ("open", "/etc/passwd"): "EACCES",
        }
        for arguments, error in refused.items():
            assert said(roots, *arguments, **environ) == f"refused {error}", arguments
    assert said(roots, "a mapping of its export", **environ) == "done"
    assert view_agent(roots, "b").pid == sibling
    exporter.close()


@pytest.mark.parametrize("how", ["signal", "signal 0"])
def test_a_sibling_cannot_be_signalled(roots: Roots, processes: Processes, how: str) -> None:
    """No signal reaches a process outside, not even one that only asks whether it is there."""
    sibling = launched(roots, processes, "b")["b"]
    assert said(roots, how, str(sibling)) == "refused EPERM"
    assert view_agent(roots, "b").pid == sibling


@pytest.mark.parametrize("how", ["fork", "execute", "io_uring", "raise its limits"])
def test_nothing_new_is_started(roots: Roots, how: str) -> None:
    """An agent starts no process and no program, and does not change its limits, not even as root."""
    assert said(roots, how) == "refused EPERM"


@pytest.mark.parametrize(
    ("what", "answer"),
    [
        ("private memory", "MemoryError"),
        ("address space", "refused ENOMEM"),
        ("memory that grows as a stack does", "refused EPERM"),
        ("a little memory", "done"),
        ("a mapping of its export", "done"),
        ("nothing", "done"),
    ],
)
def test_memory_is_limited(roots: Roots, what: str, answer: str) -> None:
    """An agent grows by 64 MiB at most, and maps 4 GiB; what is less goes through."""
    exporter = exporter_of(roots, "a")
    exporter.publish(FRAME, 1)
    assert said(roots, what) == answer
    exporter.close()


@pytest.mark.parametrize(("limit", "outcome"), [("unlimited", -signal.SIGSEGV), ("8192", -signal.SIGSEGV)])
def test_the_stack_is_limited_too(roots: Roots, limit: str, outcome: int) -> None:
    """Memory has no limit by way of the stack, whatever ``ulimit -s`` was when the launcher was started."""
    attempted = "a stack of 100 MiB"
    done = subprocess.run(
        ["/bin/sh", "-c", f'ulimit -s {limit}; exec "$0" "$@"', sys.executable, PROGRAM, "a", attempted],
        env=roots.environ(),
        cwd=roots.state.parent,
        capture_output=True,
        timeout=30,
    )
    assert done.returncode == outcome, done.stderr


@pytest.mark.parametrize("how", ["priority", "processors", "scheduler"])
def test_another_process_cannot_be_slowed(roots: Roots, processes: Processes, how: str) -> None:
    """An agent cannot change the priority, the processors or the scheduler of a process of its own user."""
    victim = processes.start("/bin/sleep", "60")
    before = os.getpriority(os.PRIO_PROCESS, victim.pid), os.sched_getaffinity(victim.pid)
    assert said(roots, how, str(victim.pid)) == "refused EPERM"
    assert (os.getpriority(os.PRIO_PROCESS, victim.pid), os.sched_getaffinity(victim.pid)) == before


def test_its_own_priority_stays(roots: Roots) -> None:
    """An agent cannot put itself before decoding, not even as root."""
    assert said(roots, "own priority") == "refused EPERM"


@pytest.mark.parametrize("how", ["chmod", "chown", "utime", "setxattr", "chdir"])
def test_an_export_cannot_be_locked_up(roots: Roots, how: str) -> None:
    """An agent can change neither rights nor owner of an export, nor make its directory the current one."""
    other = exporter_of(roots, "b")
    assert said(roots, how, str(roots.export / "b")) == "refused EPERM"
    assert (roots.export / "b").stat().st_mode & 0o777 == 0o755
    other.close()


def test_the_lock_of_a_writer_cannot_be_taken(roots: Roots) -> None:
    """An agent cannot take the lock by which writers of one camera keep apart."""
    exporter = exporter_of(roots, "a")
    assert said(roots, "lock own directory") == "refused EPERM"
    exporter.close()


@pytest.mark.parametrize(
    "how",
    [
        "grow its state",
        "cut its state",
        "write its state",
        "append to its state",
        "write a byte elsewhere",
        "write two bytes",
        "lease",
        "another file as stdout",
    ],
)
def test_its_state_keeps_its_size(roots: Roots, how: str) -> None:
    """An agent cannot fill the tmpfs through its state: it writes into the mapping and nowhere else."""
    assert said(roots, how) == "refused EPERM"
    assert (roots.state / "a" / "agent.state").stat().st_size == STATE_SIZE


def test_its_notice_is_written(roots: Roots) -> None:
    """The one byte by which an agent tells of changes is the one that it may write as a file."""
    assert said(roots, "write its notice") == "done"


@pytest.mark.parametrize("how", ["memory file", "shared memory", "System V", "pipe"])
def test_no_memory_that_counts_against_no_limit(roots: Roots, how: str) -> None:
    """An agent cannot have memory that its limits do not see."""
    assert said(roots, how) == "refused EPERM"


def test_no_core_is_dumped(roots: Roots) -> None:
    """An agent that aborts dumps no core, also where a core limit was set generously."""
    done = subprocess.Popen(
        ["/bin/sh", "-c", 'ulimit -c unlimited; exec "$0" "$@"', sys.executable, PROGRAM, "a", "abort"],
        env=roots.environ(),
        cwd=roots.state.parent,
        stderr=subprocess.DEVNULL,
    )
    _, status = os.waitpid(done.pid, 0)
    done.returncode = 0  # reaped here, to see the core flag
    assert os.WTERMSIG(status) == signal.SIGABRT
    assert not os.WCOREDUMP(status)
    assert not list(roots.state.parent.glob("core*"))


def test_ps_shows_what_is_in_force(roots: Roots, processes: Processes) -> None:
    """``ruth ps --json`` lists every measure of this kernel; /proc agrees on those that it shows."""
    pid = launched(roots, processes, "a")["a"]
    wait_until(lambda: view_agent(roots, "a").confinement, "the agent is confined")
    found = set(view_agent(roots, "a").confinement)
    assert found >= set(measure_names(~Measure.PINNED_PATHS))
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert os.getpriority(os.PRIO_PROCESS, pid) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 10)
    assert int(Path(f"/proc/{pid}/oom_score_adj").read_text()) >= 500
    limits = Path(f"/proc/{pid}/limits").read_text()
    limited = ("Max core", "Max data", "Max address", "Max stack")
    assert "unlimited" not in "".join(line for line in limits.splitlines() if line.startswith(limited))


def test_a_confined_agent_follows_its_directory(roots: Roots, processes: Processes) -> None:
    """A confined agent finds its camera again when the directory and the root were removed and made again."""
    launched(roots, processes, "a")
    for session in (1, 2):
        exporter = exporter_of(roots, "a")
        for frame_id in range(3):
            exporter.publish(FRAME, session * 1000 + frame_id)
            wait_observed(roots, "a", frame_id)
        assert record(roots, "a").session == session
        exporter.close()
        wait_until(lambda: view_agent(roots, "a").export is None, "the agent has released")
        for folder in (roots.export / "a", roots.export):
            if folder.exists():
                folder.rmdir()


@pytest.mark.parametrize("without", [None, 462, 317], ids=["all measures", "no mseal", "no filter"])
@pytest.mark.parametrize("native", ["on", "off"])
def test_the_folder_above_the_export_root_is_made_again(
    roots: Roots, processes: Processes, native: str, without: int | None
) -> None:
    """A confined agent finds its camera also when the folder above the root was removed, as systemd does."""
    above = roots.export.parent / "run"
    moved = Roots(above / "exports", roots.state)
    above.mkdir()
    filtered = [] if without is None else [sys.executable, FILTERED, str(without)]
    processes.start(
        *(*filtered, sys.executable, "-m", "launch.cli.main", "up", configure(moved, "a")),
        env=moved.environ() | {"RUTH_NATIVE": native},
    )
    pid = pid_of(moved, "a")
    for session in (1, 2, 3):
        exporter = exporter_of(moved, "a")
        exporter.publish(FRAME, session)
        wait_until(lambda session=session: record(moved, "a").session == session, "the export is bound")
        wait_observed(moved, "a", 0)
        exporter.close()
        shutil.rmtree(above)
        wait_until(lambda: view_agent(moved, "a").export is None, "the agent has released it")
    assert view_agent(moved, "a").pid == pid


def test_an_agent_that_cannot_be_confined_does_not_run(roots: Roots, processes: Processes) -> None:
    """If a measure that can be had fails all the same, the agent ends, and reads no frame; the others run."""
    # The kernel does not refuse on demand: the one call that restricts is replaced in the launcher, by one
    # for a ruleset that there is not.
    exporter = exporter_of(roots, "a")
    exporter.publish(FRAME, 1)
    config = configure(roots, "a")
    processes.start(
        sys.executable,
        "-c",
        "import launch.agent.confine.confinement as c, launch.cli.main as cli\n"
        "restriction = c.restriction\n"
        "c.restriction = lambda _: restriction(10**6)\n"
        f"raise SystemExit(cli.main(['up', {str(config)!r}]))",
        env=roots.environ(),
    )
    wait_until(lambda: view_agent(roots, "a").death, "the agent has died")
    view = view_agent(roots, "a")
    assert (view.state, view.death, view.frames) == ("dead", "exit 1", 0)
    exporter.close()


def test_a_foreground_agent_is_confined_as_well(roots: Roots, processes: Processes) -> None:
    """``ruth agent`` is confined as agents of ``ruth up`` are."""
    config = configure(roots, "a")
    processes.ruth("agent", "a", "-c", config, env=roots.environ())
    pid_of(roots, "a")
    wait_until(lambda: view_agent(roots, "a").confinement, "the agent is confined")
    assert "landlock_files" in view_agent(roots, "a").confinement

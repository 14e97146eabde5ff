"""After a crash nothing happens: no restart, no retry, no log, no record. Shown from outside, by the kernel.

docs/specification.md, "Failure rules": what must not be there cannot be called, so it is the host that is
watched.
"""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from doubles.planted_faults import Fault
from harness.agents import configure, pid_of, view_agent
from harness.scene import CAMERAS, PLANTED, VICTIM, way_of
from harness.tracing import RT_SIGTIMEDWAIT, handles, system_call, traced
from harness.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Processes, Roots

WATCHED_S = 1.5

# What Ruth is not: it waits for its child, notes the death, and starts another.
SUPERVISOR = """
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
while True:
    child = os.fork()
    if child == 0:
        signal.pause()
    sys.stdout.write(f"{child}\\n")
    sys.stdout.flush()
    signal.sigwait([signal.SIGCHLD])
    with open("deaths", "a") as log:
        print(os.waitpid(child, 0), file=log)
"""


@dataclass(frozen=True, slots=True)
class WatchedHost:
    """A launcher with agents, every place of which is the test's own.

    Attributes:
        launcher: Its stdout and stderr are pipes.
        crash: Has one agent crash, and waits until it has.
        places: Folders: where exports and states lie, and the launcher's working directory, HOME and TMPDIR.

    """

    launcher: subprocess.Popen[bytes]
    crash: Callable[[], None]
    places: tuple[Path, ...]

    def watch(self) -> None:
        """Lets time pass in which something could happen."""
        until = time.monotonic() + WATCHED_S
        wait_until(lambda: time.monotonic() >= until, "time has passed")

    def runs(self) -> bytes:
        """How long and how often the launcher has had a core (proc(5), schedstat)."""
        return Path(f"/proc/{self.launcher.pid}/schedstat").read_bytes()

    def calls(self, processes: Processes) -> list[str]:
        """The system calls that the launcher makes when an agent crashes, and after it."""
        log = self.places[0] / "strace"
        with traced(processes, self.launcher.pid, log):
            self.crash()
            self.watch()
        return [line for line in log.read_text().splitlines() if not line.startswith(("---", "+++"))]

    def processes_here(self) -> dict[int, float]:
        """The launcher, its agents, and what came of them, by pid: when each started."""
        return {child.pid: child.create_time() for child in psutil.Process().children(recursive=True)}

    def files(self) -> dict[str, tuple[int, ...]]:
        """Every file and folder of this host: inode, size, and when it was changed."""
        found = {}
        for place in self.places:
            for path in (place, *place.rglob("*")):
                status = path.lstat()
                found[str(path)] = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        return found

    def written(self) -> dict[int, list[bytes]]:
        """What launcher and live agents have ever written, wherever to (proc(5), io), by pid."""
        counted = {}
        for pid in self.processes_here():
            try:
                content = Path(f"/proc/{pid}/io").read_bytes()
            except FileNotFoundError:
                pytest.skip("this kernel does not count what is written (CONFIG_TASK_IO_ACCOUNTING)")
            counted[pid] = re.findall(rb"(?m)^(?:wchar|syscw|write_bytes).*", content)
        return counted

    def printed(self) -> bool:
        """Whether the launcher has printed anything since its launch."""
        readable, _, _ = select.select([self.launcher.stdout, self.launcher.stderr], [], [], 0)
        return bool(readable)


def own_places(tmp_path: Path) -> dict[str, Path]:
    """Working directory, HOME and TMPDIR."""
    places = {name: tmp_path / name for name in ("cwd", "HOME", "TMPDIR")}
    for place in places.values():
        place.mkdir()
    return places


@pytest.fixture
def host(roots: Roots, tmp_path: Path, processes: Processes, library: str) -> WatchedHost:
    """Three agents and their launcher, which has said what it launched and waits to be ended."""
    places = own_places(tmp_path)
    launcher = processes.start(
        sys.executable,
        PLANTED,
        "up",
        configure(roots, *CAMERAS),
        env={
            **roots.environ(),
            **way_of(library),
            "HOME": str(places["HOME"]),
            "TMPDIR": str(places["TMPDIR"]),
        },
        cwd=places["cwd"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )
    pids = {camera: pid_of(roots, camera) for camera in CAMERAS}
    wait_until(lambda: handles(pids[VICTIM], Fault.NULL_POINTER), "the agent can be made to crash")
    assert launcher.stdout is not None
    said = [f"{camera}: agent {pid}\n".encode() for camera, pid in pids.items()]
    assert [launcher.stdout.readline() for _ in CAMERAS] == said
    wait_until(lambda: system_call(launcher.pid) == RT_SIGTIMEDWAIT, "the launcher waits to be ended")

    def crash() -> None:
        os.kill(pids[VICTIM], Fault.NULL_POINTER)
        wait_until(lambda: view_agent(roots, VICTIM).death == "SIGSEGV", f"the agent of {VICTIM} has crashed")

    return WatchedHost(launcher, crash, (roots.state.parent, *places.values()))


@pytest.fixture
def supervised(roots: Roots, tmp_path: Path, processes: Processes) -> WatchedHost:
    """What all these tests have to tell from Ruth: a process that looks after its child."""
    places = own_places(tmp_path)
    supervisor = processes.start(
        sys.executable,
        "-c",
        SUPERVISOR,
        cwd=places["cwd"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )
    assert supervisor.stdout is not None
    child = int(supervisor.stdout.readline())

    def crash() -> None:
        os.kill(child, signal.SIGSEGV)
        wait_until(lambda: not psutil.pid_exists(child), "the child has crashed")

    return WatchedHost(supervisor, crash, (roots.state.parent, *places.values()))


def test_the_launcher_does_not_run(host: WatchedHost) -> None:
    """After a crash the launcher does not get a core even once: there is nothing that it could do."""
    before = host.runs()
    host.crash()
    host.watch()
    assert host.runs() == before


def test_the_launcher_makes_no_system_call(host: WatchedHost, processes: Processes) -> None:
    """After a crash the launcher makes no system call but for going back to the wait that it was in.

    That one is strace's doing: to a tracer the kernel reports even signals that are ignored, which interrupts
    the wait. Untraced, the launcher does not run at all (the test above).
    """
    calls = host.calls(processes)
    assert [call for call in calls if not call.startswith(("rt_sigtimedwait(", "restart_syscall("))] == []


def test_nobody_is_started(host: WatchedHost) -> None:
    """After a crash the same processes are there as before, the crashed one as a zombie, and no other."""
    before = host.processes_here()
    host.crash()
    host.watch()
    assert host.processes_here() == before


def test_nothing_is_written(host: WatchedHost) -> None:
    """After a crash no file appears or changes, no process writes a byte, and nothing is printed."""
    files, written = host.files(), host.written()
    host.crash()
    host.watch()
    assert host.files() == files
    assert host.written() == written
    assert not host.printed()


def test_a_supervisor_would_be_noticed(supervised: WatchedHost, processes: Processes) -> None:
    """A process that looks after its child runs, calls, starts, writes and prints, and each is noticed."""
    before = (supervised.runs(), supervised.processes_here(), supervised.files(), supervised.written())
    calls = supervised.calls(processes)
    after = (supervised.runs(), supervised.processes_here(), supervised.files(), supervised.written())
    assert [was == now for was, now in zip(before, after, strict=True)] == [False] * 4
    assert any(call.startswith("wait4(") for call in calls)
    assert supervised.printed()

"""An agent's process that begins in C is the one that begins in Python."""

from __future__ import annotations

import os
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.agents import (
    configure,
    launched,
    open_files,
    pid_of,
    record,
    view_agent,
    wait_dead,
    wait_observed,
    wake_ups,
)
from harness.published import FRAME, exporter_of
from harness.waiting import wait_until
from launch.agent.native.library import VARIABLE
from ruth.agent.proc_stat import PARENT, START_TICKS, read_stat
from ruth.agent.state import (
    ARRIVALS_OFFSET,
    EXPORT_EPOCH_OFFSET,
    EXPORT_INODE_OFFSET,
    GAP_BEFORE_OFFSET,
    GAP_OFFSET,
    ID_SIZE,
    LAUNCHER_PID_OFFSET,
    OBSERVED_OFFSET,
    PID_OFFSET,
    SEQUENCE_OFFSET,
    START_TICKS_OFFSET,
    STARTED_OFFSET,
    STATE_SIZE,
)
from ruth.identity import META_NAME, STATE_NAME

if TYPE_CHECKING:
    from conftest import Processes, Roots

CAMERAS = ("c", "p")
STATUS = {
    "Umask", "Threads", "SigQ", "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "CapInh", "CapPrm",
    "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters", "CoreDumping",
}  # fmt: skip
"""Lines of /proc/<pid>/status that must be the same; which signals are caught must not (decision 0053)."""
OF_THE_LAUNCHER = ("Max address space", "Max data size")
"""Limits that are counted from what the launcher had."""
OWN = (
    PID_OFFSET,
    START_TICKS_OFFSET,
    STARTED_OFFSET,
    LAUNCHER_PID_OFFSET,
    OBSERVED_OFFSET,
    EXPORT_INODE_OFFSET,
    EXPORT_EPOCH_OFFSET,
    ARRIVALS_OFFSET,
    GAP_OFFSET,
    GAP_BEFORE_OFFSET,
)
"""Fields of the record that no two agents have in common, those by their own clock among them."""


IN_C_OR_DEAD = """
import os, sys
from launch.agent.process import AgentProcess
from launch.cli.main import main
AgentProcess.adopt_start = lambda *_: os._exit(77)
sys.exit(main(sys.argv[1:]))
"""
"""A launcher whose agents end if they come to Python."""
AT_FORK = """
import os, sys
from launch.cli.main import main
os.register_at_fork(
    before=lambda: os.write(2, b"before "),
    after_in_parent=lambda: os.write(2, b"after "),
    after_in_child=lambda: os._exit(77),
)
sys.exit(main(sys.argv[1:]))
"""
"""A launcher that says when it forks, and whose agents end when they are told of it."""


class Silent:
    """A wake word that wakes no process."""

    def wake(self) -> None:
        """Nothing."""


each_way = pytest.mark.parametrize("word", ["on", "off"])


def both_ways(roots: Roots, processes: Processes, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Pid by camera: c begins in C, p in Python. Confined, both."""
    pids = {}
    for camera, word in (("c", "on"), ("p", "off")):
        monkeypatch.setenv(VARIABLE, word)
        pids |= launched(roots, processes, camera)
        wait_until(lambda camera=camera: view_agent(roots, camera).confinement, f"{camera} is confined")
    return pids


def traits(pid: int) -> dict[str, object]:
    """What the kernel says of a process, but for what is its own."""
    base = Path(f"/proc/{pid}")
    status = dict(line.split(":", 1) for line in (base / "status").read_text().splitlines())
    fields = (base / "stat").read_text().rpartition(")")[2].split()
    group, session, terminal, priority, nice = (fields[at] for at in (2, 3, 4, 15, 16))
    limits = (base / "limits").read_text().splitlines()[1:]
    camera = (base / "cmdline").read_bytes().rstrip(b"\0").rpartition(b" ")[2].decode()
    return {
        "status": {name: status[name].strip() for name in STATUS & status.keys()},
        "name": status["Name"].replace(camera, "").strip(),
        "title": (base / "cmdline").read_bytes().rstrip(b"\0").removesuffix(camera.encode()),
        "leads": (group, session) == (str(pid), str(pid)),
        "nice": (terminal, priority, nice),
        "limits": [line for line in limits if not line.startswith(OF_THE_LAUNCHER)],
        "oom_score_adj": (base / "oom_score_adj").read_text(),
        "cwd": os.readlink(base / "cwd"),
        # A set: a mapping of Python's keeps a descriptor of its own.
        "files": {os.readlink(entry).replace(f"/{camera}/", "/") for entry in (base / "fd").iterdir()},
    }


def test_the_process_is_the_same(roots: Roots, processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its session, name, descriptors, signals, limits, priority and filters do not tell how it began."""
    pids = both_ways(roots, processes, monkeypatch)
    in_c, in_python = (traits(pid) for pid in pids.values())
    assert in_c == in_python


def test_the_record_is_the_same(roots: Roots, processes: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every byte that is not the process's own, or its export's, before the first frame and after it."""
    both_ways(roots, processes, monkeypatch)
    assert content(roots, "c") == content(roots, "p")
    exporters = [exporter_of(roots, camera) for camera in CAMERAS]
    for exporter in exporters:
        assert exporter.publish(FRAME, 10**9)
    for camera in CAMERAS:
        wait_observed(roots, camera, 0)
    assert content(roots, "c") == content(roots, "p")
    for exporter in exporters:
        exporter.close()


def test_a_record_is_taken_over_from_whoever_died(
    roots: Roots, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is in the state: its sequence and wake word go on, and nothing else of it is left."""
    for camera in CAMERAS:
        folder = roots.state / camera
        folder.mkdir(parents=True)
        (folder / STATE_NAME).write_bytes(b"\xa7" * STATE_SIZE)
    both_ways(roots, processes, monkeypatch)
    in_c, in_python = content(roots, "c"), content(roots, "p")
    assert in_c == in_python
    assert int.from_bytes(in_c[SEQUENCE_OFFSET : SEQUENCE_OFFSET + 8], "little") % 2 == 0


def test_python_goes_on_where_c_leaves_off(
    roots: Roots, processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After what C leaves to Python, a frame that goes back in time, records are the same again."""
    both_ways(roots, processes, monkeypatch)
    exporters = [exporter_of(roots, camera) for camera in CAMERAS]
    for frame_id, timestamp_ns in enumerate((10**9, 2 * 10**9, 10**8, 3 * 10**9)):
        for exporter in exporters:
            assert exporter.publish(FRAME, timestamp_ns)
        for camera in CAMERAS:
            wait_observed(roots, camera, frame_id)
        assert content(roots, "c") == content(roots, "p")
    for exporter in exporters:
        exporter.close()


def content(roots: Roots, camera: str) -> bytes:
    """The bytes of a camera's record, without those that no other has."""
    found = bytearray((roots.state / camera / STATE_NAME).read_bytes())
    for offset in OWN:
        found[offset : offset + 8] = bytes(8)
    return bytes(found).replace(camera.encode().ljust(ID_SIZE, b"\0"), bytes(ID_SIZE), 1)


@each_way
def test_the_record_says_whose_it_is(
    roots: Roots, processes: Processes, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    """Pid, start and launcher are what the kernel says, and the export is the one that is there."""
    monkeypatch.setenv(VARIABLE, word)
    before_ns = time.monotonic_ns()
    pid = launched(roots, processes, "c")["c"]
    with closing(exporter_of(roots, "c")) as exporter:
        assert exporter.publish(FRAME, 10**9)
        wait_observed(roots, "c", 0)
        found, stat = record(roots, "c"), read_stat(pid)
        assert found.pid == pid
        assert found.start_ticks == int(stat[START_TICKS])
        assert found.launcher_pid == int(stat[PARENT])
        assert found.observed_ns is not None
        assert before_ns < found.started_ns < found.observed_ns < time.monotonic_ns()
        assert found.export_inode == os.stat(roots.export / "c" / META_NAME).st_ino


@each_way
def test_nothing_of_the_launcher_stays_open(
    roots: Roots, processes: Processes, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    """Neither its streams nor what it was started with: a full pipe would stop the agent."""
    monkeypatch.setenv(VARIABLE, word)
    file = roots.state.parent / "file"
    config = configure(roots, "c")
    command = ("/bin/sh", "-c", 'exec "$@" <"$0" >"$0" 2>"$0" 3>"$0" 4>"$0" 9>"$0"', file)
    file.touch()
    processes.start(*command, sys.executable, "-m", "launch.cli.main", "up", config, env=roots.environ())
    pid = pid_of(roots, "c")
    wait_until(lambda: view_agent(roots, "c").confinement, "it is confined")
    assert str(file) not in open_files(pid)


def test_a_camera_that_cannot_begin_in_c_begins_in_python(roots: Roots, processes: Processes) -> None:
    """It alone, among those that are forked along with it; each is confined as all are, and decides."""
    cameras = ("a", "b", "c")
    config = configure(roots, *cameras)
    config.write_text(config.read_text().replace("max_fps = 5", "max_fps = 1e-11", 1))
    processes.ruth("up", config, env=roots.environ())
    for camera in cameras:
        pid_of(roots, camera)
        wait_until(lambda camera=camera: view_agent(roots, camera).confinement, f"{camera} is confined")
    state_files = [
        open_files(pid_of(roots, camera)).count(str(roots.state / camera / STATE_NAME)) for camera in cameras
    ]
    assert state_files == [2, 1, 1]  # a mapping of Python's keeps a descriptor of its own
    for camera in cameras:
        with closing(exporter_of(roots, camera)) as exporter:
            assert exporter.publish(FRAME, 10**9)
            wait_observed(roots, camera, 0)
    assert len({view_agent(roots, camera).confinement for camera in cameras}) == 1


def test_what_is_in_order_needs_no_python(roots: Roots, processes: Processes) -> None:
    """No export, frames, silence, a closed export and its successor: an agent stays in C all the while."""
    processes.start(sys.executable, "-c", IN_C_OR_DEAD, "up", configure(roots, "a"), env=roots.environ())
    pid = pid_of(roots, "a")

    def waits(times: int) -> None:
        before = wake_ups(pid)
        wait_until(lambda: wake_ups(pid) >= before + times, "it has looked in vain")

    waits(2)
    for first in (0, 5):
        with closing(exporter_of(roots, "a")) as exporter:
            for number in range(5):
                assert exporter.publish(FRAME, (first + number + 1) * 10**9)
                wait_until(lambda n=first + number: record(roots, "a").frames == n + 1, "it is observed")
            waits(2)
        wait_until(lambda: view_agent(roots, "a").export is None, "it is released")
    waits(2)
    assert view_agent(roots, "a").death is None
    assert record(roots, "a").session == 2


def test_python_hears_of_the_fork(roots: Roots, processes: Processes) -> None:
    """What os.fork() calls is called: in the launcher around it, in an agent before it comes to Python."""
    said = roots.state.parent / "said"
    with said.open("wb") as file:
        command = (sys.executable, "-c", AT_FORK, "up", configure(roots, "a"))
        processes.start(*command, env=roots.environ(), stderr=file)
    pid_of(roots, "a")
    with closing(exporter_of(roots, "a")) as exporter:
        assert exporter.publish(FRAME, 2 * 10**9)
        wait_observed(roots, "a", 0)
        assert said.read_text() == "before after "
        assert exporter.publish(FRAME, 10**9)
        wait_dead(roots, "a")
    assert view_agent(roots, "a").death == "exit 77"


def test_an_agent_goes_back_to_its_loop_after_python(roots: Roots, processes: Processes) -> None:
    """After a clock that ran backwards the frames that follow are taken, by the same process."""
    pid = launched(roots, processes, "a")["a"]
    with closing(exporter_of(roots, "a")) as exporter:
        for frame_id, seconds in enumerate((10, 20, 1, *range(30, 100, 10))):
            assert exporter.publish(FRAME, seconds * 10**9)
            wait_until(
                lambda n=frame_id: view_agent(roots, "a").frame_id == n or view_agent(roots, "a").death,
                "it is observed",
            )
            assert (view_agent(roots, "a").pid, view_agent(roots, "a").death) == (pid, None)


def test_wake_ups_that_are_missing_are_noticed(roots: Roots, processes: Processes) -> None:
    """A writer that says that it wakes and does not: after two waits in vain its frames are looked for."""
    launched(roots, processes, "a")
    with closing(exporter_of(roots, "a")) as exporter:
        assert exporter._ring is not None
        exporter._ring._futex = Silent()  # type: ignore[assignment]
        for _ in range(100):
            assert exporter.publish(FRAME, time.monotonic_ns())
            due = time.monotonic() + 0.04
            wait_until(lambda due=due: time.monotonic() > due, "the next frame is due")
        wait_observed(roots, "a", 99)
    assert record(roots, "a").frames > 40

"""``ruth top``: live on a terminal that is as it was afterwards, one JSON object a line elsewhere."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from harness.agents import configure, launched, pid_of, wait_dead
from harness.commands import run_ruth_text
from harness.published import Feed, exporter_of
from harness.terminals import on_terminal
from harness.waiting import wait_until
from launch.observe.liveness import read_sighting as sighting_of
from launch.observe.top.reading import Reader

if TYPE_CHECKING:
    from conftest import Processes, Roots

ROW_KEYS = [
    "camera_id", "pid", "state", "death", "stopped", "fps", "allowed_fps", "cpu_percent", "private_bytes",
    "age_s", "missed", "problem", "frames", "models", "arrivals_per_s", "longest_gap_s", "slots_needed",
    "death_cause", "dead_s",
]  # fmt: skip


def top(roots: Roots, *options: str) -> subprocess.CompletedProcess[str]:
    """Runs ``ruth top`` to its end."""
    return run_ruth_text("top", *options, env=roots.environ())


def test_json_lines(roots: Roots, processes: Processes) -> None:
    """One object a line and refresh, with every camera; a fed one has rates, a dead one its death."""
    exporter = exporter_of(roots, "fed")
    pids = launched(roots, processes, "fed", "idle", "killed")
    os.kill(pids["killed"], signal.SIGKILL)
    wait_dead(roots, "killed")
    with Feed({"fed": exporter}):
        answer = top(roots, "--json", "-n", "3", "--interval", "0.3")
    assert (answer.returncode, answer.stderr) == (0, "")
    refreshes = [json.loads(line) for line in answer.stdout.splitlines()]
    assert len(refreshes) == 3
    for refresh in refreshes:
        assert list(refresh) == ["time_ns", "interval_s", "cameras"]
        assert [list(camera) for camera in refresh["cameras"]] == [ROW_KEYS] * 3
        fed, idle, killed = refresh["cameras"]
        assert (fed["pid"], fed["state"]) == (pids["fed"], "running")
        assert fed["fps"] > 0
        assert fed["allowed_fps"] > 0
        assert fed["cpu_percent"] > 0
        assert fed["private_bytes"] > 0
        assert (idle["state"], idle["fps"], idle["age_s"]) == ("idle", 0.0, None)
        assert (killed["state"], killed["death"], killed["fps"]) == ("dead", "SIGKILL", None)
    exporter.close()


def test_a_pipe_gets_json(roots: Roots) -> None:
    """What is not a terminal gets JSON, asked for or not, also without any camera."""
    answer = top(roots, "-n", "1")
    assert json.loads(answer.stdout)["cameras"] == []
    assert not roots.state.exists()


def test_configured_cameras(roots: Roots) -> None:
    """With a configuration, its cameras are listed, started or not."""
    answer = top(roots, "-n", "1", "-c", str(configure(roots, "a", "b")))
    assert [camera["state"] for camera in json.loads(answer.stdout)["cameras"]] == ["absent", "absent"]


@pytest.mark.parametrize(
    "options",
    [["-n", "0"], ["-n", "x"], ["--interval", "0"], ["--interval", "nan"], ["--sort", "colour"], ["extra"]],
)
def test_wrong_usage(roots: Roots, options: list[str]) -> None:
    """Wrong options are explained, with exit code 2."""
    answer = top(roots, *options)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "Traceback" not in answer.stderr


def test_nobody_reads(roots: Roots, processes: Processes) -> None:
    """When the reader of the lines has gone, top ends quietly with 1."""
    process = processes.ruth(
        "top", "--interval", "0.1", env=roots.environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=60) == 1
    assert process.stderr.read() == b""


def test_a_screen(roots: Roots, processes: Processes) -> None:
    """On a terminal there is a screen that fits, renews itself, is sorted as asked, and ends with q."""
    exporter = exporter_of(roots, "b")
    pids = launched(roots, processes, "a", "b")
    with (
        Feed({"b": exporter}),
        on_terminal(processes, "top", "--interval", "0.2", "--sort", "fps", env=roots.environ()) as terminal,
    ):
        lines = terminal.wait_screen("1 idle, 1 running")
        assert lines[0].endswith("  cameras: 2 (1 idle, 1 running)")
        assert lines[2] == "sorted by fps: < > r; / filter; ? help; q end"
        assert lines[3].split()[:4] == ["CAMERA", "PID", "STATE", "FPS"]
        assert [line.split()[:3] for line in lines[4:]] == [
            ["b", str(pids["b"]), "running"],
            ["a", str(pids["a"]), "idle"],
        ]
        assert max(map(len, lines)) <= 80
        terminal.press(b"n")
        lines = terminal.wait_screen("sorted by name")
        assert [line.split()[0] for line in lines[4:]] == ["a", "b"]
        os.kill(pids["a"], signal.SIGSTOP)
        terminal.wait_screen("1 stopped, 1 running")
        os.kill(pids["a"], signal.SIGKILL)
        wait_dead(roots, "a")
        terminal.wait_screen("dead: SIGKILL")
        terminal.press(b"q")
        assert terminal.process.wait(timeout=60) == 0
        assert terminal.restored()
    exporter.close()


def test_more_cameras_than_lines(roots: Roots, processes: Processes) -> None:
    """Cameras below the screen are counted, and reached with the keys."""
    cameras = [f"c{number:02d}" for number in range(30)]
    config = configure(roots, *cameras)
    with on_terminal(
        processes, "top", "-c", config, "--sort", "name", env=roots.environ(), lines=10
    ) as terminal:
        lines = terminal.wait_screen("0 above, 25 below")
        assert len(lines) == 10
        terminal.press(b"\x1b[6~")
        assert terminal.wait_screen("5 above, 20 below")[4].startswith("c05")
        terminal.press(b"\x1b[B")
        terminal.wait_screen("6 above, 19 below")
        terminal.press(b"\x1b[F")
        assert terminal.wait_screen("25 above, 0 below")[8].startswith("c29")
        for end, home in ((b"\x1b[4~", b"\x1b[1~"), (b"\x1bOF", b"\x1bOH"), (b"\x1b[8~", b"\x1b[7~")):
            terminal.press(home)
            terminal.wait_screen("0 above, 25 below")
            terminal.press(end)
            terminal.wait_screen("25 above, 0 below")
        terminal.press(b"\x1b[A\x1b[5~\x1b[H")
        terminal.wait_screen("0 above, 25 below")
        terminal.resize(40, 20)
        lines = terminal.wait_screen("0 above, 15 below")
        assert max(map(len, lines)) <= 40
        terminal.resize(100, 50)
        assert terminal.wait_screen("c29")[-1].startswith("c29")


def test_a_filter_and_the_keys(roots: Roots, processes: Processes) -> None:
    """On a terminal cameras are filtered, q is a letter meanwhile, and the keys are shown."""
    config = configure(roots, "gate-1", "gate-2", "squash")
    with on_terminal(processes, "top", "-c", config, env=roots.environ()) as terminal:
        terminal.wait_screen("cameras: 3 (3 absent)")
        terminal.press(b"/")
        terminal.wait_screen("filter: _")
        terminal.press(b"sq")
        lines = terminal.wait_screen("filter: sq_  (1 left")
        assert [line.split()[0] for line in lines[4:]] == ["squash"]
        terminal.press(b"\x7f\x7fGATE\r")
        lines = terminal.wait_screen("filter: GATE  (2 left")
        assert [line.split()[0] for line in lines[4:]] == ["gate-1", "gate-2"]
        terminal.press(b"?")
        terminal.wait_screen("turn the order round")
        terminal.press(b"x")
        terminal.wait_screen("filter: GATE")
        terminal.press(b"\x1b")
        terminal.wait_screen("squash")
        terminal.press(b">r")
        assert [line.split()[0] for line in terminal.wait_screen("sorted by name reversed")[4:]] == [
            "squash", "gate-2", "gate-1",
        ]  # fmt: skip
        terminal.press(b"q")
        assert terminal.process.wait(timeout=60) == 0


ENDINGS = [
    (signal.SIGTERM, -signal.SIGTERM),
    (signal.SIGHUP, -signal.SIGHUP),
    (signal.SIGQUIT, -signal.SIGQUIT),
    (signal.SIGINT, 130),
]


@pytest.mark.parametrize(("number", "code"), ENDINGS)
def test_ended_by_a_signal(roots: Roots, processes: Processes, number: signal.Signals, code: int) -> None:
    """However it is ended, the terminal is restored, and the process that started it sees the cause."""
    with on_terminal(processes, "top", env=roots.environ()) as terminal:
        terminal.wait_screen("cameras: 0")
        assert terminal.settings() != terminal.before
        assert not terminal.restored()
        terminal.process.send_signal(number)
        assert terminal.process.wait(timeout=60) == code
        assert terminal.restored()
        assert b"Traceback" not in terminal.output()


def test_ended_while_it_starts(roots: Roots, processes: Processes) -> None:
    """Ctrl-C right after the first byte was drawn leaves the terminal as it was."""
    for _ in range(5):
        with on_terminal(processes, "top", env=roots.environ()) as terminal:
            wait_until(terminal.output, "it has drawn something")
            terminal.press(b"\x03")
            assert terminal.process.wait(timeout=60) == 130
            assert terminal.restored()


def test_ended_by_an_error(roots: Roots, processes: Processes) -> None:
    """When the state root can no longer be read, top says so, fails, and leaves the terminal as it was."""
    roots.state.mkdir(parents=True)
    with on_terminal(processes, "top", "--interval", "0.1", env=roots.environ()) as terminal:
        terminal.wait_screen("cameras: 0")
        roots.state.rmdir()
        roots.state.write_text("not a folder")
        assert terminal.process.wait(timeout=60) == 1
        assert terminal.restored()
        assert terminal.output().rstrip().endswith(f"ruth: {roots.state}: Not a directory".encode())


def test_stopped_and_continued(roots: Roots, processes: Processes) -> None:
    """Ctrl-Z gives the terminal back until the process is continued."""
    with on_terminal(processes, "top", "--interval", "0.1", env=roots.environ()) as terminal:
        terminal.wait_screen("cameras: 0")
        terminal.press(b"\x1a")
        pid = terminal.process.pid
        wait_until(lambda: os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT | os.WNOHANG), "it is stopped")
        assert terminal.restored()
        os.kill(pid, signal.SIGCONT)
        drawn = len(terminal.output())
        wait_until(lambda: len(terminal.output()) > drawn, "it draws again")
        assert terminal.settings() != terminal.before
        terminal.press(b"q")
        assert terminal.process.wait(timeout=60) == 0
        assert terminal.restored()


def test_so_many_refreshes(roots: Roots, processes: Processes) -> None:
    """With -n it ends by itself, and its last screen stays on the terminal."""
    with on_terminal(processes, "top", "-n", "2", "--interval", "0.1", env=roots.environ()) as terminal:
        assert terminal.process.wait(timeout=60) == 0
        assert terminal.restored()
        assert f"cameras: 0 (none below {roots.state})" in terminal.output().decode().split("\x1b[?1049l")[1]


def test_a_dumb_terminal(roots: Roots, processes: Processes) -> None:
    """A terminal that cannot be drawn on gets JSON."""
    with on_terminal(processes, "top", "-n", "1", env=roots.environ(), TERM="dumb") as terminal:
        assert terminal.process.wait(timeout=60) == 0
        assert json.loads(terminal.output())["cameras"] == []


def test_memory_is_read_in_turns(roots: Roots, processes: Processes) -> None:
    """The first reading has the memory of all; a camera launched later has it with its first reading."""
    launched(roots, processes, "a", "b", "c")
    reader = Reader(str(roots.state), (), 0.1)
    first = reader.read().readings
    assert all(reading.private_bytes for reading in first)
    processes.ruth("up", configure(roots, "a", "b", "c", "d"), env=roots.environ())
    pid_of(roots, "d")
    assert all(reading.private_bytes for reading in reader.read().readings)


def test_top_only_reads(roots: Roots, processes: Processes) -> None:
    """It leaves an agent's state as it was, and describes a stopped one."""
    pid = launched(roots, processes, "a")["a"]
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: sighting_of(str(roots.state), "a").stopped, "it is stopped")
    path = roots.state / "a" / "agent.state"
    before = path.read_bytes(), path.stat().st_mtime_ns
    (refresh,) = [json.loads(line) for line in top(roots, "-n", "1").stdout.splitlines()]
    assert refresh["cameras"][0]["stopped"]
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before

"""``ruth follow`` as an operator runs it, on real agents that live, stop, die and come back."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from doubles.frozen_vas import Version1Writer
from harness.agents import CAPS, configure, launched, pid_of, record, wait_dead, wait_observed, wake_ups
from harness.published import FRAME, Feed, exporter_of
from harness.waiting import wait_until, within
from launch.launcher.claim import claim
from launch.observe.agent_view import view
from ruth.export.layout import NO_FRAME_EVER
from ruth.subscription.subscription import Subscription

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Processes, Roots

Event = dict[str, object]


@dataclass(frozen=True, slots=True)
class Follower:
    """``ruth follow --json`` of camera "a" in a process of its own."""

    process: subprocess.Popen[str]

    def next(self, *kinds: str) -> Event:
        """The next event of one of these kinds, or of any; others are passed over."""
        assert self.process.stdout is not None
        with within(30):
            for line in self.process.stdout:
                event: Event = json.loads(line)
                if not kinds or event["event"] in kinds:
                    return event
        raise AssertionError(f"ended with {self.process.wait()}")

    def agent(self, state: str) -> Event:
        """The next event that says that the agent is in this state."""
        while True:
            event = self.next("agent")
            if event["state"] == state:
                return event

    def rest(self) -> list[Event]:
        """All events from here to its end."""
        with within(30):
            out, _ = self.process.communicate()
        return [json.loads(line) for line in out.splitlines()]


def start(roots: Roots, processes: Processes, *options: str) -> Follower:
    """A follower that has said what there is."""
    process = processes.ruth(
        "follow",
        "a",
        "--json",
        *options,
        env=roots.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    follower = Follower(process)
    assert follower.next()["event"] == "agent"
    assert follower.next()["event"] == "export"
    return follower


def run(roots: Roots, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs it to its end."""
    return subprocess.run(
        [sys.executable, "-m", "launch.cli.main", "follow", *arguments],
        env=roots.environ(),
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_every_decision_is_told(roots: Roots, processes: Processes) -> None:
    """Every frame from the first poll on is told with each model's decision, or counted in a gap."""
    exporter = exporter_of(roots, "a")
    launched(roots, processes, "a")
    exporter.publish(FRAME, time.monotonic_ns())
    wait_observed(roots, "a", 0)
    follower = start(roots, processes, "--seconds", "60")
    with Feed({"a": exporter}, fps=100) as feed:
        wait_until(lambda: len(feed.published["a"]) >= 100, "100 frames are published")
    last, _ = feed.published["a"][-1]
    told: dict[int, dict[str, str]] = {}
    unseen = 0
    while last not in told:
        event = follower.next("frame", "gap", "missed")
        if event["event"] == "frame":
            told[event["frame_id"]] = {one["model_id"]: one["decision"] for one in event["models"]}  # type: ignore[attr-defined,index]
        else:
            unseen += event["frames"]  # type: ignore[operator]
    assert len(told) + unseen == len(feed.published["a"])
    assert len(told) > 50
    first_ns = record(roots, "a").first_timestamp_ns
    assert first_ns is not None
    for model, cap in CAPS.items():
        oracle = Subscription("a", model, cap)
        oracle.judge(0, first_ns)
        for frame_id, timestamp_ns in feed.published["a"]:
            oracle.judge(frame_id, timestamp_ns)
            if frame_id in told and not unseen:
                assert told[frame_id][model] == oracle.last_decision.name
    exporter.close()


def test_frames_that_were_decided_before_are_no_news(roots: Roots, processes: Processes) -> None:
    """What was decided before the first poll is not told; the next frame is, with its numbers."""
    exporter = exporter_of(roots, "a")
    launched(roots, processes, "a")
    exporter.publish(FRAME, time.monotonic_ns())
    wait_observed(roots, "a", 0)
    follower = start(roots, processes, "--model", "audit")
    now = time.monotonic_ns()
    exporter.publish(FRAME, now)
    event = follower.next("frame")
    assert (event["frame_id"], event["timestamp_ns"]) == (1, now)
    models = [{"model_id": "audit", "decision": "ALLOW", "allowed": 2, "skipped": 0}]
    assert event["models"] == models
    exporter.close()


def test_a_death_and_another_agent(roots: Roots, processes: Processes) -> None:
    """It says how the agent died, and goes on with the next one, which nothing of it keeps from starting."""
    exporter = exporter_of(roots, "a")
    pid = launched(roots, processes, "a")["a"]
    follower = start(roots, processes)
    os.kill(pid, signal.SIGKILL)
    assert follower.agent("dead")["death"] == "SIGKILL"
    processes.ruth("up", configure(roots, "a"), env=roots.environ())
    wait_until(lambda: pid_of(roots, "a") != pid, "another agent lives")
    event = follower.next("agent")
    assert (event["state"], event["pid"]) == ("idle", pid_of(roots, "a"))
    exporter.publish(FRAME, time.monotonic_ns())
    assert follower.next("frame")["frame_id"] == 0
    exporter.close()


def test_a_death_that_nobody_saw(roots: Roots, processes: Processes) -> None:
    """Of an agent that is dead already it says so, and waits for another."""
    os.kill(launched(roots, processes, "a")["a"], signal.SIGSEGV)
    wait_dead(roots, "a")
    follower = Follower(
        processes.ruth("follow", "a", "--json", env=roots.environ(), stdout=subprocess.PIPE, text=True)
    )
    event = follower.next("agent")
    assert (event["state"], event["pid"], event["death"]) == ("dead", None, "SIGSEGV")
    processes.ruth("up", configure(roots, "a"), env=roots.environ())
    assert follower.agent("idle")["pid"] == pid_of(roots, "a")


def test_a_stopped_agent(roots: Roots, processes: Processes) -> None:
    """A stopped agent is said to be stopped, and to run again before its next frame is told."""
    exporter = exporter_of(roots, "a")
    pid = launched(roots, processes, "a")["a"]
    exporter.publish(FRAME, time.monotonic_ns())
    wait_observed(roots, "a", 0)
    follower = start(roots, processes)
    os.kill(pid, signal.SIGSTOP)
    assert follower.agent("stopped")["pid"] == pid
    exporter.publish(FRAME, time.monotonic_ns())
    os.kill(pid, signal.SIGCONT)
    assert follower.next("agent", "frame")["event"] == "agent"
    assert follower.next("agent", "frame")["frame_id"] == 1
    exporter.close()


def test_exports_that_come_and_go(roots: Roots, processes: Processes) -> None:
    """It says when the agent finds an export, loses it, and finds another."""
    exporter = exporter_of(roots, "a")
    launched(roots, processes, "a")
    wait_until(lambda: record(roots, "a").export_version == 2, "the export is bound")
    follower = start(roots, processes)
    exporter.close()
    assert follower.next("export")["export"] is None
    exporter = exporter_of(roots, "a")
    event = follower.next("export")
    assert (event["export"], event["session"]) == ("v2", 2)
    exporter.close()


def test_why_there_is_no_export_is_told(roots: Roots, processes: Processes) -> None:
    """Where the agent finds no export it is said why, and again when the reason is another one."""
    launched(roots, processes, "a")
    follower = start(roots, processes, "--seconds", "60")
    (roots.export / "a").mkdir(parents=True)
    Version1Writer(roots.export / "a").start()
    told = follower.next("export")
    while told["reason"] != NO_FRAME_EVER:
        told = follower.next("export")
    assert (told["export"], told["session"]) == (None, 0)


def test_a_state_that_is_made_again(roots: Roots, processes: Processes) -> None:
    """When the state's files are removed and made again, the new ones are followed."""
    launched(roots, processes, "a")
    follower = start(roots, processes)
    shutil.rmtree(roots.state)
    assert follower.next("agent")["state"] == "absent"
    processes.ruth("up", configure(roots, "a"), env=roots.environ())
    assert follower.agent("idle")["pid"] == pid_of(roots, "a")
    exporter = exporter_of(roots, "a")
    exporter.publish(FRAME, time.monotonic_ns())
    assert follower.next("frame")["frame_id"] == 0
    exporter.close()


def test_an_agent_that_is_being_started(roots: Roots) -> None:
    """Between a launcher's claim and the agent's first record there is nothing to say of it."""
    held = claim(str(roots.state), "a", 1)
    try:
        done = run(roots, "a", "--json", "--seconds", "0.6")
    finally:
        os.close(held)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_state_that_is_cut_off(roots: Roots, processes: Processes) -> None:
    """A state that is cut to nothing is neither the follower's end nor a busy loop, and is followed again."""
    os.kill(launched(roots, processes, "a")["a"], signal.SIGKILL)
    wait_dead(roots, "a")
    follower = start(roots, processes)
    os.truncate(roots.state / "a" / "agent.state", 0)
    assert follower.next("agent")["state"] == "dead"
    before, started = wake_ups(follower.process.pid), time.monotonic()
    wait_until(lambda: wake_ups(follower.process.pid) >= before + 30, "it looks now and then")
    assert time.monotonic() - started > 0.2
    processes.ruth("up", configure(roots, "a"), env=roots.environ())
    assert follower.agent("idle")["pid"] == pid_of(roots, "a")


def test_a_follower_that_falls_behind(roots: Roots, processes: Processes) -> None:
    """A follower that is stopped holds up no agent; what it did not see is counted when it goes on."""
    exporter = exporter_of(roots, "a")
    launched(roots, processes, "a")
    exporter.publish(FRAME, time.monotonic_ns())
    wait_observed(roots, "a", 0)
    follower = start(roots, processes)
    follower.process.send_signal(signal.SIGSTOP)
    for frame_id in range(1, 11):
        exporter.publish(FRAME, time.monotonic_ns())
        wait_observed(roots, "a", frame_id)
    follower.process.send_signal(signal.SIGCONT)
    gap = follower.next("gap", "frame")
    assert (gap["event"], gap["frames"]) == ("gap", 9)
    models = {one["model_id"]: one["allowed"] + one["skipped"] for one in gap["models"]}  # type: ignore[attr-defined]
    assert models == dict.fromkeys(CAPS, 9)
    assert follower.next("frame")["frame_id"] == 10
    exporter.close()


def test_a_pipe_that_is_full(roots: Roots, processes: Processes) -> None:
    """A follower whose output no process empties holds up no agent."""
    exporter = exporter_of(roots, "a")
    launched(roots, processes, "a")
    follower = start(roots, processes)
    with Feed({"a": exporter}, fps=1000) as feed:
        wait_until(lambda: len(feed.published["a"]) >= 1500, "more is told than a pipe holds")
    last, _ = feed.published["a"][-1]
    wait_observed(roots, "a", last)
    assert follower.process.poll() is None
    exporter.close()


def test_ctrl_c(roots: Roots, processes: Processes) -> None:
    """Ctrl-C ends it with 130, without a word."""
    launched(roots, processes, "a")
    follower = start(roots, processes)
    follower.process.send_signal(signal.SIGINT)
    out, err = follower.process.communicate(timeout=60)
    assert (follower.process.returncode, out, err) == (130, "", "")


def test_a_reader_that_goes(roots: Roots, processes: Processes) -> None:
    """When its reader goes it ends by itself and without a word, also while there are no frames."""
    launched(roots, processes, "a")
    follower = start(roots, processes)
    assert follower.process.stdout is not None
    assert follower.process.stderr is not None
    follower.process.stdout.close()
    assert follower.process.wait(timeout=60) == 1
    assert follower.process.stderr.read() == ""


def test_so_many_frames(roots: Roots, processes: Processes) -> None:
    """``-n`` ends it after so many frames, with 0."""
    exporter = exporter_of(roots, "a")
    launched(roots, processes, "a")
    follower = start(roots, processes, "-n", "3")
    with Feed({"a": exporter}):
        events = follower.rest()
    assert follower.process.returncode == 0
    assert [event["event"] for event in events].count("frame") == 3
    assert events[-1]["event"] == "frame"
    exporter.close()


def test_so_long(roots: Roots, processes: Processes) -> None:
    """``--seconds`` ends it after so long, with 0, whether the agent lives or not."""
    os.kill(launched(roots, processes, "a")["a"], signal.SIGKILL)
    wait_dead(roots, "a")
    started = time.monotonic()
    done = run(roots, "a", "--seconds", "0.5")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("-- agent is dead: SIGKILL\n")
    assert 0.5 <= time.monotonic() - started < 10


def test_lines_for_a_human(roots: Roots, processes: Processes) -> None:
    """Without ``--json`` there is a line per frame under heads that name the models and their caps."""
    exporter = exporter_of(roots, "a")
    pid = launched(roots, processes, "a")["a"]
    with Feed({"a": exporter}):
        wait_until(lambda: record(roots, "a").frames, "a frame is observed")
        done = run(roots, "a", "-n", "2", "--model", "person", "--model", "audit")
    assert (done.returncode, done.stderr) == (0, "")
    running, bound, heads, *frames = done.stdout.splitlines()
    assert (running, bound) == (f"-- agent {pid} is running", "-- export v2, number 1")
    assert heads.split() == ["TIME", "FRAME", "person<=5", "audit"]
    assert [line.split()[3] for line in frames if not line.startswith("--")] == ["ALLOW", "ALLOW"]
    exporter.close()


def test_a_camera_without_an_agent(roots: Roots, processes: Processes) -> None:
    """A camera that never had an agent is not a camera to follow: it fails with 1 and guesses at a slip."""
    answer = run(roots, "a")
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == "ruth: a: no agent was ever launched\n"
    launched(roots, processes, "front-door")
    assert run(roots, "frontdoor").stderr.endswith("launched; did you mean 'front-door'?\n")


def test_a_model_that_there_is_not(roots: Roots, processes: Processes) -> None:
    """A model that the live agent has not is refused with 2, and the nearest one is named."""
    launched(roots, processes, "a")
    answer = run(roots, "a", "--model", "persn", "--model", "audit")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr == "ruth: a: no model 'persn'; did you mean 'person'?\n"


@pytest.mark.parametrize(
    "arguments",
    [[], [".."], ["a", "--model", "a/b"], ["a", "-n", "0"], ["a", "-n", "x"], ["a", "--seconds", "-1"]],
)
def test_wrong_usage(roots: Roots, arguments: list[str]) -> None:
    """Wrong usage is refused with 2 and explained on stderr; nothing is made."""
    answer = run(roots, *arguments)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert answer.stderr
    assert "Traceback" not in answer.stderr
    assert not roots.state.exists()


def test_a_follower_changes_nothing(roots: Roots, processes: Processes) -> None:
    """A stopped agent's state has the same bytes after it was followed, and was open for reading alone."""
    os.kill(launched(roots, processes, "a")["a"], signal.SIGSTOP)
    wait_until(lambda: view(str(roots.state), "a").stopped, "the agent is stopped")
    state = roots.state / "a" / "agent.state"
    before = state.read_bytes()
    follower = start(roots, processes)
    assert _open_modes(follower.process.pid, state) == {os.O_RDONLY}
    follower.process.send_signal(signal.SIGINT)
    follower.process.wait(timeout=60)
    assert state.read_bytes() == before


def _open_modes(pid: int, path: Path) -> set[int]:
    """How a process has a file open: descriptors' access modes, and mappings that can be written."""
    modes = set()
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            if os.readlink(f"/proc/{pid}/fd/{number}") != str(path):
                continue
            with open(f"/proc/{pid}/fdinfo/{number}") as info:
                flags = next(line for line in info if line.startswith("flags:"))
        except OSError:
            continue  # closed meanwhile
        modes.add(int(flags.split()[1], 8) & os.O_ACCMODE)
    with open(f"/proc/{pid}/maps") as maps:
        for line in maps:
            if str(path) in line:
                assert line.split()[1] == "r--s"
    return modes

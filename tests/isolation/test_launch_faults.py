"""Launches with a wrong configuration, with too few descriptors, and with an output that no process reads."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from typing import TYPE_CHECKING

import psutil
import pytest

from conftest import open_processes, open_roots
from doubles.unread_output import UNREAD
from doubles.video_server import timestamp_ns
from harness.agents import MODELS, configure, pid_of, view_agent, wait_observed
from harness.published import FRAME, exporter_of
from harness.scene import CAMERAS
from harness.streams import Follower
from harness.waiting import wait_until
from launch.agent.native.library import VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Processes, Roots
    from harness.published import FrameExporter
    from harness.scene import Streams

NOTHING_WRONG = f"[cameras.good.models]\n{MODELS}\n"
LINE = 6  # where what follows begins


def refused(roots: Roots, processes: Processes, content: str) -> str:
    """What ``ruth up`` says of a configuration that it refuses: one line, and no agent is launched."""
    path = roots.state.parent / "ruth.toml"
    path.write_text(content, encoding="utf-8")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    up = processes.ruth("up", path, env=roots.environ(), text=True, **pipes)
    out, err = up.communicate(timeout=60)
    assert (up.returncode, out) == (2, "")
    assert not roots.state.exists()
    assert not roots.export.exists()
    (said,) = err.splitlines()
    assert said.startswith(f"{path}:{LINE}: ")
    return str(said)


@pytest.mark.parametrize(
    ("camera_id", "reason"),
    [
        ("..", "begins with '.'"),
        ("/etc", "begins with '/'"),
        ("a/b", "contains '/'"),
        ("", "empty"),
        ("x" * 300, "300 characters, at most 64"),
        ("a\\nb", "contains '\\n'"),
        ("a\\u0000b", "contains '\\x00'"),
        ("front door", "contains ' '"),
    ],
)
def test_what_is_no_camera_id(roots: Roots, processes: Processes, camera_id: str, reason: str) -> None:
    """It is refused with its line and the reason; no agent is launched, not even for a valid camera."""
    said = refused(roots, processes, f'{NOTHING_WRONG}[cameras."{camera_id}".models]\n{MODELS}')
    assert reason in said


def test_a_camera_that_is_there_twice(roots: Roots, processes: Processes) -> None:
    """It is refused with the line of the second time, and no agent is launched."""
    said = refused(roots, processes, f"{NOTHING_WRONG}[cameras.good.models]\n{MODELS}")
    assert "already" in said


class Limited:
    """A launch by a launcher that may have so many descriptors, which its agents inherit."""

    def __init__(self, roots: Roots, processes: Processes, limit: int) -> None:
        self._roots = roots
        self._exporters = {camera: exporter_of(roots, camera) for camera in CAMERAS}
        self.said: Path = roots.state.parent / "said"
        with self.said.open("wb") as stream:
            self.launcher = processes.ruth(
                "up",
                configure(roots, *CAMERAS),
                env=roots.environ(),
                stderr=stream,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)),
            )
        wait_until(lambda: self.launcher.poll() is not None or self.alive() == CAMERAS, "launched, or not")

    def alive(self) -> tuple[str, ...]:
        """The cameras that have an agent which is at work."""
        return tuple(camera for camera in CAMERAS if view_agent(self._roots, camera).confinement)

    def deciding(self) -> tuple[str, ...]:
        """The cameras whose agents observe a frame; of the others no process has died."""
        for camera in CAMERAS:  # confined is not yet looked: it waits once it has
            agent = psutil.Process(view_agent(self._roots, camera).pid)
            wait_until(lambda agent=agent: agent.status() == psutil.STATUS_SLEEPING, f"{camera} has looked")
        bound = tuple(camera for camera in CAMERAS if view_agent(self._roots, camera).export == "v2")
        for camera, exporter in self._exporters.items():
            exporter.publish(FRAME, 0)
            if camera in bound:
                wait_observed(self._roots, camera, 0)
            exporter.close()
        assert self.alive() == CAMERAS
        return bound


@pytest.mark.parametrize(("word", "idle"), [("on", set()), ("off", {"0 decide"})])
def test_few_descriptors(monkeypatch: pytest.MonkeyPatch, word: str, idle: set[str]) -> None:
    """The launcher says what it lacks and fails, or its agents decide; those in Python may idle."""
    monkeypatch.setenv(VARIABLE, word)
    outcomes = {}
    for limit in range(3, 14):
        with open_roots() as roots, open_processes() as processes:
            launch = Limited(roots, processes, limit)
            if launch.launcher.poll() is not None:
                assert launch.launcher.returncode != 0
                assert launch.alive() == ()
                outcomes[limit] = launch.said.read_text()
            else:
                outcomes[limit] = f"{len(launch.deciding())} decide"
    assert outcomes[3]  # not even the interpreter starts
    said = {outcome for outcome in outcomes.values() if outcome.startswith("ruth: ")}
    assert all(line.endswith(": Too many open files") for text in said for line in text.splitlines())
    assert said
    assert {outcomes[limit] for limit in (12, 13)} == {"3 decide"}
    assert {outcome for outcome in outcomes.values() if outcome.endswith("decide")} <= {
        "0 decide",
        "3 decide",
    }


@pytest.mark.parametrize("place", UNREAD)
def test_an_output_that_nobody_reads(
    undisturbed: Streams, roots: Roots, processes: Processes, place: Callable[[], tuple[int, int]]
) -> None:
    """While the launcher is stuck in what it wants to say, every agent decides as in any other run."""
    exporters: dict[str, FrameExporter] = {camera: exporter_of(roots, camera) for camera in CAMERAS}
    reader, writer = place()
    try:
        launcher = processes.ruth(
            "up", configure(roots, *CAMERAS), env=roots.environ(), stdout=writer, stderr=writer
        )
        pids = {camera: pid_of(roots, camera) for camera in CAMERAS}
        streams: Streams = {camera: [] for camera in CAMERAS}
        for camera, exporter in exporters.items():
            wait_until(lambda camera=camera: view_agent(roots, camera).export == "v2", f"{camera} is bound")
            with Follower(roots, camera) as follower:
                for frame_id in range(60):
                    exporter.publish(FRAME, timestamp_ns(camera, frame_id))
                    streams[camera].append(follower.wait_for(frame_id))
        assert streams == {camera: undisturbed[camera][:60] for camera in CAMERAS}
        assert launcher.poll() is None
        launcher.terminate()
        assert launcher.wait(timeout=60) == 0
        assert [os.WTERMSIG(os.waitpid(pid, 0)[1]) for pid in pids.values()] == [signal.SIGTERM] * len(pids)
    finally:
        os.close(reader)
        os.close(writer)

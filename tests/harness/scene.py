"""Cameras with real agents, one of which is about to have a fault, and the others who must not notice.

Frames have given timestamps and come in step: each is published for every camera, and then what each of the
others decided about it is taken from its record. So their whole decision streams can be compared, frame by
frame, with those of a run in which nothing happened.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from conftest import PROJECT
from doubles.planted_faults import LIBRARY_VARIABLE
from doubles.video_server import timestamp_ns
from harness.agents import children_of, configure, pid_of, view_agent
from harness.published import FRAME, exporter_of
from harness.streams import Follower, Seen
from harness.waiting import wait_until
from launch.agent.native.library import VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Processes, Roots
    from doubles.planted_faults import Fault

CAMERAS = ("a", "b", "c")
VICTIM = "b"
OTHERS = tuple(camera for camera in CAMERAS if camera != VICTIM)
FRAMES_MAX = 150
PLANTED = PROJECT / "tests" / "doubles" / "planted_faults.py"

Streams = dict[str, list[Seen]]


def way_of(library: str) -> dict[str, str]:
    """What has agents of ``planted.py`` begin in C, in that library; or in Python, without one."""
    return {LIBRARY_VARIABLE: library} if library else {VARIABLE: "off"}


class Scene:
    """Cameras, their agents and what these decided so far.

    Attributes:
        launcher: The process of ``ruth up``.
        pids: Of the agents, by camera, as they were launched.
        exporters: By camera.
        streams: Of every camera that is followed, what was decided about each frame.
        published: Frames published so far; also the id of the next one.

    """

    def __init__(self, roots: Roots, processes: Processes, library: str = "") -> None:
        self.roots = roots
        self.published = 0
        self.streams: Streams = {camera: [] for camera in CAMERAS}
        self.exporters = {camera: exporter_of(roots, camera) for camera in CAMERAS}
        self._output = roots.state.parent / "output"
        config = configure(roots, *CAMERAS)
        environ = {**roots.environ(), **way_of(library)}
        with self._output.open("ab") as output:
            self.launcher = processes.start(
                sys.executable, PLANTED, "up", config, env=environ, stdout=output, stderr=output
            )
        self.pids = {camera: pid_of(roots, camera) for camera in CAMERAS}
        for camera in CAMERAS:
            wait_until(lambda camera=camera: view_agent(roots, camera).export == "v2", f"{camera} is bound")
        wait_until(lambda: self._output.read_bytes().count(b"\n") == len(CAMERAS), "the launcher has spoken")
        self._said = self._output.read_bytes()
        self._followers = {camera: Follower(roots, camera) for camera in CAMERAS}

    def close(self) -> None:
        """Ends the exports and releases the states."""
        for follower in self._followers.values():
            follower.close()
        for exporter in self.exporters.values():
            exporter.close()

    def publish(self, frames: int, *followed: str) -> None:
        """Publishes so many frames for every camera; each must be observed by the cameras ``followed``."""
        for _ in range(frames):
            frame_id = self.published
            self.published += 1
            for camera, exporter in self.exporters.items():
                if exporter.enabled:
                    assert exporter.publish(FRAME, timestamp_ns(camera, frame_id))
            for camera in followed:
                self.streams[camera].append(self._followers[camera].wait_for(frame_id))

    def break_agent(self, fault: Fault) -> None:
        """Brings a fault about in the victim's agent."""
        os.kill(self.pids[VICTIM], fault)

    def assert_unnoticed(self, undisturbed: Streams, *others: str) -> None:
        """To the others nothing has happened: same processes, same decisions, and the launcher is silent."""
        for camera in others or OTHERS:
            assert view_agent(self.roots, camera).pid == self.pids[camera]
            assert len(self.streams[camera]) == self.published
            assert self.streams[camera] == undisturbed[camera][: self.published]
        assert self.launcher.poll() is None
        assert set(children_of(self.launcher.pid)) == set(self.pids.values())
        assert self._output.read_bytes() == self._said


@contextmanager
def open_scene(roots: Roots, processes: Processes, library: str = "") -> Iterator[Scene]:
    """A scene, closed afterwards.

    Args:
        roots: Of the test.
        processes: The same.
        library: Where agents begin in C, by :func:`planted.compile_planted`; without it they are in Python.

    """
    scene = Scene(roots, processes, library)
    try:
        yield scene
    finally:
        scene.close()

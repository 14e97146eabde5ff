"""The launcher is killed with -9: agents and video server go on, and so does the operator."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from harness.agents import configure, pid_of
from harness.lives import Recorder, Server
from harness.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Processes, Roots

CAMERAS = ("a", "b", "c", "d")


@pytest.mark.soak
def test_agents_and_video_server_go_on(
    roots: Roots, processes: Processes, soaking: bool, record_property: Callable[[str, object], None]
) -> None:
    """Without a launcher agents observe every frame for 30 s; ``ruth ps`` and ``ruth down`` still work."""
    seconds = 30 if soaking else 5

    def ruth(*arguments: str) -> str:
        verb = processes.ruth(*arguments, env=roots.environ(), stdout=subprocess.PIPE, text=True)
        out, _ = verb.communicate(timeout=60)
        assert verb.returncode == 0
        return str(out)

    server = Server(processes, roots, CAMERAS)
    launcher = processes.ruth("up", configure(roots, *CAMERAS), env=roots.environ())
    pids = {camera: pid_of(roots, camera) for camera in CAMERAS}
    with Recorder(roots, CAMERAS) as recorder:
        lives = [recorder.life(camera, pid) for camera, pid in pids.items()]
        launcher.kill()
        assert launcher.wait(timeout=60) == -signal.SIGKILL
        until = time.monotonic() + seconds
        wait_until(lambda: time.monotonic() >= until, "time has passed", seconds + 10)
        shown = {camera["camera_id"]: camera for camera in json.loads(ruth("ps", "--json"))}
        published, spoiled = server.end()
        for life in lives:
            wait_until(
                lambda life=life: life.moments[-1].seen.frame_id == published - 1, f"{life} has seen it all"
            )
    assert [len(lives) for lives in recorder.lives.values()] == [1] * len(CAMERAS)
    assert {camera: (view["pid"], view["state"]) for camera, view in shown.items()} == {
        camera: (pid, "running") for camera, pid in pids.items()
    }
    assert published >= seconds * 25 * 0.9
    assert spoiled == 0
    for life in lives:
        life.assert_right(published)
    record_property("missed_for_want_of_a_core", sum(life.missed for life in lives))
    assert ruth("down") == "".join(f"{camera}: agent {pid} ended\n" for camera, pid in pids.items())
    assert [os.WTERMSIG(os.waitpid(pid, 0)[1]) for pid in pids.values()] == [signal.SIGTERM] * len(CAMERAS)

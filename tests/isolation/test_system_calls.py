"""System calls that fail in a running agent, one by one and for ever: it idles or ends, and nothing between.

strace(1) makes the n-th call fail while the camera's export appears, brings frames, vanishes, and comes back.
"""

from __future__ import annotations

import itertools
import shutil
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

import pytest

from harness.agents import launched, open_files, view_agent
from harness.published import FRAME, exporter_of
from harness.tracing import FailingCall, counted_calls, traced
from harness.waiting import wait_until
from launch.observe.agent_view import cpu_time_ns
from ruth.identity import STATE_NAME

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Processes, Roots
    from ruth.vas.exporter import FrameExporter

pytestmark = pytest.mark.usefixtures("both_ways")


MOST = 9  # of one call: what follows are only more frames
BUSY = 0.1  # of a core; an agent that looks a hundred times a second takes a hundredth
ERRORS = ("EIO", "ENOMEM", "EMFILE", "EINTR")


def cases(calls: dict[str, int], *errors: str) -> list[FailingCall]:
    """Every call once for each number, and for ever; of several errors each case takes the next one.

    EINTR for ever is not a case: it says that a signal has come, and Python makes such a call again (PEP
    475).
    """
    turns = itertools.cycle(errors)
    once = [
        FailingCall(call, next(turns), number, False)
        for call, most in sorted(calls.items())
        for number in range(1, most + 1)
    ]
    lasting = itertools.cycle(error for error in errors if error != "EINTR")
    return once + [
        FailingCall(call, error, 1, True) for call, error in zip(sorted(calls), lasting, strict=False)
    ]


class Show:
    """The exports of all cases: they come, bring frames, and go."""

    def __init__(self, roots: Roots, cameras: list[str]) -> None:
        self._roots, self._cameras = roots, cameras
        self._exporters: dict[str, FrameExporter] = {}

    def appear(self) -> None:
        """Every camera has an export."""
        self._exporters = {camera: exporter_of(self._roots, camera) for camera in self._cameras}

    def vanish(self) -> None:
        """No camera has one, as when VAS was killed and its folders were removed."""
        for camera in self._cameras:
            shutil.rmtree(self._roots.export / camera)

    def play(self) -> None:
        """They come, bring frames, vanish, come back as if VAS had been restarted, and vanish again."""
        for _ in range(2):
            self.appear()
            self.publish_for(1.5)
            self.vanish()
        pause(1.1)  # by now every agent has polled

    def publish_for(self, seconds: float) -> None:
        """Publishes to all, ten frames per second."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.publish()
            pause(0.1)

    def publish(self) -> None:
        """One frame for every camera."""
        for exporter in self._exporters.values():
            assert exporter.publish(FRAME, time.monotonic_ns())

    def newest(self, camera: str) -> int:
        """The id of a camera's newest frame."""
        return self._exporters[camera].published - 1


class Window(NamedTuple):
    """What an agent was like while its calls failed: the share of a core that it took, and failed calls."""

    cpu: float
    failed: int


def pause(seconds: float) -> None:
    """Lets time pass."""
    until = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= until, "time has passed", seconds + 10)


def ready(roots: Roots, processes: Processes, *cameras: str) -> dict[str, int]:
    """Agents that have done all that comes before their first poll."""
    pids = launched(roots, processes, *cameras)
    for camera in cameras:
        wait_until(lambda camera=camera: view_agent(roots, camera).confinement, f"{camera} is ready")
    return pids


def calls_of_an_agent(roots: Roots, processes: Processes) -> dict[str, int]:
    """Which system calls an agent makes during the show, and how many of each, but for the last one."""
    pid = ready(roots, processes, "measured")["measured"]
    log = roots.state.parent / "measured.strace"
    with traced(processes, pid, log):
        Show(roots, ["measured"]).play()
    return {
        call: max(1, min(made - 1, MOST))
        for call, made in counted_calls(log).items()
        if call != "restart_syscall"
    }


def fail(
    show: Show, processes: Processes, pids: dict[str, int], cases: dict[str, FailingCall], logs: Path
) -> dict[str, Window]:
    """Lets every camera's call fail during the show."""
    with ExitStack() as tracers:
        for camera, case in cases.items():
            log = logs / f"{camera}.strace"
            tracers.enter_context(traced(processes, pids[camera], log, *case.options))
        before, started = {camera: cpu_time_ns(pid) for camera, pid in pids.items()}, time.monotonic_ns()
        show.play()
        lasted_ns = time.monotonic_ns() - started
        after = {camera: cpu_time_ns(pid) for camera, pid in pids.items()}
    return {
        camera: Window(
            ((after[camera] or 0) - (before[camera] or 0)) / lasted_ns,
            (logs / f"{camera}.strace").read_text().count("(INJECTED)"),
        )
        for camera in cases
    }


def assert_survived(roots: Roots, processes: Processes, cases: dict[str, FailingCall]) -> None:
    """Each agent goes on when its calls succeed again, holding no more than before, or has ended."""
    pids = ready(roots, processes, *cases)
    held = {camera: files_of(pid) for camera, pid in pids.items()}
    show = Show(roots, list(cases))
    windows = fail(show, processes, pids, cases, roots.state.parent)
    alive = [camera for camera in cases if view_agent(roots, camera).pid is not None]
    for camera in cases:
        assert windows[camera].failed, f"{camera}: no such call was made"
        assert windows[camera].cpu < BUSY, f"{camera}: busy"
        assert camera in alive or view_agent(roots, camera).death == "exit 1"
    show.appear()
    show.publish()
    for camera in alive:
        newest = show.newest(camera)
        wait_until(
            lambda camera=camera, newest=newest: view_agent(roots, camera).frame_id == newest,
            f"{camera} goes on",
        )
    show.vanish()
    # strace takes the place of the call: what it is asked to close stays open.
    for camera in (camera for camera in alive if cases[camera].call != "close"):
        wait_until(lambda camera=camera: files_of(pids[camera]) == held[camera], f"{camera} lets go")


def files_of(pid: int) -> list[str]:
    """What an agent has open, without its state: once Python maps that, it has a descriptor more for it."""
    return sorted(path for path in open_files(pid) if not path.endswith(STATE_NAME))


@pytest.mark.soak
@pytest.mark.long
def test_a_system_call_that_fails(roots: Roots, processes: Processes, soaking: bool) -> None:
    """Whichever call of an agent fails, once or for ever: it goes on as soon as it can, or it has ended.

    It is never busy, and never holds more than before. The short form takes another error for each case in
    turn, the longer one every error for every case.
    """
    calls = calls_of_an_agent(roots, processes)
    assert {"openat", "pread64", "mmap", "futex", "clock_nanosleep"} <= set(calls)
    for errors in [(error,) for error in ERRORS] if soaking else [ERRORS]:
        assert_survived(roots, processes, {str(case): case for case in cases(calls, *errors)})

"""What an agent waits on, in C and in Python: it notices at once what something tells it, and else soon."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Self

import pytest

from conftest import PROJECT
from doubles.handwritten_exports import HandwrittenRenamed, HandwrittenRing, wake_word
from harness.agents import configure, launched, pid_of, record, wait_observed, wake_ups
from harness.lives import waited_for_a_core_ns
from harness.waiting import wait_until
from launch.agent.native.library import VARIABLE
from launch.agent.waiting import EMPTY_WAKE_PAUSE_NS
from ruth.export.layout import FLAG_WAKES
from ruth.identity import DATA_NAME, META_NAME

if TYPE_CHECKING:
    from conftest import Processes, Roots

MS = 1_000_000
pytestmark = pytest.mark.alone  # how late a frame is observed is what is tested
AT_ONCE_NS = 400 * MS
"""Less than the longest wait by far."""
WITHOUT_INOTIFY = 'echo 0 > /proc/sys/user/max_inotify_instances; exec "$@"'
"""In a user namespace of its own: for no other process."""


@pytest.fixture(params=["on", "off"], autouse=True)
def word(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether agents are in C."""
    monkeypatch.setenv(VARIABLE, request.param)
    return str(request.param)


def pass_time(seconds: float) -> None:
    """Until an agent has nothing but its longest wait left."""
    until = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > until, "time has passed")


class Promptness:
    """Whether an agent observes a frame as soon as it is told of it, entered before the frame is published.

    What its process waits for a core meanwhile does not count.
    """

    def __init__(self, roots: Roots) -> None:
        self._roots = roots
        self._pid = pid_of(roots, "a")

    def __enter__(self) -> Self:
        self._waited_ns = waited_for_a_core_ns(self._pid)
        self._begun_ns = time.monotonic_ns()
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to be done."""

    def of(self, frame_id: int) -> None:
        """Waits until that frame was observed, and says whether it was at once."""
        wait_observed(self._roots, "a", frame_id)
        late_ns = (record(self._roots, "a").observed_ns or 0) - self._begun_ns
        late_ns -= waited_for_a_core_ns(self._pid) - self._waited_ns
        assert late_ns < AT_ONCE_NS, f"frame {frame_id} was observed after {late_ns} ns"


def frame_at_once(roots: Roots, camera: HandwrittenRenamed | HandwrittenRing) -> None:
    """Publishes one more frame, of which the agent must hear."""
    with Promptness(roots) as promptness:
        camera.frame(40 * MS)
        if isinstance(camera, HandwrittenRing):
            with wake_word(camera) as wake:
                wake.wake()
        promptness.of(camera.record.frame_id)


def test_a_frame_of_version_2_after_a_stall(roots: Roots, processes: Processes) -> None:
    """The writer's wake-up is all that is waited for, however long the stall was."""
    camera = HandwrittenRing(roots.export / "a")
    launched(roots, processes, "a")
    wait_observed(roots, "a", camera.record.frame_id)
    pass_time(1.3)
    frame_at_once(roots, camera)


def test_a_frame_of_version_1_after_a_stall(roots: Roots, processes: Processes) -> None:
    """The rename is seen, however long the stall was; no rhythm plays a part."""
    camera = HandwrittenRenamed(roots.export / "a")
    launched(roots, processes, "a")
    wait_observed(roots, "a", camera.record.frame_id)
    for stall_s in (1.3, 0.1, 0.003, 1.3):
        pass_time(stall_s)
        frame_at_once(roots, camera)
    assert record(roots, "a").missed == 0


@pytest.mark.parametrize("gap_s", [0.0, 0.003, 0.02])
def test_frames_of_version_1_in_pairs(roots: Roots, processes: Processes, gap_s: float) -> None:
    """Of two frames that come together the second is observed in any case, and the first if it is met."""
    camera = HandwrittenRenamed(roots.export / "a")
    launched(roots, processes, "a")
    wait_observed(roots, "a", camera.record.frame_id)
    for _ in range(10):
        camera.frame(40 * MS)
        pass_time(gap_s)
        frame_at_once(roots, camera)
        pass_time(0.08)


@pytest.mark.parametrize("version", [1, 2])
def test_an_export_that_comes_into_a_directory(roots: Roots, processes: Processes, version: int) -> None:
    """A directory that exists without an export is watched: what is put there is seen at once."""
    folder = roots.export / "a"
    camera = (HandwrittenRenamed if version == 1 else HandwrittenRing)(folder)
    for name in (META_NAME, DATA_NAME):
        (folder / name).rename(folder.parent / name)
    launched(roots, processes, "a")
    pass_time(1.3)
    with Promptness(roots) as promptness:
        for name in (DATA_NAME, META_NAME):
            (folder.parent / name).rename(folder / name)
        promptness.of(camera.record.frame_id)


def test_a_directory_that_comes_later(roots: Roots, processes: Processes) -> None:
    """It is found by a poll, within a second, and watched from then on."""
    launched(roots, processes, "a")
    pass_time(0.3)
    camera = HandwrittenRenamed(roots.export / "a")
    wait_observed(roots, "a", camera.record.frame_id)
    pass_time(1.3)
    frame_at_once(roots, camera)


def test_a_directory_that_is_replaced(roots: Roots, processes: Processes) -> None:
    """The other one is found at once if the old one was moved away, and is watched as that was."""
    camera = HandwrittenRenamed(roots.export / "a")
    launched(roots, processes, "a")
    wait_observed(roots, "a", camera.record.frame_id)
    for _ in range(3):
        with Promptness(roots) as promptness:
            camera.replace()
            promptness.of(camera.record.frame_id)
        pass_time(1.1)
        frame_at_once(roots, camera)


@pytest.mark.parametrize("says_so", [True, False], ids=["says that it does not wake", "says that it wakes"])
def test_a_writer_that_does_not_wake(roots: Roots, processes: Processes, says_so: bool) -> None:
    """Once it is known, each frame is found by a poll, every 10 ms while frames come."""
    camera = HandwrittenRing(roots.export / "a")
    if says_so:
        camera.change(flags=0)
    launched(roots, processes, "a")
    wait_observed(roots, "a", camera.record.frame_id)
    camera.frame(40 * MS)
    wait_observed(roots, "a", camera.record.frame_id)
    before = record(roots, "a").missed
    for _ in range(25):
        pass_time(0.04)
        with Promptness(roots) as promptness:
            camera.frame(40 * MS)
            promptness.of(camera.record.frame_id)
    assert record(roots, "a").missed == before
    if not says_so:
        frame_at_once(roots, camera)  # it wakes after all
    assert (camera.ring.flags & FLAG_WAKES == 0) == says_so


def test_no_instance_of_inotify_is_left(roots: Roots, processes: Processes) -> None:
    """Then frames are found by looks, every 10 ms while they come; and once a second after a pause."""
    camera = HandwrittenRenamed(roots.export / "a")
    processes.start(
        "unshare",
        "--user",
        "--map-root-user",
        "sh",
        "-c",
        WITHOUT_INOTIFY,
        "sh",
        sys.executable,
        "-m",
        "launch.cli.main",
        "up",
        configure(roots, "a"),
        env=roots.environ(),
        cwd=PROJECT,
    )
    pid = pid_of(roots, "a")
    wait_observed(roots, "a", camera.record.frame_id)
    assert not any("inotify" in os.readlink(entry) for entry in _descriptors(pid))
    for _ in range(25):
        pass_time(0.04)
        frame_at_once(roots, camera)
    assert record(roots, "a").missed == 0


def _descriptors(pid: int) -> list[str]:
    return [f"/proc/{pid}/fd/{number}" for number in os.listdir(f"/proc/{pid}/fd")]


def test_only_who_needs_an_instance_of_inotify_has_one(roots: Roots, processes: Processes) -> None:
    """They are few: an agent of version 2 has none, also after it has had one."""
    (roots.export / "a").mkdir(parents=True)
    pid = launched(roots, processes, "a")["a"]

    def has_one() -> bool:
        return any("inotify" in os.readlink(entry) for entry in _descriptors(pid) if os.path.lexists(entry))

    wait_until(has_one, "the directory is watched")
    (roots.export / "a").rmdir()
    camera = HandwrittenRing(roots.export / "a")
    wait_observed(roots, "a", camera.record.frame_id)
    wait_until(lambda: not has_one(), "the watch is closed")


@pytest.mark.parametrize("place", ["nothing", "directory", "version 1", "version 2"])
def test_an_idle_agent_wakes_once_a_second(roots: Roots, processes: Processes, place: str) -> None:
    """Whatever it waits on."""
    if place == "directory":
        (roots.export / "a").mkdir(parents=True)
    elif place == "version 1":
        HandwrittenRenamed(roots.export / "a")
    elif place == "version 2":
        HandwrittenRing(roots.export / "a")
    pid = launched(roots, processes, "a")["a"]
    pass_time(2.2)
    before = wake_ups(pid)
    pass_time(3)
    assert wake_ups(pid) - before <= 4


def test_renames_without_a_frame(roots: Roots, processes: Processes) -> None:
    """As many as a writer gone wild makes cost an agent at most a thousand looks per second."""
    camera = HandwrittenRenamed(roots.export / "a")
    pid = launched(roots, processes, "a")["a"]
    wait_observed(roots, "a", camera.record.frame_id)
    before, started = wake_ups(pid), time.monotonic()
    while (elapsed := time.monotonic() - started) < 1:
        camera.write()
    assert wake_ups(pid) - before <= 3 * elapsed * 1e9 / EMPTY_WAKE_PAUSE_NS + 10
    frame_at_once(roots, camera)

"""Frames of many cameras: which come, from whom, in which order, and what is counted."""

from __future__ import annotations

import os
import pickle
import select
import shutil
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

import ruth
from conftest import open_roots
from doubles.stepped_agent import MODEL, SteppedAgent, publish
from harness.published import exporter_of
from harness.waiting import wait_until, within
from ruth.errors import InvalidIdError, SharedMemoryError
from ruth.runtime.timeout import POLL_NS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Roots
    from ruth.runtime.streams import Streams
    from ruth.vas.exporter import FrameExporter

    AttachAll = Callable[..., Streams]

HALF_A_POLL_S = POLL_NS / 2e9


class Site:
    """Cameras with agents that are stepped by hand."""

    def __init__(self, roots: Roots) -> None:
        self.roots = roots
        self._stack = ExitStack()
        self.agents: dict[str, SteppedAgent] = {}
        self.exporters: dict[str, FrameExporter] = {}

    def launch(self, *cameras: str, models: tuple[str, ...] = (MODEL,)) -> None:
        """An agent of each, and its export if it has none yet."""
        for camera in cameras:
            self.agents[camera] = self._stack.enter_context(
                SteppedAgent(self.roots, dict.fromkeys(models), camera)
            )
            if camera not in self.exporters:
                self.exporters[camera] = exporter_of(self.roots, camera)
                self._stack.callback(self.exporters[camera].close)

    def publish(self, *cameras: str) -> None:
        """One frame of each, one after the other, allowed."""
        for camera in cameras:
            publish(self.exporters[camera], self.agents[camera])

    def close(self) -> None:
        """All of it ends."""
        self._stack.close()


@pytest.fixture
def site(roots: Roots) -> Iterator[Site]:
    """No camera yet."""
    made = Site(roots)
    yield made
    made.close()


@pytest.fixture
def attach_all(roots: Roots) -> Iterator[AttachAll]:
    """Attaches below this test's roots."""
    with ExitStack() as stack:

        def made(
            cameras: list[str] | None = None, model_id: str = MODEL, timeout: float | None = 10
        ) -> Streams:
            return stack.enter_context(
                ruth.attach_all(
                    model_id,
                    cameras,
                    timeout=timeout,
                    export_root=str(roots.export),
                    state_root=str(roots.state),
                )
            )

        yield made


def taken(streams: Streams) -> list[tuple[str, int]]:
    """Camera and id of every frame that there is without a wait."""
    return [(frame.camera_id, frame.frame_id) for frame in iter(lambda: streams.next_frame(0), None) if frame]


def test_frames_of_all_cameras_come_in_the_order_in_which_they_came(
    site: Site, attach_all: AttachAll
) -> None:
    """The camera whose frame waits longest comes first; each frame is its own camera's."""
    site.launch("a", "b", "c")
    streams = attach_all()
    site.publish("b", "c", "a")
    found = [next(streams) for _ in range(3)]
    assert [frame.camera_id for frame in found] == ["b", "c", "a"]
    assert all(frame.intact and frame.model_id == MODEL for frame in found)
    site.publish("c", "b")
    assert taken(streams) == [("c", 1), ("b", 1)]
    assert streams.counts == (5, 0, 0)


def test_what_was_ready_of_an_agent_before_counts_for_nothing(site: Site, attach_all: AttachAll) -> None:
    """A camera with news whose agent is launched again gives the first frame that the new agent allows."""
    site.launch("a")
    streams = attach_all()
    site.publish(*["a"] * 5)
    streams.wait(0)
    assert streams.news(1) == 1
    site.agents["a"].die()
    site.launch("a")
    assert streams.wait(0)
    assert taken(streams) == []
    site.publish("a")
    assert [camera for camera, _ in taken(streams)] == ["a"]
    assert streams.counts.dropped == 0


def test_a_fast_camera_does_not_starve_a_slow_one(site: Site, attach_all: AttachAll) -> None:
    """Of a camera with many new frames the newest is given, in its turn; the others are dropped."""
    site.launch("fast", "slow")
    streams = attach_all()
    for _ in range(4):
        site.publish(*["fast"] * 5, "slow", *["fast"] * 5)
    assert next(streams).camera_id == "fast"
    site.publish(*["fast"] * 3)
    assert [camera for camera, _ in taken(streams)] == ["slow", "fast"]
    assert (streams.cameras["fast"].received, streams.cameras["fast"].dropped) == (2, 41)
    assert (streams.cameras["slow"].received, streams.cameras["slow"].dropped) == (1, 3)
    assert streams.counts == (3, 0, 44)


def test_what_is_there_already_is_given(site: Site, attach_all: AttachAll) -> None:
    """A process that attaches first gets the frame of each camera that was allowed last, once."""
    site.launch("a", "b")
    site.publish("a", "a", "b")
    assert sorted(taken(attach_all())) == [("a", 1), ("b", 0)]


def test_only_cameras_that_subscribe_the_model(site: Site, attach_all: AttachAll) -> None:
    """The others are not there, and their frames wake nothing; once launched with it they come."""
    site.launch("a")
    site.launch("other", models=("plate",))
    streams = attach_all()
    assert list(streams.cameras) == ["a"]
    site.publish("other", "other")
    assert not streams._folders.wait(0)
    site.agents["other"].die()
    site.launch("other", models=("plate", MODEL))
    assert streams.next_frame(0) is None
    site.publish("other")
    frame = next(streams)
    assert (frame.camera_id, set(streams.cameras)) == ("other", {"a", "other"})
    site.agents["other"].die()
    site.launch("other", models=("plate",))
    assert streams.next_frame(0) is None
    assert list(streams.cameras) == ["a"]


def test_named_cameras_alone(site: Site, attach_all: AttachAll) -> None:
    """They need not be there; another camera's frames are not given."""
    site.launch("a", "b")
    streams = attach_all(["late", "a"])
    site.publish("a", "b")
    assert taken(streams) == [("a", 0)]
    assert list(streams.cameras) == ["late", "a"]
    assert "no agent" in (streams.cameras["late"].problem or "")
    site.launch("late")
    site.publish("late")
    assert taken(streams) == [("late", 0)]


@pytest.mark.parametrize("made", ["nothing", "above it"])
def test_cameras_that_come_are_found(made: str, attach_all: AttachAll, site: Site, roots: Roots) -> None:
    """Whether the state root is there or not, and the folders above it; the wait ends at once."""
    shutil.rmtree(roots.state, ignore_errors=True)
    above = roots.state.parent / "later"
    if made == "above it":
        above.mkdir()
    state = above / "further" / "ruth"
    with ruth.attach_all(MODEL, export_root=str(roots.export), state_root=str(state)) as streams:
        assert streams.next_frame(0) is None
        moved = type(roots)(export=roots.export, state=state)
        with SteppedAgent(moved, {MODEL: None}, "new") as agent:
            exporter = exporter_of(roots, "new")
            publish(exporter, agent)
            began = time.monotonic()
            frame = streams.next_frame(5)
            assert frame is not None
            assert time.monotonic() - began < HALF_A_POLL_S
            exporter.close()
    shutil.rmtree(above)


def test_cameras_go_without_a_word(site: Site, attach_all: AttachAll, roots: Roots) -> None:
    """A folder that is removed is a camera less; its counters stay in the sum, and the others go on."""
    site.launch("a", "b")
    streams = attach_all()
    site.publish("a", "b")
    assert len(taken(streams)) == 2
    gone = streams._cameras["a"]
    site.agents["a"].die()
    shutil.rmtree(roots.state / "a")
    site.publish("b")
    assert taken(streams) == [("b", 1)]
    assert list(streams.cameras) == ["b"]
    assert streams.counts.received == 3
    assert gone.record._descriptor == -1


def test_an_agent_that_died_and_is_launched_again(site: Site, attach_all: AttachAll) -> None:
    """Its frames come again, in the same file, and none twice."""
    site.launch("a")
    streams = attach_all()
    for frames in range(1, 4):
        site.publish("a")
        assert next(streams).frame_id == site.agents["a"].observed_id
        site.agents["a"].die()
        site.launch("a")
        site.agents["a"].step()
        assert streams.counts.received >= frames
    assert streams.counts.lost == 0


def test_a_state_that_is_replaced(site: Site, attach_all: AttachAll, roots: Roots) -> None:
    """A folder or file that another one is in for is read from then on."""
    site.launch("a")
    streams = attach_all()
    site.publish("a")
    assert len(taken(streams)) == 1
    for how in ("file", "folder"):
        site.agents["a"].die()
        if how == "file":
            os.unlink(roots.state / "a" / "agent.state")
        else:
            shutil.rmtree(roots.state / "a")
        site.launch("a")
        site.publish("a")
        assert [camera for camera, _ in taken(streams)] == ["a"], how
        read = os.fstat(streams._cameras["a"].record._descriptor)
        assert os.path.samestat(read, (roots.state / "a" / "agent.state").stat())


def test_a_root_that_is_replaced(attach_all: AttachAll, site: Site, roots: Roots) -> None:
    """All cameras below the old one are gone, and those below the new one come."""
    site.launch("a", "b")
    streams = attach_all()
    for agent in site.agents.values():
        agent.die()
    shutil.rmtree(roots.state)
    assert streams.next_frame(0) is None
    assert streams.cameras == {}
    site.launch("b", "c")
    site.publish("b", "c")
    assert sorted(camera for camera, _ in taken(streams)) == ["b", "c"]


def test_lost_events_mean_a_look_at_all(site: Site, attach_all: AttachAll) -> None:
    """When the kernel's queue has overflowed, every camera is looked at; no frame is given twice."""
    site.launch("a", "b", "c")
    streams = attach_all()
    with open("/proc/sys/fs/inotify/max_queued_events", encoding="ascii") as limit:
        most = int(limit.read())
    for _ in range(most // 2 + 2):  # of two cameras by turns: equal ones in a row are joined
        site.agents["a"].loop._notice.wake()
        site.agents["b"].loop._notice.wake()
    site.publish("c")
    site.launch("d")
    site.publish("d")
    assert sorted(taken(streams)) == [("c", 0), ("d", 0)]
    site.publish("b")
    assert taken(streams) == [("b", 0)]


def test_a_frame_that_is_overwritten_is_lost(site: Site, attach_all: AttachAll) -> None:
    """It is counted for its camera, and another camera's frame comes in its turn."""
    site.launch("a", "b")
    streams = attach_all()
    site.publish("a", "b")
    publish(site.exporters["a"], frames=4)
    assert taken(streams) == [("b", 0)]
    assert streams.cameras["a"].lost == 1


def test_batches_are_given_when_they_are_full(site: Site, attach_all: AttachAll) -> None:
    """At most one frame of each camera, those first that wait longest; what is over comes next."""
    site.launch("a", "b", "c", "d", "e")
    streams = attach_all()
    batches = streams.batches(3, wait=60)
    site.publish("e", "a", "e", "b", "c", "d", "a")
    with within(10):
        assert [(one.camera_id, one.frame_id) for one in next(batches)] == [("e", 1), ("a", 1), ("b", 0)]
        site.publish("c", "b")
        assert [(one.camera_id, one.frame_id) for one in next(batches)] == [("c", 1), ("d", 0), ("b", 1)]
    assert streams.counts == (6, 0, 3)


def test_batches_are_given_when_their_time_is_over(site: Site, attach_all: AttachAll) -> None:
    """Counted from the first frame; the newest frame of each camera at that moment."""
    site.launch("a", "b")
    streams = attach_all()
    site.publish("a")
    later = threading.Timer(0.05, lambda: site.publish("b", "a"))
    later.start()
    began = time.monotonic()
    batch = next(streams.batches(16, wait=0.3))
    assert 0.3 <= time.monotonic() - began < 5
    assert [(frame.camera_id, frame.frame_id) for frame in batch] == [("a", 1), ("b", 0)]
    later.join()


def test_batches_end_as_frames_do(site: Site, attach_all: AttachAll) -> None:
    """After the timeout without a frame, or when closed; no batch is empty."""
    site.launch("a")
    streams = attach_all(timeout=0.05)
    with within(5):
        assert list(streams.batches(2, wait=0)) == []
        site.publish("a")
        assert [len(batch) for batch in streams.batches(2, wait=0)] == [1]
        streams.close()
        assert list(streams.batches(2, wait=10)) == []


@pytest.mark.parametrize(("n", "wait"), [(0, 1), (-1, 1), (1.5, 1), (1, -1), (1, float("nan")), (1, "1")])
def test_batches_of_nothing_are_refused(attach_all: AttachAll, n: int, wait: float) -> None:
    """With what is allowed."""
    with pytest.raises(ValueError, match=r"from [01]"):
        attach_all().batches(n, wait=wait)


def test_its_descriptor_is_readable_when_there_is_something(site: Site, attach_all: AttachAll) -> None:
    """For select and epoll: readable after a change, until it was asked for all that there is."""
    site.launch("a", "b")
    streams = attach_all()
    assert taken(streams) == []
    assert select.select([streams], [], [], 0)[0] == []
    site.publish("a", "b")
    assert select.select([streams], [], [], 5)[0] == [streams]
    assert len(taken(streams)) == 2
    assert select.select([streams], [], [], 0)[0] == []


def test_close_ends_a_wait_at_once(site: Site, attach_all: AttachAll) -> None:
    """From another thread; nothing of it stays open."""
    site.launch("a")
    before = len(os.listdir("/proc/self/fd"))
    streams = attach_all(timeout=None)
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(list(streams)))
    thread.start()
    wait_until(lambda: streams._inside, "it waits")
    began = time.monotonic()
    streams.close()
    thread.join(5)
    assert found == [[]]
    assert time.monotonic() - began < HALF_A_POLL_S
    assert len(os.listdir("/proc/self/fd")) == before
    assert streams.fileno() == -1
    streams.close()
    assert streams.next_frame(0) is None


def test_iteration_ends_after_its_timeout(attach_all: AttachAll) -> None:
    """And may be begun again."""
    streams = attach_all(timeout=0.05)
    for _ in range(2):
        began = time.monotonic()
        assert list(streams) == []
        assert 0.05 <= time.monotonic() - began < HALF_A_POLL_S


def test_waiting_does_not_poll(site: Site, attach_all: AttachAll) -> None:
    """To wait for many cameras that have nothing to say costs next to no CPU."""
    site.launch(*(f"camera-{number}" for number in range(8)))
    streams = attach_all()
    before = time.process_time_ns()
    assert streams.next_frame(1.5) is None
    assert time.process_time_ns() - before < 100_000_000


def test_wrong_arguments_are_refused(attach_all: AttachAll) -> None:
    """With what and why."""
    with pytest.raises(InvalidIdError):
        attach_all(model_id="../x")
    with pytest.raises(InvalidIdError):
        attach_all(["a", "b/c"])
    with pytest.raises(TypeError, match="a list of ids"):
        ruth.attach_all(MODEL, "front-door")
    with pytest.raises(ValueError, match="timeout"):
        attach_all(timeout=-1)
    streams = attach_all()
    with pytest.raises(SharedMemoryError):
        pickle.dumps(streams)
    with pytest.raises(ValueError, match="timeout"):
        streams.next_frame(-1)


def test_no_instance_left_is_an_error_with_a_reason() -> None:
    """It names the limit, and nothing stays open."""
    script = (
        "import ruth, sys\n"
        "try:\n    ruth.attach_all('person', state_root='/dev/shm/ruth-none')\n"
        "except OSError as error:\n    print(error)\n"
    )
    import subprocess
    import sys

    limited = 'echo 0 > /proc/sys/user/max_inotify_instances; exec "$@"'
    command = [
        "unshare",
        "--user",
        "--map-root-user",
        "sh",
        "-c",
        limited,
        "sh",
        sys.executable,
        "-c",
        script,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode:
        pytest.skip("no user namespace can be made here")
    assert "no inotify instance is left for this user (fs.inotify.max_user_instances)" in done.stdout


def test_each_frame_is_counted_once() -> None:
    """However cameras come, go and publish: received, lost and dropped add up to what was allowed."""
    with open_roots() as roots:
        site = Site(roots)
        site.launch("a", "b", "c")
        options = {"export_root": str(roots.export), "state_root": str(roots.state)}
        with ruth.attach_all(MODEL, **options) as streams:
            allowed = 0
            for number in range(60):
                cameras = ["abc"[number % 3]] * (number * 7 % 5) + ["abc"[number * 5 % 3]] * (number % 2)
                site.publish(*cameras)
                allowed += len(cameras)
                if number % 4 == 0:
                    streams.next_frame(0)
            taken(streams)
            assert sum(streams.counts) == allowed
        site.close()

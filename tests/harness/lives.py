"""Agents' lives in tests: what each agent made of each frame, while a video server runs.

The server waits for no process, so a process that is too slow misses a frame for good, and its record says
so.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from conftest import PROJECT
from doubles.video_server import FRAME_INTERVAL_NS, Publication, read_report
from harness.exports import read_meta
from harness.streams import Follower, Seen, advance, seen
from harness.waiting import wait_until
from ruth.export.layout import META_SIZE_V2, unpack_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from conftest import Processes, Roots

SERVER = PROJECT / "tests" / "doubles" / "video_server.py"
FOR_EVER = 2**62


class Moment(NamedTuple):
    """What was in an agent's record, and how long its process had had to wait for a core by then."""

    seen: Seen
    waited_ns: int


@dataclass(slots=True)
class Life:
    """One agent's life.

    Attributes:
        camera_id: Whose agent it was.
        pid: Of its process.
        first_frame_id: The first frame it observed.
        moments: What it made of the frames, as they were seen from outside.
        last_due: The newest frame that it had to observe, or None: then that is the last one published.

    """

    camera_id: str
    pid: int
    first_frame_id: int
    moments: list[Moment] = field(default_factory=list)
    last_due: int | None = None

    @property
    def missed(self) -> int:
        """Frames that it never observed."""
        return self.moments[-1].seen.missed

    def assert_right(self, published: int) -> None:
        """It went on to its last frame, and decided about each frame that it observed as the gate says.

        It missed none, but for those that passed while the machine had no core for it.
        """
        last_due = published - 1 if self.last_due is None else self.last_due
        last = self.moments[-1].seen.frame_id
        assert last >= last_due, f"{self}: the last frame observed is {last}, due was {last_due}"
        before: Seen | None = None
        for index, (now, waited_ns) in enumerate(self.moments):
            begun = self.first_frame_id if before is None else before.frame_id + 1
            missed = now.missed - (0 if before is None else before.missed)
            assert now in self._possible(before, range(begun, now.frame_id), missed, now.frame_id), (
                f"{self}: {now} does not follow from {before}"
            )
            without_core_ns = waited_ns - self.moments[max(0, index - 3)].waited_ns
            assert missed == 0 or without_core_ns >= missed * FRAME_INTERVAL_NS / 2, (
                f"{self}: {missed} missed before frame {now.frame_id}, no core for {without_core_ns} ns"
            )
            before = now

    def _possible(self, before: Seen | None, passed: range, missed: int, newest: int) -> Iterator[Seen]:
        """What it can have come to if it has missed so many of the frames that passed before ``newest``."""
        for observed in combinations(passed, len(passed) - missed):
            yield advance(self.camera_id, before, (*observed, newest))

    def __str__(self) -> str:
        return f"agent {self.pid} of {self.camera_id}"


class Recorder:
    """Records the lives of all agents of some cameras, a thread a camera, while it is entered."""

    def __init__(self, roots: Roots, cameras: Sequence[str]) -> None:
        self.lives: dict[str, list[Life]] = {camera: [] for camera in cameras}
        self._followers = [Follower(roots, camera) for camera in cameras]
        self._ending = threading.Event()
        self._threads = [
            threading.Thread(target=self._follow, args=(follower,), daemon=True)
            for follower in self._followers
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        for thread in self._threads:
            thread.join()
        for follower in self._followers:
            follower.close()

    def life(self, camera_id: str, pid: int) -> Life:
        """The life of that process, waited for until it has observed a frame."""

        def found() -> Life | None:
            return next((life for life in self.lives[camera_id] if life.pid == pid and life.moments), None)

        life = wait_until(found, f"agent {pid} of {camera_id} has observed a frame")
        assert life is not None
        return life

    def _follow(self, follower: Follower) -> None:
        lives = self.lives[follower.camera_id]
        while not self._ending.is_set():
            wake_word = follower.wake_word()
            record = follower.newest()
            if record is not None:
                if not lives or lives[-1].pid != record.pid:
                    lives.append(Life(follower.camera_id, record.pid, record.first_frame_id or 0))
                now, moments = seen(record), lives[-1].moments
                if not moments or moments[-1].seen != now:
                    moments.append(Moment(now, waited_for_a_core_ns(record.pid)))
            follower.wait(wake_word)


class Server:
    """The video server of a test, running, at 25 fps or as fast as it can (0)."""

    def __init__(
        self,
        processes: Processes,
        roots: Roots,
        cameras: Sequence[str],
        *,
        fps: float = 25,
        frames: int = FOR_EVER,
    ) -> None:
        self._report = roots.state.parent / "publications"
        self.process = processes.start(
            sys.executable,
            SERVER,
            self._report,
            str(fps),
            str(frames),
            *cameras,
            env=roots.environ(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "serving\n"

    def end(self) -> tuple[int, int]:
        """Lets it end: frames published for each camera, and slots that others had written to."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.wait()

    def wait(self) -> tuple[int, int]:
        """As :meth:`end`, of one that ends by itself."""
        assert self.process.stdout is not None
        frames, spoiled = map(int, self.process.stdout.readline().split())
        assert self.process.wait(timeout=60) == 0
        return frames, spoiled

    def publications(self) -> list[Publication]:
        """When each frame of each camera was published, and how long that took."""
        return read_report(self._report)


def waited_for_a_core_ns(pid: int) -> int:
    """How long a process could have run and had no core (proc(5), schedstat); 0 if it has gone."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_bytes().split()[1])
    except OSError:
        return 0


def newest_frame(roots: Roots, camera_id: str) -> int | None:
    """Id of the newest frame of a version 2 export; None before the first one."""
    folder = roots.export / camera_id
    if not (folder / "frame.meta").exists():
        return None
    meta = read_meta(folder)
    record = unpack_record(meta) if len(meta) == META_SIZE_V2 else None
    return None if record is None or record.sequence == 0 else record.frame_id

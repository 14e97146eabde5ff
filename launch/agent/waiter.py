"""What an agent waits on between two steps. It decides nothing about frames.

* Version 2: the futex word of ``frame.meta``; the writer wakes it after each frame.
* Version 1, and a directory without an export: inotify on the camera's own directory, never on the root,
  where each new camera would wake every agent.
* No directory, a writer that does not wake, or no inotify instance left: a plain poll every 10 ms while
  frames come, and every 0.98 s once none has come for a second (:mod:`launch.agent.waiting`).

Whether a writer wakes, its export says. One that says so and does not is known by the word itself, which
counts frames: the kernel is asked, once a wait has run out, whether it still holds what was waited on. If
not, a frame was published and not announced; the next wake-up says that the writer does wake after all.

Every wait ends after 0.98 s at the latest, so that an export replaced behind a living mapping is found within
a second, for one wake-up per second. In C, ``launch/agent/native/wait.c`` makes the same calls.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from launch.agent.inotify import DirectoryWatch
from launch.agent.waiting import (
    EMPTY_WAKE_PAUSE_NS,
    EMPTY_WAKES,
    QUIET_AFTER_NS,
    QUIET_POLL_NS,
    SHORT_POLL_NS,
    poll_interval,
)
from ruth.export.layout import WAKE_OFFSET
from ruth.futex import CHANGED, TIMED_OUT, WOKEN, FutexWord
from ruth.units import NANOSECONDS

if TYPE_CHECKING:
    from ruth.export.ring_reader import RingReader
    from ruth.export.source import ExportSource

_MILLISECOND_NS: Final = 1_000_000


class Waiter:
    """Waits for one agent.

    Args:
        source: Where its frames come from.
        directory_path: Address of the path of the camera's directory.

    """

    __slots__ = (
        "_directory_path",
        "_empty_wakes",
        "_frame_ns",
        "_ring",
        "_source",
        "_wakes",
        "_watch",
        "_woken",
        "_word",
    )

    def __init__(self, source: ExportSource, directory_path: int) -> None:
        self._source = source
        self._directory_path = directory_path
        self._frame_ns = -QUIET_AFTER_NS
        self._ring: RingReader | None = None
        self._word: FutexWord | None = None
        self._watch: DirectoryWatch | None = None
        self._wakes = False  # whether the writer of the ring wakes, as far as is known
        self._woken = False
        self._empty_wakes = 0

    def wait(self, *, observed: bool) -> None:
        """Waits until the next step is due.

        Args:
            observed: Whether the last step observed a frame.

        """
        now_ns = time.monotonic_ns()
        if observed:
            self._frame_ns = now_ns
        self._empty_wakes = self._empty_wakes + 1 if self._woken and not observed else 0
        if self._empty_wakes > EMPTY_WAKES:
            _sleep(EMPTY_WAKE_PAUSE_NS)
        self._woken = False
        poll_ns = poll_interval(now_ns - self._frame_ns)
        ring = self._source.ring
        if ring is None:
            self._ring = self._word = None
            self._wait_for_directory(poll_ns)
        else:
            self.close()
            self._wait_for_ring(ring, poll_ns)

    def close(self) -> None:
        """Closes the watch. The next wait makes another one."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def _wait_for_ring(self, ring: RingReader, poll_ns: int) -> None:
        if ring is not self._ring or self._word is None:
            assert ring.meta_map is not None  # noqa: S101 - a bound ring is mapped; for the type checker
            self._ring, self._word = ring, FutexWord(ring.meta_map, WAKE_OFFSET)
            self._wakes = ring.wakes
        result = self._word.wait(ring.wake, QUIET_POLL_NS if self._wakes else poll_ns)
        self._woken = result in (WOKEN, CHANGED)
        if result == WOKEN:
            self._wakes = True
        elif result == TIMED_OUT:
            self._wakes = self._wakes and not self._word.has_changed(ring.wake)
        elif not self._woken:
            _sleep(SHORT_POLL_NS)  # EFAULT, EINTR, ...: never a busy loop

    def _wait_for_directory(self, poll_ns: int) -> None:
        if self._watch is None:
            try:
                self._watch = DirectoryWatch(self._directory_path)
            except OSError:  # no directory, or no instance left
                _sleep(poll_ns)
            return  # what came before the watch is found by a poll
        until_ns = time.monotonic_ns() + QUIET_POLL_NS
        while not self._woken:
            remaining_ns = max(0, until_ns - time.monotonic_ns())
            if remaining_ns == 0 or not self._watch.wait(remaining_ns / _MILLISECOND_NS):
                return
            events = self._watch.take_events()
            self._woken = events.came or events.gone
            if events.gone:
                self.close()


def _sleep(nanoseconds: int) -> None:
    time.sleep(nanoseconds / NANOSECONDS)

"""One arm of a comparison: a transport, its publisher in this process, and its readers in theirs."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from typing import TYPE_CHECKING, Self

from benchmarks.agents import Latencies, Watch, is_ready, launch
from benchmarks.cost import cpu_ns_of
from benchmarks.readers import read
from benchmarks.transports import Place, transport_named

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.agents import Launched
    from benchmarks.stage import Stage

CAMERA = "bench"
_SETTLE_S = 0.02  # for what a transport's threads and readers still do after the last frame


class Arm:
    """A transport with its readers, ready to publish.

    Args:
        stage: Where.
        transport: Name of a transport.
        frame_bytes: Of one frame.
        readers: How many read.

    Raises:
        BenchmarkError: A reader does not come to read.

    Attributes:
        name: The transport's.
        pids: Of the readers.
        watches: The readers' state records.
        published: Frames published so far.

    """

    def __init__(self, stage: Stage, transport: str, frame_bytes: int, readers: int) -> None:
        self.name = transport
        self.published = 0
        self._stage = stage
        self._folder = stage.new_folder()
        self._launched: list[Launched] = []
        self._workers: list[int] = []
        place = Place(f"{self._folder}/vas", CAMERA, stage.prefix)
        os.mkdir(place.folder)
        module = transport_named(transport)
        self._publisher = module.Publisher(place, bytearray(os.urandom(frame_bytes)), readers)
        self.publish = self._publisher.publish
        try:
            states = [self._folder / f"ruth-{number}" for number in range(readers)]
            for state_root, link in zip(states, self._publisher.links, strict=False):
                if module.AGENTS:
                    self._launched.append(launch(stage, self._folder / "vas", state_root, [CAMERA]))
                else:
                    self._workers.append(stage.worker(read, transport, place, link, str(state_root)))
            self.pids = self._workers + [pid for launched in self._launched for pid in launched.pids]
            self.watches = [self._watch(state_root) for state_root in states]
            stage.wait_until(self._all_read, f"{readers} readers of {transport} read")
        except BaseException:  # closed whatever it was, and raised again
            self.__exit__()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for launched in self._launched:
            launched.end()
        self._stage.end_workers(self._workers)
        self._publisher.close()

    def _watch(self, state_root: Path) -> Watch:
        self._stage.wait_until(partial(is_ready, state_root, CAMERA), f"a reader of {self.name} starts")
        return Watch(state_root, CAMERA)

    def _all_read(self) -> bool:
        """Publishes a frame; whether every reader has seen one by now."""
        self.publish(time.monotonic_ns())
        return all(watch.latest()[0] >= 0 for watch in self.watches)

    def pause(self) -> None:
        """Stops the readers, so that they do not disturb other arms."""
        for pid in self.pids:
            os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Lets the readers go on, and gives them the time for it."""
        for pid in self.pids:
            os.kill(pid, signal.SIGCONT)
        time.sleep(_SETTLE_S)

    def latencies(self) -> list[Latencies]:
        """One a reader, to be looked at from now on."""
        return [Latencies(watch) for watch in self.watches]

    def frames(self) -> int:
        """Frames that all readers together have observed."""
        return sum(watch.frames for watch in self.watches)

    def cpu_ns(self) -> int:
        """CPU time of the readers so far."""
        return cpu_ns_of(self.pids)

    def settle(self) -> None:
        """Waits for what still happens after the last frame. BenchmarkError if a reader has died."""
        time.sleep(_SETTLE_S)
        self._stage.check_workers()

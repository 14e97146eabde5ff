"""An agent in tests that takes one step when it is told to: real files, real decisions, no process."""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from launch.native.context import Context
from launch.native.follower import Follower
from launch.pace import INTERVAL_MIN_NS, Pace
from launch.state_file import claim
from published import FRAME
from ruth.agent.agent import StreamAgent
from ruth.agent.state import (
    EXPORT_VERSION_OFFSET,
    FRAME_ID_OFFSET,
    OBSERVED_OFFSET,
    STARTED_OFFSET,
    STATE_SIZE,
    WAKE_OFFSET,
)
from ruth.agent.state_writer import AgentIdentity, StateWriter
from ruth.export.layout import VERSION_1, unpack_record
from ruth.export.layout import WAKE_OFFSET as EXPORT_WAKE_OFFSET
from ruth.export.outcome import Fresh
from ruth.export.source import ExportSource
from ruth.futex import FutexWord, address_of
from ruth.subscription.gate import NO_FRAME
from ruth.subscription.subscription import Subscription

if TYPE_CHECKING:
    from conftest import Roots
    from launch.native.library import Native
    from ruth.runtime.stream import Stream
    from ruth.vas.exporter import FrameExporter

UNLOCK = struct.pack("=hh4xqqi4x", fcntl.F_UNLCK, os.SEEK_SET, 0, 0, 0)  # struct flock, the whole file
CAMERA, MODEL = "front-door", "person"
MS = 1_000_000


class SteppedAgent:
    """The agent of one camera, as :meth:`launch.agent_process.AgentProcess.run` hosts it, one look at a time.

    Attributes:
        agent: The Stream Agent.

    """

    def __init__(
        self, roots: Roots, caps: dict[str, float | None] | None = None, camera_id: str = CAMERA
    ) -> None:
        self.agent = StreamAgent(camera_id)
        for model_id, cap in ({MODEL: None} if caps is None else caps).items():
            self.agent.subscribe(Subscription(camera_id, model_id, cap))
        self._descriptor = claim(str(roots.state), camera_id, len(self.agent.subscriptions))
        self.memory = mmap.mmap(self._descriptor, STATE_SIZE)
        identity = AgentIdentity(os.getpid(), 1, time.monotonic_ns(), 0)
        self._view = memoryview(self.memory)
        self._writer = StateWriter(self.agent).begin(self._view, identity)
        self._word = FutexWord(self.memory, WAKE_OFFSET)
        self._source = ExportSource(str(roots.export), camera_id)
        self._noted = (0, 0)
        self.agent.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.die()

    def step(self) -> bool:
        """One look; whether a frame was observed."""
        source, agent = self._source, self.agent
        outcome = source.try_read()
        if (source.version, source.session) != self._noted:
            if source.session != self._noted[1]:
                agent.begin_export()
            self._noted = (source.version, source.session)
            ring = source.ring
            self._writer.write_export(*self._noted, *(ring.identity[1:] if ring is not None else (0, 0)))
            self._word.wake()
        observed = isinstance(outcome, Fresh) and agent.observe(
            outcome.record.frame_id, outcome.record.timestamp_ns
        )
        if observed:
            self._writer.write_frame(time.monotonic_ns())
            self._word.wake()
        return observed

    @property
    def record(self) -> bytes:
        """The state record without its two times, which no two agents have in common."""
        content = bytearray(self.memory)
        for offset in (STARTED_OFFSET, OBSERVED_OFFSET):
            content[offset : offset + 8] = bytes(8)
        return bytes(content)

    @property
    def observed_id(self) -> int:
        """The newest frame's id, as the record says it."""
        return int.from_bytes(self.memory[FRAME_ID_OFFSET : FRAME_ID_OFFSET + 8], "little")

    @property
    def export_version(self) -> int:
        """Of the export that it is bound to, as the record says it."""
        return int.from_bytes(self.memory[EXPORT_VERSION_OFFSET : EXPORT_VERSION_OFFSET + 4], "little")

    def die(self) -> None:
        """Lets go of the lock, as the kernel does when a process dies; the record stays as it is."""
        if self._descriptor < 0:
            return
        self._source.close()
        # Told to, because the mapping has a descriptor of its own, and tests look at the record afterwards.
        fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, UNLOCK)
        os.close(self._descriptor)
        self._descriptor = -1


class FollowedAgent(SteppedAgent):
    """The same agent, which begins in C, and is handed to a loop before each look.

    Attributes:
        met: Frames that were taken before Python first looked.
        taken: Frames that the loop took since.
        unwoken: Whether frames came to it and nobody woke.

    """

    def __init__(
        self,
        native: Native,
        roots: Roots,
        caps: dict[str, float | None] | None = None,
        camera_id: str = CAMERA,
    ) -> None:
        super().__init__(roots, caps, camera_id)
        context = Context(self.agent, self._source, compare_ns=0, addresses=None)
        self._follower = Follower(native, self.agent, self._source, context)
        self._follower.begin(address_of(self.memory, 0))
        self._begun = self.unwoken = False
        self.met = self.taken = 0

    def step(self) -> bool:
        """One turn of the loop, if the agent is steady, and one look; whether a frame was observed."""
        before = self.taken + self.met
        if not self._begun:
            self.begin()
        self.follow(timeout_ns=0)
        return super().step() or self.taken + self.met > before

    def begin(self, look_ns: int = 0, timeout_ns: int = 0, timeouts: int = 0) -> None:
        """What it does before Python first looks."""
        self._begun = True
        if self._follower.prepare_watch(look_ns, timeout_ns, timeouts):
            self._follower.watch()
            self.take_over()

    def take_over(self) -> None:
        """Goes on in Python."""
        version, session, self.unwoken = self._follower.take_over()
        self._noted = (version, session)
        self._writer.resume(self._view, fresh_session=self.agent.frame_id == NO_FRAME)
        self.met = self.agent.frames

    def follow(self, timeout_ns: int) -> int | None:
        """One turn of the loop. What it returned, if there is a ring to follow.

        Version 1 is followed at once, and at a pace that the newest frame fits.
        """
        source, frames, result = self._source, self.agent.frames, None
        if source.ring is not None and source.ring.meta_map is not None:
            word = address_of(source.ring.meta_map, EXPORT_WAKE_OFFSET)
            result = self._follower.follow_ring(source.ring, word, timeout_ns, timeouts=0)
        elif source.version == VERSION_1:
            self._follower.follow_renamed(self._fitting_pace(), wait_ns=timeout_ns)
        self.taken += self.agent.frames - frames
        return result

    def _fitting_pace(self) -> Pace:
        """The fastest pace that the newest frame fits; after a pause none, for the loop waits an interval."""
        pace, (meta, data) = Pace(), self._source.paths
        pace.interval_ns = INTERVAL_MIN_NS
        if not os.path.isfile(meta):  # a FIFO would be waited for
            return pace
        try:
            written_ns = os.stat(data).st_ctime_ns
            frame_id = unpack_record(Path(meta).read_bytes()).frame_id
        except (OSError, struct.error):
            return pace
        frames = max(1, frame_id - self.agent.frame_id)
        interval_ns = (written_ns - self._source.written_ns) // frames * 2 // 3 + 1
        pace.interval_ns = max(INTERVAL_MIN_NS, min(interval_ns, 40 * MS))
        return pace


class WatchingAgent(FollowedAgent):
    """The same agent, which stays in C until that leaves it to Python."""

    def __init__(
        self,
        native: Native,
        roots: Roots,
        caps: dict[str, float | None] | None = None,
        camera_id: str = CAMERA,
    ) -> None:
        super().__init__(native, roots, caps, camera_id)
        self.in_c = False

    def step(self) -> bool:
        """One turn in C, or one in Python; whether a frame was observed."""
        if not self._begun:
            self._begun = True
            self.in_c = self._follower.prepare_watch(look_ns=0, timeout_ns=0, timeouts=0)
        if not self.in_c:
            return super().step()
        before = self.agent.frames
        self.in_c = self._follower.watch()
        self._follower.context.take_back()
        self.met = self.agent.frames
        if not self.in_c:
            self.take_over()
            return super().step() or self.met > before
        return self.met > before


def publish(exporter: FrameExporter, agent: SteppedAgent | None = None, frames: int = 1) -> None:
    """Publishes frames whose every byte is their id, 40 ms apart, and lets the agent decide on each."""
    for _ in range(frames):
        frame_id = exporter.published
        assert exporter.publish(bytes([frame_id % 256]) * len(FRAME), (frame_id + 1) * 40 * MS)
        if agent is not None:
            assert agent.step()


def counts(stream: Stream) -> tuple[int, int, int]:
    """Received, lost, dropped."""
    return stream.received, stream.lost, stream.dropped

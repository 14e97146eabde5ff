"""An agent in tests that takes one step when it is told to: real files, real decisions, no process."""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from launch.pace import INTERVAL_MIN_NS, Pace
from launch.state_file import claim
from launch.steady.follower import Follower
from published import FRAME
from ruth.agent.agent import StreamAgent
from ruth.agent.state import (
    FRAME_ID_OFFSET,
    OBSERVED_OFFSET,
    STARTED_OFFSET,
    STATE_SIZE,
    WAKE_OFFSET,
    AgentIdentity,
    StateWriter,
)
from ruth.export.layout import VERSION_1, unpack_record
from ruth.export.layout import WAKE_OFFSET as EXPORT_WAKE_OFFSET
from ruth.export.outcome import Fresh
from ruth.export.source import ExportSource
from ruth.futex import FutexWord, address_of
from ruth.subscription.subscription import Subscription

if TYPE_CHECKING:
    from conftest import Roots
    from launch.steady.library import Loops
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
    """The same agent, with the steady loop before each look.

    Attributes:
        taken: Frames that the loop took.

    """

    def __init__(
        self,
        loops: Loops,
        roots: Roots,
        caps: dict[str, float | None] | None = None,
        camera_id: str = CAMERA,
    ) -> None:
        super().__init__(roots, caps, camera_id)
        self._follower = Follower(loops, self.agent, self._source, compare_ns=0, meta_name=None)
        self._follower.begin(address_of(self.memory, 0))
        self.taken = 0

    def step(self) -> bool:
        """One turn of the loop, if the agent is steady, and one look; whether a frame was observed."""
        before = self.taken
        self.follow(timeout_ns=0)
        return super().step() or self.taken > before

    def follow(self, timeout_ns: int) -> int | None:
        """One turn of the loop. What it returned, if there is a ring to follow.

        Version 1 is followed at once, and at a pace that the newest frame fits.
        """
        source, frames, result = self._source, self.agent.frames, None
        if source.ring is not None and source.ring.meta_map is not None:
            word = address_of(source.ring.meta_map, EXPORT_WAKE_OFFSET)
            result = self._follower.follow_ring(source.ring, word, timeout_ns)
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

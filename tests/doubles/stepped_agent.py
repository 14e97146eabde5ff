"""An agent in tests that takes one step when it is told to: real files, real decisions, no process."""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import time
from typing import TYPE_CHECKING, Self

from harness.published import FRAME
from launch.agent.loop import AgentLoop
from launch.agent.native.compiled import Compiled
from launch.agent.notice import Notice
from launch.launcher.claim import claim
from ruth.agent.agent import StreamAgent
from ruth.agent.state import (
    ARRIVALS_OFFSET,
    EXPORT_VERSION_OFFSET,
    FRAME_ID_OFFSET,
    GAP_BEFORE_OFFSET,
    GAP_OFFSET,
    OBSERVED_OFFSET,
    SESSION_OFFSET,
    STARTED_OFFSET,
    STATE_SIZE,
    WAKE_OFFSET,
)
from ruth.agent.state_writer import AgentIdentity, StateWriter
from ruth.export.source import ExportSource
from ruth.futex import FutexWord, address_of
from ruth.subscription.subscription import Subscription

if TYPE_CHECKING:
    from conftest import Roots
    from harness.compiled_steps import StepLibrary
    from ruth.runtime.stream import Stream
    from ruth.vas.exporter import FrameExporter

UNLOCK = struct.pack("=hh4xqqi4x", fcntl.F_UNLCK, os.SEEK_SET, 0, 0, 0)  # struct flock, the whole file
CAMERA, MODEL = "front-door", "person"
MS = 1_000_000


class SteppedAgent:
    """The agent of one camera, as :class:`launch.agent.process.AgentProcess` hosts it, one step at a time.

    Attributes:
        agent: The Stream Agent.
        source: Where its frames come from.
        word: The wake word of its record.
        view: Of the memory of the record.

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
        self.view = memoryview(self.memory)
        writer = StateWriter(self.agent).initialise(self.view, identity)
        self.source = ExportSource(str(roots.export), camera_id)
        self.word = FutexWord(self.memory, WAKE_OFFSET)
        self.loop = AgentLoop(self.agent, self.source, writer, Notice(self.memory, self._descriptor))
        self.agent.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.die()

    def step(self) -> bool:
        """One step, as the agent's process takes it; whether a frame was observed."""
        return self.loop.step()

    @property
    def record(self) -> bytes:
        """The state record without what depends on the clock, which no two agents have in common."""
        content = bytearray(self.memory)
        for offset in (STARTED_OFFSET, OBSERVED_OFFSET, ARRIVALS_OFFSET, GAP_OFFSET, GAP_BEFORE_OFFSET):
            content[offset : offset + 8] = bytes(8)
        return bytes(content)

    @property
    def observed_id(self) -> int:
        """The newest frame's id, as the record says it."""
        return int.from_bytes(self.memory[FRAME_ID_OFFSET : FRAME_ID_OFFSET + 8], "little")

    @property
    def export(self) -> tuple[int, int]:
        """Version of the export that it is bound to, and its session, as the record says them."""
        version = self.memory[EXPORT_VERSION_OFFSET : EXPORT_VERSION_OFFSET + 4]
        session = self.memory[SESSION_OFFSET : SESSION_OFFSET + 8]
        return int.from_bytes(version, "little"), int.from_bytes(session, "little")

    def die(self) -> None:
        """Releases the lock, as the kernel does when a process dies; the record stays as it is."""
        if self._descriptor < 0:
            return
        self.source.close()
        # Told to, because the mapping has a descriptor of its own, and tests look at the record afterwards.
        fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, UNLOCK)
        os.close(self._descriptor)
        self._descriptor = -1


class AgentInC(SteppedAgent):
    """The same agent, which begins in C, and comes to Python and goes back as an agent's process does.

    Attributes:
        taken: Frames that were taken in C.
        in_c: Whether it is there.

    """

    def __init__(
        self,
        library: StepLibrary,
        roots: Roots,
        caps: dict[str, float | None] | None = None,
        camera_id: str = CAMERA,
    ) -> None:
        super().__init__(roots, caps, camera_id)
        self.compiled = Compiled(library.native, self.agent, self.source, addresses=None)
        self.compiled.attach(address_of(self.memory, 0), self._descriptor)
        self.steps = library.steps_of(self.compiled.address)
        self.in_c = False
        self._begun = False
        self.taken = 0

    def enter_c(self) -> None:
        """Goes to C before the first step."""
        self._begun = True
        self.in_c = self.compiled.pack_start()

    def step(self) -> bool:
        """One step in C, and one in Python if C leaves that to it; whether a frame was observed."""
        if not self._begun:
            self.enter_c()
        if self.in_c:
            observed = self.steps.step()
            if observed is not None:
                self.taken += observed
                self.loop.adopt(self.compiled.unpack())  # for the test to look at
                return observed
            self.come_to_python()
        observed = super().step()
        if observed:
            self.in_c = self.compiled.pack(self.loop.release())
        return observed

    def come_to_python(self) -> None:
        """Closes what is open in C, and goes on in Python."""
        self.in_c = False
        self.steps.release()
        self.loop.adopt(self.compiled.unpack())

    def die(self) -> None:
        """The same, of both halves."""
        self.steps.release()
        super().die()


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

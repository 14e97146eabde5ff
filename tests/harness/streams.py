"""Decision streams in tests: what an agent made of each single frame, and what it has to make of it."""

from __future__ import annotations

import mmap
import os
import time
from typing import TYPE_CHECKING, NamedTuple, Self

from doubles.video_server import timestamp_ns
from harness.agents import CAPS
from ruth.agent.agent import StreamAgent
from ruth.agent.state import STATE_SIZE, WAKE_OFFSET
from ruth.agent.state_reader import StateReader
from ruth.futex import FutexWord
from ruth.identity import STATE_NAME
from ruth.subscription.gate import Decision
from ruth.subscription.subscription import Subscription

if TYPE_CHECKING:
    from collections.abc import Iterable

    from conftest import Roots
    from ruth.agent.state import AgentRecord

_POLL_NS = 100_000_000


class Judged(NamedTuple):
    """What one model's subscription had come to after a frame."""

    model_id: str
    decision: str
    allowed: int
    skipped: int
    last_frame_id: int | None


class Seen(NamedTuple):
    """One frame of a camera as its agent's record showed it, before the next one."""

    frame_id: int
    timestamp_ns: int
    missed: int
    models: tuple[Judged, ...]


def seen(record: AgentRecord) -> Seen:
    """The newest frame of an agent's record. Raises AssertionError if it holds none."""
    assert record.frame_id is not None
    assert record.timestamp_ns is not None
    models = (
        Judged(m.model_id, m.last_decision.name, m.allowed, m.skipped, m.last_frame_id) for m in record.models
    )
    return Seen(record.frame_id, record.timestamp_ns, record.missed, tuple(models))


def advance(camera_id: str, before: Seen | None, frames: Iterable[int]) -> Seen:
    """What an agent of this camera makes of more frames, shown to one here, in the test's own process.

    Args:
        camera_id: The camera; it has the models of :data:`agents.CAPS`, and its frames :func:`timestamp_ns`.
        before: What it had come to, or None for a new agent. Its time must not have run backwards.
        frames: Ids, rising, at least one; those between them that are left out count as missed.

    """
    agent = _agent_of(camera_id)
    if before is not None:
        agent.frame_id, agent.timestamp_ns, agent.missed = before[:3]
        for subscription, judged in zip(agent.subscriptions, before.models, strict=True):
            last = judged.last_frame_id
            if last is not None:
                assert subscription.judge(last, timestamp_ns(camera_id, last)) is Decision.ALLOW
            subscription.allowed, subscription.skipped = judged.allowed, judged.skipped
    for frame_id in frames:
        agent.observe(frame_id, timestamp_ns(camera_id, frame_id))
    return _seen_of(agent)


def judged_alone(before: AgentRecord, frames: Iterable[tuple[int, int]]) -> list[Seen]:
    """What an agent makes of each of these frames (id, timestamp_ns), in the test's own process.

    Args:
        before: Its record before the first of them; its time had not run backwards by then.
        frames: Ids above those that it has observed, rising.

    """
    agent = _agent_of(before.camera_id)
    assert before.frame_id is not None
    agent.frame_id, agent.missed = before.frame_id, before.missed
    for subscription, model in zip(agent.subscriptions, before.models, strict=True):
        if model.last_frame_id is not None and model.last_timestamp_ns is not None:
            assert subscription.judge(model.last_frame_id, model.last_timestamp_ns) is Decision.ALLOW
        subscription.allowed, subscription.skipped = model.allowed, model.skipped
    return [_seen_of(agent) for frame in frames if agent.observe(*frame)]


def _agent_of(camera_id: str) -> StreamAgent:
    agent = StreamAgent(camera_id)
    for model_id, max_fps in CAPS.items():
        agent.subscribe(Subscription(camera_id, model_id, max_fps))
    agent.start()
    return agent


def _seen_of(agent: StreamAgent) -> Seen:
    models = (
        Judged(s.model_id, s.last_decision.name, s.allowed, s.skipped, s.last_frame_id if s.allowed else None)
        for s in agent.subscriptions
    )
    return Seen(agent.frame_id, agent.timestamp_ns, agent.missed, tuple(models))


class Follower:
    """Follows one camera's ``agent.state``, as any process may: read-only, woken by its wake word.

    It stays right when another agent takes the file over. AssertionError if what it waits for does not come.
    """

    def __init__(self, roots: Roots, camera_id: str) -> None:
        self.camera_id = camera_id
        self._reader = StateReader(str(roots.state), camera_id)
        descriptor = os.open(roots.state / camera_id / STATE_NAME, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._memory = mmap.mmap(descriptor, STATE_SIZE, mmap.MAP_SHARED, mmap.PROT_READ)
        finally:
            os.close(descriptor)
        self._word = FutexWord(self._memory, WAKE_OFFSET)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Releases the file."""
        self._reader.__exit__()
        self._memory.close()

    def wake_word(self) -> int:
        """What to wait for to change."""
        return int.from_bytes(self._memory[WAKE_OFFSET : WAKE_OFFSET + 4], "little")

    def wait(self, wake_word: int) -> None:
        """Returns when the word is another one, or after 0.1 s."""
        self._word.wait(wake_word, _POLL_NS)

    def newest(self) -> AgentRecord | None:
        """The record as it is, or None if it is being changed or holds no frame."""
        record = self._reader.try_read()
        return record if record is not None and record.frames else None

    def wait_for(self, frame_id: int, deadline_s: float = 60.0) -> Seen:
        """What the agent made of that frame, which must be the newest it has been shown."""
        deadline = time.monotonic() + deadline_s
        while True:
            wake_word = self.wake_word()
            record = self.newest()
            if record is not None and record.frame_id == frame_id:
                return seen(record)
            assert time.monotonic() < deadline, f"{self.camera_id}: frame {frame_id} not observed: {record}"
            self.wait(wake_word)

"""Keeps an agent's state record up to date: its only writer. Its byte map: :mod:`ruth.agent.state`.

Pure: this file must not know where the memory comes from, nor what time it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Self

from ruth.agent.rhythm import begins_arrival, begins_window
from ruth.agent.state import (
    ARRIVALS_OFFSET,
    CONFINEMENT_OFFSET,
    EXPORT_EPOCH_OFFSET,
    EXPORT_INODE_OFFSET,
    EXPORT_VERSION_OFFSET,
    FIRST_FRAME_ID_OFFSET,
    FIRST_TIMESTAMP_OFFSET,
    FRAME_ID_OFFSET,
    FRAMES_OFFSET,
    GAP_BEFORE_OFFSET,
    GAP_OFFSET,
    HEADER,
    HEADER_SIZE,
    KEPT_FRAMES,
    KEPT_SIZE,
    KEPT_TIMESTAMP_OFFSET,
    LAUNCHER_PID_OFFSET,
    MISSED_OFFSET,
    MODEL,
    MODEL_ALLOWED_OFFSET,
    MODEL_COUNT_OFFSET,
    MODEL_DECISION_OFFSET,
    MODEL_EARLIER_OFFSET,
    MODEL_FRAME_ID_OFFSET,
    MODEL_KEPT_OFFSET,
    MODEL_SESSION_OFFSET,
    MODEL_SIZE,
    MODEL_SKIPPED_OFFSET,
    MODEL_TIMESTAMP_OFFSET,
    OBSERVED_OFFSET,
    PID_OFFSET,
    SEQUENCE_OFFSET,
    SESSION_OFFSET,
    START_TICKS_OFFSET,
    STARTED_OFFSET,
    STATE_VERSION,
    TIMESTAMP_OFFSET,
    VERSION_OFFSET,
    WAKE_OFFSET,
)
from ruth.subscription.gate import Decision
from ruth.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from ruth.agent.agent import StreamAgent

# Positions in the memory seen as an array of u64 or, for the last four, of u32: worked out once, because an
# agent stores a dozen fields a frame.
_SEQUENCE: Final = SEQUENCE_OFFSET // 8
_PID: Final = PID_OFFSET // 8
_START_TICKS: Final = START_TICKS_OFFSET // 8
_STARTED: Final = STARTED_OFFSET // 8
_FRAME_ID: Final = FRAME_ID_OFFSET // 8
_TIMESTAMP: Final = TIMESTAMP_OFFSET // 8
_FRAMES: Final = FRAMES_OFFSET // 8
_MISSED: Final = MISSED_OFFSET // 8
_OBSERVED: Final = OBSERVED_OFFSET // 8
_SESSION: Final = SESSION_OFFSET // 8
_FIRST_FRAME_ID: Final = FIRST_FRAME_ID_OFFSET // 8
_FIRST_TIMESTAMP: Final = FIRST_TIMESTAMP_OFFSET // 8
_LAUNCHER_PID: Final = LAUNCHER_PID_OFFSET // 8
_EXPORT_INODE: Final = EXPORT_INODE_OFFSET // 8
_EXPORT_EPOCH: Final = EXPORT_EPOCH_OFFSET // 8
_CONFINEMENT: Final = CONFINEMENT_OFFSET // 8
_ARRIVALS: Final = ARRIVALS_OFFSET // 8
_GAP: Final = GAP_OFFSET // 8
_GAP_BEFORE: Final = GAP_BEFORE_OFFSET // 8
_VERSION: Final = VERSION_OFFSET // 4
_MODEL_COUNT: Final = MODEL_COUNT_OFFSET // 4
_WAKE: Final = WAKE_OFFSET // 4
_EXPORT_VERSION: Final = EXPORT_VERSION_OFFSET // 4

_KEPT: Final = KEPT_SIZE // 8
_KEPT_TIMESTAMP: Final = KEPT_TIMESTAMP_OFFSET // 8

SEQUENCE_LIMIT: Final = 2**63

_ALLOW: Final = Decision.ALLOW
_UINT32_MAX: Final = 2**32 - 1
_UINT64_MAX: Final = 2**64 - 1


class AgentIdentity(NamedTuple):
    """What an agent's process knows of itself when it starts; units as in the byte map."""

    pid: int
    start_ticks: int
    started_ns: int
    launcher_pid: int


class StateWriter:
    """Keeps one agent's record up to date. The only writer of its memory, from :meth:`initialise` on.

    Args:
        agent: Whose record it is; its subscriptions may not change any more.
        configuration: The file that it was launched from, as the byte map has it.
        fence: A release fence, on a machine that does not keep the order of stores (``ruth/order.py``): after
            the odd sequence, before the even one and before wake.

    """

    __slots__ = ("_agent", "_content", "_fence", "_halves", "_models", "_words")

    def __init__(
        self, agent: StreamAgent, configuration: int = 0, fence: Callable[[], None] | None = None
    ) -> None:
        self._fence = fence
        # All that can be known before there is a process, so that the process need not find it out.
        self._agent = agent
        starts = [HEADER_SIZE + MODEL_SIZE * index for index in range(len(agent.subscriptions))]
        self._models = tuple(
            (
                subscription,
                (start + MODEL_DECISION_OFFSET) // 4,
                (start + MODEL_ALLOWED_OFFSET) // 8,
                (start + MODEL_SKIPPED_OFFSET) // 8,
                (start + MODEL_FRAME_ID_OFFSET) // 8,
                (start + MODEL_TIMESTAMP_OFFSET) // 8,
                (start + MODEL_SESSION_OFFSET) // 8,
                (start + MODEL_EARLIER_OFFSET) // 8,
                (start + MODEL_KEPT_OFFSET) // 8,
            )
            for start, subscription in zip(starts, agent.subscriptions, strict=True)
        )
        header = HEADER.pack(
            *(0,) * 17, agent.camera_id.encode(), *(0,) * 9, configuration, 0, __version__.encode()
        )
        models = (
            MODEL.pack(
                subscription.model_id.encode(),
                subscription.max_fps or 0.0,
                subscription.active,
                *(0,) * 7,
            )
            for subscription in agent.subscriptions
        )
        # From the pid on, which is zero here; what lies before it has a meaning of its own at each moment.
        self._content = header.ljust(HEADER_SIZE, b"\0")[PID_OFFSET:] + b"".join(
            model.ljust(MODEL_SIZE, b"\0") for model in models
        )
        self._words = self._halves = memoryview(b"")

    def initialise(self, memory: memoryview, identity: AgentIdentity) -> Self:
        """Overwrites an earlier agent's record with this one's, as of an agent that has observed nothing.

        The sequence and the wake word go on from where they are, so that readers notice.

        Args:
            memory: At least ``STATE_SIZE`` bytes, writable, 8-aligned.
            identity: Of the process that hosts the agent.

        Returns:
            This writer.

        """
        words = self._words = memory.cast("Q")
        halves = self._halves = memory.cast("I")
        # A dead agent may have left it odd; far above any that counts changes it is
        # garbage.
        sequence = words[_SEQUENCE] % SEQUENCE_LIMIT | 1
        words[_SEQUENCE] = sequence
        if self._fence is not None:
            self._fence()  # odd before any field
        halves[_VERSION] = 0
        halves[_MODEL_COUNT] = len(self._models)
        halves[_EXPORT_VERSION] = 0
        memory[PID_OFFSET : PID_OFFSET + len(self._content)] = self._content
        words[_PID], words[_START_TICKS], words[_STARTED], words[_LAUNCHER_PID] = identity
        halves[_VERSION] = STATE_VERSION
        self._publish(sequence)
        return self

    @property
    def content(self) -> bytes:
        """What :meth:`initialise` writes from ``PID_OFFSET`` on; :class:`AgentIdentity` is still zero."""
        return self._content

    def attach(self, memory: memoryview) -> None:
        """Goes on with a record that was begun, and kept since, without this writer (docs/decisions/0024).

        Args:
            memory: As for :meth:`initialise`.

        """
        self._words = memory.cast("Q")
        self._halves = memory.cast("I")

    def write_frame(self, observed_ns: int) -> None:
        """Takes over what the agent's last :meth:`~ruth.agent.agent.StreamAgent.observe` decided.

        Args:
            observed_ns: CLOCK_MONOTONIC at that moment.

        """
        words, halves, agent = self._words, self._halves, self._agent
        sequence = self._begin_change()
        words[_FRAME_ID] = agent.frame_id
        words[_TIMESTAMP] = agent.timestamp_ns
        words[_FRAMES] = agent.frames
        words[_MISSED] = agent.missed & _UINT64_MAX  # hostile ids: gaps of nearly 2^64, twice
        self._write_rhythm(observed_ns)
        words[_OBSERVED] = observed_ns
        if agent.frames_in_session == 1:
            words[_FIRST_FRAME_ID] = agent.frame_id
            words[_FIRST_TIMESTAMP] = agent.timestamp_ns
        for (
            subscription,
            decision_at,
            allowed_at,
            skipped_at,
            frame_id_at,
            timestamp_at,
            session_at,
            earlier_at,
            kept_at,
        ) in self._models:
            decision = subscription.last_decision
            halves[decision_at] = decision
            if decision is _ALLOW:
                allowed = words[allowed_at] = subscription.allowed
                words[frame_id_at] = agent.frame_id
                words[timestamp_at] = agent.timestamp_ns
                if words[session_at] != words[_SESSION]:
                    words[session_at] = words[_SESSION]
                    words[earlier_at] = allowed - 1
                entry = kept_at + (allowed - 1) % KEPT_FRAMES * _KEPT
                words[entry] = agent.frame_id
                words[entry + _KEPT_TIMESTAMP] = agent.timestamp_ns
            else:
                words[skipped_at] = subscription.skipped
        self._publish(sequence)

    def _write_rhythm(self, observed_ns: int) -> None:
        """How the frame came, by when the one before it was observed."""
        words, frames = self._words, self._agent.frames
        before_ns = words[_OBSERVED]
        gap_ns = max(0, observed_ns - before_ns) if before_ns else 0
        if begins_arrival(frames, gap_ns):
            words[_ARRIVALS] += 1
        if begins_window(frames):
            words[_GAP_BEFORE], words[_GAP] = words[_GAP], gap_ns
        elif gap_ns > words[_GAP]:
            words[_GAP] = gap_ns

    def write_export(self, version: int, session: int, inode: int = 0, epoch: int = 0) -> None:
        """Notes which export the agent is bound to.

        Args:
            version: 1 or 2, 0 for none.
            session: Sessions seen so far, at least 0.
            inode: Of the ``frame.meta`` of version 2.
            epoch: Of the ring of version 2.

        """
        words = self._words
        sequence = self._begin_change()
        self._halves[_EXPORT_VERSION] = version
        words[_SESSION] = session
        words[_EXPORT_INODE] = inode
        words[_EXPORT_EPOCH] = epoch
        self._publish(sequence)

    def write_confinement(self, measures: int) -> None:
        """Notes which measures of confinement are in force, one bit each."""
        sequence = self._begin_change()
        self._words[_CONFINEMENT] = measures
        self._publish(sequence)

    def _begin_change(self) -> int:
        sequence = self._words[_SEQUENCE] + 1
        self._words[_SEQUENCE] = sequence
        if self._fence is not None:
            self._fence()  # odd before any field
        return sequence

    def _publish(self, odd_sequence: int) -> None:
        if self._fence is not None:
            self._fence()  # every field before even
        self._words[_SEQUENCE] = odd_sequence + 1
        if self._fence is not None:
            self._fence()  # the whole record before it is counted
        self._halves[_WAKE] = (self._halves[_WAKE] + 1) & _UINT32_MAX

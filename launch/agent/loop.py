"""One step of an agent: read, decide, record. It never waits; that is :mod:`launch.agent.waiter`.

The same step is what an agent's process runs, what tests step, and where an agent goes on that was in C for a
while (:mod:`launch.agent.native`): what happened there comes as one value
(:class:`launch.agent.handover.Handover`).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from launch.agent.handover import Handover
from ruth.export.outcome import Fresh
from ruth.subscription.gate import NO_FRAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from launch.agent.notice import Notice
    from ruth.agent.agent import StreamAgent
    from ruth.agent.state_writer import StateWriter
    from ruth.export.layout import FrameRecord
    from ruth.export.source import ExportSource

# Between comparisons of the path with what is open while frames come, for they may be those of a writer
# that was replaced.
COMPARE_NS: Final = 900_000_000
_UINT64_MAX: Final = 2**64 - 1


class AgentLoop:
    """What an agent's steps are taken with.

    Args:
        agent: The agent.
        source: Where its frames come from.
        writer: Of its state record, which was begun.
        notice: Of changes of that record.
        clock_ns: CLOCK_MONOTONIC.

    Attributes:
        agent: The agent.

    """

    __slots__ = (
        "_clock_ns",
        "_compared_ns",
        "_notice",
        "_session",
        "_source",
        "_version",
        "_writer",
        "agent",
    )

    def __init__(
        self,
        agent: StreamAgent,
        source: ExportSource,
        writer: StateWriter,
        notice: Notice,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.agent = agent
        self._source = source
        self._writer = writer
        self._notice = notice
        self._clock_ns = clock_ns
        self._compared_ns = 0
        self._version = self._session = 0  # of the export, as the state record has them

    def step(self) -> bool:
        """Reads once, and decides about what is new, in the order of ids.

        That is the newest frame, and before it those that came since the last one and are still in place,
        at most as many as the ring has slots: so no writer, however fast, keeps a step from ending.

        Returns:
            Whether a frame was observed.

        """
        outcome = self._source.try_read()
        self._write_export()
        if not isinstance(outcome, Fresh):
            return False
        agent, newest, observed = self.agent, outcome.record, False
        if agent.frame_id != NO_FRAME and newest.frame_id - agent.frame_id > 1:
            for earlier in self._source.between(agent.frame_id, outcome):
                observed = self._observe(earlier) or observed
        observed = self._observe(newest) or observed
        now_ns = self._clock_ns()
        # Observed or not: as long as frames come, a poll does not compare the path.
        if now_ns - self._compared_ns >= COMPARE_NS:
            self._compared_ns = now_ns
            self._source.close_if_replaced()
        return observed

    def _observe(self, record: FrameRecord) -> bool:
        """Has one frame decided on, and writes down what was decided. Returns whether it was new."""
        observed = self.agent.observe(record.frame_id, record.timestamp_ns)
        if observed:
            self._writer.write_frame(self._clock_ns())
            self._notice.wake()
        return observed

    def _write_export(self) -> None:
        """Writes down which export is bound, if that has changed."""
        source = self._source
        if (source.version, source.session) == (self._version, self._session):
            return
        if source.session != self._session:
            self.agent.start_export()
        self._version, self._session = source.version, source.session
        ring = source.ring
        identity = (0, 0) if ring is None else ring.identity[1:]
        self._writer.write_export(self._version, self._session, *identity)
        self._notice.wake()

    def release(self) -> Handover:
        """Closes what is open of the export, and says where the agent is."""
        agent = self.agent
        self._source.close()
        return Handover(
            self._version,
            self._session,
            self._source.taken,
            agent.frame_id,
            agent.timestamp_ns,
            agent.frames,
            agent.frames_in_session,
            agent.missed & _UINT64_MAX,
            tuple(subscription.state() for subscription in agent.subscriptions),
        )

    def adopt(self, handover: Handover) -> None:
        """Goes on from where the agent is by now."""
        agent = self.agent
        self._version, self._session = handover.export_version, handover.session
        self._source.adopt(handover.taken, handover.session)
        agent.frame_id, agent.timestamp_ns = handover.frame_id, handover.timestamp_ns
        agent.frames, agent.frames_in_session = handover.frames, handover.frames_in_session
        agent.missed += (handover.missed - agent.missed) & _UINT64_MAX
        for subscription, state in zip(agent.subscriptions, handover.subscriptions, strict=True):
            subscription.adopt(state)

"""Hands an agent to a steady loop, and takes it back at the first thing that the loop leaves to Python."""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING, Final

from launch.steady.source import AGENT, CAPPED, EVERY_FRAME, PARKED, RENAMED, RING, SUBSCRIPTION
from ruth.agent.agent import AgentState
from ruth.agent.state import HEADER_SIZE, MODEL_SIZE
from ruth.export.layout import pack_record
from ruth.identity import DATA_NAME, META_NAME
from ruth.subscription.gate import NO_FRAME, Decision

if TYPE_CHECKING:
    from launch.pace import Pace
    from launch.steady.library import Loops
    from ruth.agent.agent import StreamAgent
    from ruth.export.ring_reader import RingReader
    from ruth.export.source import ExportSource
    from ruth.subscription.subscription import Subscription

_SUBSCRIPTIONS_AT: Final = AGENT.size + max(RING.size, RENAMED.size)
_UINT64_MAX: Final = 2**64 - 1


class Follower:
    """One agent's way into the loops and back.

    Args:
        loops: By :func:`launch.steady.library.load`.
        agent: Whose frames these are; its subscriptions may not change any more.
        source: Where they come from.
        compare_ns: Nanoseconds between comparisons of the export's paths with what is open while frames come.
        meta_name: Address of the one ``frame.meta`` that openat(2) may be given; None for any.

    """

    __slots__ = (
        "_agent",
        "_compare_ns",
        "_data_name",
        "_data_path",
        "_directory_path",
        "_loops",
        "_memory",
        "_meta_name",
        "_meta_path",
        "_names",
        "_source",
        "_state",
    )

    def __init__(
        self, loops: Loops, agent: StreamAgent, source: ExportSource, compare_ns: int, meta_name: int | None
    ) -> None:
        self._loops = loops
        self._agent = agent
        self._source = source
        self._compare_ns = compare_ns
        self._state = 0
        names = (source.directory_path, *source.paths, DATA_NAME, META_NAME)
        self._names = tuple(ctypes.create_string_buffer(os.fsencode(name)) for name in names)  # kept alive
        self._directory_path, self._meta_path, self._data_path, self._data_name, own_name = map(
            ctypes.addressof, self._names
        )
        self._meta_name = own_name if meta_name is None else meta_name
        self._memory = ctypes.create_string_buffer(
            _SUBSCRIPTIONS_AT + SUBSCRIPTION.size * len(agent.subscriptions)
        )

    def begin(self, state: int) -> None:
        """Once, in the agent's process.

        Args:
            state: Address of its state record.

        """
        self._state = state

    def follow_ring(self, ring: RingReader, word: int, timeout_ns: int) -> int | None:
        """Waits for frames of version 2 and takes them, for as long as each is one that the loop may take.

        Args:
            ring: The bound export. The frame that it returned last was observed.
            word: Address of its wake word.
            timeout_ns: How long to wait for a frame, in nanoseconds.

        Returns:
            What the last wait came to, as :meth:`ruth.futex.FutexWord.wait` says it: a look is due. None if
            the agent is not steady: nothing was waited for.

        """
        binding = ring.binding
        if binding.closed or not self._hand_over():
            return None
        RING.pack_into(
            self._memory,
            AGENT.size,
            *binding.descriptors,
            binding.data_size,
            binding.slot_size,
            word,
            ring.wake,
            timeout_ns,
            self._meta_path,
            *ring.identity[:2],
            self._data_path,
            *ring.data_identity,
            ring.given,
            binding.ring,
        )
        result = self._loops.follow_ring(ctypes.addressof(self._memory))
        if self._take_back():
            _, _, _, _, _, ring.wake, *_, ring.given, _ = RING.unpack_from(self._memory, AGENT.size)
        return result

    def follow_renamed(self, pace: Pace, wait_ns: int) -> bool:
        """The same for version 1, whose frames nobody announces.

        Args:
            pace: The camera's, after the frame that was observed last.
            wait_ns: Until the next look, by that pace, in nanoseconds.

        Returns:
            Whether it waited: a look is due. If the agent is not steady, or the pace unknown, it did not.

        """
        renamed = self._source.renamed
        given = renamed.given
        if given is None or not pace.interval_ns or not self._hand_over():
            return False
        binding = renamed.binding
        RENAMED.pack_into(
            self._memory,
            AGENT.size,
            binding.directory,
            self._meta_name,
            self._data_name,
            self._directory_path,
            *binding.identity,
            pack_record(given),
            *binding.readable,
            wait_ns,
            pace.interval_ns,
            renamed.written_ns,
        )
        self._loops.follow_renamed(ctypes.addressof(self._memory))
        if self._take_back():
            *_, waited_ns, interval_ns, written_ns = RENAMED.unpack_from(self._memory, AGENT.size)
            agent = self._agent
            renamed.resume(agent.frame_id, agent.timestamp_ns, written_ns)
            pace.resume(agent.frame_id, written_ns, interval_ns, waited_ns)
        return True

    def _hand_over(self) -> bool:
        """Packs what both loops need of the agent. Whether it is steady."""
        agent, memory = self._agent, self._memory
        if agent.state is not AgentState.RUNNING or agent.frame_id == NO_FRAME:
            return False
        at, record = _SUBSCRIPTIONS_AT, self._state + HEADER_SIZE
        for subscription in agent.subscriptions:
            try:
                kind, interval = _kind_of(subscription)
                SUBSCRIPTION.pack_into(
                    memory,
                    at,
                    record,
                    kind,
                    interval,
                    subscription.last_timestamp_ns or 0,
                    0,
                    subscription.allowed,
                    subscription.skipped,
                    0,
                )
            except Exception:  # noqa: BLE001 - SPEC.md, "Failure rules": it fails alone, in judge_each()
                return False
            at, record = at + SUBSCRIPTION.size, record + MODEL_SIZE
        AGENT.pack_into(
            memory,
            0,
            self._state,
            self._source.session,
            agent.frame_id,
            agent.timestamp_ns,
            agent.frames,
            agent.missed & _UINT64_MAX,
            self._compare_ns,
            ctypes.addressof(memory) + _SUBSCRIPTIONS_AT,
            len(agent.subscriptions),
        )
        return True

    def _take_back(self) -> bool:
        """Writes into the agent's books what a loop did. Whether it took a frame."""
        agent, memory = self._agent, self._memory
        _, _, frame_id, timestamp_ns, frames, missed, *_ = AGENT.unpack_from(memory)
        if frames == agent.frames:
            return False
        agent.frame_id, agent.timestamp_ns, agent.frames = frame_id, timestamp_ns, frames
        agent.missed += (missed - agent.missed) & _UINT64_MAX
        at = _SUBSCRIPTIONS_AT
        for subscription in agent.subscriptions:
            *_, last_ns, last_id, allowed, skipped, decision = SUBSCRIPTION.unpack_from(memory, at)
            at += SUBSCRIPTION.size
            if allowed != subscription.allowed:
                subscription.book_allowed(allowed, last_id, last_ns)
            subscription.skipped = skipped
            subscription.last_decision = Decision(decision)
        return True


def _kind_of(subscription: Subscription) -> tuple[int, int]:
    """How a loop is to judge it, and its interval. Raises ValueError if none can."""
    if not subscription.active:
        return PARKED, 0
    if not subscription.steady:
        raise ValueError("not steady")
    return (EVERY_FRAME, 0) if subscription.interval is None else (CAPPED, subscription.interval)

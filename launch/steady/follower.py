"""Hands an agent to the steady loop, and takes it back at the first thing that the loop leaves to Python."""

from __future__ import annotations

import ctypes
import os
import struct
from typing import TYPE_CHECKING, Final

from launch.steady.source import CAPPED, EVERY_FRAME, PARKED
from ruth.agent.agent import AgentState
from ruth.agent.state import HEADER_SIZE, MODEL_SIZE
from ruth.subscription.gate import NO_FRAME, Decision

if TYPE_CHECKING:
    from launch.steady.library import Follow
    from ruth.agent.agent import StreamAgent
    from ruth.export.ring_reader import RingReader
    from ruth.export.source import ExportSource
    from ruth.subscription.subscription import Subscription

# What the loop works on, all of it u64. struct follow of loop.c, one format a line of it:
_FOLLOW: Final = struct.Struct("=" + "2Q2Q2QQQQ4QQ3Q3Q64s60s4xQ")
_WAKE_FIELD, _FRAME_ID_FIELD, _GIVEN_FIELD = 5, 9, 20
# struct subscription: record, kind, interval, last_timestamp_ns, last_frame_id, allowed, skipped, decision.
_SUBSCRIPTION: Final = struct.Struct("=8Q")
_INTERVAL_MAX: Final = 2**63
_UINT64_MAX: Final = 2**64 - 1


class Follower:
    """One agent's way into the loop and back.

    Args:
        follow: By :func:`launch.steady.library.load`.
        agent: Whose frames these are; its subscriptions may not change any more.
        source: Where they come from.
        compare_ns: Nanoseconds between comparisons of the export's paths with its files while frames come.

    """

    __slots__ = ("_agent", "_compare_ns", "_follow", "_memory", "_paths", "_source", "_state")

    def __init__(self, follow: Follow, agent: StreamAgent, source: ExportSource, compare_ns: int) -> None:
        self._follow = follow
        self._agent = agent
        self._source = source
        self._compare_ns = compare_ns
        self._state = 0
        self._paths = [ctypes.create_string_buffer(os.fsencode(path)) for path in source.paths]
        self._memory = ctypes.create_string_buffer(
            _FOLLOW.size + _SUBSCRIPTION.size * len(agent.subscriptions)
        )

    def begin(self, state: int) -> None:
        """Once, in the agent's process.

        Args:
            state: Address of its state record.

        """
        self._state = state

    def follow(self, ring: RingReader, word: int, timeout_ns: int) -> int | None:
        """Waits for frames and takes them, for as long as each is one that the loop may take.

        Args:
            ring: The bound export. The frame that it returned last was observed.
            word: Address of its wake word.
            timeout_ns: How long to wait for a frame, in nanoseconds.

        Returns:
            What the last wait came to, as :meth:`ruth.futex.FutexWord.wait` says it: a look is due. None if
            the agent is not steady: nothing was waited for.

        """
        agent = self._agent
        if agent.state is not AgentState.RUNNING or agent.frame_id == NO_FRAME:
            return None
        try:
            kinds = [_kind_of(subscription) for subscription in agent.subscriptions]
        except Exception:  # noqa: BLE001 - SPEC.md, "Failure rules": a subscription fails alone, in judge_each()
            return None
        if None in kinds:
            return None
        address = ctypes.addressof(self._memory)
        at, record = _FOLLOW.size, self._state + HEADER_SIZE
        for kind, subscription in zip(kinds, agent.subscriptions, strict=True):
            _SUBSCRIPTION.pack_into(
                self._memory,
                at,
                record,
                kind,
                subscription.interval or 0,
                subscription.last_timestamp_ns or 0,
                0,
                subscription.allowed,
                subscription.skipped,
                0,
            )
            at, record = at + _SUBSCRIPTION.size, record + MODEL_SIZE
        binding = ring.binding
        _FOLLOW.pack_into(
            self._memory,
            0,
            *binding.descriptors,
            binding.data_size,
            binding.slot_size,
            word,
            ring.wake,
            timeout_ns,
            self._state,
            self._source.session,
            agent.frame_id,
            agent.timestamp_ns,
            agent.frames,
            agent.missed & _UINT64_MAX,
            self._compare_ns,
            ctypes.addressof(self._paths[0]),
            *ring.identity[:2],
            ctypes.addressof(self._paths[1]),
            *ring.data_identity,
            ring.given,
            binding.ring,
            len(kinds),
        )
        result = self._follow(address)
        self._take_back(ring)
        return result

    def _take_back(self, ring: RingReader) -> None:
        """Writes into the agent's books what the loop did."""
        agent = self._agent
        fields = _FOLLOW.unpack_from(self._memory)
        frame_id, timestamp_ns, frames, missed = fields[_FRAME_ID_FIELD : _FRAME_ID_FIELD + 4]
        if frames == agent.frames:
            return
        ring.wake, ring.given = fields[_WAKE_FIELD], fields[_GIVEN_FIELD]
        agent.frame_id, agent.timestamp_ns, agent.frames = frame_id, timestamp_ns, frames
        agent.missed += (missed - agent.missed) & _UINT64_MAX
        at = _FOLLOW.size
        for subscription in agent.subscriptions:
            *_, last_ns, last_id, allowed, skipped, decision = _SUBSCRIPTION.unpack_from(self._memory, at)
            at += _SUBSCRIPTION.size
            if allowed != subscription.allowed:
                subscription.book_allowed(allowed, last_id, last_ns)
            subscription.skipped = skipped
            subscription.last_decision = Decision(decision)


def _kind_of(subscription: Subscription) -> int | None:
    """How the loop is to judge it; None if it cannot."""
    interval = subscription.interval
    if not subscription.active:
        return PARKED
    if not subscription.steady or (interval is not None and interval >= _INTERVAL_MAX):
        return None
    return EVERY_FRAME if interval is None else CAPPED

"""What C knows of one agent: packed before it is handed over, and taken back into the agent's own books."""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING, Final

from launch.native.source import AGENT, RENAMED, RING, START, SUBSCRIPTION, WATCH
from ruth.agent.state import HEADER_SIZE, MODEL_SIZE
from ruth.identity import DATA_NAME, META_NAME
from ruth.subscription.gate import NO_FRAME, Decision
from ruth.subscription.subscription import SubscriptionState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ruth.agent.agent import StreamAgent
    from ruth.export.source import ExportSource

# Each begins with the one before it, but for RENAMED, which lies where RING does.
RING_AT: Final = AGENT.size
RENAMED_AT: Final = AGENT.size
WATCH_AT: Final = RING_AT + RING.size
START_AT: Final = WATCH_AT + WATCH.size
_SUBSCRIPTIONS_AT: Final = max(START_AT + START.size, RENAMED_AT + RENAMED.size)
_UINT64_MAX: Final = 2**64 - 1
# Frames of the present export, as C counts them: none, its first, more.
_NONE, _MANY = 0, 2


class Context:
    """One agent's memory that C works on, and names that it opens.

    Args:
        agent: Whose it is; its subscriptions may not change any more.
        source: Where its frames come from.
        compare_ns: Nanoseconds between comparisons of the export's paths with what is open while frames come.
        addresses: Where the only strings lie that openat(2) may be given, by what they say; None: any may.

    Attributes:
        memory: As ``launch/native/source.py`` says.
        address: Where it lies.
        directory_path: Address of the path of the camera's directory.
        meta_path: Of its ``frame.meta``.
        data_path: Of its ``frame.data``.
        meta_name: Of that file's name alone.
        data_name: The same.

    """

    __slots__ = (
        "_agent",
        "_compare_ns",
        "_names",
        "address",
        "data_name",
        "data_path",
        "directory_path",
        "memory",
        "meta_name",
        "meta_path",
    )

    def __init__(
        self, agent: StreamAgent, source: ExportSource, compare_ns: int, addresses: Mapping[str, int] | None
    ) -> None:
        self._agent = agent
        self._compare_ns = compare_ns
        names = (source.directory_path, *source.paths, META_NAME, DATA_NAME)
        self._names = {name: ctypes.create_string_buffer(os.fsencode(name)) for name in names}  # kept alive
        found = {name: ctypes.addressof(content) for name, content in self._names.items()}
        found.update(addresses or {})
        self.directory_path, self.meta_path, self.data_path, self.meta_name, self.data_name = map(
            found.__getitem__, names
        )
        self.memory = ctypes.create_string_buffer(
            _SUBSCRIPTIONS_AT + SUBSCRIPTION.size * len(agent.subscriptions)
        )
        self.address = ctypes.addressof(self.memory)

    def hand_over(self, state: int, session: int) -> bool:
        """Packs what is known of the agent. False if it is not one for C: then it is to be left to Python.

        Args:
            state: Address of its state record, if that is known.
            session: Exports met so far.

        """
        agent, memory = self._agent, self.memory
        at, record = _SUBSCRIPTIONS_AT, state + HEADER_SIZE
        for subscription in agent.subscriptions:
            try:
                short = subscription.short_form()
                if short is None:
                    return False
                SUBSCRIPTION.pack_into(
                    memory,
                    at,
                    record,
                    *short[:4],
                    short.interval is not None,
                    short.interval or 0,
                    subscription.last_timestamp_ns or 0,
                    0,
                    subscription.last_frame_id != NO_FRAME,
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
            state,
            session,
            max(agent.frame_id, 0),
            agent.timestamp_ns,
            agent.frames,
            agent.missed & _UINT64_MAX,
            _NONE if agent.frame_id == NO_FRAME else _MANY,
            self._compare_ns,
            self.address + _SUBSCRIPTIONS_AT,
            len(agent.subscriptions),
        )
        return True

    @property
    def session(self) -> int:
        """Exports met so far."""
        return int(AGENT.unpack_from(self.memory)[1])

    def take_back(self) -> bool:
        """Writes into the agent's books what C did. Whether it took a frame."""
        agent, memory = self._agent, self.memory
        _, _, frame_id, timestamp_ns, frames, missed, met, *_ = AGENT.unpack_from(memory)
        taken: bool = frames != agent.frames
        agent.frame_id = frame_id if met else NO_FRAME
        agent.timestamp_ns, agent.frames = timestamp_ns, frames
        agent.missed += (missed - agent.missed) & _UINT64_MAX
        at = _SUBSCRIPTIONS_AT
        for subscription in agent.subscriptions:
            *_, last_ns, last_id, dispatched, allowed, skipped, decision = SUBSCRIPTION.unpack_from(
                memory, at
            )
            at += SUBSCRIPTION.size
            before = subscription.state()
            subscription.adopt(
                SubscriptionState(
                    allowed,
                    skipped,
                    (last_id if allowed != before.allowed else before.last_frame_id)
                    if dispatched
                    else NO_FRAME,
                    last_ns if allowed != before.allowed else before.last_timestamp_ns,
                    Decision(decision) if taken else before.last_decision,
                )
            )
        return taken

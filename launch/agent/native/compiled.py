"""One agent's half in C: packed from a handover, and unpacked to one."""

from __future__ import annotations

import ctypes
import os
import struct
from typing import TYPE_CHECKING, Final

from launch.agent.handover import Handover, short_forms
from launch.agent.native.structs import AGENT, SUBSCRIPTION, AgentWords, SubscriptionWords
from ruth.agent.agent import AgentState
from ruth.export.outcome import Taken
from ruth.identity import DATA_NAME, META_NAME
from ruth.subscription.gate import NO_FRAME, Decision
from ruth.subscription.subscription import SubscriptionState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch.agent.loop import AgentLoop
    from launch.agent.native.library import NativeLibrary
    from ruth.agent.agent import StreamAgent
    from ruth.export.source import ExportSource
    from ruth.subscription.subscription import ShortForm

AT_START: Final = Handover(0, 0, Taken(), NO_FRAME, 0, 0, 0, 0, ())


class Compiled:
    """What C works on for one agent.

    Args:
        native: By :func:`launch.agent.native.library.load`.
        agent: The agent; its subscriptions may not change any more.
        source: Where its frames come from.
        addresses: Where the only strings lie that system calls may be given, by what they say; None: any may.

    Attributes:
        address: Of the agent's struct.

    """

    __slots__ = ("_agent", "_memory", "_names", "_native", "_paths", "_state", "_state_file", "address")

    def __init__(
        self,
        native: NativeLibrary,
        agent: StreamAgent,
        source: ExportSource,
        addresses: Mapping[str, int] | None,
    ) -> None:
        self._native = native
        self._agent = agent
        self._state = 0
        self._state_file = -1
        names = (source.directory_path, *source.paths, META_NAME, DATA_NAME)
        self._names = {name: ctypes.create_string_buffer(os.fsencode(name)) for name in names}  # kept alive
        found = {name: ctypes.addressof(content) for name, content in self._names.items()}
        found.update(addresses or {})
        directory, meta, data, meta_name, data_name = map(found.__getitem__, names)
        self._paths = directory, meta, data, meta_name, data_name
        self._memory = ctypes.create_string_buffer(AGENT.size + SUBSCRIPTION.size * len(agent.subscriptions))
        self.address = ctypes.addressof(self._memory)

    def attach(self, state: int, state_file: int) -> None:
        """Keeps where its state record is, once that is mapped; it will say how the agent is ended.

        Args:
            state: Its address.
            state_file: Its file's descriptor.

        """
        self._state = state
        self._state_file = state_file
        self._native.note_end_in(state)

    def pack_start(self) -> bool:
        """Packs an agent that has seen nothing yet. Returns False if it is not for C."""
        states = tuple(subscription.state() for subscription in self._agent.subscriptions)
        return self.pack(AT_START._replace(subscriptions=states))

    def run(self, loop: AgentLoop) -> bool:
        """Goes on in C from where a loop is, until something is for Python: a step is due then.

        Returns:
            True if it did; False if the agent is not for C.

        """
        if self._agent.state is not AgentState.RUNNING or not self.pack(loop.release()):
            return False
        self._native.run(self.address)
        loop.adopt(self.unpack())
        return True

    def pack(self, handover: Handover) -> bool:
        """Packs an agent for C. False, and nothing of it is used, if it is not for C."""
        forms = short_forms(self._agent)
        if forms is None:
            return False
        try:
            at = AGENT.size
            for form, state in zip(forms, handover.subscriptions, strict=True):
                SUBSCRIPTION.pack_into(self._memory, at, _words_of(form, state))
                at += SUBSCRIPTION.size
            AGENT.pack_into(self._memory, 0, self._agent_words(handover, len(forms)))
        except struct.error:  # counters that no agent comes to, and no field holds
            return False
        return True

    def _agent_words(self, handover: Handover, count: int) -> AgentWords:
        return AgentWords(
            self._state,
            self._state_file,
            self.address + AGENT.size,
            count,
            *self._paths,
            handover.export_version,
            handover.session,
            *handover.taken[:4],
            *handover.taken[4:],
            frame_id=max(handover.frame_id, 0),
            timestamp_ns=handover.timestamp_ns,
            frames=handover.frames,
            frames_in_session=handover.frames_in_session,
            missed=handover.missed,
        )

    def unpack(self) -> Handover:
        """Where the agent is when C has returned it."""
        words = AGENT.unpack_from(self._memory, 0)
        places = range(AGENT.size, len(self._memory), SUBSCRIPTION.size)
        return Handover(
            words.export_version,
            words.session,
            Taken(
                bool(words.of_ring),
                words.device,
                words.inode,
                words.epoch,
                words.ring_record,
                words.renamed_record,
            ),
            words.frame_id if words.frames_in_session else NO_FRAME,
            words.timestamp_ns,
            words.frames,
            words.frames_in_session,
            words.missed,
            tuple(_state_of(SUBSCRIPTION.unpack_from(self._memory, at)) for at in places),
        )


def _words_of(form: ShortForm, state: SubscriptionState) -> SubscriptionWords:
    return SubscriptionWords(
        *form[:4],
        moves=form.interval is not None,
        interval=form.interval or 0,
        allowed=state.allowed,
        skipped=state.skipped,
        last_frame_id=max(state.last_frame_id, 0),
        last_timestamp_ns=state.last_timestamp_ns or 0,
        dispatched=state.last_frame_id != NO_FRAME,
        decision=state.last_decision,
    )


def _state_of(words: SubscriptionWords) -> SubscriptionState:
    return SubscriptionState(
        words.allowed,
        words.skipped,
        words.last_frame_id if words.dispatched else NO_FRAME,
        words.last_timestamp_ns if words.allowed else None,
        Decision(words.decision),
    )

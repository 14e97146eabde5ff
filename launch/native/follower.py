"""Hands an agent to C, and takes it back at the first thing that C leaves to Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from launch.native.context import RENAMED_AT, RING_AT, WATCH_AT
from launch.native.source import RENAMED, RING, WATCH
from ruth.agent.agent import AgentState
from ruth.export.layout import pack_record

if TYPE_CHECKING:
    from launch.native.context import Context
    from launch.native.library import Native
    from launch.pace import Pace
    from ruth.agent.agent import StreamAgent
    from ruth.export.ring_reader import RingReader
    from ruth.export.source import ExportSource

# Waits that may end without a frame before Python has a look: it would find no more than C did.
FOR_EVER: Final = 2**64 - 1


class Follower:
    """One agent's way into C and back.

    Args:
        native: By :func:`launch.native.library.load`.
        agent: Whose frames these are.
        source: Where they come from.
        context: The agent's.

    Attributes:
        context: The same.

    """

    __slots__ = ("_agent", "_native", "_source", "_state", "context")

    def __init__(self, native: Native, agent: StreamAgent, source: ExportSource, context: Context) -> None:
        self._native = native
        self._agent = agent
        self._source = source
        self._state = 0
        self.context = context

    def begin(self, state: int) -> None:
        """Once, in the agent's process.

        Args:
            state: Address of its state record.

        """
        self._state = state

    def prepare_watch(self, look_ns: int, timeout_ns: int, timeouts: int = FOR_EVER) -> bool:
        """Packs what is needed to wait for exports of version 2 and to follow them, from the first one on.

        Args:
            look_ns: Nanoseconds between looks while there is no export.
            timeout_ns: How long to wait for a frame, in nanoseconds.
            timeouts: How many looks in all may find no export, and how many waits for a frame of one export
                may run out.

        Returns:
            Whether that can be left to C; if not, nothing may be.

        """
        context = self.context
        if not context.hand_over(self._state, session=0):
            return False
        paths = (context.meta_path, 0, 0, context.data_path, 0, 0)
        RING.pack_into(context.memory, RING_AT, *(0,) * 6, timeout_ns, timeouts, *paths, b"", b"", 0, 0)
        names = (context.directory_path, context.meta_name, context.data_name)
        WATCH.pack_into(context.memory, WATCH_AT, *names, look_ns, 0, 0)
        return True

    def watch(self) -> bool:
        """Waits and follows, as prepared, or goes on with it. Whether there was only no time left to wait."""
        return self._native.watch(self.context.address) == 1

    def take_over(self) -> tuple[int, int, bool]:
        """Goes on in Python after a watch.

        Returns:
            Version and session, as the record has them, and whether frames came and nobody woke.

        """
        context = self.context
        context.take_back()
        session = context.session
        if session:
            *_, device, inode, _, _, _, given, _, epoch, _ = RING.unpack_from(context.memory, RING_AT)
            self._source.resume((device, inode, epoch), given, session)
        *_, version, unwoken = WATCH.unpack_from(context.memory, WATCH_AT)
        return version, session, bool(unwoken)

    def follow_ring(
        self, ring: RingReader, word: int, timeout_ns: int, timeouts: int = FOR_EVER
    ) -> int | None:
        """Waits for frames of version 2 and takes them, for as long as each is one that the loop may take.

        Args:
            ring: The bound export. The frame that it returned last was observed.
            word: Address of its wake word.
            timeout_ns: How long to wait for a frame, in nanoseconds.
            timeouts: How many waits may end without one.

        Returns:
            What the last wait came to, as :meth:`ruth.futex.FutexWord.wait` says it, or ``UNWOKEN`` if frames
            come and nobody wakes: a look is due. None if the agent is not steady: nothing was waited for.

        """
        binding, context = ring.binding, self.context
        if binding.closed or not self._hand_over():
            return None
        RING.pack_into(
            context.memory,
            RING_AT,
            *binding.descriptors,
            binding.data_size,
            binding.slot_size,
            word,
            ring.wake,
            timeout_ns,
            timeouts,
            context.meta_path,
            *ring.identity[:2],
            context.data_path,
            *ring.data_identity,
            ring.given,
            binding.ring,
            0,
            0,
        )
        result = self._native.follow_ring(context.address)
        if context.take_back():
            _, _, _, _, _, ring.wake, *_, ring.given, _, _, _ = RING.unpack_from(context.memory, RING_AT)
        return result

    def follow_renamed(self, pace: Pace, wait_ns: int) -> bool:
        """The same for version 1, whose frames nobody announces.

        Args:
            pace: The camera's, after the frame that was observed last.
            wait_ns: Until the next look, by that pace, in nanoseconds.

        Returns:
            Whether it waited: a look is due. If the agent is not steady, or the pace unknown, it did not.

        """
        renamed, context = self._source.renamed, self.context
        given = renamed.given
        if given is None or not pace.interval_ns or not self._hand_over():
            return False
        binding = renamed.binding
        RENAMED.pack_into(
            context.memory,
            RENAMED_AT,
            binding.directory,
            context.meta_name,
            context.data_name,
            context.directory_path,
            *binding.identity,
            pack_record(given),
            *binding.readable,
            wait_ns,
            pace.interval_ns,
            renamed.written_ns,
        )
        self._native.follow_renamed(context.address)
        if context.take_back():
            *_, waited_ns, interval_ns, written_ns = RENAMED.unpack_from(context.memory, RENAMED_AT)
            agent = self._agent
            renamed.resume(agent.frame_id, agent.timestamp_ns, written_ns)
            pace.resume(agent.frame_id, written_ns, interval_ns, waited_ns)
        return True

    def _hand_over(self) -> bool:
        """Packs what both loops need of the agent. Whether it is steady."""
        return self._agent.state is AgentState.RUNNING and self.context.hand_over(
            self._state, self._source.session
        )

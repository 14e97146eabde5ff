"""What runs in one agent's process: pull, observe, wait. It hosts one Stream Agent and nothing else.

Waiting, by what there is to wait for:

* version 2: on the futex word of ``frame.meta``; the writer wakes it after each frame;
* version 1, or a writer that does not wake: on time, at the camera's own pace (:mod:`launch.pace`);
* no export: a look every 0.98 s, as at the start (SPEC.md, "Failure rules": it remembers nothing).

Where it can, all of this is done in C, which waits likewise, and comes to Python with what it does not know
(:mod:`launch.native`, docs/decisions/0016).

Every wait ends after 0.98 s at the latest, so that an export replaced behind a living mapping is found
within a second, for one wake-up a second.

Signals: none is handled. SIGTERM ends the process as the kernel ends it; nothing is drained or saved.
"""

from __future__ import annotations

import mmap
import os
import time
from typing import TYPE_CHECKING, Final, NoReturn

from launch.native.context import Context
from launch.native.follower import Follower
from launch.native.source import UNWOKEN
from launch.pace import EMPTY_WAKES, QUIET_LOOK_NS, SHORT_LOOK_NS, Pace
from ruth.agent.proc_stat import own_start_ticks
from ruth.agent.state import STATE_SIZE
from ruth.agent.state import WAKE_OFFSET as STATE_WAKE_OFFSET
from ruth.agent.state_writer import AgentIdentity, StateWriter
from ruth.export.layout import WAKE_OFFSET
from ruth.export.outcome import Fresh
from ruth.export.source import ExportSource
from ruth.futex import CHANGED, TIMED_OUT, WOKEN, FutexWord, address_of
from ruth.subscription.gate import NO_FRAME
from ruth.units import NANOSECONDS

if TYPE_CHECKING:
    from launch.confine.confinement import Prepared
    from launch.native.library import Native
    from launch.native.starter import Start, Starter
    from ruth.agent.agent import StreamAgent
    from ruth.export.outcome import Outcome
    from ruth.export.ring_reader import RingReader

LOOK_NS: Final = QUIET_LOOK_NS  # just under a second
# Between looks at the path while frames come, for they may be those of a writer that was replaced: after this
# and one more frame what stands there is read.
COMPARE_NS: Final = 900_000_000
EMPTY_WAKE_PAUSE_NS: Final = 1_000_000  # see EMPTY_WAKES


class AgentProcess:
    """Hosts one agent: what can be made before its process exists is made here.

    Args:
        agent: A new agent with its subscriptions.
        export_root: Folder of all exports, absolute.
        confinement: To this camera; the process applies it.
        native: What is compiled, or None (:func:`launch.native.library.load`).

    Attributes:
        agent: The agent.

    """

    __slots__ = ("_confinement", "_follower", "_source", "_waiter", "_writer", "agent")

    def __init__(
        self,
        agent: StreamAgent,
        export_root: str,
        confinement: Prepared,
        native: Native | None,
    ) -> None:
        self.agent = agent
        self._confinement = confinement
        self._writer = StateWriter(agent)
        self._source = ExportSource(export_root, agent.camera_id, confinement.opener)
        self._follower: Follower | None = None
        if native is not None:
            context = Context(agent, self._source, COMPARE_NS, confinement.addresses)
            self._follower = Follower(native, agent, self._source, context)
        self._waiter = Waiter(self._source, self._follower)

    def prepare_start(self, starter: Starter, title: str) -> Start | None:
        """Its start without Python; None if it is to begin with :meth:`run`.

        Args:
            starter: Of the launcher.
            title: Of the process.

        """
        if self._follower is None or not self._follower.prepare_watch(LOOK_NS, LOOK_NS):
            return None
        return starter.prepare(self._follower, title, self._writer.content, self._confinement)

    def run(self, state_descriptor: int, launcher_pid: int) -> NoReturn:
        """Hosts the agent until the process dies.

        Args:
            state_descriptor: Its ``agent.state``, locked (:func:`launch.state_file.claim`); open for life.
            launcher_pid: Who forked this process; 0 for nobody.

        Raises:
            OSError: The state cannot be mapped, or a measure of confinement that the kernel has not be
                applied. Nothing that happens to the export raises.

        """
        memory = mmap.mmap(state_descriptor, STATE_SIZE)
        identity = AgentIdentity(
            pid=os.getpid(),
            start_ticks=own_start_ticks(),
            started_ns=time.monotonic_ns(),
            launcher_pid=launcher_pid,
        )
        self._writer.begin(memoryview(memory), identity)
        if self._follower is not None:
            self._follower.begin(address_of(memory, 0))
        self._writer.write_confinement(self._confinement.apply())
        self.agent.start()
        self._watch(memory, (0, 0))

    def go_on(self, state_descriptor: int) -> NoReturn:
        """Hosts it from where its start left it to Python (:meth:`prepare_start`). As :meth:`run`."""
        follower = self._follower
        assert follower is not None  # noqa: S101 - or nothing was prepared; for the type checker
        memory = mmap.mmap(state_descriptor, STATE_SIZE)
        follower.begin(address_of(memory, 0))
        version, session, self._waiter.unwoken = follower.take_over()
        self._writer.resume(memoryview(memory), fresh_session=self.agent.frame_id == NO_FRAME)
        self.agent.start()
        self._watch(memory, (version, session))

    def _watch(self, memory: mmap.mmap, noted: tuple[int, int]) -> NoReturn:
        """Looks, decides and waits.

        Args:
            memory: The state.
            noted: Version and session of the export, as they stand there.

        """
        agent, writer, source, waiter = self.agent, self._writer, self._source, self._waiter
        told = FutexWord(memory, STATE_WAKE_OFFSET)
        compared_ns = 0
        while True:
            outcome = source.try_read()
            if (source.version, source.session) != noted:
                if source.session != noted[1]:
                    agent.begin_export()
                noted = (source.version, source.session)
                ring = source.ring
                writer.write_export(*noted, *(ring.identity[1:] if ring is not None else (0, 0)))
                told.wake()
            observed = False
            if isinstance(outcome, Fresh):
                record = outcome.record
                observed = agent.observe(record.frame_id, record.timestamp_ns)
                now_ns = time.monotonic_ns()
                if observed:
                    writer.write_frame(now_ns)
                    told.wake()
                if now_ns - compared_ns >= COMPARE_NS:  # observed or not: either keeps try_read off the path
                    compared_ns = now_ns
                    if source.close_if_replaced():
                        continue
            waiter.wait(outcome, observed=observed)


class Waiter:
    """Decides how long to wait for what, and waits.

    Attributes:
        unwoken: Whether it is known of the ring that is bound next that nobody wakes for its frames.

    """

    __slots__ = (
        "_empty_wakes",
        "_follower",
        "_missed_wakes",
        "_pace",
        "_ring",
        "_source",
        "_timed_out",
        "_word",
        "unwoken",
    )

    def __init__(self, source: ExportSource, follower: Follower | None) -> None:
        self._source = source
        self._follower = follower
        self._pace = Pace()
        self._ring: RingReader | None = None
        self._word: FutexWord | None = None
        self._empty_wakes = 0
        self._missed_wakes = False
        self._timed_out = False
        self.unwoken = False

    def wait(self, outcome: Outcome, *, observed: bool) -> None:
        """Waits after a look, until the next one is due.

        Args:
            outcome: What the look found.
            observed: Whether that was a frame that had not been decided on before.

        """
        ring = self._source.ring
        if ring is None:
            self._ring = self._word = None
            wait_ns = self._until_due(outcome) if self._source.version else LOOK_NS
            if not (observed and self._follower and self._follower.follow_renamed(self._pace, wait_ns)):
                _sleep(wait_ns)
            return
        if ring is not self._ring or self._word is None:
            assert ring.meta_map is not None  # noqa: S101 - a bound ring is mapped; for the type checker
            self._ring, self._word = ring, FutexWord(ring.meta_map, WAKE_OFFSET)
            self._missed_wakes = self.unwoken or not ring.wakes
            self._timed_out = self.unwoken = False
        elif self._timed_out and isinstance(outcome, Fresh):
            self._missed_wakes = True  # a frame, but nobody woke us: look often from now on
        if observed or self._timed_out:
            self._empty_wakes = 0
        else:
            self._count_empty()
        result = None
        if observed and not self._missed_wakes and self._follower is not None:
            result = self._follower.follow_ring(ring, self._word.address, LOOK_NS)
        if result is None:
            result = self._word.wait(ring.wake, self._until_due(outcome) if self._missed_wakes else LOOK_NS)
        self._timed_out = result == TIMED_OUT
        if result == WOKEN:
            self._missed_wakes = False  # somebody does wake us
        elif result == UNWOKEN:
            self._missed_wakes = True
        elif result not in (CHANGED, TIMED_OUT):
            _sleep(SHORT_LOOK_NS)  # EFAULT, EINTR, ...: never a busy loop

    def _until_due(self, outcome: Outcome) -> int:
        if not isinstance(outcome, Fresh):
            return self._pace.after_nothing()
        record = outcome.record
        if self._source.ring is None:
            return self._pace.after_frame(record.frame_id, self._source.written_ns, time.time_ns())
        return self._pace.after_frame(record.frame_id, record.timestamp_ns, time.monotonic_ns())

    def _count_empty(self) -> None:
        self._empty_wakes += 1
        if self._empty_wakes > EMPTY_WAKES:
            _sleep(EMPTY_WAKE_PAUSE_NS)


def _sleep(nanoseconds: int) -> None:
    time.sleep(nanoseconds / NANOSECONDS)

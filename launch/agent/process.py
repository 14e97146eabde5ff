"""What runs in one agent's process: steps and waits. It hosts one Stream Agent and nothing else.

A step is :class:`launch.agent.loop.AgentLoop`'s, what it waits on :class:`launch.agent.waiter.Waiter`'s.
Where it can, an agent does both in C, begins there, and comes to Python with what C may not decide
(:mod:`launch.agent.native`, docs/decisions/0024).

Signals: SIGTERM, SIGINT and SIGHUP end the process as the kernel ends it; nothing is drained or saved.
What is compiled notes in the record, first, which of them came and from whom (docs/decisions/0053).
"""

from __future__ import annotations

import ctypes
import mmap
import os
import time
from typing import TYPE_CHECKING, NoReturn

from launch.agent.loop import AgentLoop
from launch.agent.native.compiled import Compiled
from launch.agent.notice import Notice
from launch.agent.waiter import Waiter
from ruth.agent.proc_stat import own_start_ticks
from ruth.agent.state import STATE_SIZE
from ruth.agent.state_writer import AgentIdentity, StateWriter
from ruth.export.source import ExportSource
from ruth.futex import address_of
from ruth.order import release_fence

if TYPE_CHECKING:
    from launch.agent.confine.confinement import Prepared
    from launch.agent.native.library import NativeLibrary
    from launch.agent.native.starter import Start, Starter
    from ruth.agent.agent import StreamAgent


class AgentProcess:
    """Hosts one agent: what can be made before its process exists is made here.

    Args:
        agent: A new agent with its subscriptions.
        export_root: Folder of all exports, absolute.
        confinement: To this camera; the process applies it.
        native: What is compiled, or None (:func:`launch.agent.native.library.load`).
        configuration: The file that it is launched from, as its record has it.

    Attributes:
        agent: The agent.

    """

    __slots__ = ("_compiled", "_confinement", "_directory_path", "_source", "_writer", "agent")

    def __init__(
        self,
        agent: StreamAgent,
        export_root: str,
        confinement: Prepared,
        native: NativeLibrary | None,
        configuration: int = 0,
    ) -> None:
        self.agent = agent
        self._confinement = confinement
        self._writer = StateWriter(agent, configuration, release_fence)
        self._source = ExportSource(export_root, agent.camera_id, confinement.opener)
        self._directory_path = ctypes.create_string_buffer(os.fsencode(self._source.directory_path))
        self._compiled: Compiled | None = None
        if native is not None:
            self._compiled = Compiled(native, agent, self._source, confinement.addresses)

    def prepare_start(self, starter: Starter, title: str) -> Start | None:
        """Its start without Python; None if it is to begin with :meth:`run`.

        Args:
            starter: Of the launcher.
            title: Of the process.

        """
        if self._compiled is None or not self._compiled.pack_start():
            return None
        return starter.prepare(self._compiled.address, title, self._writer.content, self._confinement)

    def run(self, state_descriptor: int, launcher_pid: int) -> NoReturn:
        """Hosts the agent until the process dies.

        Args:
            state_descriptor: Its ``agent.state``, locked (``launch/launcher/claim.py``); open for life.
            launcher_pid: The launcher's pid; 0 if there is none.

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
        self._writer.initialise(memoryview(memory), identity)
        self._writer.write_confinement(self._confinement.apply())
        notice = Notice(memory, state_descriptor)
        notice.wake()
        self._follow(memory, state_descriptor, notice)

    def adopt_start(self, state_descriptor: int) -> NoReturn:
        """Hosts it from where C has left it (:meth:`prepare_start`). As :meth:`run`."""
        assert self._compiled is not None  # noqa: S101 - or nothing was prepared; for the type checker
        memory = mmap.mmap(state_descriptor, STATE_SIZE)
        self._writer.attach(memoryview(memory))
        self._follow(memory, state_descriptor, Notice(memory, state_descriptor), started=self._compiled)

    def _follow(
        self, memory: mmap.mmap, state_descriptor: int, notice: Notice, started: Compiled | None = None
    ) -> NoReturn:
        """Steps and waits.

        Args:
            memory: The state.
            state_descriptor: Of its file.
            notice: Of its changes.
            started: The half in C, if the agent comes from there.

        """
        compiled = self._compiled
        loop = AgentLoop(self.agent, self._source, self._writer, notice)
        if started is not None:
            loop.adopt(started.unpack())
        addresses = self._confinement.addresses or {}
        path = addresses.get(self._source.directory_path) or ctypes.addressof(self._directory_path)
        waiter = Waiter(self._source, path)
        if compiled is not None:
            compiled.attach(address_of(memory, 0), state_descriptor)
        self.agent.start()
        while True:
            observed = loop.step()
            # Only after a frame: what C returned must not go back to it at once, again and again.
            if observed and compiled is not None:
                waiter.close()
                if compiled.run(loop):
                    continue
            waiter.wait(observed=observed)

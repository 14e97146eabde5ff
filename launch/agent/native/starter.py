"""Forks agents that begin in C (``launch/agent/native/start.c``): Python does not run until it is needed."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Final, NamedTuple

from launch.agent.native.library import Then
from launch.agent.native.structs import CALL, START, CallWords, StartWords
from launch.agent.title import texts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from launch.agent.confine.confinement import Prepared
    from launch.agent.native.library import NativeLibrary

# What os.fork() calls around fork(2) (docs.python.org, "Operating System Utilities").
_before_fork: Final = ctypes.pythonapi.PyOS_BeforeFork
_after_fork_in_parent: Final = ctypes.pythonapi.PyOS_AfterFork_Parent
_after_fork_in_child: Final = ctypes.pythonapi.PyOS_AfterFork_Child
for _function in (_before_fork, _after_fork_in_parent, _after_fork_in_child):
    _function.restype = None


class Starter:
    """What all agents of a launcher start with.

    Args:
        native: By :func:`launch.agent.native.library.load`.
        null: Descriptor of /dev/null.
        descriptors_end: Above every descriptor that is open when it forks.
        title_address: Where the command line of a process is shown (:class:`launch.agent.title.Title`).
        launcher_pid: This process.

    """

    __slots__ = ("_descriptors_end", "_launcher_pid", "_native", "_null", "_title_address")

    def __init__(
        self, native: NativeLibrary, null: int, descriptors_end: int, title_address: int, launcher_pid: int
    ) -> None:
        self._native = native
        self._null = null
        self._descriptors_end = descriptors_end
        self._title_address = title_address
        self._launcher_pid = launcher_pid

    def prepare(self, agent: int, title: str, record: bytes, confinement: Prepared) -> Start:
        """Packs what one agent starts with.

        Args:
            agent: Address of its struct, packed.
            title: Of the process, ASCII.
            record: What its state record begins with (:attr:`ruth.agent.state_writer.StateWriter.content`).
            confinement: What it is confined with.

        """
        name, line = texts_of(title)
        paths = confinement.paths
        path = b"" if paths is None else paths.content
        calls = b"".join(
            CALL.pack(CallWords(call.number, *call.arguments, *(0,) * (6 - len(call.arguments))))
            for call in confinement.calls
        )
        kept = [
            ctypes.create_string_buffer(content, len(content))
            for content in (line, name, record, path, calls)
        ]
        line_at, name_at, record_at, path_at, calls_at = map(ctypes.addressof, kept)
        words = StartWords(
            agent=agent,
            state=-1,
            null=self._null,
            ruleset=confinement.ruleset,
            descriptors_end=self._descriptors_end,
            launcher_pid=self._launcher_pid,
            title=line_at,
            title_size=len(line),
            title_to=self._title_address,
            name=name_at,
            record=record_at,
            record_size=len(record),
            path=path_at,
            path_size=len(path),
            path_to=0 if paths is None else paths.address,
            calls=calls_at,
            call_count=len(confinement.calls),
            measures=confinement.measures,
        )
        return Start(words, ctypes.create_string_buffer(START.size), kept)

    def fork_each(self, starts: Sequence[tuple[Start, int]], then: Callable[[int], None]) -> Sequence[int]:
        """Forks a process for each.

        Args:
            starts: What it starts with, and the descriptor of its agent's ``agent.state``, locked.
            then: Called in a child with its index, once there is something for Python to do there. The
                child ends when this returns or raises.

        Returns:
            The pids in the same order; less than 0 where fork(2) failed, an error number.

        """

        def then_in_python(index: int) -> None:
            _after_fork_in_child()
            then(index)

        for start, state in starts:
            START.pack_into(start.memory, 0, start.words._replace(state=state))
        addresses = (ctypes.c_uint64 * len(starts))(*(ctypes.addressof(start.memory) for start, _ in starts))
        pids = (ctypes.c_int64 * len(starts))()
        _before_fork()
        self._native.start_each(addresses, len(starts), pids, Then(then_in_python))
        _after_fork_in_parent()
        return list(pids)


class Start(NamedTuple):
    """One agent's start, made before its process exists.

    Attributes:
        words: What is packed into ``memory`` once its state is open.
        memory: For that.
        kept: Memory that is referred to there.

    """

    words: StartWords
    memory: ctypes.Array[ctypes.c_char]
    kept: list[ctypes.Array[ctypes.c_char]]

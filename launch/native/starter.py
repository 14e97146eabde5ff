"""Forks agents that begin in C (``launch/native/start.c``): Python is not run in them until they need it."""

from __future__ import annotations

import ctypes
import struct
from typing import TYPE_CHECKING, Final, NamedTuple

from launch.native.context import START_AT
from launch.native.library import GoOn
from launch.native.source import CALL, START
from launch.title import texts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from launch.confine.confinement import Prepared
    from launch.native.context import Context
    from launch.native.follower import Follower
    from launch.native.library import Native

_STATE: Final = struct.Struct("=Q")  # what START begins with

# What os.fork() calls around fork(2) (docs.python.org, "Operating System Utilities").
_before_fork: Final = ctypes.pythonapi.PyOS_BeforeFork
_after_fork_in_parent: Final = ctypes.pythonapi.PyOS_AfterFork_Parent
_after_fork_in_child: Final = ctypes.pythonapi.PyOS_AfterFork_Child
for _function in (_before_fork, _after_fork_in_parent, _after_fork_in_child):
    _function.restype = None


class Starter:
    """What all agents of a launcher start with.

    Args:
        native: By :func:`launch.native.library.load`.
        null: Descriptor of /dev/null.
        descriptors_end: Above every descriptor that is open when it forks.
        title_address: Where the command line of a process is shown (:class:`launch.title.Title`).
        launcher_pid: This process.

    """

    __slots__ = ("_descriptors_end", "_launcher_pid", "_native", "_null", "_title_address")

    def __init__(
        self, native: Native, null: int, descriptors_end: int, title_address: int, launcher_pid: int
    ) -> None:
        self._native = native
        self._null = null
        self._descriptors_end = descriptors_end
        self._title_address = title_address
        self._launcher_pid = launcher_pid

    def prepare(self, follower: Follower, title: str, record: bytes, confinement: Prepared) -> Start:
        """Packs what one agent starts with.

        Args:
            follower: The agent's, its watch prepared.
            title: Of the process, ASCII.
            record: What its state record begins with (:attr:`ruth.agent.state_writer.StateWriter.content`).
            confinement: What it is confined with.

        """
        name, line = texts_of(title)
        paths = confinement.paths
        path = b"" if paths is None else paths.content
        calls = b"".join(
            CALL.pack(call.number, *call.arguments, *(0,) * (6 - len(call.arguments)))
            for call in confinement.calls
        )
        kept = [
            ctypes.create_string_buffer(content, len(content))
            for content in (line, name, record, path, calls)
        ]
        line_at, name_at, record_at, path_at, calls_at = map(ctypes.addressof, kept)
        START.pack_into(
            follower.context.memory,
            START_AT,
            0,
            self._null,
            confinement.ruleset,
            self._descriptors_end,
            self._launcher_pid,
            *(line_at, len(line), self._title_address),
            name_at,
            *(record_at, len(record)),
            *(path_at, len(path), 0 if paths is None else paths.address),
            *(calls_at, len(confinement.calls)),
            confinement.measures,
        )
        return Start(follower.context, kept)

    def fork_each(self, starts: Sequence[tuple[Start, int]], go_on: Callable[[int], None]) -> Sequence[int]:
        """Forks a process for each.

        Args:
            starts: What it starts with, and the descriptor of its agent's ``agent.state``, locked.
            go_on: Called in a child with its index, once there is something for Python to do there. The
                child ends when this returns or raises.

        Returns:
            The pids in the same order; less than 0 where fork(2) failed, an error number.

        """

        def go_on_in_python(index: int) -> None:
            _after_fork_in_child()
            go_on(index)

        for start, state in starts:
            _STATE.pack_into(start.context.memory, START_AT, state)
        contexts = (ctypes.c_uint64 * len(starts))(*(start.context.address for start, _ in starts))
        pids = (ctypes.c_int64 * len(starts))()
        _before_fork()
        self._native.start_each(contexts, len(starts), pids, GoOn(go_on_in_python))
        _after_fork_in_parent()
        return list(pids)


class Start(NamedTuple):
    """One agent's start, made before its process exists.

    Attributes:
        context: The agent's, with all that was packed.
        kept: Memory that is referred to there.

    """

    context: Context
    kept: list[ctypes.Array[ctypes.c_char]]

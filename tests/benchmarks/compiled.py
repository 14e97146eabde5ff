"""Decisions in C alone: a real agent, packed as its process packs it, and frames of no export."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Self

from benchmarks.bare import bare
from launch.agent.native.compiled import Compiled
from launch.agent.native.library import functions_of
from launch.agent.native.source import LIBRARY
from ruth.export.source import ExportSource

if TYPE_CHECKING:
    from pathlib import Path

    from ruth.agent.agent import StreamAgent

FRAME_NS = 40_000_000


class CompiledDecisions:
    """An agent whose decisions are taken in C, one after the other.

    Args:
        agent: Running, with its subscriptions.
        folder: Where its export would be.

    """

    def __init__(self, agent: StreamAgent, folder: Path) -> None:
        source = ExportSource(str(folder), agent.camera_id)
        self._take = ctypes.cast(ctypes.CDLL(LIBRARY).take, ctypes.c_void_p)
        self._decide = bare().decide_in_a_row
        self._compiled = Compiled(functions_of(LIBRARY), agent, source, addresses=None)
        assert self._compiled.pack_start()
        self._next = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open."""

    def decide(self, _first: int, frames: int) -> None:
        """Decides on so many further frames, :data:`FRAME_NS` apart; ids go on from where they are."""
        self._decide(self._take, self._compiled.address, self._next, frames, FRAME_NS)
        self._next += frames
        assert self._compiled.unpack().frames == self._next

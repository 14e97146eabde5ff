"""Decisions in C alone: a real agent handed over, and frames that nobody publishes."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Self

from benchmarks.bare import bare
from benchmarks.transports import Place
from benchmarks.transports.ring import Publisher
from launch.native.context import Context
from launch.native.source import LIBRARY
from ruth.export.outcome import Fresh
from ruth.export.source import ExportSource

if TYPE_CHECKING:
    from pathlib import Path

    from ruth.agent.agent import StreamAgent

FRAME_NS = 40_000_000
_FRAME_BYTES = 64 * 64 * 3 // 2


class CompiledDecisions:
    """An agent whose decisions are taken in C, one after the other.

    Args:
        agent: Running, with its subscriptions; it observes one frame here.
        folder: Where to leave an export.

    """

    def __init__(self, agent: StreamAgent, folder: Path) -> None:
        self._publisher = Publisher(Place(str(folder), agent.camera_id, ""), bytearray(_FRAME_BYTES), 0)
        self._publisher.publish(0)
        self._source = ExportSource(str(folder), agent.camera_id)
        outcome = self._source.try_read()
        assert isinstance(outcome, Fresh)
        agent.observe(outcome.record.frame_id, outcome.record.timestamp_ns)
        self._agent = agent
        self._take = ctypes.cast(ctypes.CDLL(LIBRARY).take, ctypes.c_void_p)
        self._decide = bare().decide_in_a_row
        self._context = Context(agent, self._source, compare_ns=0, addresses=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._source.close()
        self._publisher.close()

    def decide(self, _first: int, frames: int) -> None:
        """Decides on so many further frames, :data:`FRAME_NS` apart; ids go on from where they are."""
        before = self._agent.frames
        assert self._context.hand_over(state=0, session=self._source.session)
        self._decide(self._take, self._context.address, self._agent.frame_id + 1, frames, FRAME_NS)
        self._context.take_back()
        assert self._agent.frames == before + frames

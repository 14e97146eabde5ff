"""The same ring as Ruth's, looked at every 5 ms instead of waited for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from benchmarks.transports.ring import Publisher
from ruth.export.outcome import Fresh
from ruth.export.source import ExportSource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.transports import Place

__all__ = ["AGENTS", "NAME", "Publisher", "frames", "missing"]

NAME = "poll 5 ms"
AGENTS = False
_INTERVAL_S = 0.005


def missing() -> None:
    """Nothing is."""


def frames(place: Place, _link: Any) -> Iterator[tuple[int, int]]:
    """As :meth:`benchmarks.transports.Transport.frames`."""
    source = ExportSource(place.folder, place.name)
    while True:
        outcome = source.try_read()
        if isinstance(outcome, Fresh):
            yield outcome.record.frame_id, outcome.record.timestamp_ns
        time.sleep(_INTERVAL_S)

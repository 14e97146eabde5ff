"""A table that renews itself in place on a terminal, and speaks up only now and then elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Final

from launch.screen.colour import STATE_COLOURS, painted
from launch.screen.table import capped, cut, format_table
from launch.screen.terminal import columns_of, draws, ellipsis_of, in_colour

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from launch.observe.agent_view import AgentView

_PLAIN_INTERVAL_S: Final = 5.0
_WIDTH: Final = 80  # of a terminal that does not say


class LiveTable:
    """Shows agents as they are now.

    Args:
        out: Where to. On a terminal the table is drawn over itself, in colour unless NO_COLOR is set;
            elsewhere it is printed when its headline's text changes, and every 5 s.

    """

    __slots__ = ("_colour", "_drawn_lines", "_headline", "_in_place", "_out", "_printed_at")

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out
        self._in_place = draws(out)
        self._colour = in_colour(out)
        self._drawn_lines = 0
        self._headline = ""
        self._printed_at = 0.0

    def show(self, views: Sequence[AgentView], elapsed_s: float, headline: str) -> None:
        """Draws ``views`` under ``headline``, which is preceded by the seconds that have passed."""
        if not self._in_place:
            now = time.monotonic()
            if headline == self._headline and now - self._printed_at < _PLAIN_INTERVAL_S:
                return
            self._printed_at = now
        self._headline = headline
        lines = [f"{elapsed_s:5.1f} s  {headline}", *(_table(views).splitlines() if views else ())]
        if self._in_place:
            width = columns_of(self._out) or _WIDTH
            lines = [cut(line, width, ellipsis_of(self._out)) for line in lines]
            self._out.write(f"\x1b[{self._drawn_lines}A\x1b[J" if self._drawn_lines else "")
            self._drawn_lines = len(lines) + 1
        if self._colour:
            lines = [*lines[:2], *map(_coloured, lines[2:], views)]
        self._out.write("\n".join(lines) + "\n\n")
        self._out.flush()


def _table(views: Sequence[AgentView]) -> str:
    models = views[0].models if views else ()
    headers = ["CAMERA", "PID", "STATE", "FRAME"]
    headers += [capped(model.model_id, model.max_fps) for model in models]
    return format_table(headers, [_row(view) for view in views], right="<><" + ">" * (len(headers) - 3))


def _row(view: AgentView) -> list[str]:
    return [
        view.camera_id,
        "-" if view.pid is None else str(view.pid),
        f"{view.state}: {view.death}" if view.death else view.state,
        "-" if view.frame_id is None else str(view.frame_id),
        *(str(model.allowed) for model in view.models),
    ]


def _coloured(line: str, view: AgentView) -> str:
    return painted(line, STATE_COLOURS.get(view.state, ""))

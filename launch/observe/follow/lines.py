"""What happened, as lines: one per frame, one column per model; all else begins with two dashes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from launch.observe.follow.changes import AgentMissed, AgentSeen, ExportSeen, FrameSeen, Gap
from launch.screen.colour import GREEN, RED, YELLOW, painted
from launch.screen.table import GAP, capped, cut
from ruth.subscription.gate import Decision
from ruth.text import printable
from ruth.units import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from launch.observe.follow.changes import Change
    from ruth.agent.state import ModelState

WORDS: Final = {
    Decision.NONE: "-",
    Decision.ALLOW: "ALLOW",
    Decision.SKIP_INTERVAL: "interval",
    Decision.SKIP_BACKWARDS: "backwards",
    Decision.SKIP_SEEN: "seen",
    Decision.SKIP_INACTIVE: "inactive",
    Decision.SKIP_INVALID_CAP: "bad cap",
    Decision.SKIP_STOPPED: "stopped",
    Decision.SKIP_FAULT: "fault",
}
_COLOURS: Final = {Decision.ALLOW: GREEN, Decision.SKIP_FAULT: RED, Decision.SKIP_INVALID_CAP: RED}
_WORD_WIDTH: Final = max(map(len, WORDS.values()))
_TIME_WIDTH: Final = len("12:34:56.789")
_FRAME_WIDTH: Final = 8


class LineWriter:
    """Turns changes into lines, and repeats the header when they have changed.

    Args:
        models: The only models to show; none for all.
        limit: How many characters a line may have by now; None for any number.
        mark: Stands where a line was cut.
        colour: Whether to colour.
        wall_clock_ns: What to add to CLOCK_MONOTONIC for the time of day.

    """

    __slots__ = ("_colour", "_headers", "_limit", "_mark", "_models", "_pid", "_wall_clock_ns")

    def __init__(
        self,
        models: frozenset[str],
        limit: Callable[[], int | None],
        mark: str,
        *,
        colour: bool,
        wall_clock_ns: int,
    ) -> None:
        self._models = models
        self._limit = limit
        self._mark = mark
        self._colour = colour
        self._wall_clock_ns = wall_clock_ns
        self._headers = ""
        self._pid: int | None = None

    def text(self, change: Change) -> str:
        """The lines of one change, each ended by a newline."""
        limit = self._limit()
        if isinstance(change, FrameSeen):
            return self._frame(change, limit)
        line = f"-- {self._said(change)}"
        if limit is not None:
            line = cut(line, limit, self._mark)
        return painted(line, YELLOW if self._colour else "") + "\n"

    def _said(self, change: Change) -> str:
        if isinstance(change, AgentSeen):
            self._pid = change.pid or self._pid
            return _said_of_agent(change, self._pid)
        if isinstance(change, ExportSeen):
            if change.version:
                return f"export v{change.version}, number {change.session}"
            return f"no export: {printable(change.reason)}" if change.reason else "no export"
        if isinstance(change, AgentMissed):
            return f"{_frames(change.frames)} of the export never seen by the agent"
        assert isinstance(change, Gap)  # noqa: S101 - a frame has been dealt with; for the type checker
        models = [model for model in change.models if not self._models or model.model_id in self._models]
        allowed = ", ".join(f"{model.model_id} {model.allowed}" for model in models)
        return f"{_frames(change.frames)} not seen here" + (f"; allowed of them: {allowed}" if models else "")

    def _frame(self, frame: FrameSeen, limit: int | None) -> str:
        models = [model for model in frame.models if not self._models or model.model_id in self._models]
        shown = _fitting(models, limit)
        hidden = models[len(shown) :]
        headers = [f"{'TIME':{_TIME_WIDTH}}", f"{'FRAME':>{_FRAME_WIDTH}}"]
        cells = [self._time(frame.decided_ns), f"{frame.frame_id:>{_FRAME_WIDTH}}"]
        colours = ["", ""]
        for model in shown:
            width = _width(model)
            headers.append(f"{capped(model.model_id, model.max_fps):{width}}")
            cells.append(f"{WORDS[model.last_decision]:{width}}")
            colours.append(_COLOURS.get(model.last_decision, "") if self._colour else "")
        if hidden:
            headers.append(f"+{len(hidden)} MORE")
            cells.append(f"{sum(model.last_decision is Decision.ALLOW for model in hidden)} ALLOW")
            colours.append("")
        header, line = GAP.join(headers).rstrip(), GAP.join(cells).rstrip()
        if limit is not None and max(len(header), len(line)) > limit:
            header, line = cut(header, limit, self._mark), cut(line, limit, self._mark)
        else:
            line = GAP.join(map(painted, cells, colours)).rstrip()
        news = f"{header}\n" if header != self._headers else ""
        self._headers = header
        return f"{news}{line}\n"

    def _time(self, monotonic_ns: int) -> str:
        """The time of day, as the clock on the wall had it then if it was not set since."""
        seconds, rest = divmod(self._wall_clock_ns + monotonic_ns, NANOSECONDS)
        return f"{time.strftime('%H:%M:%S', time.localtime(seconds))}.{rest // 1_000_000:03d}"


def _frames(count: int) -> str:
    return f"{count} frame{'' if count == 1 else 's'}"


def _said_of_agent(agent: AgentSeen, pid: int | None) -> str:
    """What is said of an agent.

    Args:
        agent: How it was seen.
        pid: Of the live agent that was seen last.

    """
    who = "agent" if pid is None else f"agent {pid}"
    return {
        "running": f"{who} is running",
        "idle": f"{who} is idle",
        "stopped": f"{who} is stopped (kill -CONT {pid} continues it)",
        "dead": f"{who} is dead{f': {agent.death}' if agent.death else ''}",
        "absent": "no agent",
        "unseen": f"{who} is {agent.problem}",
        "unknown": f"{who}: {agent.problem}",
    }[agent.state]


def _width(model: ModelState) -> int:
    return max(len(capped(model.model_id, model.max_fps)), _WORD_WIDTH)


def _fitting(models: Sequence[ModelState], limit: int | None) -> Sequence[ModelState]:
    """The first of ``models`` whose columns fit, with room for the sum of the others if some do not."""
    used = _TIME_WIDTH + len(GAP) + _FRAME_WIDTH
    ends = []
    for model in models:
        used += len(GAP) + _width(model)
        ends.append(used)
    if limit is None or not ends or ends[-1] <= limit:
        return models
    room = limit - len(GAP) - len(f"+{len(models)} MORE")
    return models[: sum(end <= room for end in ends)]

"""One screen of ``ruth top``, as lines. Pure: values and a size in, text out; it knows no terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from launch.colour import REVERSED, STATE_COLOURS, painted
from launch.ps import percent, state_text
from launch.table import (
    Column,
    cut,
    cut_middle,
    fitting,
    lines_within,
    short_bytes,
    short_seconds,
    width_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch.top.rates import Row, Totals

HEAD_LINES = 4  # what all together do, and the heads of the table
_CAMERA_WIDTH_MIN = 8
_NOTHING = "-"


class Look(NamedTuple):
    """How a screen is to look.

    Attributes:
        columns: Characters a line; no line is longer.
        lines: Lines of the screen, at least 1; there are never more.
        order: What the rows are sorted by, for the heading.
        first: Which row comes first, from 0.
        clock: The time, as it is to be shown.
        mark: Stands where something was cut.
        colour: Whether to colour states and heads.

    """

    columns: int
    lines: int
    order: str
    first: int
    clock: str
    mark: str
    colour: bool


def rows_that_fit(lines: int, rows: int) -> int:
    """How many of ``rows`` a screen of ``lines`` shows; one fewer where it must say that there are more."""
    room = lines - HEAD_LINES
    return rows if rows <= room else max(0, room - 1)


def screen(rows: Sequence[Row], totals: Totals, look: Look) -> list[str]:
    """The lines of one screen.

    Args:
        rows: All cameras, in the order in which they are to be shown.
        totals: Of them.
        look: How.

    """
    count = rows_that_fit(look.lines, len(rows))
    first = max(0, min(look.first, len(rows) - count))
    shown = rows[first : first + count]
    head, *body = lines_within(_columns(shown, rows, look), look.columns, look.mark)
    plain = [*_summary(totals, look), head]
    lines = [cut(line, look.columns, look.mark) for line in plain]
    if look.colour:
        lines[-1] = painted(lines[-1].ljust(look.columns), REVERSED)
    lines += body
    if count < len(rows):
        above, below = first, len(rows) - first - count
        lines.append(
            cut(f"{look.mark} {above} above, {below} below (arrows, PgUp, PgDn)", look.columns, look.mark)
        )
    return lines[: look.lines]


def _summary(totals: Totals, look: Look) -> list[str]:
    states = ", ".join(f"{number} {state}" for state, number in totals.states) or "none"
    rates = f"frames {totals.fps:.0f}/s, allowed {totals.allowed_fps:.0f}/s"
    return [
        f"{look.clock}  cameras: {totals.cameras} ({states})",
        f"{rates}, CPU {totals.cpu_percent:.1f}%, private {short_bytes(totals.private_bytes)}",
        f"sorted by {look.order}: c CPU, f FPS, n name; q ends",
    ]


def _columns(shown: Sequence[Row], rows: Sequence[Row], look: Look) -> list[Column]:
    """Widths are those of all rows, so that nothing moves sideways while they scroll."""
    states = [state_text(row.state, row.death, stopped=row.stopped) for row in shown]
    colours = [STATE_COLOURS.get(state.split(":")[0], "") for state in states] if look.colour else ()
    columns = [
        Column("PID", [_NOTHING if row.pid is None else str(row.pid) for row in shown], right=True, least=5),
        Column("STATE", states, colours=colours, least=_state_width(rows)),
        Column("FPS", [_rate(row.fps) for row in shown], right=True, rank=1, least=6),
        Column("ALLOWED", [_rate(row.allowed_fps) for row in shown], right=True, rank=6),
        Column("CPU", [percent(row.cpu_percent) for row in shown], right=True, rank=2, least=6),
        Column("PRIVATE", [short_bytes(row.private_bytes) for row in shown], right=True, rank=3),
        Column("AGE", [short_seconds(row.age_s) for row in shown], right=True, rank=4, least=4),
        Column("MISSED", [str(row.missed) for row in shown], right=True, rank=5),
    ]
    longest = max((len(row.camera_id) for row in rows), default=0)
    always = width_of([column for column in columns if column.rank <= 2])
    room = max(_CAMERA_WIDTH_MIN, min(longest, look.columns - always - 2))
    camera = Column("CAMERA", [cut_middle(row.camera_id, room, look.mark) for row in shown], least=room)
    return fitting([camera, *columns], look.columns)


def _state_width(rows: Sequence[Row]) -> int:
    return max((len(state_text(row.state, row.death, stopped=row.stopped)) for row in rows), default=0)


def _rate(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.1f}"

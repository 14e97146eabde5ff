"""One screen of ``ruth top``, as lines: values and a size in, text out; it knows no terminal."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from launch.observe.model_columns import model_columns
from launch.observe.ps import died_column, percent, state_text
from launch.observe.top.control import HELP
from launch.screen.colour import REVERSED, STATE_COLOURS, painted
from launch.screen.table import (
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

    from launch.observe.top.control import Control
    from launch.observe.top.rates import Row, Totals

HEADER_LINES = 4  # what all together do, and the header of the table
_CAMERA_WIDTH_MIN = 8
_NOTHING = "-"


class ScreenOptions(NamedTuple):
    """What a screen is drawn with.

    Attributes:
        columns: Characters per line; no line is longer.
        lines: Lines of the screen, at least 1; there are never more.
        control: What the user asked for.
        clock: The time, as it is to be shown.
        mark: Replaces what was cut.
        colour: Whether to colour states and headers.

    """

    columns: int
    lines: int
    control: Control
    clock: str
    mark: str
    colour: bool


def rows_that_fit(lines: int, rows: int) -> int:
    """How many of ``rows`` a screen of ``lines`` shows; one fewer where it must say that there are more."""
    room = lines - HEADER_LINES
    return rows if rows <= room else max(0, room - 1)


def screen(rows: Sequence[Row], totals: Totals, options: ScreenOptions) -> list[str]:
    """The lines of one screen.

    Args:
        rows: The cameras that the filter leaves, in the order in which they are to be shown.
        totals: Of all cameras.
        options: What it is drawn with.

    """
    if options.control.help:
        return [cut(line, options.columns, options.mark) for line in HELP][: options.lines]
    count = rows_that_fit(options.lines, len(rows))
    first = max(0, min(options.control.first, len(rows) - count))
    header, *body = lines_within(_columns(rows, first, count, options), options.columns, options.mark)
    plain = [*_summary(totals, len(rows), options), header]
    lines = [cut(line, options.columns, options.mark) for line in plain]
    if options.colour:
        lines[-1] = painted(lines[-1].ljust(options.columns), REVERSED)
    lines += body
    if count < len(rows):
        more = f"{options.mark} {first} above, {len(rows) - first - count} below (arrows, PgUp, PgDn)"
        lines.append(cut(more, options.columns, options.mark))
    return lines[: options.lines]


def _summary(totals: Totals, left: int, options: ScreenOptions) -> list[str]:
    control = options.control
    rates = f"frames {totals.fps:.0f}/s, allowed {totals.allowed_fps:.0f}/s"
    keys = (
        f"sorted by {control.order}{' reversed' if control.reverse else ''}: < > r; / filter; ? help; q end"
    )
    if control.typing:
        keys = f"filter: {control.filter}_  ({left} left; Enter keeps it, Esc drops it)"
    elif control.filter:
        keys = f"filter: {control.filter}  ({left} left; Esc drops it); {keys}"
    return [
        f"{options.clock}  {totals.cameras}",
        f"{rates}, CPU {totals.cpu_percent:.1f}%, private {short_bytes(totals.private_bytes)}",
        keys,
    ]


def _columns(rows: Sequence[Row], first: int, count: int, options: ScreenOptions) -> list[Column]:
    """Those of ``count`` rows, as wide as for all: nothing moves sideways while they scroll."""
    states = [state_text(row.state, row.death, row.death_cause) for row in rows]
    colours = [STATE_COLOURS.get(row.state, "") for row in rows] if options.colour else ()
    columns = [
        Column("PID", [_NOTHING if row.pid is None else str(row.pid) for row in rows], right=True, least=5),
        Column("STATE", states, colours=colours),
        Column("FPS", [_rate(row.fps) for row in rows], right=True, rank=1, least=6),
        Column("ALLOWED", [_rate(row.allowed_fps) for row in rows], right=True, rank=6),
        Column("CPU", [percent(row.cpu_percent) for row in rows], right=True, rank=2, least=6),
        Column("PRIVATE", [short_bytes(row.private_bytes) for row in rows], right=True, rank=3),
        Column("AGE", [short_seconds(row.age_s) for row in rows], right=True, rank=4, least=4),
        *died_column([row.dead_s for row in rows], 4),
        Column("MISSED", [str(row.missed) for row in rows], right=True, rank=5),
        Column("ARRIVALS", [_rate(row.arrivals_per_s) for row in rows], right=True, rank=7),
        Column("GAP", [short_seconds(row.longest_gap_s) for row in rows], right=True, rank=8, least=4),
        Column("SLOTS", [str(row.slots_needed or _NOTHING) for row in rows], right=True, rank=9),
    ]
    longest = max((len(row.camera_id) for row in rows), default=0)
    always = width_of([column for column in columns if column.rank <= 2])
    room = max(_CAMERA_WIDTH_MIN, min(longest, options.columns - always - 2))
    camera = Column("CAMERA", [cut_middle(row.camera_id, room, options.mark) for row in rows], least=room)
    columns = [camera, *columns]
    models = model_columns([row.models for row in rows], lambda model: _rate(model.allowed_fps))
    if width_of([*columns, *models]) <= options.columns:  # all of them or none
        columns += models
    last = first + count
    return [
        replace(
            column,
            cells=column.cells[first:last],
            colours=column.colours[first:last],
            least=column.width,
        )
        for column in fitting(columns, options.columns)
    ]


def _rate(value: float | None) -> str:
    return _NOTHING if value is None else f"{value:.1f}"

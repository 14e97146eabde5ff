"""What a benchmark passes on: tables, charts and notes, as values that can be written down and read again.

Pure. A number in a table keeps its precision; how many digits are shown is decided when it is shown.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from launch.screen.table import format_table

if TYPE_CHECKING:
    from collections.abc import Mapping

Cell: TypeAlias = str | int | float | None
"""A number, a text, or None for what was not measured."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table.

    Attributes:
        title: What it shows, without a full stop.
        headers: One per column, with the unit.
        rows: As many cells each as there are headers.

    """

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def __post_init__(self) -> None:
        """Raises ValueError for a row that is not as long as the headers."""
        for row in self.rows:
            if len(row) != len(self.headers):
                raise ValueError(f"{self.title}: {len(row)} cells below {len(self.headers)} headers")


@dataclass(frozen=True, slots=True)
class Series:
    """One arm in a chart: a value for each place on the x axis, None where there is none."""

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart: bars in groups, or lines over numbers.

    Attributes:
        title: What it shows.
        unit: Of the y axis.
        places: Labels of the groups; numbers for lines.
        series: One an arm.
        log: Whether the y axis is logarithmic.
        lines: Lines over a logarithmic x axis, instead of bars.

    """

    title: str
    unit: str
    places: tuple[str | int, ...]
    series: tuple[Series, ...]
    log: bool = False
    lines: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """One benchmark's outcome.

    Attributes:
        name: The benchmark's.
        tables: At least one.
        charts: For the plot; may be empty.
        notes: What a reader of the numbers must know: what was left out, and why.

    """

    name: str
    tables: tuple[Table, ...]
    charts: tuple[Chart, ...] = ()
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As an object for a JSON file."""
        return asdict(self)


def result_from_json(content: Mapping[str, Any]) -> Result:
    """What :meth:`Result.as_json` was made of. Raises KeyError or TypeError for anything else."""
    tables = tuple(
        Table(table["title"], tuple(table["headers"]), tuple(tuple(row) for row in table["rows"]))
        for table in content["tables"]
    )
    charts = tuple(
        Chart(
            chart["title"],
            chart["unit"],
            tuple(chart["places"]),
            tuple(Series(series["name"], tuple(series["values"])) for series in chart["series"]),
            chart["log"],
            chart["lines"],
        )
        for chart in content["charts"]
    )
    return Result(content["name"], tables, charts, tuple(content["notes"]))


def shown(cell: Cell) -> str:
    """A cell as text: three significant digits, thousands separated; ``-`` for None."""
    if cell is None:
        return "-"
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int) or abs(cell) >= 100:
        return f"{cell:,.0f}"
    return f"{cell:#.3g}".rstrip(".") if cell else "0"


def as_text(result: Result) -> str:
    """For a terminal: each table under its title, then the notes."""
    parts = [table_as_text(table) for table in result.tables]
    parts += [f"{note}\n" for note in result.notes]
    return "\n".join(parts)


def table_as_text(table: Table) -> str:
    """A table under its title."""
    rows = [[shown(cell) for cell in row] for row in table.rows]
    return f"{table.title}\n" + format_table(table.headers, rows, right=_alignment(table))


def as_markdown(result: Result) -> str:
    """For a page: each table under its title in bold, then the notes as a list."""
    parts = [f"**{table.title}**\n\n{table_as_markdown(table)}" for table in result.tables]
    if result.notes:
        parts.append("".join(f"* {note}\n" for note in result.notes))
    return "\n".join(parts)


def table_as_markdown(table: Table) -> str:
    """A table of Markdown, without its title."""
    line = "".join(" ---: |" if mark == ">" else " --- |" for mark in _alignment(table))
    rows = ["".join(f" {shown(cell)} |" for cell in row) for row in table.rows]
    header = "".join(f" {header} |" for header in table.headers)
    return "".join(f"|{row}\n" for row in (header, line, *rows))


def _alignment(table: Table) -> str:
    """``>`` for each column that holds a number, a blank for the others."""
    columns = zip(*table.rows, strict=True) if table.rows else [()] * len(table.headers)
    return "".join(
        ">" if any(isinstance(cell, int | float) for cell in column) else " " for column in columns
    )

"""Plain text tables: columns as wide as their widest cell, numbers to the right, nothing wrapped.

Where lines have a limit, columns of less importance are left out until the rest fits, and what is cut carries
a mark.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from launch.screen.colour import painted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

GAP: Final = "  "


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column.

    Attributes:
        header: Its first line.
        cells: Its text in each row.
        right: Whether it is set to the right, as numbers are.
        rank: Its importance: 0 is always shown, the highest is left out first.
        least: Characters that it has at least.
        colours: One per row (:mod:`launch.screen.colour`), or none at all.

    """

    header: str
    cells: Sequence[str]
    right: bool = False
    rank: int = 0
    least: int = 0
    colours: Sequence[str] = ()

    @property
    def width(self) -> int:
        """Characters of its widest cell."""
        return max(len(self.header), *map(len, self.cells), self.least)


def format_table(headers: Sequence[str], rows: Sequence[Sequence[str]], *, right: str = "") -> str:
    """Lines of a table, each ended by a newline.

    Args:
        headers: One per column.
        rows: Cells as text, as many as headers.
        right: One character a column, ``>`` for those set to the right; missing ones go left.

    """
    columns = [
        Column(header, cells, right=right[index : index + 1] == ">")
        for index, (header, *cells) in enumerate(zip(headers, *rows, strict=True))
    ]
    return "".join(f"{line}\n" for line in lines_of(columns))


def lines_of(columns: Sequence[Column]) -> list[str]:
    """The lines of a table: headers, then rows."""
    widths = [column.width for column in columns]
    lines = [_line(columns, widths, None)]
    lines += [_line(columns, widths, row) for row in range(len(columns[0].cells))]
    return lines


def _line(columns: Sequence[Column], widths: Sequence[int], row: int | None) -> str:
    parts = []
    for column, width in zip(columns, widths, strict=True):
        cell = column.header if row is None else column.cells[row]
        shown = painted(cell, column.colours[row]) if row is not None and column.colours else cell
        padding = " " * (width - len(cell))
        parts.append(padding + shown if column.right else shown + padding)
    return GAP.join(parts).rstrip()


def width_of(columns: Iterable[Column]) -> int:
    """Characters of a table's widest line; of no columns, less than none."""
    return sum(column.width + len(GAP) for column in columns) - len(GAP)


def fitting(columns: Sequence[Column], limit: int | None) -> list[Column]:
    """The most important of ``columns`` that fit into ``limit`` characters, in their order.

    Those of rank 0 are kept whether they fit or not; no limit keeps all.
    """
    if limit is None:
        return list(columns)
    kept = [column for column in columns if column.rank == 0]
    room = limit - width_of(kept)
    for column in sorted((column for column in columns if column.rank), key=lambda column: column.rank):
        room -= column.width + len(GAP)
        if room < 0:
            break  # nothing less important is shown instead: a column must not come and go with its size
        kept.append(column)
    return [column for column in columns if column in kept]


def lines_within(columns: Sequence[Column], limit: int | None, mark: str) -> list[str]:
    """The lines of a table of which none is longer than ``limit``: cut, without colours, if it must be."""
    if limit is None or width_of(columns) <= limit:
        return lines_of(columns)
    return [cut(line, limit, mark) for line in lines_of([replace(one, colours=()) for one in columns])]


def cut(text: str, limit: int, mark: str) -> str:
    """``text`` in at most ``limit`` characters; ends in ``mark`` if it was cut."""
    if len(text) <= limit:
        return text
    return text[: max(0, limit - len(mark))] + mark[: max(0, limit)]


def cut_middle(text: str, limit: int, mark: str) -> str:
    """As :func:`cut`, with the mark in the middle: names often differ at their ends."""
    if len(text) <= limit:
        return text
    kept = limit - len(mark)
    if kept < 2:
        return cut(text, limit, mark)
    return text[: kept - kept // 2] + mark + text[-(kept // 2) :]


def capped(model_id: str, max_fps: float | None) -> str:
    """A model with its cap: ``"person<=5"``; without one, its id alone."""
    return model_id if max_fps is None else f"{model_id}{cap_text(max_fps)}"


def cap_text(max_fps: float | None) -> str:
    """A cap alone: ``"<=5"``, or ``"all"`` for None."""
    return "all" if max_fps is None else f"<={max_fps:g}"


def short_bytes(count: int | None) -> str:
    """``"1.0 MB"``, or ``"-"`` for None."""
    if count is None:
        return "-"
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.0f} kB"


def short_seconds(seconds: float | None) -> str:
    """``"0.0s"``, ``"41s"``, ``"12m"``, ``"7h"``, ``"3d"``, or ``"-"`` for None."""
    if seconds is None:
        return "-"
    if seconds < 10:
        return f"{seconds:.1f}s"
    for unit, length in (("s", 120), ("m", 120 * 60), ("h", 48 * 3600)):
        if seconds < length:
            return f"{seconds / {'s': 1, 'm': 60, 'h': 3600}[unit]:.0f}{unit}"
    return f"{seconds / 86400:.0f}d"

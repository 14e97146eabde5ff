"""Plain text tables: columns as wide as their widest cell, numbers to the right, nothing wrapped."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

GAP = "  "


def format_table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, right: str = "") -> str:
    """Lines of a table, each ended by a newline.

    Args:
        heads: One a column.
        rows: Cells as text, as many as heads.
        right: One character a column, ``>`` for those set to the right; missing ones go left.

    """
    widths = [max(len(cell) for cell in column) for column in zip(heads, *rows, strict=True)]
    lines = []
    for row in (heads, *rows):
        cells = [
            cell.rjust(width) if right[index : index + 1] == ">" else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(GAP.join(cells).rstrip() + "\n")
    return "".join(lines)


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

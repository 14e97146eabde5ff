"""Puts measured tables into ``docs/benchmarks.md``. Pure: text in, text out.

A line ``<!-- measured: NAME -->`` begins what was measured of a benchmark, ``<!-- measured: all -->`` what of
all was to be reached, and ``<!-- end -->`` ends it. All else on the page is written by people.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from benchmarks.reach import reach_table
from benchmarks.result import as_markdown, table_as_markdown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.record import Record

FOLDER = "benchmarks"
"""Where, beside the page, plots and results.json lie."""

_MEASURED = re.compile(r"(<!-- measured: ([a-z0-9]+) -->\n).*?(<!-- end -->\n)", re.DOTALL)


def with_measurements(page: str, records: Mapping[str, Record]) -> str:
    """The page with what ``records`` hold in its places; places without a record stay as they are."""

    def measured(found: re.Match[str]) -> str:
        if found[2] == "all":
            return f"{found[1]}\n{table_as_markdown(reach_table(records))}\n{found[3]}"
        record = records.get(found[2])
        if record is None:
            return found[0]
        return f"{found[1]}\n{section(record)}\n{found[3]}"

    return _MEASURED.sub(measured, page)


def section(record: Record) -> str:
    """What the page shows of one benchmark: tables, notes, plot, circumstances."""
    name = record.result.name
    plot = f"![{name}]({FOLDER}/{name}.png)\n\n" if record.result.charts else ""
    return f"{as_markdown(record.result)}\n{plot}{record.circumstances}\n"

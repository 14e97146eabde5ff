from __future__ import annotations

import pytest

from launch.screen.colour import RED
from launch.screen.table import (
    Column,
    cut,
    cut_middle,
    fitting,
    format_table,
    lines_of,
    short_bytes,
    short_seconds,
)


def names(columns: list[Column]) -> list[str]:
    """The headers of columns."""
    return [column.header for column in columns]


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    """Text is to the left, numbers to the right, two blanks apart, no blanks at the ends of lines."""
    table = format_table(("NAME", "N", "X"), [("a", "1", ""), ("front-door", "200", "y")], right="<>")
    assert table == "NAME          N  X\na             1\nfront-door  200  y\n"


def test_a_table_without_rows_is_its_heads() -> None:
    """No row is not a problem."""
    assert format_table(("NAME", "N"), []) == "NAME  N\n"


def test_colours_take_no_room() -> None:
    """A coloured cell is padded as its text is, and the escape sequences surround the text alone."""
    columns = [Column("STATE", ["dead", "running"], colours=[RED, ""]), Column("N", ["1", "2"])]
    assert lines_of(columns) == ["STATE    N", f"{RED}dead\x1b[0m     1", "running  2"]


def test_the_least_important_columns_are_left_out() -> None:
    """Columns go by their rank, the highest first, and the others keep their order."""
    columns = [Column("AAA", [], rank=2), Column("BBB", []), Column("CCC", [], rank=1)]
    assert names(fitting(columns, None)) == names(fitting(columns, 13)) == ["AAA", "BBB", "CCC"]
    assert names(fitting(columns, 12)) == ["BBB", "CCC"]
    assert names(fitting(columns, 8)) == ["BBB", "CCC"]
    assert names(fitting(columns, 7)) == ["BBB"]


def test_what_is_always_shown_stays() -> None:
    """Columns of rank 0 stay, also where they do not fit."""
    assert names(fitting([Column("AAA", []), Column("BBB", [])], 2)) == ["AAA", "BBB"]


def test_a_narrow_column_does_not_take_the_place_of_an_important_one() -> None:
    """When one column does not fit, no less important one is shown instead."""
    columns = [Column("A", []), Column("WIDE-ONE", [], rank=1), Column("B", [], rank=2)]
    assert names(fitting(columns, 5)) == ["A"]


@pytest.mark.parametrize("limit", range(12))
@pytest.mark.parametrize("mark", ["\N{HORIZONTAL ELLIPSIS}", "..."])
def test_what_is_cut_fits_and_carries_the_mark(limit: int, mark: str) -> None:
    """A text that is too long is cut to exactly the limit, and shows it."""
    for cutting in (cut, cut_middle):
        shown = cutting("front-door-1", limit, mark)
        assert len(shown) == limit
        assert mark[:limit] in shown


@pytest.mark.parametrize("cutting", [cut, cut_middle])
def test_what_fits_is_not_cut(cutting: object) -> None:
    """A text of just the limit stays whole."""
    assert callable(cutting)
    assert cutting("front-door-1", 12, "...") == "front-door-1"


def test_a_name_keeps_both_ends() -> None:
    """Cut in the middle, a name still shows how it begins and how it ends."""
    assert cut_middle("site-12-building-7-door-01", 13, "...") == "site-...or-01"


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, "-"), (0, "0 kB"), (99_999, "100 kB"), (100_000, "0.1 MB"), (1_640_000, "1.6 MB")],
)
def test_short_bytes(count: int | None, text: str) -> None:
    """Memory is shown in kB or MB, of a thousand each."""
    assert short_bytes(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0, "0.0s"), (9.94, "9.9s"), (10, "10s"), (119, "119s"), (120, "2m"), (7199, "120m"),
     (7200, "2h"), (172_800, "2d")],
)  # fmt: skip
def test_short_seconds(seconds: float | None, text: str) -> None:
    """Times are shown in the unit that needs the fewest digits."""
    assert short_seconds(seconds) == text

from __future__ import annotations

import json

import pytest

from benchmarks.result import Chart, Result, Series, Table, as_markdown, as_text, result_from_json, shown

RESULT = Result(
    "some",
    (Table("Some numbers", ("by", "us", "x"), (("Ruth", 1.25, None), ("other", 1234.5, 2))),),
    (Chart("a chart", "us", (1, 10), (Series("Ruth", (1.0, None)),), lines=True),),
    ("One was left out.",),
)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (None, "-"),
        ("text", "text"),
        (0, "0"),
        (0.0, "0"),
        (7, "7"),
        (2000, "2,000"),
        (0.00123, "0.00123"),
        (0.9126, "0.913"),
        (1.0, "1.00"),
        (9.996, "10.0"),
        (99.4, "99.4"),
        (99.96, "100"),
        (123.4, "123"),
        (1234.5, "1,234"),
        (-12.34, "-12.3"),
    ],
)
def test_numbers_are_shown_with_three_digits(cell: str | float | None, text: str) -> None:
    """A measured number has three significant digits, a count all of them, what was not measured a dash."""
    assert shown(cell) == text


def test_a_result_survives_a_file() -> None:
    """What was written down is read again as it was."""
    assert result_from_json(json.loads(json.dumps(RESULT.as_json()))) == RESULT


def test_a_row_of_another_length_is_refused() -> None:
    """A table has as many cells in each row as it has headers."""
    with pytest.raises(ValueError, match="2 cells below 1 headers"):
        Table("t", ("a",), (("x", 1),))


def test_text() -> None:
    """On a terminal a table is under its title, numbers to the right, notes behind it."""
    assert as_text(RESULT) == (
        "Some numbers\nby        us  x\nRuth    1.25  -\nother  1,234  2\n\nOne was left out.\n"
    )


def test_markdown() -> None:
    """On a page a table is one of Markdown, numbers to the right, notes as a list."""
    assert as_markdown(RESULT) == (
        "**Some numbers**\n\n"
        "| by | us | x |\n| --- | ---: | ---: |\n| Ruth | 1.25 | - |\n| other | 1,234 | 2 |\n\n"
        "* One was left out.\n"
    )

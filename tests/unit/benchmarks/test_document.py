from __future__ import annotations

from benchmarks.document import section, with_measurements
from benchmarks.record import Record
from benchmarks.result import Chart, Result, Series, Table

GATE = Record(
    Result("gate", (Table("One decision", ("ns",), ((80.0,),)),)), "2000-12-31", "a machine", 0.5, 12.0, False
)
PAGE = """# Page

<!-- measured: gate -->
old numbers
<!-- end -->
Said by people.
<!-- measured: view -->
kept
<!-- end -->
"""


def test_measured_parts_are_replaced() -> None:
    """What was measured takes the place of older numbers; everything else on the page stays."""
    page = with_measurements(PAGE, {"gate": GATE})
    assert "old numbers" not in page
    assert "| 80.0 |" in page
    assert page.startswith("# Page\n")
    assert "Said by people.\n<!-- measured: view -->\nkept\n<!-- end -->\n" in page


def test_it_can_be_done_again() -> None:
    """The same numbers leave the page as it is."""
    page = with_measurements(PAGE, {"gate": GATE})
    assert with_measurements(page, {"gate": GATE}) == page


def test_a_plot_is_shown_where_there_is_one() -> None:
    """A benchmark with charts shows its plot, one without shows none."""
    assert "gate.png" not in section(GATE)
    chart = Chart("c", "us", ("",), (Series("Ruth", (1.0,)),))
    drawn = Record(Result("gate", GATE.result.tables, (chart,)), "2000-12-31", "a machine", 0.5, 12.0, False)
    assert "![gate](benchmarks/gate.png)" in section(drawn)

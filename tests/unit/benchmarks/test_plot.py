from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.plot import draw, plot_missing
from benchmarks.result import Chart, Result, Series, Table

if TYPE_CHECKING:
    from pathlib import Path

BARS = Chart("bars", "us", ("a", "b"), (Series("Ruth", (1.0, None)), Series("other", (2.0, 300.0))), log=True)
LINES = Chart("lines", "us", (1, 10), (Series("Ruth", (1.0, 2.0)), Series("none", (None, None))), lines=True)


@pytest.mark.skipif(plot_missing() is not None, reason=str(plot_missing()))
def test_charts_become_a_picture(tmp_path: Path) -> None:
    """Bars and lines, also with values missing, are drawn into a PNG."""
    path = tmp_path / "plot.png"
    assert draw(Result("some", (), (BARS, LINES)), path)
    assert path.read_bytes().startswith(b"\x89PNG\r\n")


def test_no_chart_is_no_picture(tmp_path: Path) -> None:
    """A result without charts leaves no file."""
    path = tmp_path / "plot.png"
    assert not draw(Result("some", (Table("t", ("us",), ((1.0,),)),)), path)
    assert not path.exists()

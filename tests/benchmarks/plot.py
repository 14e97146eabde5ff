"""Draws a result's charts into a PNG. matplotlib is an extra: without it there is no plot, and a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.result import Chart, Result

_WIDTH_INCHES, _HEIGHT_INCHES, _DOTS = 4.6, 3.4, 100
# Ruth in one strong colour, the others after it; the colour-blind can tell them apart (Okabe and Ito).
_COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#999999", "#F0E442", "#0072B2")
_OURS = "#D55E00"


def plot_missing() -> str | None:
    """Why no plot can be drawn, or None."""
    try:
        import matplotlib  # noqa: F401, ICN001 - asked for, not used
    except ImportError as error:
        return f"no plots: {error}; tests/benchmarks/run installs it"
    return None


def draw(result: Result, path: Path) -> bool:
    """Draws the charts side by side into the PNG ``path``. False if the result has none."""
    if not result.charts:
        return False
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH_INCHES * len(result.charts), _HEIGHT_INCHES), dpi=_DOTS)
    for axes, chart in zip(
        figure.subplots(1, len(result.charts), squeeze=False)[0], result.charts, strict=True
    ):
        _draw(axes, chart)
    figure.tight_layout()
    figure.savefig(path, metadata={"Software": None})
    return True


def _draw(axes: Any, chart: Chart) -> None:
    muted = iter(_COLOURS * 2)
    width = 0.8 / max(1, len(chart.series))
    for number, series in enumerate(chart.series):
        colour = _OURS if series.name.startswith(("Ruth", "ruth")) else next(muted)
        found = [(place, value) for place, value in zip(chart.places, series.values, strict=True) if value]
        if chart.lines:
            axes.plot(
                *zip(*found, strict=True), marker="o", color=colour, label=series.name
            ) if found else None
            continue
        places = [chart.places.index(place) + (number + 0.5) * width - 0.4 for place, _ in found]
        axes.bar(places, [value for _, value in found], width, color=colour, label=series.name)
    if chart.lines:
        axes.set_xscale("log")
        axes.set_xticks(chart.places, [str(place) for place in chart.places])
        axes.minorticks_off()
    else:
        axes.set_xticks(range(len(chart.places)), [str(place) for place in chart.places])
    if chart.log:
        axes.set_yscale("log")
    axes.set_title(chart.title, fontsize=10)
    axes.set_ylabel(chart.unit)
    axes.grid(axis="y", alpha=0.3)
    axes.legend(fontsize=7)

"""What pytest prints beside its own: each failing test at once, and for which reasons tests were skipped."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

_SKIPPED = "Skipped: "


def reasons_of(skipped: list[pytest.TestReport]) -> list[tuple[str, int]]:
    """Why tests were skipped, and how many for that reason, the most frequent first."""
    found: Counter[str] = Counter()
    for report in skipped:
        if isinstance(report.longrepr, tuple):  # path, line, reason; else an expected failure
            found[report.longrepr[2].removeprefix(_SKIPPED)] += 1
    return found.most_common()


class Reporting:
    """A plugin of the process that prints: names a test at once when it fails."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Prints the name of a test that has failed."""
        printer: TerminalReporter | None = self._config.pluginmanager.get_plugin("terminalreporter")
        if report.failed and printer is not None:
            printer.write_line(f"\nFAILED {report.nodeid} ({report.when}, {report.duration:.1f} s)", red=True)

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """Prints why tests were skipped."""
        for reason, count in reasons_of(terminalreporter.stats.get("skipped", [])):
            terminalreporter.write_line(f"skipped {count}: {reason}")

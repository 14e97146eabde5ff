"""What pytest prints beside its own: each failing test at once, and for which reasons tests were skipped."""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from _pytest.capture import CaptureManager
    from _pytest.terminal import TerminalReporter

_SKIPPED = "Skipped: "


def reasons_of(skipped: list[pytest.TestReport]) -> list[tuple[str, int]]:
    """Why tests were skipped, and how many for that reason, the most frequent first."""
    found: Counter[str] = Counter()
    for report in skipped:
        if isinstance(report.longrepr, tuple):  # path, line, reason; else an expected failure
            found[report.longrepr[2].removeprefix(_SKIPPED)] += 1
    return found.most_common()


def print_at_once(config: pytest.Config, text: str) -> None:
    """Prints a line of a test that takes long, in spite of capturing; nothing in a worker of pytest-xdist."""
    printer: TerminalReporter | None = config.pluginmanager.get_plugin("terminalreporter")
    capture: CaptureManager | None = config.pluginmanager.get_plugin("capturemanager")
    if printer is not None:
        with nullcontext() if capture is None else capture.global_and_fixture_disabled():
            printer.write_line(text)
            printer.flush()


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

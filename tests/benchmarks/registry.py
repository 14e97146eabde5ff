"""The benchmarks there are, in the order in which they run."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from benchmarks.result import Result
    from benchmarks.stage import Stage

NAMES: Final = (
    "publish",
    "notice",
    "cameras",
    "version1",
    "rhythm",
    "idle",
    "gate",
    "view",
    "many",
    "pictures",
    "off",
    "decode",
)


class Benchmark(Protocol):
    """A module of this package.

    Attributes:
        NAME: Its name on the command line.
        ABOUT: What it measures, in a line.

    """

    NAME: str
    ABOUT: str

    def run(self, stage: Stage) -> Result:
        """Measures."""


def benchmark_named(name: str) -> Benchmark:
    """The benchmark with that name, one of :data:`NAMES`."""
    module: Any = import_module(f"benchmarks.{name}")
    return module

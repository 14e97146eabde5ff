"""The command ``tests/benchmarks/run`` (docs/benchmarks.md).

Progress goes to stderr, tables to stdout; plots and results.json into a folder. Exit codes as those of
``ruth``: 0 ok, 1 a benchmark failed, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.document import FOLDER, with_measurements
from benchmarks.machine import load_average, machine_here, today
from benchmarks.plot import draw, plot_missing
from benchmarks.reach import reach_table
from benchmarks.record import FILE_NAME, Record, read_records, write_records
from benchmarks.registry import NAMES, benchmark_named
from benchmarks.result import as_text, table_as_text
from benchmarks.stage import BenchmarkError, Stage, end_on_sigterm, end_resource_tracker
from launch.exits import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_OK
from launch.screen.messages import message

if TYPE_CHECKING:
    from collections.abc import Sequence

_HERE: Final = Path(__file__).resolve().parent
_PAGE: Final = _HERE.parent.parent / "docs" / "benchmarks.md"


def parser_of() -> argparse.ArgumentParser:
    """The command line."""
    listing = "".join(f"  {name:8} {benchmark_named(name).ABOUT}\n" for name in NAMES)
    parser = argparse.ArgumentParser(
        prog="tests/benchmarks/run",
        description="Measures what Ruth costs, beside what people would use instead.",
        epilog=f"benchmarks:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which; all if none is given")
    parser.add_argument("--quick", action="store_true", help="the short form: seconds, to see that it works")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=_HERE / "results",
        metavar="DIR",
        help="where plots and results.json go (default: results, beside this command)",
    )
    parser.add_argument(
        "--document", action="store_true", help=f"put tables and plots into docs/{_PAGE.name} instead"
    )
    return parser


def main(arguments: Sequence[str]) -> int:
    """Runs the command. Returns its exit code."""
    parser = parser_of()
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in NAMES:
            parser.error(f"no benchmark {name!r}; there are {', '.join(NAMES)}")
    if options.quick and options.document:
        parser.error("--quick is for trying: its numbers do not belong into the documentation")
    output: Path = _PAGE.parent / FOLDER if options.document else options.output
    end_on_sigterm()
    names = options.names or NAMES
    try:
        for number, name in enumerate(names, 1):
            record = _run(name, f"{number}/{len(names)} {name}", quick=options.quick)
            write_records(output, [record])  # at once: what comes next may fail
            sys.stdout.write(f"\n{as_text(record.result)}{record.circumstances}\n")
            sys.stdout.flush()
            _draw(record, output)
    except BenchmarkError as error:
        message(f"benchmarks: {name}: {error}")
        return EXIT_FAILURE
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    finally:
        end_resource_tracker()
    if set(NAMES) <= set(names):
        sys.stdout.write(f"\n{table_as_text(reach_table(read_records(output)))}\n")
    if options.document:
        page = with_measurements(_PAGE.read_text(encoding="utf-8"), read_records(output))
        _PAGE.write_text(page, encoding="utf-8")
    sys.stdout.write(f"plots and {FILE_NAME}: {output}\n")
    return EXIT_OK


def _run(name: str, header: str, *, quick: bool) -> Record:
    load_before, begun = load_average(), time.monotonic()

    def say(text: str) -> None:
        message(f"{header} {time.monotonic() - begun:5.1f} s  {text}")

    with Stage(say, quick=quick) as stage:
        result = benchmark_named(name).run(stage)
    seconds = round(time.monotonic() - begun, 1)
    return Record(result, today(), str(machine_here()), load_before, seconds, quick)


def _draw(record: Record, output: Path) -> None:
    missing = plot_missing()
    if missing is None:
        draw(record.result, output / f"{record.result.name}.png")
    else:
        message(f"benchmarks: {missing}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

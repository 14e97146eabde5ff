"""``tests/coverage``: makes the file of counts, and the tables of what has been counted.

python tests/counting make FILE      an empty file
python tests/counting report FILE    the tables, by coverage.py
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from counting.arcs import SQUARE, arcs, bases

ANYBODY = 0o666  # tests start processes of other users


def make(path: Path) -> None:
    """An empty file of counts."""
    path.touch()
    path.chmod(ANYBODY)
    os.truncate(path, SQUARE * len(bases()))


def report(path: Path) -> None:
    """What was run of each file, and of ``ruth/`` and ``launch/`` in all."""
    from coverage import Coverage

    covered = Coverage()  # as pyproject.toml has it
    covered.erase()
    data = covered.get_data()
    with path.open("rb") as counts:
        data.add_arcs({file: arcs(os.pread(counts.fileno(), SQUARE, base)) for file, base in bases().items()})
    data.touch_files(bases())  # what was not even imported counts, too
    data.write()
    covered.report(show_missing=True, skip_covered=True, skip_empty=True)
    for package in ("ruth", "launch"):
        with open(os.devnull, "w") as nowhere:
            percent = covered.report(include=f"{package}/*", file=nowhere)
        print(f"{package}/: {percent:.2f} % of lines and branches")  # noqa: T201 - what it is for


if __name__ == "__main__":
    {"make": make, "report": report}[sys.argv[1]](Path(sys.argv[2]))

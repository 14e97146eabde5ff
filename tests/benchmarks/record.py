"""What was measured, when and on what: a file ``results.json`` that runs of single benchmarks update."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from benchmarks.result import Result, result_from_json

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FILE_NAME = "results.json"


@dataclass(frozen=True, slots=True)
class Record:
    """One benchmark's run.

    Attributes:
        result: What came out.
        date: When, as ``2000-12-31``.
        machine: On what (:class:`benchmarks.machine.Machine`), as text.
        load_before: Load average over the minute before it: what else ran.
        seconds: How long it took.
        quick: Whether it was the short form, whose numbers show nothing but that there are numbers.

    """

    result: Result
    date: str
    machine: str
    load_before: float
    seconds: float
    quick: bool

    @property
    def circumstances(self) -> str:
        """One line: machine, date, load."""
        text = f"{self.machine}. Measured {self.date} in {self.seconds:.0f} s; load average before: "
        return text + f"{self.load_before:.1f}" + (" (short form)" if self.quick else "")


def read_records(folder: Path) -> dict[str, Record]:
    """The records in ``folder``, by name; none if there is no file.

    Raises:
        OSError: The file cannot be read.
        ValueError, KeyError, TypeError: It holds something else.

    """
    try:
        text = (folder / FILE_NAME).read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    return {
        name: Record(**(content | {"result": result_from_json(content["result"])}))
        for name, content in json.loads(text).items()
    }


def write_records(folder: Path, records: Iterable[Record]) -> None:
    """Adds these records to the file in ``folder``, in place of earlier ones of the same name."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = read_records(folder) | {record.result.name: record for record in records}
    content = {name: asdict(record) for name, record in kept.items()}
    (folder / FILE_NAME).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

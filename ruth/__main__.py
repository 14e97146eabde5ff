"""``python -m ruth``: the installed ``ruth`` command, by its entry point.

Nothing in ``ruth`` imports ``launch`` (docs/decisions/0033-python-m-ruth.md). What the command is, the
distribution says, as it says it to the script ``ruth`` that pip makes.
"""

from __future__ import annotations

from importlib.metadata import EntryPoints, PackageNotFoundError, distribution
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> int:
    """Runs the command, which exits by itself or returns its exit code.

    Raises:
        SystemExit: No command is installed; exit code 1, with a message.

    """
    try:
        found = distribution("ruth").entry_points.select(group="console_scripts", name="ruth")
    except PackageNotFoundError:
        found = EntryPoints()
    for entry_point in found:
        command: Callable[[], int] = entry_point.load()
        return command()
    raise SystemExit("ruth: the command is not installed for this Python")


if __name__ == "__main__":
    raise SystemExit(main())

"""``python -P -m launch.agent.native``: compiles what agents do in C, for the next launch.

Exit codes: 0 compiled, 1 not.
"""

from __future__ import annotations

import sys

from launch.agent.native.build import build
from launch.agent.native.source import COMMAND, LIBRARY
from launch.exits import EXIT_FAILURE, EXIT_OK


def main() -> int:
    """Compiles, and says what came of it."""
    problem = build()
    if problem is not None:
        sys.stderr.write(f"ruth: what agents do in C is not compiled: {problem}\n")
        sys.stderr.write(f"ruth: agents work without, for more processor and memory; later: {COMMAND}\n")
        return EXIT_FAILURE
    sys.stdout.write(f"{LIBRARY}\n")
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())

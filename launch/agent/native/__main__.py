"""``python -P -m launch.agent.native``: compiles what agents do in C, for the next launch, and libruth.

Exit codes: 0 compiled, 1 not.
"""

from __future__ import annotations

import sys

from launch.agent.native.build import build, build_libruth
from launch.agent.native.source import COMMAND, LIBRARY
from launch.exits import EXIT_FAILURE, EXIT_OK
from ruth.native.source import LIBRARY as LIBRUTH


def main() -> int:
    """Compiles, and says what came of it."""
    problem = build()
    if problem is not None:
        sys.stderr.write(f"ruth: what agents do in C is not compiled: {problem}\n")
        sys.stderr.write(f"ruth: agents work without, for more processor and memory; later: {COMMAND}\n")
        return EXIT_FAILURE
    problem = build_libruth()
    if problem is not None:
        sys.stderr.write(f"ruth: libruth is not compiled: {problem}\n")
        return EXIT_FAILURE
    sys.stdout.write(f"{LIBRARY}\n{LIBRUTH}\n")
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(main())

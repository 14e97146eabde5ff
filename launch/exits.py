"""Exit codes of every ``ruth`` verb (DESIGN.md, "What people touch"), and the error that stands for one."""

from __future__ import annotations

from typing import Final

EXIT_OK: Final = 0
EXIT_FAILURE: Final = 1
EXIT_USAGE: Final = 2  # wrong usage, or a wrong configuration
EXIT_INTERRUPTED: Final = 130  # Ctrl-C, as shells have it: 128 + SIGINT


class UsageError(Exception):
    """Wrong usage or a wrong configuration; its text is for the user, exit code 2."""

"""Exit codes of every ``ruth`` verb, the error that stands for one, and how a process died, in words."""

from __future__ import annotations

import os
import signal
from typing import Final

from ruth.errors import RuthError

EXIT_OK: Final = 0
EXIT_FAILURE: Final = 1
EXIT_USAGE: Final = 2  # wrong usage, or a wrong configuration
EXIT_INTERRUPTED: Final = 130  # Ctrl-C, as shells have it: 128 + SIGINT


class UsageError(RuthError):
    """Wrong usage or a wrong configuration; its text is for the user, exit code 2."""


def describe_death(wait_status: int) -> str:
    """``"SIGKILL"``, ``"signal 35"`` or ``"exit 3"``, from a status as waitpid(2) gives it."""
    if os.WIFSIGNALED(wait_status):
        number = os.WTERMSIG(wait_status)
        try:
            return signal.Signals(number).name
        except ValueError:  # real-time signals but the first and the last have no name
            return f"signal {number}"
    return f"exit {os.WEXITSTATUS(wait_status)}"

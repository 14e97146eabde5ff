"""How a process died, in words. Pure: a wait status in, a name out."""

from __future__ import annotations

import os
import signal


def describe_death(wait_status: int) -> str:
    """``"SIGKILL"``, ``"signal 35"`` or ``"exit 3"``, from a status as waitpid(2) gives it."""
    if os.WIFSIGNALED(wait_status):
        number = os.WTERMSIG(wait_status)
        try:
            return signal.Signals(number).name
        except ValueError:  # real-time signals but the first and the last have no name
            return f"signal {number}"
    return f"exit {os.WEXITSTATUS(wait_status)}"

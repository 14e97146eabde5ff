from __future__ import annotations

import os
from typing import TYPE_CHECKING

from faults.loop import loop
from launch.launcher.launcher import notify_parent

if TYPE_CHECKING:
    from faults.tracer import Failing, Ran

CODE = 1
WRITE = 1


class LettingGo:
    """A detached launcher that has launched, and tells so who started it."""

    def prepare(self) -> None:
        """A pipe to the process that started it."""
        self._reader, self._writer = os.pipe()

    def set_up(self) -> None:
        """It starts with the descriptors that it has."""

    def play(self) -> None:
        """It leaves the terminal, tells, and releases the pipe."""
        notify_parent(self._writer, CODE)
        os.getppid()  # from here on nothing fails
        assert not os.path.exists(f"/proc/self/fd/{self._writer}")

    def judge(self, ran: Ran, failing: Failing | None) -> None:  # noqa: ARG002 - any call
        """It goes on, and the process that started it was told, or sees the pipe closed."""
        os.close(self._writer)
        with os.fdopen(self._reader, "rb") as answers:
            answer = answers.read()
        assert (ran.code, ran.escaped) == (0, "")
        assert answer == bytes([CODE]) or (answer == b"" and ran.failed == WRITE)


def test_every_system_call_of_a_launcher_that_lets_go_fails() -> None:
    """Agents have been launched: whatever fails, their launcher stays, and who started it never waits."""
    assert loop(LettingGo(), every_error=True).calls >= 6

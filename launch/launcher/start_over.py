"""A launcher that starts over in place: execve(2) of the same command, in the same process.

So it keeps its pid, its children and their zombies, its lock (:mod:`launch.launcher.record`), its signal mask
and what is pending, and gets a fresh interpreter, whose memory agents share as those of a first launch do, of
the Ruth that is installed now. What it serves is in its record; the environment names its descriptor and
nothing else.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final, NamedTuple

from ruth.identity import EXPORT_ROOT_VARIABLE, STATE_ROOT_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

DESCRIPTOR_VARIABLE: Final = "RUTH_LAUNCHER"
"""Descriptor of a launcher's record: set by the launcher for itself, across execve(2)."""


class StartOver(NamedTuple):
    """The command with which this process can be started once more, in any working directory.

    Attributes:
        program: Absolute path of the interpreter.
        arguments: From ``argv[0]`` on.

    """

    program: str
    arguments: tuple[str, ...]

    @classmethod
    def of_this_process(cls) -> StartOver:
        """Of this process; to be asked before it changes its working directory."""
        return cls(
            sys.executable,
            (sys.executable, *own_arguments(sys.orig_argv, len(sys.argv), safe=sys.flags.safe_path)),
        )

    def run(self, record: int, export_root: str, state_root: str) -> None:
        """Starts this process over; returns only by raising.

        Args:
            record: Descriptor of its record.
            export_root: Folder of all exports, absolute.
            state_root: Folder of all states, absolute.

        Raises:
            OSError: The program cannot be started; this process goes on.

        """
        environ = {
            **os.environ,
            EXPORT_ROOT_VARIABLE: export_root,
            STATE_ROOT_VARIABLE: state_root,
            DESCRIPTOR_VARIABLE: str(record),
        }
        os.set_inheritable(record, True)
        try:
            os.execve(self.program, self.arguments, environ)  # noqa: S606 - this process, once more
        finally:
            os.set_inheritable(record, False)


def own_arguments(given: Sequence[str], count: int, *, safe: bool) -> list[str]:
    """The arguments behind ``argv[0]``, such that they mean the same in any working directory.

    Args:
        given: As the interpreter got them (``sys.orig_argv``).
        count: How many the program sees, its own name among them.
        safe: Whether the interpreter leaves the working directory out of its path already (``-P``).

    """
    last = len(given) - count  # of the interpreter's own: a script, or a module or code behind an option
    arguments = list(given[1:])
    if last >= 1:
        before = given[last - 1] if last >= 2 else ""
        is_script = not given[last].startswith("-") and not (before.startswith("-") and before[-1] in "mc")
        if is_script:
            arguments[last - 1] = os.path.abspath(given[last])
    return arguments if safe else ["-P", *arguments]


def descriptor_of_this_launcher() -> int | None:
    """The descriptor of this process's record if it is a launcher that has started over, else None.

    The environment does not name it any longer then.
    """
    value = os.environ.pop(DESCRIPTOR_VARIABLE, "")
    return int(value) if value.isdecimal() and len(value) <= 9 else None

"""How an agent died, and when, by what the kernel and its own record say. Pure: values in, values out.

| cause | what is known |
|---|---|
| `operator` | told to end, by `ruth down`, `systemctl stop`, kill(1): by a process that is not its launcher |
| `launcher` | told to end by its launcher, which was told to end itself |
| `asked` | told to end, by whom is not known |
| `killed` | by a signal that nothing can catch, or another one that ends a process |
| `crashed` | by a signal of its own fault |
| `exited` | it ended by itself, with an exit code |
| `hidden` | the kernel keeps how, and tells it to root and to the agent's own user alone |

Of an agent that was told to end the record says so (docs/decisions/0053), also after its launcher has ended,
and to every user. Of any other death only the kernel knows, as long as its launcher lives.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Final, NamedTuple

from launch.exits import describe_death

if TYPE_CHECKING:
    from ruth.agent.state import AgentRecord, Ended

OPERATOR: Final = "operator"
LAUNCHER: Final = "launcher"
ASKED: Final = "asked"
KILLED: Final = "killed"
CRASHED: Final = "crashed"
EXITED: Final = "exited"
HIDDEN: Final = "hidden"
CAUSES: Final = (OPERATOR, LAUNCHER, ASKED, KILLED, CRASHED, EXITED, HIDDEN)
ENDED: Final = frozenset((OPERATOR, LAUNCHER, ASKED))
"""Causes of a death that was meant: no failure."""

_ASKING: Final = frozenset((signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
_CRASHES: Final = frozenset(
    (
        signal.SIGSEGV,
        signal.SIGBUS,
        signal.SIGILL,
        signal.SIGFPE,
        signal.SIGABRT,
        signal.SIGSYS,
        signal.SIGTRAP,
    )
)
_SHOWN: Final = {OPERATOR: "by operator", LAUNCHER: "by launcher", HIDDEN: "ask as root"}


class Death(NamedTuple):
    """How an agent died.

    Attributes:
        word: As the kernel names it, ``"SIGKILL"`` or ``"exit 3"``; None if that is not known.
        cause: One of :data:`CAUSES`; None if nothing is known.
        by: Pid of the process that told it to end; 0 if that is not known.

    """

    word: str | None = None
    cause: str | None = None
    by: int = 0


def death_of(record: AgentRecord, status: int | None, *, zombie: bool, kept_by_launcher: bool) -> Death:
    """How the agent of ``record`` died.

    Args:
        record: What it last wrote.
        status: As waitpid(2) gives it; None if the kernel no longer knows, or will not say.
        zombie: Whether its process is still there, dead.
        kept_by_launcher: Whether that one's parent is the launcher that forked it.

    """
    ended = record.ended
    if status is None:
        if ended is not None:
            return _told(ended, record.launcher_pid)
        return Death(cause=HIDDEN) if zombie else Death()
    word = describe_death(status)
    if not os.WIFSIGNALED(status):
        return Death(word, EXITED)
    number = os.WTERMSIG(status)
    if number in _ASKING:
        if ended is not None and ended.signal == number:
            return _told(ended, record.launcher_pid)
        # A launcher signals its agents at its own end alone, and this one lives.
        return Death(word, OPERATOR if kept_by_launcher else ASKED)
    return Death(word, CRASHED if number in _CRASHES else KILLED)


def _told(ended: Ended, launcher_pid: int) -> Death:
    by_launcher = launcher_pid != 0 and ended.by == launcher_pid
    return Death(describe_death(ended.signal), LAUNCHER if by_launcher else OPERATOR, ended.by)


def shown_death(word: str | None, cause: str | None) -> str | None:
    """What tables say behind ``dead``: ``"SIGKILL"``, ``"exit 3"``, ``"by operator"``; None for nothing.

    Args:
        word: As :attr:`Death.word`.
        cause: As :attr:`Death.cause`.

    """
    return _SHOWN.get(cause or "", word)

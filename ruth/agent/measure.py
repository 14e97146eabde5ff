"""The measures of confinement, as an agent's record names those in force, and what is open without. Pure."""

from __future__ import annotations

from enum import IntFlag
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

# How a call is refused by a filter around this process, and not by the kernel itself.
FILTERED: Final = (
    "a system call filter around this process refuses it (a container's profile, SystemCallFilter=)"
)


class Measure(IntFlag):
    """One bit a measure; ``ruth ps --json`` prints the names in lower case."""

    NO_NEW_PRIVS = 1 << 0  # no program it executes could gain rights
    NO_CORE_DUMPS = 1 << 1
    MEMORY_LIMIT = 1 << 2
    NICE = 1 << 3  # decoding comes first
    OOM_SCORE_ADJ = 1 << 4  # when memory runs out, the kernel takes an agent before the video server
    LANDLOCK_FILES = 1 << 5  # reads below the export root's parent, writes nothing but its open state
    LANDLOCK_TCP = 1 << 6
    LANDLOCK_SIGNALS = 1 << 7
    LANDLOCK_ABSTRACT_SOCKETS = 1 << 8
    SECCOMP = 1 << 9  # only the system calls that an agent has a use for
    PINNED_PATHS = 1 << 10  # opens its own camera's files, and no other path


def measure_names(bits: int) -> tuple[str, ...]:
    """The names of the measures in ``bits``, lower case, in the order above; unknown bits are left out."""
    return tuple(measure.name.lower() for measure in Measure if bits & measure and measure.name)


def left_open(bits: int) -> tuple[str, ...]:
    """What an agent gone wrong could do, with these measures in force and no others; empty with all of them.

    Each end of "it could ...". Other measures that close the same are taken into account.
    """
    measures = Measure(bits)
    files, calls = Measure.LANDLOCK_FILES in measures, Measure.SECCOMP in measures
    found = []
    if Measure.PINNED_PATHS not in measures:
        where = "the file system that exports lie on, other cameras' frames too" if files else "the host"
        found.append(f"read what its user may of {where}")
    if not files and not calls:
        found.append("write what its user may")
    if not calls:
        tcp = Measure.LANDLOCK_TCP in measures
        found.append("use sockets other than TCP" if tcp else "use any socket")
        found.append("start processes, and change priorities, modes and locks of what is its user's")
    if Measure.LANDLOCK_SIGNALS not in measures:
        found.append("signal processes of its user, the video server if that is its user's")
    if Measure.MEMORY_LIMIT not in measures:
        found.append("take memory without a limit")
    if Measure.NO_CORE_DUMPS not in measures:
        found.append("leave core dumps with pixels in them")
    if Measure.NICE not in measures:
        found.append("compete with decoding for the processor")
    if Measure.OOM_SCORE_ADJ not in measures:
        found.append("outlast the video server where memory runs out")
    return tuple(found)


def refusal(refused: Sequence[str], measures: int) -> str | None:
    """What ``ruth up`` says where a filter refuses a part of the confinement; None if it refuses none.

    Args:
        refused: Names of system calls.
        measures: What agents have in force all the same (:class:`Measure`).

    """
    if not refused:
        return None
    calls = ", ".join(refused)
    able = "; ".join(left_open(measures)) or "do nothing more than others"
    return (
        f"agents run without what {calls} would bring: {FILTERED}."
        f" One gone wrong could {able}. Allow {calls} there"
    )


class WouldConfine(NamedTuple):
    """What would confine agents that are launched here.

    Attributes:
        landlock: Version of the kernel's Landlock; 0 without it.
        measures: Bits of :class:`Measure` that would be in force.
        refused: System calls that a filter around this process refuses.
        error: What kept this from being found; None if nothing did.

    """

    landlock: int
    measures: int
    refused: tuple[str, ...]
    error: OSError | None

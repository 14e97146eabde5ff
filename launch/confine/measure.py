"""The measures of confinement, as an agent's state record names those in force. Pure."""

from __future__ import annotations

from enum import IntFlag


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

"""How long a runtime waits. Pure."""

from __future__ import annotations

import math
from typing import Final

from ruth.units import NANOSECONDS

# How long one wait lasts at most: a state file that was made again must be found within a second
# (docs/decisions/0005-waiting.md has the same for agents).
POLL_NS: Final = 980_000_000
_LONGEST_S: Final = 1_000_000_000  # 31 years; added to the clock, still far below its 63 bits


def nanoseconds(seconds: float, name: str = "timeout") -> int:
    """``seconds`` as whole nanoseconds, at most 31 years of them.

    Args:
        seconds: A number.
        name: Of the argument, for the error.

    Raises:
        ValueError: They are below 0, infinite or no number.

    """
    if not isinstance(seconds, int | float) or not 0 <= seconds < math.inf:
        also = ", or None" if name == "timeout" else ""
        raise ValueError(f"{name} {seconds!r}: a number of seconds from 0{also}")
    return int(min(seconds, _LONGEST_S) * NANOSECONDS)

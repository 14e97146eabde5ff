"""Units that more than one module counts in."""

from __future__ import annotations

from typing import Final

NANOSECONDS: Final = 1_000_000_000  # of a second

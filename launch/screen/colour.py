"""The colours of what a terminal shows, and nothing about terminals. Pure."""

from __future__ import annotations

from typing import Final

GREEN: Final = "\x1b[32m"
RED: Final = "\x1b[31m"
YELLOW: Final = "\x1b[33m"
REVERSED: Final = "\x1b[7m"
RESET: Final = "\x1b[0m"

STATE_COLOURS: Final = {
    "running": GREEN,
    "idle": YELLOW,
    "stopped": YELLOW,
    "dead": RED,
    "unseen": YELLOW,
    "unknown": RED,
}


def painted(text: str, colour: str) -> str:
    """``text`` in a colour of this module; as it is if that is empty."""
    return f"{colour}{text}{RESET}" if colour else text

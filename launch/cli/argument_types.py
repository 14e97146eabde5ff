"""What an option's text may be: types for ``argparse``, which say what is allowed when it is not.

Numbers come from one factory each, whole or not; what has a form of its own is a function.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_DIGITS_MAX: Final = 18
_YEAR_S: Final = 86400 * 365


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """A type: whole numbers from ``least`` to ``most``, or without an upper bound of its own."""
    allowed = f"above {least - 1}" if most is None else f"from {least} to {most}"

    def convert(text: str) -> int:
        value = int(text) if text.isdecimal() and len(text) <= _DIGITS_MAX else least - 1
        if value < least or (most is not None and value > most):
            raise argparse.ArgumentTypeError(f"{text!r}: must be a whole number {allowed}")
        return value

    return convert


def number(unit: str, least: float, most: float, allowed: str | None = None) -> Callable[[str], float]:
    """A type: numbers of ``unit`` from ``least`` to ``most``; ``allowed`` says so in other words."""

    def convert(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = least - 1
        if not least <= value <= most:
            told = allowed or f"from {least:g} to {most:g}"
            raise argparse.ArgumentTypeError(f"{text!r}: must be a number of {unit} {told}")
        return value

    return convert


count: Final = whole(1, 64)
positive: Final = whole(1)
interval: Final = number("seconds", 0.1, 3600)  # between two polls
seconds: Final = number("seconds", 5e-324, _YEAR_S, "above 0")  # a year is for ever
rate: Final = number("frames per second", 0.01, 1000)
milliseconds: Final = number("milliseconds", 0, 10_000)


def slots(text: str) -> int:
    """Frames of a ring, a whole number from 2 to 62 (docs/frame-export.md)."""
    from ruth.export.layout import SLOT_COUNT_MAX, SLOT_COUNT_MIN  # of all verbs one asks for it

    return whole(SLOT_COUNT_MIN, SLOT_COUNT_MAX)(text)


def frame_size(text: str) -> tuple[int, int]:
    """Width and height in pixels, like ``1920x1080``: even numbers from 2 to 32768, as NV12 needs them."""
    width, _, height = text.partition("x")
    size = tuple(int(side) for side in (width, height) if side.isdecimal() and len(side) <= 5)
    if len(size) != 2 or any(side % 2 or not 2 <= side <= 32768 for side in size):
        raise argparse.ArgumentTypeError(f"{text!r}: must be like 1920x1080, even numbers from 2 to 32768")
    return size[0], size[1]


def byte_size(text: str) -> int:
    """Bytes, as a whole number with M, G or T behind it (powers of 1024)."""
    number, unit = text[:-1], text[-1:].upper()
    if not number.isdecimal() or len(number) > 6 or unit not in ("M", "G", "T") or int(number) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: must be like 512M, 64G or 1T")
    return int(number) << {"M": 20, "G": 30, "T": 40}[unit]

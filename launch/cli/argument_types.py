"""What an option's text may be: types for ``argparse``, which say what is allowed when it is not."""

from __future__ import annotations

import argparse


def count(text: str) -> int:
    """A whole number from 1 to 64."""
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"{text!r}: must be a whole number from 1 to 64")
    return int(text)


def slots(text: str) -> int:
    """Frames of a ring, a whole number from 2 to 62 (docs/frame-export.md)."""
    from ruth.export.layout import SLOT_COUNT_MAX, SLOT_COUNT_MIN  # of all verbs one asks for it

    if not text.isdecimal() or len(text) > 2 or not SLOT_COUNT_MIN <= int(text) <= SLOT_COUNT_MAX:
        allowed = f"a whole number from {SLOT_COUNT_MIN} to {SLOT_COUNT_MAX}"
        raise argparse.ArgumentTypeError(f"{text!r}: must be {allowed}")
    return int(text)


def positive(text: str) -> int:
    """A whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: must be a whole number above 0")
    return int(text)


def interval(text: str) -> float:
    """A time between two polls in seconds, 0.1 to 3600."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.1 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r}: must be a number of seconds from 0.1 to 3600")
    return value


def seconds(text: str) -> float:
    """A time in seconds, above 0 and at most a year."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 86400 * 365:
        raise argparse.ArgumentTypeError(f"{text!r}: must be a number of seconds above 0")
    return value


def rate(text: str) -> float:
    """Frames a second, 0.01 to 1000."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.01 <= value <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r}: must be a number of frames per second from 0.01 to 1000")
    return value


def milliseconds(text: str) -> float:
    """A time in milliseconds, 0 to 10,000."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 10_000:
        raise argparse.ArgumentTypeError(f"{text!r}: must be a number of milliseconds from 0 to 10000")
    return value


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

"""What an option's text may be: types for ``argparse``, which say what is allowed when it is not."""

from __future__ import annotations

import argparse


def count(text: str) -> int:
    """A whole number from 1 to 64."""
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"{text!r}: must be a whole number from 1 to 64")
    return int(text)


def positive(text: str) -> int:
    """A whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: must be a whole number above 0")
    return int(text)


def interval(text: str) -> float:
    """A time between two looks in seconds, 0.1 to 3600."""
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

"""Where the pairs of lines are counted: a square of bytes for each file of ``ruth/`` and ``launch/``.

A line is a number of 1 to 511; the beginning and the end of a function are its first line, negative, as in
coverage.py. Only what is touched takes memory.
"""

from __future__ import annotations

import os

HALF = 512  # lines a file, and as many negative ones
SQUARE = (2 * HALF) ** 2
_PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def bases() -> dict[str, int]:
    """Where each file's square begins, by its path."""
    paths = [
        os.path.join(folder, name)
        for package in ("ruth", "launch")
        for folder, _, names in os.walk(os.path.join(_PROJECT, package))
        for name in names
        if name.endswith(".py")
    ]
    return {path: SQUARE * number for number, path in enumerate(sorted(paths))}


def arcs(square: bytes) -> list[tuple[int, int]]:
    """The pairs that were recorded in one square."""
    found = []
    place = square.find(1)
    while place >= 0:
        before, after = divmod(place, 2 * HALF)
        found.append((before - HALF, after - HALF))
        place = square.find(1, place + 1)
    return found

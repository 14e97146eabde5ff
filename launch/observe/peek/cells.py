"""A picture as text: coloured half-blocks, or shades of characters where there are no colours. Pure.

A half-block is two samples, one above the other, in one cell: the upper half in the foreground's colour, the
lower one in the background's. Cells are about twice as high as wide, so such samples are square.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

import numpy as np

from launch.screen.colour import RESET

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

_UPPER_HALF: Final = "\N{UPPER HALF BLOCK}"
_FOREGROUND, _BACKGROUND = 38, 48  # ECMA-48 / ISO 8613-6, "select graphic rendition"
_NO_BACKGROUND: Final = "49"

# From black to white on a dark terminal; ASCII, so that no terminal or file can fail to show them.
SHADES: Final = " .:-=+*#%@"

# The 256 colours of xterm: from 16 a cube of 6 x 6 x 6, from 232 a ramp of 24 greys (xterm, 256colres.pl).
_CUBE_LEVELS: Final = np.array([0, 95, 135, 175, 215, 255])
_GREY_FIRST, _GREY_STEP, _GREYS = 8, 10, 24
_CUBE_START, _GREY_START = 16, 232


class Depth(Enum):
    """How many colours a terminal is taken to show."""

    NONE = "none"
    PALETTE = "256"
    FULL = "24 bit"


def depth_of(environ: Mapping[str, str], *, terminal: bool, encoding: str) -> Depth:
    """What may be printed.

    Args:
        environ: The environment: NO_COLOR (no-color.org), COLORTERM, TERM.
        terminal: Whether the output is one.
        encoding: Of the output; without a half-block in it there are no colours.

    """
    term = environ.get("TERM", "")
    if not terminal or environ.get("NO_COLOR") or term in ("", "dumb") or term.startswith("vt"):
        return Depth.NONE
    try:
        _UPPER_HALF.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return Depth.NONE
    if environ.get("COLORTERM") in ("truecolor", "24bit") or term.endswith("-direct"):
        return Depth.FULL
    return Depth.PALETTE


def half_blocks(rgb: NDArray[np.uint8], depth: Depth) -> Iterator[str]:
    """Lines of cells, without newlines, each as many cells wide as ``rgb`` is.

    Args:
        rgb: Shape ``(rows, columns, 3)``; below an odd last row nothing is drawn.
        depth: PALETTE or FULL.

    """
    codes = _full_codes(rgb) if depth is Depth.FULL else _palette_codes(rgb)
    for row in range(0, len(codes), 2):
        lower = codes[row + 1] if row + 1 < len(codes) else None
        yield _line(codes[row], lower)


def shades(light: NDArray[np.uint8]) -> Iterator[str]:
    """Lines of characters, without newlines.

    Args:
        light: Shape ``(rows, columns)``, one for each cell, 0 black to 255 white.

    """
    for row in light.astype(int) * len(SHADES) // 256:
        yield "".join(SHADES[index] for index in row)


def _line(upper: list[str], lower: list[str] | None) -> str:
    """Cells; a colour is named only where it changes."""
    parts = []
    before: tuple[str, str] | None = None
    for index, top in enumerate(upper):
        colours = (top, f"{_BACKGROUND};{lower[index]}" if lower else _NO_BACKGROUND)
        if colours != before:
            changed = [f"{_FOREGROUND};{top}"] if before is None or before[0] != top else []
            if before is None or before[1] != colours[1]:
                changed.append(colours[1])
            parts.append(f"\x1b[{';'.join(changed)}m")
            before = colours
        parts.append(_UPPER_HALF)
    return "".join(parts) + RESET


def _full_codes(rgb: NDArray[np.uint8]) -> list[list[str]]:
    return [[f"2;{red};{green};{blue}" for red, green, blue in row] for row in rgb.tolist()]


def _palette_codes(rgb: NDArray[np.uint8]) -> list[list[str]]:
    return [[f"5;{index}" for index in row] for row in nearest_colours(rgb).tolist()]


def nearest_colours(rgb: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The nearest of the 256 colours, 16 to 255, by the distance in RGB.

    Args:
        rgb: Shape ``(..., 3)``.

    """
    wanted = rgb.astype(np.int64)
    steps = np.abs(wanted[..., None] - _CUBE_LEVELS).argmin(axis=-1)
    grey = np.clip((wanted.mean(axis=-1) - _GREY_FIRST) / _GREY_STEP + 0.5, 0, _GREYS - 1).astype(np.int64)
    of_cube = ((_CUBE_LEVELS[steps] - wanted) ** 2).sum(axis=-1)
    of_grey = (((_GREY_FIRST + grey * _GREY_STEP)[..., None] - wanted) ** 2).sum(axis=-1)
    cube = _CUBE_START + steps @ np.array([36, 6, 1])
    nearest: NDArray[np.int64] = np.where(of_grey < of_cube, _GREY_START + grey, cube)
    return nearest

from __future__ import annotations

import re

import numpy as np
import pytest

from launch.observe.peek.cells import SHADES, Depth, depth_of, half_blocks, nearest_colours, shades

BLOCK = "\u2580"
TERMINAL = {"TERM": "xterm-256color"}


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, Depth.FULL),
        ({"TERM": "xterm", "COLORTERM": "24bit"}, Depth.FULL),
        ({"TERM": "xterm-direct"}, Depth.FULL),
        ({"TERM": "xterm-256color"}, Depth.PALETTE),
        ({"TERM": "screen"}, Depth.PALETTE),
        ({"TERM": "xterm", "COLORTERM": "yes"}, Depth.PALETTE),
        ({"TERM": "dumb", "COLORTERM": "truecolor"}, Depth.NONE),
        ({"TERM": "vt100"}, Depth.NONE),
        ({"COLORTERM": "truecolor"}, Depth.NONE),
        ({"TERM": "xterm", "COLORTERM": "truecolor", "NO_COLOR": "1"}, Depth.NONE),
        ({"TERM": "xterm", "NO_COLOR": ""}, Depth.PALETTE),
    ],
)
def test_the_environment_says_which_colours(environ: dict[str, str], expected: Depth) -> None:
    """COLORTERM promises 24 bits, TERM any colour at all, and NO_COLOR, if it is not empty, forbids them."""
    assert depth_of(environ, terminal=True, encoding="utf-8") is expected


def test_a_pipe_has_no_colours() -> None:
    """What is not a terminal gets no colours."""
    assert depth_of(TERMINAL, terminal=False, encoding="utf-8") is Depth.NONE


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "no such encoding"])
def test_an_encoding_without_half_blocks(encoding: str) -> None:
    """Where half-blocks cannot be written there are shades."""
    assert depth_of(TERMINAL, terminal=True, encoding=encoding) is Depth.NONE


def test_a_cell_is_two_samples() -> None:
    """The foreground is the upper sample, the background the lower one; colours are switched off behind."""
    rgb = np.array([[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, 12]]], np.uint8)
    assert list(half_blocks(rgb, Depth.FULL)) == [
        f"\x1b[38;2;1;2;3;48;2;7;8;9m{BLOCK}\x1b[38;2;4;5;6;48;2;10;11;12m{BLOCK}\x1b[0m"
    ]


def test_a_colour_is_named_where_it_changes() -> None:
    """Of a row of one colour only the first cell names it; a cell names no more than what is new in it."""
    rgb = np.zeros((2, 4, 3), np.uint8)
    rgb[0, 2:] = 9
    named = "\x1b[38;2;0;0;0;48;2;0;0;0m"
    assert list(half_blocks(rgb, Depth.FULL)) == [
        f"{named}{BLOCK}{BLOCK}\x1b[38;2;9;9;9m{BLOCK}{BLOCK}\x1b[0m"
    ]


def test_an_odd_last_row() -> None:
    """Below the last of an odd number of rows is the terminal's own background."""
    lines = list(half_blocks(np.zeros((3, 1, 3), np.uint8), Depth.FULL))
    assert lines[1] == f"\x1b[38;2;0;0;0;49m{BLOCK}\x1b[0m"


@pytest.mark.parametrize("depth", [Depth.FULL, Depth.PALETTE])
@pytest.mark.parametrize(("columns", "rows"), [(1, 1), (1, 2), (80, 45), (3, 7)])
def test_lines_are_as_wide_as_the_picture(depth: Depth, columns: int, rows: int) -> None:
    """Whatever the colours, there is one cell a column and one line for two rows."""
    rgb = np.random.default_rng(1).integers(0, 256, (rows, columns, 3), np.uint8)
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in half_blocks(rgb, depth)]
    assert lines == [BLOCK * columns] * ((rows + 1) // 2)


def test_the_nearest_of_256_colours() -> None:
    """Of cube and greys the nearest is taken, by brute force over all of them."""
    levels = [0, 95, 135, 175, 215, 255]
    palette = [(red, green, blue) for red in levels for green in levels for blue in levels]
    palette += [(8 + 10 * step,) * 3 for step in range(24)]
    wanted = np.random.default_rng(2).integers(0, 256, (2000, 3), np.uint8)
    wanted[:256] = np.arange(256)[:, None]  # every grey
    found = nearest_colours(wanted)
    assert found.min() >= 16
    distances = ((np.array(palette)[None] - wanted[:, None].astype(int)) ** 2).sum(axis=-1)
    reached = distances[np.arange(len(wanted)), found - 16]
    assert np.array_equal(reached, distances.min(axis=1))


def test_the_256_colours_are_used() -> None:
    """With 256 colours, cells name them by number."""
    rgb = np.array([[[255, 0, 0]], [[128, 128, 128]]], np.uint8)
    assert list(half_blocks(rgb, Depth.PALETTE)) == [f"\x1b[38;5;196;48;5;244m{BLOCK}\x1b[0m"]


def test_shades_go_from_black_to_white() -> None:
    """Light from 0 to 255 spans all characters in order, each for as many levels."""
    (line,) = shades(np.arange(256, dtype=np.uint8)[None])
    assert "".join(dict.fromkeys(line)) == SHADES
    assert {line.count(shade) for shade in SHADES} == {25, 26}

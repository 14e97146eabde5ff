from __future__ import annotations

import pytest

from launch.observe.top.terminal import names_of


@pytest.mark.parametrize(
    ("pressed", "names"),
    [
        (b"", []),
        (b"q", ["q"]),
        (b"cf", ["c", "f"]),
        (b"\x1b[A\x1b[B", ["up", "down"]),
        (b"\x1bOA", ["up"]),
        (b"\x1b[5~n\x1b[6~", ["page up", "n", "page down"]),
        (b"\x1b[H\x1b[F", ["home", "end"]),
        (b"\x1b", ["escape"]),
        (b"\x1b[1~\x1b[4~\x1b[7~\x1b[8~\x1bOH\x1bOF", ["home", "end"] * 3),
        (b"\x1b[D\x1bOC\r\n\x7f\x08", ["left", "right", "enter", "enter", "backspace", "backspace"]),
        (b"\x1b[15~", []),
        (b"c\x1b[15~q", ["c"]),
        (b"\xc3\xa4q", ["\N{REPLACEMENT CHARACTER}", "\N{REPLACEMENT CHARACTER}", "q"]),
    ],
)
def test_keys(pressed: bytes, names: list[str]) -> None:
    """Letters are themselves, known sequences have names, and from an unknown one on nothing is applied."""
    assert names_of(pressed) == names

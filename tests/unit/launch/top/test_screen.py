from __future__ import annotations

import re

import pytest

from launch.colour import GREEN, RED
from launch.top.rates import Row, totals_of
from launch.top.screen import HEAD_LINES, Look, rows_that_fit, screen

MARK = "\N{HORIZONTAL ELLIPSIS}"
LOOK = Look(columns=80, lines=24, order="cpu", first=0, clock="14:03:21", mark=MARK, colour=False)
FRONT = Row("front-door", 6481, "running", None, False, 25.0, 32.5, 0.41, 1_900_000, 0.012, 0)
DEAD = Row("loading-dock", None, "dead", "SIGKILL", False, None, None, None, None, 75.0, 3)
LONGEST = "x" * 31 + "-" + "y" * 32
MANY = [
    Row(f"cam-{number:02d}", 6000 + number, "running", None, False, 25.0, 32.5, 0.4, 1_900_000, 0.0, 0)
    for number in range(50)
]


def shown(rows: list[Row], look: Look = LOOK) -> list[str]:
    """The lines of one screen."""
    return screen(rows, totals_of(rows), look)


def test_a_screen() -> None:
    """What all do together, how to sort and end, and one line a camera under a line of heads."""
    assert shown([FRONT, DEAD]) == [
        "14:03:21  cameras: 2 (1 running, 1 dead)",
        "frames 25/s, allowed 32/s, CPU 0.4%, private 1.9 MB",
        "sorted by cpu: c CPU, f FPS, n name; q ends",
        "CAMERA          PID  STATE             FPS     CPU  PRIVATE   AGE  MISSED",
        "front-door     6481  running          25.0    0.4%   1.9 MB  0.0s       0",
        "loading-dock      -  dead: SIGKILL       -       -        -   75s       3",
    ]


def test_a_wide_screen() -> None:
    """Where there is room, what was allowed is shown as well."""
    heads, front, _ = shown([FRONT, DEAD], LOOK._replace(columns=120))[3:]
    assert heads.split() == ["CAMERA", "PID", "STATE", "FPS", "ALLOWED", "CPU", "PRIVATE", "AGE", "MISSED"]
    assert front.split()[4] == "32.5"


def test_no_cameras() -> None:
    """Without cameras the screen says so."""
    assert shown([])[0] == "14:03:21  cameras: 0 (none)"
    assert len(shown([])) == HEAD_LINES


def test_more_cameras_than_lines() -> None:
    """The last line says how many cameras are above and below the others."""
    lines = shown(MANY, LOOK._replace(first=5))
    assert len(lines) == 24
    assert [line.split()[0] for line in lines[4:23]] == [f"cam-{number:02d}" for number in range(5, 24)]
    assert lines[-1] == f"{MARK} 5 above, 26 below (arrows, PgUp, PgDn)"


def test_scrolled_too_far() -> None:
    """However far it is scrolled, the screen is full."""
    lines = shown(MANY, LOOK._replace(first=1000))
    assert lines[-2].split()[0] == "cam-49"
    assert lines[-1] == f"{MARK} 31 above, 0 below (arrows, PgUp, PgDn)"


def test_just_enough_lines() -> None:
    """No line is spent on saying that there is nothing more."""
    assert rows_that_fit(HEAD_LINES + 50, 50) == 50
    assert rows_that_fit(HEAD_LINES + 49, 50) == 48
    assert rows_that_fit(2, 50) == 0
    assert shown(MANY, LOOK._replace(lines=HEAD_LINES + 50))[-1].startswith("cam-49")


@pytest.mark.parametrize("columns", [1, 5, 20, 30, 40, 60, 79, 80, 81, 100, 120, 200])
@pytest.mark.parametrize("lines", [1, 2, 3, 4, 5, 6, 24])
@pytest.mark.parametrize("colour", [False, True])
def test_it_fits_the_terminal(columns: int, lines: int, colour: bool) -> None:
    """No line is longer than the terminal is wide, there are no more than it has, and cuts are marked."""
    rows = [DEAD, Row(LONGEST, 2**22, "running", None, False, 1000.0, 1.0, 100.0, 10**9, 9.9, 10**6), *MANY]
    found = shown(rows, LOOK._replace(columns=columns, lines=lines, colour=colour))
    plain = [re.sub(r"\x1b\[\d*m", "", line) for line in found]
    assert len(found) <= lines
    assert max(map(len, plain)) <= columns
    if lines == 24:
        assert LONGEST in plain[5] or MARK in plain[5]


def test_nothing_moves_sideways_while_it_scrolls() -> None:
    """Columns are as wide as the widest of all cameras, also of those that are not shown."""
    rows = [*MANY, DEAD]
    assert shown(rows)[3] == shown(rows, LOOK._replace(first=40))[3]


def test_colours() -> None:
    """Colours mark the heads and the states, and only if they are asked for."""
    lines = shown([FRONT, DEAD], LOOK._replace(colour=True))
    assert lines[3].startswith("\x1b[7mCAMERA")
    assert f"{GREEN}running\x1b[0m" in lines[4]
    assert f"{RED}dead: SIGKILL\x1b[0m" in lines[5]
    assert "\x1b" not in "".join(shown([FRONT, DEAD]))


def test_a_stopped_agent() -> None:
    """A stopped agent is shown as such, whatever it was doing."""
    stopped = Row("a", 1, "idle", None, True, 0.0, 0.0, 0.0, 1, 9.0, 0)
    assert shown([stopped])[4].split()[2] == "stopped"

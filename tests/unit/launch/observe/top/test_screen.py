from __future__ import annotations

import dataclasses
import re

import pytest

from launch.observe.top.control import HELP, Control
from launch.observe.top.rates import ModelRate, Row, totals_of
from launch.observe.top.screen import HEADER_LINES, ScreenOptions, rows_that_fit, screen
from launch.screen.colour import GREEN, RED

MARK = "\N{HORIZONTAL ELLIPSIS}"
OPTIONS = ScreenOptions(80, 24, Control(order="cpu"), clock="14:03:21", mark=MARK, colour=False)
FRONT = Row(
    "front-door", 6481, "running", None, False, 25.0, 32.5, 0.41, 1_900_000, 0.012, 0,
    arrivals_per_s=2.08, longest_gap_s=0.48, slots_needed=13,
)  # fmt: skip
DEAD = Row("loading-dock", None, "dead", "SIGKILL", False, None, None, None, None, 75.0, 3)
LONGEST = "x" * 31 + "-" + "y" * 32
MANY = [
    Row(f"cam-{number:02d}", 6000 + number, "running", None, False, 25.0, 32.5, 0.4, 1_900_000, 0.0, 0)
    for number in range(50)
]


def shown(rows: list[Row], options: ScreenOptions = OPTIONS) -> list[str]:
    """The lines of one screen."""
    return screen(rows, totals_of(rows), options)


def test_a_screen() -> None:
    """What all do together, how to sort and end, and one line per camera under a header."""
    assert shown([FRONT, DEAD]) == [
        "14:03:21  cameras: 2 (1 dead, 1 running)",
        "frames 25/s, allowed 32/s, CPU 0.4%, private 1.9 MB",
        "sorted by cpu: < > r; / filter; ? help; q end",
        "CAMERA          PID  STATE             FPS     CPU  PRIVATE   AGE  MISSED",
        "front-door     6481  running          25.0    0.4%   1.9 MB  0.0s       0",
        "loading-dock      -  dead: SIGKILL       -       -        -   75s       3",
    ]


def test_a_wide_screen() -> None:
    """Where there is room, what was allowed is shown as well, and how frames come."""
    headers, front, _ = shown([FRONT, DEAD], OPTIONS._replace(columns=120))[3:]
    always = ["CAMERA", "PID", "STATE", "FPS", "ALLOWED", "CPU", "PRIVATE", "AGE", "MISSED"]
    assert headers.split() == [*always, "ARRIVALS", "GAP", "SLOTS"]
    assert front.split()[4] == "32.5"
    assert front.split()[-3:] == ["2.1", "0.5s", "13"]


def test_no_cameras() -> None:
    """Without cameras the screen says so."""
    assert shown([])[0] == "14:03:21  cameras: 0 (none)"
    assert len(shown([])) == HEADER_LINES


def test_more_cameras_than_lines() -> None:
    """The last line says how many cameras are above and below the others."""
    lines = shown(MANY, OPTIONS._replace(control=Control(first=5)))
    assert len(lines) == 24
    assert [line.split()[0] for line in lines[4:23]] == [f"cam-{number:02d}" for number in range(5, 24)]
    assert lines[-1] == f"{MARK} 5 above, 26 below (arrows, PgUp, PgDn)"


def test_scrolled_too_far() -> None:
    """However far it is scrolled, the screen is full."""
    lines = shown(MANY, OPTIONS._replace(control=Control(first=1000)))
    assert lines[-2].split()[0] == "cam-49"
    assert lines[-1] == f"{MARK} 31 above, 0 below (arrows, PgUp, PgDn)"


def test_just_enough_lines() -> None:
    """No line is spent on saying that there is nothing more."""
    assert rows_that_fit(HEADER_LINES + 50, 50) == 50
    assert rows_that_fit(HEADER_LINES + 49, 50) == 48
    assert rows_that_fit(2, 50) == 0
    assert shown(MANY, OPTIONS._replace(lines=HEADER_LINES + 50))[-1].startswith("cam-49")


@pytest.mark.parametrize("columns", [1, 5, 20, 30, 40, 60, 79, 80, 81, 100, 120, 200])
@pytest.mark.parametrize("lines", [1, 2, 3, 4, 5, 6, 24])
@pytest.mark.parametrize("colour", [False, True])
def test_it_fits_the_terminal(columns: int, lines: int, colour: bool) -> None:
    """No line is longer than the terminal is wide, there are no more than it has, and cuts are marked."""
    rows = [DEAD, Row(LONGEST, 2**22, "running", None, False, 1000.0, 1.0, 100.0, 10**9, 9.9, 10**6), *MANY]
    found = shown(rows, OPTIONS._replace(columns=columns, lines=lines, colour=colour))
    plain = [re.sub(r"\x1b\[\d*m", "", line) for line in found]
    assert len(found) <= lines
    assert max(map(len, plain)) <= columns
    if lines == 24:
        assert LONGEST in plain[5] or MARK in plain[5]


def test_nothing_moves_sideways_while_it_scrolls() -> None:
    """Columns are as wide as the widest of all cameras, also of those that are not shown."""
    rows = [*MANY, DEAD]
    assert shown(rows)[3] == shown(rows, OPTIONS._replace(control=Control(first=40)))[3]


def test_colours() -> None:
    """Colours mark the headers and the states, and only if they are asked for."""
    lines = shown([FRONT, DEAD], OPTIONS._replace(colour=True))
    assert lines[3].startswith("\x1b[7mCAMERA")
    assert f"{GREEN}running\x1b[0m" in lines[4]
    assert f"{RED}dead: SIGKILL\x1b[0m" in lines[5]
    assert "\x1b" not in "".join(shown([FRONT, DEAD]))


def test_a_stopped_agent() -> None:
    """A stopped agent is shown as such."""
    stopped = Row("a", 1, "stopped", None, True, 0.0, 0.0, 0.0, 1, 9.0, 0)
    assert shown([stopped])[4].split()[2] == "stopped"


def rated(camera_id: str, **rates: float | None) -> Row:
    """A camera with models that are capped at 5, and the frames that each was allowed per second."""
    models = tuple(ModelRate(name, 5.0, active=True, allowed_fps=rate) for name, rate in rates.items())
    return dataclasses.replace(FRONT, camera_id=camera_id, models=models)


def test_the_rate_of_each_model_under_its_cap() -> None:
    """Where there is room, each model has a column: its cap in the header, rates, a cap that differs."""
    fast = ModelRate("person", 10.0, active=True, allowed_fps=9.9)
    off = ModelRate("plate", 5.0, active=False, allowed_fps=0.0)
    rows = [rated("a", person=4.9, plate=2.0), rated("b", person=None, plate=5.0)]
    rows.append(dataclasses.replace(FRONT, camera_id="c", models=(fast, off)))
    header, a, b, c = shown(rows, OPTIONS._replace(columns=130))[3:]
    assert header.split()[-2:] == ["person<=5", "plate<=5"]
    assert a.split()[-2:] == ["4.9", "2.0"]
    assert b.split()[-2:] == ["-", "5.0"]
    assert c.split()[-3:] == ["9.9", "(<=10)", "inactive"]


def test_models_are_shown_all_or_not_at_all() -> None:
    """A model has no column where another one would have none."""
    rows = [rated("a", person=4.9, plate=2.0)]
    for columns in range(60, 130):
        header = shown(rows, OPTIONS._replace(columns=columns))[3]
        assert ("person" in header) == ("plate" in header)


def test_uuids_as_ids_are_whole_in_80_columns() -> None:
    """36 characters leave room for the process, its state, its rate and its CPU."""
    uuid = "0d9b1f66-2f6e-4c1a-9a55-0e6d0a2f7c11"
    lines = shown([dataclasses.replace(FRONT, camera_id=uuid), DEAD])
    assert lines[4].split()[:4] == [uuid, "6481", "running", "25.0"]


@pytest.mark.parametrize(
    ("control", "line"),
    [
        (Control(), "sorted by state: < > r; / filter; ? help; q end"),
        (Control(order="age", reverse=True), "sorted by age reversed: < > r; / filter; ? help; q end"),
        (Control(filter="ga", typing=True), "filter: ga_  (2 left; Enter keeps it, Esc drops it)"),
        (Control(filter="ga"), "filter: ga  (2 left; Esc drops it); sorted by state: < > r; / filter"),
    ],
)
def test_what_the_user_asked_for_is_said(control: Control, line: str) -> None:
    """The order, the filter and how many it leaves."""
    assert shown([FRONT, DEAD], OPTIONS._replace(control=control))[2].startswith(line)


def test_the_keys_fit_every_usual_terminal() -> None:
    """The help is no larger than 80 x 24, and is cut in a smaller one."""
    options = OPTIONS._replace(control=Control(help=True))
    assert shown(MANY, options) == list(HELP)
    assert max(map(len, HELP)) <= 80
    assert [len(line) <= 20 for line in shown(MANY, options._replace(columns=20, lines=3))] == [True] * 3

from __future__ import annotations

import dataclasses
import json
import re

import pytest

from launch.observe.agent_view import AgentView, ModelView
from launch.observe.ps import as_json, as_table
from launch.screen.colour import GREEN, RED, YELLOW

MARK = "\N{HORIZONTAL ELLIPSIS}"
PERSON = ModelView("person", 5.0, True, 91, 415, 500, 7, "ALLOW")
PLATE = ModelView("plate", 2.5, True, 48, 458, 500, 7, "SKIP_INTERVAL")
AUDIT = ModelView("audit", None, True, 506, 0, 505, 7, "ALLOW")
TEN = tuple(ModelView(f"model-{number}", 5.0, True, 1000, 0, 1, 1, "ALLOW") for number in range(10))
THREE = (PERSON, PLATE, AUDIT)
FRONT = AgentView(
    camera_id="front-door", pid=6481, state="running", death=None, export="v2", frame_id=505, timestamp_ns=7,
    frames=506, age_s=0.012, uptime_s=21.5, cpu_percent=0.41, private_bytes=1_900_000, confinement=(),
    models=THREE, stopped=False,
)  # fmt: skip
DEAD = dataclasses.replace(
    FRONT, camera_id="loading-dock", pid=None, state="dead", death="SIGKILL", export=None, age_s=75.2,
    uptime_s=None, cpu_percent=None, private_bytes=None,
)  # fmt: skip
ABSENT = AgentView("yard", None, "absent", None, None, None, None, 0, None, None, None, None, (), (), False)
WHOLE = """\
CAMERA         PID  STATE          EXPORT  FRAME   AGE   UP   CPU  PRIVATE  MISSED  person<=5  plate<=2.5
loading-dock     -  dead: SIGKILL  -         505   75s    -     -        -       0         91          48
yard             -  absent         -           -     -    -     -        -       0          -           -
front-door    6481  running        v2        505  0.0s  22s  0.4%   1.9 MB       0         91          48
cameras: 3 (1 dead, 1 absent, 1 running)
"""
LONGEST = "x" * 31 + "-" + "y" * 32


def table(*views: AgentView, limit: int | None = None) -> list[str]:
    """The lines of a table without the last one, which counts the cameras."""
    *lines, last = as_table(views, limit, MARK).split("\n")[:-1]
    assert last.startswith(f"cameras: {len(views)}"[: max(0, (limit or 99) - 1)])
    assert len(last) <= (limit or 99)
    return lines


def test_a_table_without_a_limit_has_everything() -> None:
    """A pipe gets every column, and a column for every model."""
    two = [dataclasses.replace(view, models=(PERSON, PLATE)) for view in (FRONT, DEAD)]
    assert as_table([*two, ABSENT], None, MARK) == WHOLE


def test_three_models_at_80_columns() -> None:
    """In 80 columns three models still have a column each."""
    assert table(FRONT, DEAD, limit=80) == [
        "CAMERA         PID  STATE           AGE   CPU  person<=5  plate<=2.5  audit",
        "loading-dock     -  dead: SIGKILL   75s     -         91          48    506",
        "front-door    6481  running        0.0s  0.4%         91          48    506",
    ]


def test_ten_models_at_80_columns() -> None:
    """Where models do not fit, their number and the sum of what they were allowed stand for them."""
    assert table(dataclasses.replace(FRONT, models=TEN), DEAD, limit=80) == [
        "CAMERA         PID  STATE           AGE   UP   CPU  PRIVATE  MODELS  ALLOWED",
        "loading-dock     -  dead: SIGKILL   75s    -     -        -       3      645",
        "front-door    6481  running        0.0s  22s  0.4%   1.9 MB      10    10000",
    ]


@pytest.mark.parametrize("limit", [1, 10, 40, 60, 79, 80, 81, 100, 119, 120, 121, 200, 300])
@pytest.mark.parametrize("models", [(), (PERSON,), THREE, TEN], ids=len)
@pytest.mark.parametrize("camera", ["a", "front-door", LONGEST])
def test_no_line_is_longer_than_the_terminal(limit: int, models: tuple[ModelView, ...], camera: str) -> None:
    """Nothing wraps at any width, and what is cut carries the mark."""
    view = dataclasses.replace(FRONT, camera_id=camera, models=models, frame_id=2**64 - 1)
    lines = table(view, DEAD, limit=limit)
    assert len(lines) == 3
    assert max(map(len, lines)) <= limit
    for line, whole in zip(lines[1:], ("loading-dock", camera), strict=True):
        assert whole in line or MARK in line


def test_a_long_id_shows_both_ends() -> None:
    """An id of 64 characters is cut in the middle, and leaves room for what matters."""
    line = table(dataclasses.replace(FRONT, camera_id=LONGEST), limit=80)[1]
    assert re.match(rf"x+{MARK}y+ ", line)
    assert "running" in line
    assert line.endswith("645")


def test_a_long_id_is_whole_where_there_is_room() -> None:
    """An id is not cut for the sake of less important columns."""
    assert LONGEST in table(dataclasses.replace(FRONT, camera_id=LONGEST), limit=110)[1]


def test_cameras_without_common_models() -> None:
    """Where every camera has models of its own, they are in a list."""
    views = [
        dataclasses.replace(
            FRONT, camera_id=name, models=(ModelView(name, 5.0, True, 3, 0, 1, 1, "ALLOW"), AUDIT)
        )
        for name in ("one", "two", "three", "four", "five", "six")
    ]
    lines = table(*views)
    assert lines[0].endswith("MISSED  ALLOWED")
    assert [line.split("  ")[-1] for line in lines[1:3]] == ["five<=5 3, audit 506", "four<=5 3, audit 506"]


def test_a_model_with_several_caps() -> None:
    """The header has the cap of most cameras; the cell of a camera that differs has its own."""
    slow = dataclasses.replace(FRONT, camera_id="slow", models=(dataclasses.replace(PERSON, max_fps=1.0),))
    free = dataclasses.replace(FRONT, camera_id="free", models=(dataclasses.replace(PERSON, max_fps=None),))
    same = dataclasses.replace(FRONT, camera_id="same")
    lines = table(FRONT, same, slow, free)
    assert lines[0].split()[-3:] == ["person<=5", "plate<=2.5", "audit"]
    assert "91 (all)" in next(line for line in lines if line.startswith("free"))
    assert "91 (<=1)" in next(line for line in lines if line.startswith("slow"))


def test_an_inactive_model() -> None:
    """A subscription that is not active is shown as inactive instead of a number."""
    inactive = dataclasses.replace(PERSON, active=False, allowed=0)
    assert table(dataclasses.replace(FRONT, models=(inactive,)))[1].endswith("inactive")


def test_what_needs_a_hand_comes_first() -> None:
    """Dead, absent, stopped, starved, without an export, too slow at some time, then the rest by id."""
    views = [
        dataclasses.replace(FRONT, camera_id="h"),
        dataclasses.replace(FRONT, camera_id="g"),
        dataclasses.replace(FRONT, camera_id="z-missed", missed=3),
        dataclasses.replace(FRONT, camera_id="a-idle", state="idle", frames=0, frame_id=None, age_s=None),
        dataclasses.replace(FRONT, camera_id="b-starved", state="idle", age_s=9.0),
        dataclasses.replace(FRONT, camera_id="c-stopped", state="stopped", stopped=True),
        ABSENT,
        DEAD,
    ]
    order = ["loading-dock", "yard", "c-stopped", "b-starved", "a-idle", "z-missed", "g", "h"]
    assert [line.split()[0] for line in table(*views)[1:]] == order


def test_json_is_in_the_order_of_the_views() -> None:
    """What programs read is not sorted by need."""
    assert [found["camera_id"] for found in json.loads(as_json([FRONT, DEAD]))] == [
        "front-door",
        "loading-dock",
    ]


def test_the_last_line_can_count_more_than_is_shown() -> None:
    """Of a part of the cameras it says how many there are in total."""
    lines = as_table([DEAD], None, MARK, counted=[FRONT, DEAD, ABSENT]).splitlines()
    assert (len(lines), lines[-1]) == (3, "cameras: 3 (1 dead, 1 absent, 1 running)")


UUIDS = ["0d9b1f66-2f6e-4c1a-9a55-0e6d0a2f7c11", "c2a7a4de-8d3b-4b0a-8d6f-5a4c3b2a1f00"]


def test_uuids_as_ids_are_whole_in_80_columns() -> None:
    """36 characters leave room for the process, its state and its age; models are counted."""
    views = [dataclasses.replace(FRONT, camera_id=UUIDS[0]), dataclasses.replace(DEAD, camera_id=UUIDS[1])]
    lines = table(*views, limit=80)
    assert all(uuid in "".join(lines) for uuid in UUIDS)
    assert lines[0].split() == ["CAMERA", "PID", "STATE", "AGE", "CPU", "ALLOWED"]


def test_uuids_as_ids_leave_models_a_column_in_200() -> None:
    """A wide terminal has everything."""
    lines = table(dataclasses.replace(FRONT, camera_id=UUIDS[0]), limit=200)
    assert lines[0].split()[-3:] == ["person<=5", "plate<=2.5", "audit"]


def test_a_stopped_agent() -> None:
    """Table and JSON have the same word for its state."""
    stopped = dataclasses.replace(FRONT, state="stopped", stopped=True)
    assert table(stopped)[1].split()[2] == "stopped"
    (found,) = json.loads(as_json([stopped]))
    assert (found["state"], found["stopped"]) == ("stopped", True)


def test_colours() -> None:
    """Colours mark the states, and only if they are asked for."""
    idle = dataclasses.replace(FRONT, state="idle")
    shown = as_table([FRONT, idle, DEAD, ABSENT], 80, MARK, colour=True)
    assert [part in shown for part in (f"{GREEN}running", f"{YELLOW}idle", f"{RED}dead: SIGKILL")] == [
        True
    ] * 3
    assert re.sub(r"\x1b\[\d*m", "", shown) == as_table([FRONT, idle, DEAD, ABSENT], 80, MARK)


def test_no_cameras() -> None:
    """Without cameras there is a line that says so, or an empty array."""
    assert as_table([], 80, MARK) == "cameras: 0 (none)\n"
    assert as_json([]) == "[]\n"

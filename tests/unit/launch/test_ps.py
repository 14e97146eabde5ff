from __future__ import annotations

import dataclasses
import json
import re

import pytest

from launch.agent_view import AgentView, ModelView
from launch.colour import GREEN, RED, YELLOW
from launch.ps import as_json, as_table

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
CAMERA         PID  STATE          EXPORT  FRAME   AGE   UP   CPU  PRIVATE  person<=5  plate<=2.5  audit
front-door    6481  running        v2        505  0.0s  22s  0.4%   1.9 MB         91          48    506
loading-dock     -  dead: SIGKILL  -         505   75s    -     -        -         91          48    506
yard             -  absent         -           -     -    -     -        -          -           -      -
"""
LONGEST = "x" * 31 + "-" + "y" * 32


def table(*views: AgentView, limit: int | None = None) -> list[str]:
    """The lines of a table."""
    text = as_table(views, limit, MARK)
    assert text.endswith("\n")
    return text.splitlines()


def test_a_table_without_a_limit_has_everything() -> None:
    """A pipe gets every column, and a column for every model."""
    assert as_table([FRONT, DEAD, ABSENT], None, MARK) == WHOLE


def test_three_models_at_80_columns() -> None:
    """In 80 columns three models still have a column each."""
    assert table(FRONT, DEAD, limit=80) == [
        "CAMERA         PID  STATE           AGE   CPU  person<=5  plate<=2.5  audit",
        "front-door    6481  running        0.0s  0.4%         91          48    506",
        "loading-dock     -  dead: SIGKILL   75s     -         91          48    506",
    ]


def test_ten_models_at_80_columns() -> None:
    """Where models do not fit, their number and the sum of what they were allowed stand for them."""
    assert table(dataclasses.replace(FRONT, models=TEN), DEAD, limit=80) == [
        "CAMERA         PID  STATE           AGE   UP   CPU  PRIVATE  MODELS  ALLOWED",
        "front-door    6481  running        0.0s  22s  0.4%   1.9 MB      10    10000",
        "loading-dock     -  dead: SIGKILL   75s    -     -        -       3      645",
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
    for line, whole in zip(lines[1:], (camera, "loading-dock"), strict=True):
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
    """Where every camera has models of its own, they stand in a list."""
    views = [
        dataclasses.replace(
            FRONT, camera_id=name, models=(ModelView(name, 5.0, True, 3, 0, 1, 1, "ALLOW"), AUDIT)
        )
        for name in ("one", "two", "three", "four", "five", "six")
    ]
    lines = table(*views)
    assert lines[0].endswith("PRIVATE  ALLOWED")
    assert lines[1].endswith("one<=5 3, audit 506")


def test_a_model_with_several_caps() -> None:
    """A model whose cap differs from camera to camera has a column that names none."""
    other = dataclasses.replace(FRONT, models=(dataclasses.replace(PERSON, max_fps=1.0),))
    assert table(FRONT, other)[0].split()[-3:] == ["person", "plate<=2.5", "audit"]


def test_a_parked_model() -> None:
    """A subscription that is not active is shown as parked instead of a number."""
    parked = dataclasses.replace(PERSON, active=False, allowed=0)
    assert table(dataclasses.replace(FRONT, models=(parked,)))[1].endswith("parked")


def test_a_stopped_agent() -> None:
    """For a human a stopped agent is stopped; in JSON that stands beside one of the four states."""
    stopped = dataclasses.replace(FRONT, stopped=True)
    assert table(stopped)[1].split()[2] == "stopped"
    (found,) = json.loads(as_json([stopped]))
    assert (found["state"], found["stopped"]) == ("running", True)


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
    assert as_table([], 80, MARK) == "no cameras\n"
    assert as_json([]) == "[]\n"

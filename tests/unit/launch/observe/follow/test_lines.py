from __future__ import annotations

import re
import time

import pytest

from launch.observe.follow.changes import AgentMissed, AgentSeen, Change, ExportSeen, FrameSeen, Gap, GapModel
from launch.observe.follow.lines import WORDS, LineWriter
from ruth.agent.state import ModelState
from ruth.subscription.gate import Decision

ALLOW, SKIP = Decision.ALLOW, Decision.SKIP_INTERVAL


def model(model_id: str, decision: Decision = ALLOW, max_fps: float | None = None) -> ModelState:
    """A subscription as its agent left it."""
    return ModelState(model_id, max_fps, True, decision, 1, 1, 7, 0, 1, 0)


def frame(*models: ModelState, frame_id: int = 7, decided_ns: int = 0) -> FrameSeen:
    """A frame with these decisions."""
    return FrameSeen(frame_id, 0, decided_ns, models)


def lines(
    *shown: Change, limit: int | None = None, models: tuple[str, ...] = (), colour: bool = False
) -> list[str]:
    """What is printed of these changes."""
    writer = LineWriter(frozenset(models), lambda: limit, "~", colour=colour, wall_clock_ns=0)
    return "".join(map(writer.text, shown)).splitlines()


def test_a_line_a_frame() -> None:
    """Headers once, then a line per frame with a column per model, each under its header."""
    moment = time.strftime("%H:%M:%S", time.localtime(61))
    found = lines(
        frame(
            model("person", SKIP, 5), model("plate", ALLOW, 2.5), model("audit"), decided_ns=61_234_567_890
        ),
        frame(model("person", ALLOW, 5), model("plate", SKIP, 2.5), model("audit"), frame_id=123456),
    )
    assert found[0] == "TIME             FRAME  person<=5  plate<=2.5  audit"
    assert found[1] == f"{moment}.234         7  interval   ALLOW       ALLOW"
    assert found[2].endswith("    123456  ALLOW      interval    ALLOW")


def test_only_the_models_that_were_asked_for() -> None:
    """Other models have no column, and no part in a gap."""
    gap = Gap(3, (GapModel("a", 1, 2), GapModel("b", 2, 1)))
    found = lines(gap, frame(model("a"), model("b")), models=("b",))
    assert found[0] == "-- 3 frames not seen here; allowed of them: b 2"
    assert found[1].split() == ["TIME", "FRAME", "b"]


def test_every_decision_has_its_word() -> None:
    """No decision is without a word, and no two have the same."""
    assert set(WORDS) == set(Decision)
    assert len(set(WORDS.values())) == len(Decision)


def test_heads_come_again_when_they_change() -> None:
    """Another agent with other models has its headers printed; the same ones are not repeated."""
    found = lines(frame(model("a")), frame(model("a")), frame(model("a"), model("b")), frame(model("a")))
    assert [line.split()[2:] for line in found if line.startswith("TIME")] == [["a"], ["a", "b"], ["a"]]


@pytest.mark.parametrize("limit", [1, 5, 20, 31, 40, 41, 60, 80, 200])
def test_no_line_is_too_long(limit: int) -> None:
    """However narrow the terminal, no line is longer; what is left out or cut carries a mark."""
    models = [model(f"model-{number}", SKIP if number % 2 else ALLOW, 5) for number in range(8)]
    gap = Gap(1000, tuple(GapModel(model.model_id, 1, 999) for model in models))
    found = lines(gap, frame(*models), ExportSeen(2, 1), AgentSeen("dead", None, "SIGKILL"), limit=limit)
    assert max(map(len, found)) <= limit
    headers = found[1]
    shown = len(re.findall(r"model-\d<=5", headers))
    assert shown == 8 or headers.endswith((f"+{8 - shown} MORE", "~"))
    if 40 < limit < 80:
        allowed = sum(one.last_decision is ALLOW for one in models[shown:])
        assert found[2].endswith(f" {allowed} ALLOW")


def test_a_narrower_terminal_has_other_heads() -> None:
    """A terminal that is made narrower is looked at for each line."""
    limits = iter([80, 80, 40])
    writer = LineWriter(frozenset(), lambda: next(limits), "~", colour=False, wall_clock_ns=0)
    models = [model(f"model-{number}") for number in range(4)]
    found = "".join(writer.text(frame(*models)) for _ in range(3)).splitlines()
    assert [line.endswith("MORE") for line in found if line.startswith("TIME")] == [False, True]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (ExportSeen(2, 1), "-- export v2, number 1"),
        (ExportSeen(0, 3), "-- no export"),
        (ExportSeen(0, 3, "frame.meta\nis empty"), "-- no export: frame.meta\\nis empty"),
        (AgentMissed(1), "-- 1 frame of the export never seen by the agent"),
        (AgentMissed(2), "-- 2 frames of the export never seen by the agent"),
        (Gap(2, ()), "-- 2 frames not seen here"),
        (AgentSeen("running", 12, None), "-- agent 12 is running"),
        (AgentSeen("idle", 12, None), "-- agent 12 is idle"),
        (AgentSeen("stopped", 12, None), "-- agent 12 is stopped (kill -CONT 12 continues it)"),
        (AgentSeen("dead", None, "exit 3"), "-- agent is dead: exit 3"),
        (AgentSeen("dead", None, None), "-- agent is dead"),
        (AgentSeen("absent", None, None), "-- no agent"),
        (AgentSeen("running", None, None), "-- agent is running"),
    ],
)
def test_what_else_happens(change: Change, line: str) -> None:
    """What is not a frame is a line of its own that begins with two dashes."""
    assert lines(change) == [line]


def test_the_dead_have_a_number() -> None:
    """An agent that was seen alive is named by its pid when it dies."""
    assert lines(AgentSeen("idle", 12, None), AgentSeen("dead", None, "SIGKILL"))[1] == (
        "-- agent 12 is dead: SIGKILL"
    )


def test_colours() -> None:
    """With colours, what was allowed is green, a fault red, all else that is not a frame yellow."""
    found = lines(
        ExportSeen(2, 1), frame(model("a"), model("b", Decision.SKIP_FAULT), model("c", SKIP)), colour=True
    )
    assert found[0] == "\x1b[33m-- export v2, number 1\x1b[0m"
    assert re.findall(r"\x1b\[(\d+)m([A-Za-z]+) *\x1b\[0m", found[2]) == [("32", "ALLOW"), ("31", "fault")]


def test_without_colours_there_are_no_escapes() -> None:
    """Without colours nothing but text is printed."""
    assert "\x1b" not in "".join(lines(ExportSeen(2, 1), frame(model("a")), AgentSeen("dead", None, None)))

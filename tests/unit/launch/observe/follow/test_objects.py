from __future__ import annotations

import json

import pytest

from launch.observe.follow.changes import AgentMissed, AgentSeen, Change, ExportSeen, FrameSeen, Gap, GapModel
from launch.observe.follow.objects import ObjectWriter
from ruth.agent.state import ModelState
from ruth.subscription.gate import Decision

MODELS = (
    ModelState("person", 5, True, Decision.SKIP_INTERVAL, 3, 4, 7, 0, 1, 0),
    ModelState("audit", None, True, Decision.ALLOW, 7, 0, 9, 0, 1, 0),
)


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        (
            AgentSeen("dead", None, "SIGKILL"),
            {"event": "agent", "state": "dead", "pid": None, "death": "SIGKILL", "problem": None},
        ),
        (ExportSeen(2, 1), {"event": "export", "export": "v2", "session": 1, "reason": None}),
        (ExportSeen(0, 1, "why"), {"event": "export", "export": None, "session": 1, "reason": "why"}),
        (AgentMissed(9), {"event": "missed", "frames": 9}),
        (
            Gap(4, (GapModel("person", 1, 3),)),
            {"event": "gap", "frames": 4, "models": [{"model_id": "person", "allowed": 1, "skipped": 3}]},
        ),
        (
            FrameSeen(2**64 - 1, 5, 6, MODELS),
            {
                "event": "frame",
                "frame_id": 2**64 - 1,
                "timestamp_ns": 5,
                "decided_ns": 6,
                "models": [
                    {"model_id": "person", "decision": "SKIP_INTERVAL", "allowed": 3, "skipped": 4},
                    {"model_id": "audit", "decision": "ALLOW", "allowed": 7, "skipped": 0},
                ],
            },
        ),
    ],
)
def test_an_object_a_line(change: Change, fields: dict[str, object]) -> None:
    """Each change is one line with one object: what it is, whose, and its fields."""
    text = ObjectWriter("a", frozenset()).text(change)
    assert text.endswith("}\n")
    assert text.count("\n") == 1
    assert json.loads(text) == {"camera_id": "a", **fields}


def test_only_the_models_that_were_asked_for() -> None:
    """Other models are in no object."""
    writer = ObjectWriter("a", frozenset({"audit"}))
    frame = json.loads(writer.text(FrameSeen(1, 2, 3, MODELS)))
    assert [model["model_id"] for model in frame["models"]] == ["audit"]
    gap = json.loads(writer.text(Gap(2, (GapModel("person", 1, 1), GapModel("audit", 2, 0)))))
    assert [model["model_id"] for model in gap["models"]] == ["audit"]

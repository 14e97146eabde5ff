"""Agents of a launch with what is compiled, and without it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.agents import CAPS, configure, launched, pid_of, record, view_agent
from harness.published import FRAME, expected, exporter_of
from harness.waiting import wait_until
from launch.agent.native.library import VARIABLE
from launch.observe.inspection.maps import has_native

if TYPE_CHECKING:
    from conftest import Processes, Roots

FRAMES = 60
TOO_MANY = 77
"""Exit code of an agent that observed more than a third of these frames in Python."""

COUNTED = f"""
import os, sys
from launch.cli.main import main
from ruth.agent.agent import StreamAgent

observe, observed = StreamAgent.observe, []

def counted(agent, *frame):
    observed.append(frame)
    if len(observed) > {FRAMES // 3}:
        os._exit({TOO_MANY})
    return observe(agent, *frame)

StreamAgent.observe = counted
sys.exit(main(sys.argv[1:]))
"""


def follow_all(roots: Roots) -> list[tuple[int, int]]:
    """Publishes frames for camera a, each when the one before was observed. Id and timestamp of each.

    Ends with the agent, if that dies.
    """
    exporter = exporter_of(roots, "a")
    published: list[tuple[int, int]] = []

    def observed_or_dead() -> bool:
        found = view_agent(roots, "a")
        return found.frame_id == published[-1][0] or found.state == "dead"

    for frame_id in range(FRAMES):
        published.append((frame_id, 10**12 + frame_id * 40_000_000))
        assert exporter.publish(FRAME, published[-1][1])
        wait_until(observed_or_dead, f"frame {frame_id} is observed")
    exporter.close()
    return published


@pytest.mark.parametrize("word", ["on", "off"])
def test_decisions_are_the_same_in_c_and_in_python(
    roots: Roots, processes: Processes, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    """An agent decides as the gate does, whether it takes frames in C or in Python."""
    monkeypatch.setenv(VARIABLE, word)
    pid = launched(roots, processes, "a")["a"]
    assert has_native(Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")) == (word == "on")
    published = follow_all(roots)
    found = record(roots, "a")
    assert (found.frames, found.missed) == (FRAMES, 0)
    for model in found.models:
        wanted = expected(CAPS[model.model_id], published)
        assert (model.allowed, model.skipped) == (wanted.allowed, wanted.skipped)
        assert model.last_frame_id == wanted.last_frame_id


@pytest.mark.parametrize(("word", "state"), [("on", "alive"), ("off", f"exit {TOO_MANY}")])
def test_frames_are_taken_in_c(
    roots: Roots, processes: Processes, monkeypatch: pytest.MonkeyPatch, word: str, state: str
) -> None:
    """Where there is what is compiled, an agent observes next to no frame in Python."""
    monkeypatch.setenv(VARIABLE, word)
    processes.start(sys.executable, "-c", COUNTED, "up", configure(roots, "a"), env=roots.environ())
    pid_of(roots, "a")
    follow_all(roots)
    assert (view_agent(roots, "a").death or "alive") == state

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

from doubles.frozen_vas import Version1Writer
from doubles.stepped_agent import CAMERA, MODEL, SteppedAgent
from harness.agents import launched
from harness.published import FRAME, exporter_of
from harness.waiting import wait_until
from launch.observe.liveness import read_sighting
from ruth.agent.idle import IDLE_AFTER_S
from ruth.export.layout import NO_FRAME_EVER
from ruth.units import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Processes, Roots
    from ruth.runtime.stream import Stream
    from ruth.vas.exporter import FrameExporter

    Attach = Callable[..., Stream]


def test_a_stream_says_why_no_frame_comes(roots: Roots, attach: Attach) -> None:
    """Each thing that keeps frames from coming is named, in the order in which one puts them right."""
    stream = attach(model_id="plate")
    said = [stream.problem]
    with SteppedAgent(roots) as agent:
        said.append(stream.problem)
    said.append(stream.problem)
    with SteppedAgent(roots, {MODEL: None, "plate": None}) as agent:
        said.append(stream.problem)
        (roots.export / CAMERA).mkdir(parents=True)
        Version1Writer(roots.export / CAMERA).start()
        said.append(stream.problem)
        exporter = exporter_of(roots, CAMERA)
        agent.step()
        said.append(stream.problem)
        exporter.publish(FRAME, 1)
        agent.step()
        said.append(stream.problem)
        exporter.close()
    path = roots.state / CAMERA / "agent.state"
    assert said == [
        f"camera 'front-door' has no agent that can be seen: {path}: No such file or directory",
        "the agent of 'front-door' has no model 'plate'; it has person",
        "the agent of 'front-door' is dead; `ruth up` launches another",
        f"the agent of 'front-door' finds no export: {roots.export / CAMERA}: No such file or directory",
        f"the agent of 'front-door' finds no export: {NO_FRAME_EVER}",
        "no frame was allowed yet; the last decision for 'plate' was NONE",
        None,
    ]


def test_an_export_that_only_the_agent_can_open_is_said(roots: Roots, attach: Attach) -> None:
    """A runtime that looks below another export root than its agent is told so; else all frames are lost."""
    elsewhere = roots.export.parent / "elsewhere"
    stream = attach(export_root=str(elsewhere))
    with SteppedAgent(roots) as agent:
        exporter = exporter_of(roots, CAMERA)
        exporter.publish(FRAME, 1)
        agent.step()
        said = [stream.problem]
        (elsewhere / CAMERA).mkdir(parents=True)
        said.append(stream.problem)
        exporter.close()
    place = elsewhere / CAMERA
    assert said == [
        f"this process cannot open {place}, which the agent can: No such file or directory",
        f"this process cannot open {place}/frame.meta, which the agent can: No such file or directory",
    ]


def test_a_stopped_agent_is_said(roots: Roots, processes: Processes, attach: Attach) -> None:
    """Of an agent that is stopped it is said how it goes on; once it does, what else is amiss."""
    pid = launched(roots, processes, CAMERA)[CAMERA]
    stream = attach()
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: read_sighting(str(roots.state), CAMERA).stopped, "it is stopped")
    assert stream.problem == f"the agent of 'front-door' is stopped; `kill -CONT {pid}` continues it"
    os.kill(pid, signal.SIGCONT)
    wait_until(lambda: not read_sighting(str(roots.state), CAMERA).stopped, "it goes on")
    assert str(stream.problem).startswith("the agent of 'front-door' finds no export: ")


def test_an_agent_without_new_frames_is_said(
    roots: Roots, exporter: FrameExporter, agent: SteppedAgent, attach: Attach
) -> None:
    """An agent that allowed frames and observes no new ones, as `ruth ps` calls idle, is said to."""
    stream = attach()
    exporter.publish(FRAME, 1)
    agent.step()
    for age_s, said in (
        (0.0, None),
        (IDLE_AFTER_S + 5, "the agent of 'front-door' has observed no new frame for 7 s"),
    ):
        observed_ns = time.monotonic_ns() - int(age_s * NANOSECONDS)
        for field in (40, 80):  # started_ns and observed_ns, docs/agent-state.md
            agent.memory[field : field + 8] = observed_ns.to_bytes(8, "little")
        assert stream.problem == said


def test_an_agent_that_is_being_started_is_said(roots: Roots, agent: SteppedAgent, attach: Attach) -> None:
    """A lock that is held on a file without a record is an agent on its way."""
    agent.memory[0:4] = bytes(4)
    assert attach().problem == "the agent of 'front-door' has only just been started"

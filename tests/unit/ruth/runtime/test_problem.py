from __future__ import annotations

from typing import TYPE_CHECKING

from published import FRAME, exporter_of
from stepped import CAMERA, MODEL, SteppedAgent

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Roots
    from ruth.runtime.stream import Stream

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
        "the agent of 'front-door' finds no export",
        "no frame was allowed yet; the last decision for 'plate' was NONE",
        None,
    ]


def test_an_agent_that_is_being_started_is_said(roots: Roots, agent: SteppedAgent, attach: Attach) -> None:
    """A lock that is held on a file without a record is an agent on its way."""
    agent.memory[0:4] = bytes(4)
    assert attach().problem == "the agent of 'front-door' has only just been started"

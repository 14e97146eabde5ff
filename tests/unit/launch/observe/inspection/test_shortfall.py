"""Why a model gets less than its cap: of records that a real agent wrote, one sentence per cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from launch.observe.inspection.inspection import export_fps
from launch.observe.inspection.shortfall import shortfall
from ruth.agent.agent import StreamAgent
from ruth.agent.state import STATE_SIZE, parse_state
from ruth.agent.state_writer import AgentIdentity, StateWriter
from ruth.subscription.gate import Decision
from ruth.subscription.subscription import Subscription

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ruth.agent.state import AgentRecord

MS = 1_000_000
SECONDS = 20


def recorded(
    cap: float | None, frames: Iterable[tuple[int, int, int]], *, active: bool = True
) -> AgentRecord:
    """The record of an agent with one model, after frames: id, timestamp and when it was observed, in ms."""
    agent = StreamAgent("a")
    agent.subscribe(Subscription("a", "m", cap, active=active))
    memory = bytearray(STATE_SIZE)
    writer = StateWriter(agent).initialise(memoryview(memory), AgentIdentity(1, 2, 3, 4))
    agent.start()
    for frame_id, timestamp_ms, observed_ms in frames:
        agent.observe(frame_id, timestamp_ms * MS)
        writer.write_frame(1000 + observed_ms * MS)
    found = parse_state(bytes(memory))
    assert found is not None
    return found


def even(fps: int, missed: int = 0) -> Iterator[tuple[int, int, int]]:
    """A steady camera; of each ten frames so many are never seen."""
    for frame in range(SECONDS * fps):
        if frame % 10 >= missed:
            time_ms = frame * 1000 // fps
            yield frame, time_ms, time_ms


def of(record: AgentRecord) -> str | None:
    """What is said of its one model."""
    return shortfall(record, record.models[0], export_fps(record))


@pytest.mark.parametrize("cap", [25, 5, 2.5, None])
def test_a_model_that_gets_its_cap(cap: float | None) -> None:
    """Of a cap that divides the rate of the camera, and of none, there is nothing to explain."""
    assert of(recorded(cap, even(25))) is None


def test_an_interval_between_two_frames() -> None:
    """A cap of 10 on 25 frames per second gives each third frame: 8.33 a second."""
    assert of(recorded(10, even(25))) == (
        "8.33 frames per second of at most 10: frames come every 40 ms and 100 ms must lie between two,"
        " so each 3rd is allowed"
    )


def test_a_slow_camera() -> None:
    """A camera slower than the cap is named with its rate."""
    said = of(recorded(15, even(5)))
    assert said == "5 frames per second: the camera gives 5, fewer than its cap of 15"


@pytest.mark.parametrize("cap", [None, 25])
def test_missed_frames(cap: float | None) -> None:
    """Frames that the agent never saw are counted, and their share told."""
    said = of(recorded(cap, even(25, missed=4)))
    assert said is not None
    assert "the agent missed 40% of its frames (196 of 496)" in said


def test_frames_that_come_at_once() -> None:
    """Of frames stamped as they arrive, twelve at once, it is said how often they come."""
    frames = ((frame, frame // 12 * 480 + frame % 12, frame // 12 * 480 + frame % 12) for frame in range(500))
    said = of(recorded(5, frames))
    assert said == "2.08 frames per second of at most 5: frames come 12 at once, 2.13 times per second"


def test_frames_that_ceased() -> None:
    """A camera that pauses has its longest gap named."""
    frames = ((frame, time := frame * 40 + frame // 60 * 1500, time) for frame in range(480))
    said = of(recorded(5, frames))
    assert said is not None
    assert said.endswith("frames ceased for up to 1.54 s")


def test_jitter_at_the_interval() -> None:
    """Where nothing else explains it, frames are stamped slightly early; what computes that is named."""
    frames = ((frame, frame * 40 + (0, 6, 0, 3)[frame % 4], frame * 40) for frame in range(500))
    said = of(recorded(5, frames))
    assert said is not None
    assert "ruth plan --jitter" in said


def test_an_inactive_model() -> None:
    """An inactive model says so, with what was skipped."""
    assert of(recorded(5, even(25), active=False)) == "inactive: each frame is skipped, 500 so far"


@pytest.mark.parametrize(
    ("decision", "begins"),
    [(Decision.SKIP_INVALID_CAP, "its cap is invalid"), (Decision.SKIP_FAULT, "its decision failed")],
)
def test_decisions_that_say_it_all(decision: Decision, begins: str) -> None:
    """A cap that is none and a decision that failed are named, whatever the rates."""
    record = recorded(5, even(25))
    model = record.models[0]._replace(last_decision=decision)
    assert (shortfall(record, model, 25.0) or "").startswith(begins)


def test_too_short_to_tell() -> None:
    """Of less than two seconds nothing is said."""
    assert of(recorded(10, list(even(25))[:40])) is None


def test_another_export_has_begun() -> None:
    """What was allowed of exports before does not count."""
    record = recorded(10, even(25))
    model = record.models[0]._replace(allowed=1000 + record.models[0].allowed, earlier=1000)
    assert (shortfall(record, model, 25.0) or "").startswith("8.33 frames per second")
    assert (shortfall(record._replace(session=9), model, 25.0) or "").startswith("0 frames per second")

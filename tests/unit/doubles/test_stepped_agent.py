"""tests/doubles/stepped_agent.py: an agent that is stepped is an agent to readers of its record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conftest import Roots
from doubles.stepped_agent import SteppedAgent
from doubles.video_server import timestamp_ns
from harness.agents import CAPS, launched, record, wait_observed
from harness.published import FRAME, exporter_of
from harness.streams import Follower
from launch.observe.liveness import read_sighting

if TYPE_CHECKING:
    from conftest import Processes

# What an agent says of itself, and not of its frames.
ITS_OWN = {
    "pid",
    "configuration",
    "start_ticks",
    "started_ns",
    "launcher_pid",
    "observed_ns",
    "confinement",
    "gap_ns",
}


def test_its_record_is_that_of_an_agent(roots: Roots, processes: Processes) -> None:
    """Beside a real agent of the same export its record says the same after every frame."""
    exporter = exporter_of(roots, "a")
    elsewhere = Roots(roots.export, roots.state.with_name("stepped"))
    launched(roots, processes, "a")
    with SteppedAgent(elsewhere, dict(CAPS), "a") as agent, Follower(roots, "a") as follower:
        for frame in range(30):
            exporter.publish(FRAME, timestamp_ns("a", frame))
            assert agent.step()
            assert not agent.step()  # one frame is observed once
            follower.wait_for(frame)
            real, stepped = record(roots, "a")._asdict(), record(elsewhere, "a")._asdict()
            assert {name for name in real if real[name] != stepped[name]} <= ITS_OWN
        exporter.close()
        agent.step()
    wait_observed(roots, "a", 29)


def test_its_death_is_that_of_an_agent(roots: Roots) -> None:
    """It holds its camera's lock until it dies, and leaves its record as it was."""
    with SteppedAgent(roots) as agent:
        before = record(roots, "front-door")
        assert read_sighting(str(roots.state), "front-door").alive
        agent.die()
        assert not read_sighting(str(roots.state), "front-door").alive
        assert record(roots, "front-door") == before

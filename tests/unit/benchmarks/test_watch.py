from __future__ import annotations

import mmap
import os
import time
from typing import TYPE_CHECKING

import pytest

from benchmarks.agents import MODELS, Latencies, Watch, configuration
from benchmarks.load import Killer
from benchmarks.readers import agent_of
from benchmarks.transports import MODULES, transport_named
from launch.launcher.claim import claim
from launch.prepare.config.plan import parse_config
from ruth.agent.state import SEQUENCE_OFFSET, STATE_SIZE
from ruth.agent.state_writer import AgentIdentity, StateWriter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Processes, Roots

CAMERA = "front-door"


class Stepped:
    """An agent whose record is written by hand."""

    def __init__(self, roots: Roots) -> None:
        self.agent = agent_of(CAMERA)
        descriptor = claim(str(roots.state), CAMERA, len(self.agent.subscriptions))
        self.memory = mmap.mmap(descriptor, STATE_SIZE)
        os.close(descriptor)
        self._writer = StateWriter(self.agent).initialise(memoryview(self.memory), AgentIdentity(1, 2, 3, 4))
        self.agent.start()

    def decide(self, frame_id: int, timestamp_ns: int, latency_ns: int) -> None:
        """One frame."""
        self.agent.observe(frame_id, timestamp_ns)
        self._writer.write_frame(timestamp_ns + latency_ns)


@pytest.fixture
def stepped(roots: Roots) -> Iterator[Stepped]:
    """One, with its record below the test's own roots."""
    return Stepped(roots)


def test_latest(roots: Roots, stepped: Stepped) -> None:
    """A watch tells the newest decision and how long it took, and nothing before the first one."""
    watch = Watch(roots.state, CAMERA)
    assert watch.latest() == (-1, 0)
    stepped.decide(3, 1_000, 70)
    assert watch.latest() == (3, 70)
    stepped.decide(6, 2_000, 80)
    assert (watch.latest(), watch.frames, watch.missed) == ((6, 80), 2, 2)


def test_a_record_under_change_is_not_taken(roots: Roots, stepped: Stepped) -> None:
    """What is being written at this moment is not believed."""
    stepped.decide(3, 1_000, 70)
    stepped.memory[SEQUENCE_OFFSET] |= 1
    assert Watch(roots.state, CAMERA).latest() == (-1, 0)


def test_each_decision_counts_once(roots: Roots, stepped: Stepped) -> None:
    """However often one looks, a decision is one latency; those from before the first poll are none."""
    stepped.decide(1, 1_000, 10)
    latencies = Latencies(Watch(roots.state, CAMERA))
    latencies.poll()
    stepped.decide(2, 2_000, 20)
    latencies.poll()
    latencies.poll()
    stepped.decide(3, 3_000, 30)
    latencies.poll()
    assert list(latencies.nanoseconds) == [20, 30]


def test_configuration_and_readers_want_the_same() -> None:
    """Agents and the readers of peers decide for the same models with the same caps."""
    (camera,) = parse_config(configuration([CAMERA])).cameras
    assert {model.model_id: model.max_fps for model in camera.models} == MODELS
    subscriptions = agent_of(CAMERA).subscriptions
    assert {one.model_id: one.max_fps for one in subscriptions} == MODELS


def test_transports_are_named_as_they_name_themselves() -> None:
    """Every transport has the name under which it is found, and says whether it can be used."""
    for name in MODULES:
        transport = transport_named(name)
        assert (transport.NAME, type(transport.missing())) in ((name, str), (name, type(None)))


def test_a_killer_kills_each_once_and_no_more(processes: Processes) -> None:
    """All are killed within the time, and no other process."""
    started = [processes.start("sleep", "600") for _ in range(3)]
    killer = Killer([process.pid for process in started[:2]], seconds=0.02)
    deadline = time.monotonic() + 10
    while killer.killed < 2 and time.monotonic() < deadline:
        killer.poll()
    killer.poll()
    assert [process.wait(timeout=10) for process in started[:2]] == [-9, -9]
    assert started[2].poll() is None

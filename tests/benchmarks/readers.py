"""A peer's reader: a process that does with every frame what an agent does, and notes it the same way.

It takes notice of the frame by its transport's means, decides for the same four models, writes the same state
record and wakes its futex word. So an agent and a peer's reader differ in how they learn of a frame.
"""

from __future__ import annotations

import gc
import mmap
import os
import time
from typing import TYPE_CHECKING, Any

from benchmarks.agents import MODELS
from launch.launcher.claim import claim
from ruth.agent.agent import StreamAgent
from ruth.agent.state import STATE_SIZE, WAKE_OFFSET
from ruth.agent.state_writer import AgentIdentity, StateWriter
from ruth.futex import FutexWord
from ruth.subscription.subscription import Subscription

if TYPE_CHECKING:
    from benchmarks.transports import Place

NICE = 10  # as agents are: a process that decodes comes first


def agent_of(camera: str) -> StreamAgent:
    """A new agent with :data:`benchmarks.agents.MODELS`."""
    agent = StreamAgent(camera)
    for model, cap in MODELS.items():
        agent.subscribe(Subscription(camera, model, cap))
    return agent


def read(transport: str, place: Place, link: Any, state_root: str) -> None:
    """Reads frames until the process is ended.

    Args:
        transport: Name of a transport.
        place: Where its publisher is.
        link: What the publisher made for this reader.
        state_root: Where to leave the state record, under ``place.name``.

    """
    from benchmarks.transports import transport_named

    os.nice(NICE)
    agent = agent_of(place.name)
    memory = mmap.mmap(claim(state_root, place.name, len(agent.subscriptions)), STATE_SIZE)
    identity = AgentIdentity(os.getpid(), start_ticks=0, started_ns=time.monotonic_ns(), launcher_pid=0)
    writer = StateWriter(agent).initialise(memoryview(memory), identity)
    wake_word = FutexWord(memory, WAKE_OFFSET)
    agent.start()
    gc.disable()
    for frame_id, timestamp_ns in transport_named(transport).frames(place, link):
        if agent.observe(frame_id, timestamp_ns):
            writer.write_frame(time.monotonic_ns())
            wake_word.wake()

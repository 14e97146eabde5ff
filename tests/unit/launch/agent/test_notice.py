"""How an agent tells of changes, beside the futex word: what inotify sees of its record."""

from __future__ import annotations

import mmap
import os
from typing import TYPE_CHECKING

import pytest

from doubles.stepped_agent import CAMERA, SteppedAgent, publish
from harness.published import exporter_of
from launch.agent.notice import Notice
from ruth.agent.state import STATE_SIZE
from ruth.identity import STATE_NAME
from ruth.inotify import MODIFY, Inotify, events_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Roots


@pytest.fixture
def watch() -> Iterator[Inotify]:
    """An instance."""
    made = Inotify()
    yield made
    made.close()


def test_each_change_is_seen_from_the_folder(roots: Roots, watch: Inotify) -> None:
    """A new export and each frame are events of the record's file, once the record is whole."""
    with SteppedAgent(roots) as agent:
        watch.add_watch(str(roots.state / CAMERA), MODIFY)
        exporter = exporter_of(roots, CAMERA)
        for _ in range(3):
            publish(exporter, agent)
            assert {(mask, name) for _, mask, name in events_of(watch.read())} == {
                (MODIFY, STATE_NAME.encode())
            }
        agent.step()
        assert not watch.read()  # nothing new
        exporter.close()


def test_the_record_stays_what_it_was(roots: Roots) -> None:
    """The notice changes no byte of the record but its own, which is zero."""
    with SteppedAgent(roots) as agent:
        before = bytes(agent.memory)
        Notice(agent.memory, agent._descriptor).wake()
        assert bytes(agent.memory) == before


def test_a_notice_that_cannot_be_written_is_passed_over() -> None:
    """As where a filter refuses the call: the agent goes on."""
    memory = mmap.mmap(-1, STATE_SIZE)
    reader, writer = os.pipe()
    Notice(memory, writer).wake()  # a pipe has no offset: ESPIPE
    os.close(reader)
    os.close(writer)

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from harness.open_descriptors import left_of
from ruth.agent.agent import StreamAgent
from ruth.agent.state import HEADER_SIZE, STATE_SIZE, WAKE_OFFSET
from ruth.agent.state_reader import StateReader
from ruth.agent.state_writer import AgentIdentity, StateWriter

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Roots


@pytest.fixture
def state(roots: Roots) -> Path:
    """The ``agent.state`` of camera "a", empty but of its whole size."""
    path = roots.state / "a" / "agent.state"
    path.parent.mkdir(parents=True)
    path.write_bytes(bytes(STATE_SIZE))
    return path


def test_the_wake_word_is_read(roots: Roots, state: Path) -> None:
    """The wake word is the one that the agent moves with each change."""
    memory = bytearray(STATE_SIZE)
    with StateReader(str(roots.state), "a") as reader:
        writer = StateWriter(StreamAgent("a")).initialise(memoryview(memory), AgentIdentity(1, 2, 3, 4))
        for expected in (1, 2):
            state.write_bytes(memory)
            assert reader.wake_word() == expected
            writer.write_export(2, 1)


def test_the_mapping_is_read_only(roots: Roots, state: Path) -> None:
    """The header is mapped for a wait, and cannot be written through."""
    with StateReader(str(roots.state), "a") as reader, reader.map() as mapping:
        assert len(mapping) == HEADER_SIZE
        assert mapping[WAKE_OFFSET] == 0
        with pytest.raises(TypeError):
            mapping[WAKE_OFFSET] = 1


def test_a_file_that_is_replaced(roots: Roots, state: Path) -> None:
    """A reader knows whether its file is the one that is there."""
    with StateReader(str(roots.state), "a") as reader:
        assert reader.is_current()
        state.rename(state.with_name("old"))
        assert not reader.is_current()
        state.write_bytes(bytes(STATE_SIZE))
        assert not reader.is_current()


def test_an_empty_file_cannot_be_mapped(roots: Roots, state: Path) -> None:
    """A file that has no header yet is not a mapping, and has no wake word."""
    os.truncate(state, 0)
    with StateReader(str(roots.state), "a") as reader:
        with pytest.raises(ValueError, match="file size"):
            reader.map()
        assert reader.wake_word() == 0
        assert reader.read() is None


def test_nothing_is_left_open(roots: Roots, state: Path) -> None:
    """A closed reader leaves no descriptor and no mapping."""
    before = left_of(roots.state)
    reader = StateReader(str(roots.state), "a")
    reader.map().close()
    reader.close()
    assert left_of(roots.state) == before

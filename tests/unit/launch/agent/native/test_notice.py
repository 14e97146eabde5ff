"""What is compiled tells of changes as Python does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from doubles.stepped_agent import CAMERA, AgentInC, publish
from harness.published import exporter_of
from ruth.identity import STATE_NAME
from ruth.inotify import MODIFY, Inotify, events_of

if TYPE_CHECKING:
    from conftest import Roots
    from harness.compiled_steps import StepLibrary


def test_each_change_is_seen_from_the_folder(library: StepLibrary, roots: Roots) -> None:
    """A new export and each frame are events of the record's file."""
    watch = Inotify()
    with AgentInC(library, roots) as agent:
        watch.add_watch(str(roots.state / CAMERA), MODIFY)
        exporter = exporter_of(roots, CAMERA)
        for _ in range(3):
            publish(exporter, agent)
            assert {(mask, name) for _, mask, name in events_of(watch.read())} == {
                (MODIFY, STATE_NAME.encode())
            }
        assert agent.taken == 3
        exporter.close()
    watch.close()

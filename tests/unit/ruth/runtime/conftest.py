"""Fixtures of runtimes: an agent that is stepped by hand, an exporter, and a stream between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import ruth
from doubles.stepped_agent import CAMERA, MODEL, SteppedAgent
from harness.published import exporter_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Roots
    from ruth.runtime.stream import Stream
    from ruth.vas.exporter import FrameExporter


@pytest.fixture
def exporter(roots: Roots) -> Iterator[FrameExporter]:
    """The camera's exporter: 64 x 48, four slots."""
    made = exporter_of(roots, CAMERA)
    yield made
    made.close()


@pytest.fixture
def agent(roots: Roots) -> Iterator[SteppedAgent]:
    """The camera's agent; its one model may have every frame."""
    with SteppedAgent(roots) as made:
        yield made


@pytest.fixture
def attach(roots: Roots) -> Iterator[Callable[..., Stream]]:
    """Attaches to the camera, or to what the arguments say, below this test's roots."""
    streams: list[Stream] = []

    def made(
        camera_id: str = CAMERA,
        model_id: str = MODEL,
        timeout: float | None = 10,
        export_root: str | None = None,
        *,
        newest_only: bool = False,
    ) -> Stream:
        stream = ruth.attach(
            camera_id,
            model_id,
            timeout=timeout,
            newest_only=newest_only,
            export_root=export_root or str(roots.export),
            state_root=str(roots.state),
        )
        streams.append(stream)
        return stream

    yield made
    for stream in streams:
        stream.close()

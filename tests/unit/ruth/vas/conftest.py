"""Fixtures of writers: where a camera's export will be, rings made there, and what exporters report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.published import Messages
from harness.rings import HEIGHT, SLOTS, STRIDE, WIDTH
from ruth.export.picture import Picture
from ruth.vas.ring import FrameRing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Roots

UNSAID = Picture()


@pytest.fixture
def camera(roots: Roots) -> Path:
    """The path of a camera's directory; neither it nor the export root exists yet."""
    return roots.export / "front-door"


@pytest.fixture
def make(camera: Path) -> Iterator[Callable[..., FrameRing]]:
    """Makes rings of that camera, and closes them afterwards if the test has not."""
    made: list[FrameRing] = []

    def make_one(
        width: int = WIDTH,
        height: int = HEIGHT,
        stride: int = STRIDE,
        slots: int = SLOTS,
        picture: Picture = UNSAID,
    ) -> FrameRing:
        made.append(FrameRing(str(camera), width, height, stride, slots, picture))
        return made[-1]

    yield make_one
    for ring in made:
        if ring._slots:
            ring.close()


@pytest.fixture
def messages() -> Messages:
    """Where exporters of this test leave their messages."""
    return Messages()

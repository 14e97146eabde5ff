"""Fixtures: a real FFmpeg and a video for the stand-in VAS; cameras one of which is about to have a fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from conftest import open_processes, open_roots
from footage import ffmpeg_here, make_clip
from scene import CAMERAS, FRAMES_MAX, Scene, open_scene

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Processes, Roots
    from launch.vas.ffmpeg import FFmpeg
    from scene import Streams


@pytest.fixture(scope="module")
def ffmpeg() -> FFmpeg:
    """The FFmpeg of this machine."""
    return ffmpeg_here()


@pytest.fixture(scope="module")
def clip(ffmpeg: FFmpeg, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small video."""
    return make_clip(ffmpeg, tmp_path_factory.mktemp("clip") / "clip.mp4")


@pytest.fixture(scope="session")
def undisturbed() -> Streams:
    """The decision streams of all cameras in a run without any fault."""
    with open_roots() as roots, open_processes() as processes, open_scene(roots, processes) as scene:
        scene.publish(FRAMES_MAX, *CAMERAS)
        return scene.streams


@pytest.fixture
def scene(undisturbed: Streams, roots: Roots, processes: Processes) -> Iterator[Scene]:
    """The same cameras once more, for a fault."""
    with open_scene(roots, processes) as opened:
        yield opened

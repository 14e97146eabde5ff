"""Fixtures of the stand-in VAS: a real FFmpeg, and a video for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from footage import ffmpeg_here, make_clip

if TYPE_CHECKING:
    from pathlib import Path

    from launch.vas.ffmpeg import FFmpeg


@pytest.fixture(scope="module")
def ffmpeg() -> FFmpeg:
    """The FFmpeg of this machine."""
    return ffmpeg_here()


@pytest.fixture(scope="module")
def clip(ffmpeg: FFmpeg, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small video."""
    return make_clip(ffmpeg, tmp_path_factory.mktemp("clip") / "clip.mp4")

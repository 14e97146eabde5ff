"""Fixtures: a real FFmpeg and a video for the stand-in VAS; cameras one of which is about to have a fault."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest

from conftest import open_processes, open_roots
from doubles.planted_faults import compile_planted
from harness.footage import Run, ffmpeg_here, make_clip
from harness.once import made_once
from harness.scene import CAMERAS, FRAMES_MAX, Scene, open_scene
from launch.agent.native.library import VARIABLE
from launch.vas.process import run_vas
from launch.vas.source import parse_sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import Processes, Roots
    from harness.scene import Streams
    from launch.vas.camera import OpenExporter
    from launch.vas.ffmpeg import FFmpeg


@pytest.fixture(scope="session")
def ffmpeg() -> FFmpeg:
    """The FFmpeg of this machine."""
    return ffmpeg_here()


@pytest.fixture(scope="session")
def clip(ffmpeg: FFmpeg, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small video."""
    name = "clip.mp4"
    return made_once(tmp_path_factory, "clip", lambda folder: make_clip(ffmpeg, folder / name)) / name


@pytest.fixture
def vas(ffmpeg: FFmpeg, roots: Roots, processes: Processes, tmp_path: Path) -> Callable[..., Run]:
    """Runs the stand-in VAS in this process, with recordings in a folder of its own."""

    def run(
        *sources: str,
        exporter: OpenExporter | None = None,
        flag: str | None = "true",
        once: bool = True,
        seconds: float = 60,
        name: str = "recordings",
        program: FFmpeg = ffmpeg,
    ) -> Run:
        err = io.StringIO()
        summary = run_vas(
            parse_sources(sources),
            ffmpeg=program,
            recordings=str(tmp_path / name),
            once=once,
            seconds=seconds,
            environ=roots.environ(flag=flag),
            err=err,
            open_exporter=exporter,
        )
        return Run(summary, err.getvalue().splitlines(), tmp_path / name)

    return run


@pytest.fixture(scope="session")
def undisturbed() -> Streams:
    """The decision streams of all cameras in a run without any fault."""
    with open_roots() as roots, open_processes() as processes, open_scene(roots, processes) as scene:
        scene.publish(FRAMES_MAX, *CAMERAS)
        return scene.streams


@pytest.fixture(scope="session")
def planted_library(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What agents do in C, with faults in it."""
    name = "planted.so"
    made = made_once(tmp_path_factory, "planted", lambda folder: compile_planted(str(folder / name)))
    return str(made / name)


@pytest.fixture(scope="module", params=["in C", pytest.param("in Python", marks=pytest.mark.long)])
def library(request: pytest.FixtureRequest, planted_library: str) -> str:
    """For agents that begin in C, with faults in it; and none, for such as do not."""
    return planted_library if request.param == "in C" else ""


@pytest.fixture(
    params=[pytest.param("on", id="in C"), pytest.param("off", id="in Python", marks=pytest.mark.long)]
)
def both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an agent does by itself is tested of one that begins in C, as users run it, and of one in Python.

    The second way takes part with --all. What the kernel does to any process (a lock, a signal, who may read
    which file) and what looks at agents from outside (ps, top, inspect, down) is shown of one way alone.
    """
    monkeypatch.setenv(VARIABLE, request.param)


@pytest.fixture
def scene(undisturbed: Streams, library: str, roots: Roots, processes: Processes) -> Iterator[Scene]:
    """The same cameras once more, for a fault."""
    with open_scene(roots, processes, library) as opened:
        yield opened

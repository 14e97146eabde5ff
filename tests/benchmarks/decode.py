"""Decoding: whether FFmpeg decodes and records as without Ruth, whatever happens to frames and agents.

Twice: at a camera's pace, with ``ruth vas`` as users run it; and flat out, the same FFmpeg command
without its pace, which shows what is left of the machine. A recording must be the same bytes in every run.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from benchmarks.decode_runs import (
    AGENTS,
    BARE,
    DRAINED,
    EXPORT,
    FPS,
    KILLED,
    Measured,
    Size,
    make_clip,
    run_flat_out,
    run_paced,
)
from benchmarks.result import Chart, Result, Series, Table
from benchmarks.samples import order_of, ratio_by_round, summary_of
from benchmarks.stage import BenchmarkError
from launch.vas.ffmpeg import FFmpegMissingError, find_ffmpeg

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.stage import Stage

NAME: Final = "decode"
ABOUT: Final = "FFmpeg's frames per second and its recordings: exports, 100 agents, agents killed"

PACED: Final = (BARE, EXPORT, AGENTS, KILLED)
FLAT_OUT: Final = (BARE, DRAINED, EXPORT, AGENTS, KILLED)

WHOLE: Final = Size(1280, 720, 10, cameras=2, agents=100, rounds_paced=2, rounds_flat_out=6)
QUICK: Final = Size(320, 180, 1, cameras=1, agents=4, rounds_paced=1, rounds_flat_out=1)


def run(stage: Stage) -> Result:
    """Measures, as the module says."""
    try:
        ffmpeg = find_ffmpeg(os.environ)
    except FFmpegMissingError as error:
        raise BenchmarkError(str(error)) from None
    size = QUICK if stage.quick else WHOLE
    stage.say("a clip")
    clip = make_clip(stage, ffmpeg, size)
    paced = {arm: Measured() for arm in PACED}
    for number in range(size.rounds_paced):
        for arm in order_of(PACED, number):
            stage.say(f"at a camera's pace, round {number + 1} of {size.rounds_paced}: {arm}")
            run_paced(stage, size, clip, arm, paced[arm])
    flat_out = {arm: Measured() for arm in FLAT_OUT}
    for number in range(size.rounds_flat_out):
        stage.say(f"flat out, round {number + 1} of {size.rounds_flat_out}")
        for arm in order_of(FLAT_OUT, number):
            run_flat_out(stage, size, ffmpeg, clip, arm, flat_out[arm])
    return Result(NAME, tables_of(size, paced, flat_out), (chart_of(paced, flat_out),), notes_of(size))


def tables_of(
    size: Size, paced: Mapping[str, Measured], flat_out: Mapping[str, Measured]
) -> tuple[Table, ...]:
    """A table each way."""
    return (
        Table(
            f"At a camera's pace: {size.cameras} x {size.width}x{size.height} at {FPS} fps",
            ("arm", "frames/s", "x without Ruth", "frames exported", "agents killed", "recordings"),
            tuple(
                (
                    arm,
                    _fps(found),
                    ratio_by_round(found.fps, paced[BARE].fps),
                    found.exported,
                    found.killed,
                    recordings_text(found, paced[BARE]),
                )
                for arm, found in paced.items()
            ),
        ),
        Table(
            f"Flat out: one {size.width}x{size.height}",
            (
                "arm",
                "frames/s",
                "x without Ruth",
                "x thrown away",
                "FFmpeg's CPU, ms per frame",
                "frames exported, %",
                "agents killed",
                "recordings",
            ),
            tuple(
                (
                    arm,
                    _fps(found),
                    ratio_by_round(found.fps, flat_out[BARE].fps),
                    ratio_by_round(found.fps, flat_out[DRAINED].fps),
                    found.cpu_s * 1e3 / size.frames / len(found.fps),
                    found.exported / size.frames / len(found.fps) * 100,
                    found.killed,
                    recordings_text(found, flat_out[BARE]),
                )
                for arm, found in flat_out.items()
            ),
        ),
    )


def recordings_text(found: Measured, bare: Measured) -> str:
    """Whether all of them are the same bytes as those without Ruth."""
    same = sum(digest == bare.recordings[0] for digest in found.recordings)
    return f"{same} of {len(found.recordings)} identical"


def chart_of(paced: Mapping[str, Measured], flat_out: Mapping[str, Measured]) -> Chart:
    """Frames a second beside those without Ruth."""
    return Chart(
        "decoding",
        "x without Ruth",
        ("at a camera's pace", "flat out"),
        tuple(
            Series(
                arm,
                tuple(
                    ratio_by_round(way[arm].fps, way[BARE].fps) if arm in way else None
                    for way in (paced, flat_out)
                ),
            )
            for arm in FLAT_OUT
        ),
    )


def notes_of(size: Size) -> tuple[str, ...]:
    """What the numbers are of."""
    return (
        f"{size.agents} agents: those of what is decoded, and of cameras that a feeder feeds at {FPS} fps.",
        "Agents and feeder take their share of the same cores.",
        "Killed: one agent after the other (SIGKILL), evenly, all of them within a run.",
    )


def _fps(measured: Measured) -> float:
    return summary_of(sample for (sample,) in measured.fps).median

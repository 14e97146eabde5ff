"""Pictures: what RGB and grey of a 1080p frame cost a model's process, beside OpenCV.

On one thread each, in processor time: what a model's process pays, whatever else the host does. OpenCV
converts BT.601 of limited range and nothing else, so that is what it is asked for; Ruth's frames are of
BT.709, as 1080p is, but for the one way in which it uses OpenCV itself.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks.result import Chart, Result, Series, Table
from benchmarks.samples import order_of, ratio_by_round, summary_of
from ruth.export.layout import VERSION_2, FrameRecord, nv12_size
from ruth.export.nv12 import nv12_views
from ruth.export.picture import MatrixName, Picture, pack_picture
from ruth.runtime.frame import Copied, Frame, Origin

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.stage import Stage

NAME: Final = "pictures"
ABOUT: Final = "RGB and grey of a 1080p frame, in several sizes, beside OpenCV"

WIDTH: Final = 1920
HEIGHT: Final = 1080
SIZE: Final = (640, 384)  # no whole part of 1080p
THIRD: Final = (640, 360)  # a whole part
COPY: Final = "frame.copy(), for comparison"


def run(stage: Stage) -> Result:
    """Measures, as the module says."""
    ways = _ways()
    opencv = _opencv_ways()
    notes = () if opencv else ("OpenCV was left out: it is not installed (extra `examples`).",)
    measured = _measure(ways | opencv, 2 if stage.quick else 60, stage)
    rows = []
    for name, rounds in measured.items():
        times = summary_of(sample for (sample,) in rounds)
        rows.append((name, times.median, min(rounds)[0], ratio_by_round(rounds, measured[COPY])))
    headers = ("way", "median, ms of CPU", "best round, ms", "x copy")
    chart = Chart(
        "pictures of a 1080p frame",
        "ms",
        ("",),
        tuple(Series(name, (median,)) for name, median, _, _ in rows),
    )
    return Result(NAME, (Table("Pictures of a 1080p frame", headers, tuple(rows)),), (chart,), notes)


def _frame(matrix: MatrixName) -> Frame:
    size = nv12_size(WIDTH, HEIGHT)
    content = np.random.default_rng(1).integers(16, 236, size, np.uint8).tobytes()
    picture = pack_picture(Picture("limited", matrix))
    record = FrameRecord(VERSION_2, picture, 0, 0, WIDTH, HEIGHT, 0, WIDTH, size, 0, 2)
    return Frame(0, 0, nv12_views(content, record), Origin("bench", "audit", VERSION_2), Copied(record))


def _ways() -> dict[str, Callable[[], object]]:
    frame = _frame("bt709")
    out, small = np.empty((HEIGHT, WIDTH, 3), np.uint8), np.empty((SIZE[1], SIZE[0], 3), np.uint8)
    planes = np.empty((3, SIZE[1], SIZE[0]), np.uint8).transpose(1, 2, 0)
    columns, rows = SIZE
    third, part = THIRD
    return {
        COPY: frame.copy,
        "frame.rgb(out=...)": partial(frame.rgb, out=out),
        f"frame.rgb(({columns}, {rows}), out=...)": partial(frame.rgb, SIZE, out=small),
        f"the same, letterboxed: {third} x {part} within": partial(
            frame.rgb, SIZE, letterbox=True, out=small
        ),
        "the same, as planes": partial(frame.rgb, SIZE, letterbox=True, out=planes),
        f"frame.gray(({columns}, {rows}))": partial(frame.gray, SIZE),
        f"frame.gray(({third}, {part}))": partial(frame.gray, THIRD),
    }


def _opencv_ways() -> dict[str, Callable[[], object]]:
    try:
        import cv2
    except ImportError:
        return {}
    cv2.setNumThreads(1)
    frame = _frame("bt601")
    out = np.empty((HEIGHT, WIDTH, 3), np.uint8)

    def convert() -> object:
        return cv2.cvtColorTwoPlane(frame.y, frame.uv, cv2.COLOR_YUV2RGB_NV12, dst=out)

    def resize(how: int) -> object:
        return cv2.resize(convert(), SIZE, interpolation=how)

    return {
        "frame.rgb(out=...) of BT.601: by OpenCV": partial(frame.rgb, out=out),
        "cv2.cvtColor": convert,
        f"cv2.cvtColor, cv2.resize to {SIZE[0]} x {SIZE[1]}, INTER_AREA": partial(resize, cv2.INTER_AREA),
        f"cv2.cvtColor, cv2.resize to {SIZE[0]} x {SIZE[1]}, INTER_LINEAR": partial(resize, cv2.INTER_LINEAR),
    }


def _measure(
    ways: dict[str, Callable[[], object]], rounds: int, stage: Stage
) -> dict[str, list[list[float]]]:
    """Milliseconds of processor time, by way and round."""
    measured: dict[str, list[list[float]]] = {name: [] for name in ways}
    stage.say("by turns")
    for number in range(rounds):
        for name in order_of(list(ways), number):
            begun = time.thread_time_ns()
            ways[name]()
            measured[name].append([(time.thread_time_ns() - begun) / 1e6])
    return measured

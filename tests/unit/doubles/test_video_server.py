"""The rules of tests/doubles/video_server.py.

It publishes what it says, reports each frame, and notices who wrote a slot.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from doubles import video_server
from doubles.video_server import ServedCamera, picture, read_report
from harness.waiting import within
from ruth.export.layout import SLOT_COUNT_DEFAULT

if TYPE_CHECKING:
    import pytest

    from conftest import Processes, Roots


def started(processes: Processes, roots: Roots, *arguments: str) -> subprocess.Popen[str]:
    """A server with these arguments behind its report, which lies beside the roots."""
    process: subprocess.Popen[str] = processes.start(
        sys.executable, Path(video_server.__file__), roots.state.with_name("report"), *arguments,
        env=roots.environ(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    with within(30):
        assert process.stdout.readline() == "serving\n"
    return process


def test_what_it_publishes(processes: Processes, roots: Roots) -> None:
    """Its last frames stand in the exports as their pictures, and each frame is in its report, in order."""
    server = started(processes, roots, "0", "6", "a", "b")
    assert server.stdout is not None
    assert server.wait(timeout=60) == 0
    assert server.stdout.read() == "6 0\n"
    report = read_report(roots.state.with_name("report"))
    assert len(report) == 2 * 6
    assert [each.started_ns for each in report] == sorted(each.started_ns for each in report)
    for number, camera in enumerate("ab"):
        data = (roots.export / camera / "frame.data").read_bytes()
        slot_bytes = len(data) // SLOT_COUNT_DEFAULT
        for frame_id in range(2, 6):
            begin = frame_id % SLOT_COUNT_DEFAULT * slot_bytes
            wanted = picture(number, frame_id)
            assert data[begin : begin + len(wanted)] == wanted


def test_it_ends_with_its_standard_input(processes: Processes, roots: Roots) -> None:
    """The end of its standard input ends it before its last frame, with a report of those it published."""
    server = started(processes, roots, "25", "1000000", "a")
    out, _ = server.communicate(timeout=60)
    frames, spoiled = map(int, out.split())
    assert 1 <= frames < 1000
    assert spoiled == 0
    assert len(read_report(roots.state.with_name("report"))) == frames


def test_a_slot_that_somebody_wrote(roots: Roots, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slot whose bytes are no more what was written there is counted when it is written again."""
    for name, value in roots.environ().items():
        monkeypatch.setenv(name, value)
    camera = ServedCamera(0, "a")
    for frame_id in range(SLOT_COUNT_DEFAULT):
        camera.publish(frame_id)
    with (roots.export / "a" / "frame.data").open("r+b") as data:
        data.seek(1000)
        data.write(b"\xff")
    for frame_id in range(SLOT_COUNT_DEFAULT, 2 * SLOT_COUNT_DEFAULT):
        camera.publish(frame_id)
    assert camera.spoiled == 1

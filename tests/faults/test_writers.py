from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from faults.loop import loop
from harness.published import kill
from launch.vas.version1 import Version1Exporter
from ruth.export.layout import unpack_ring
from ruth.export.outcome import Absent, Fresh, Unchanged
from ruth.export.source import ExportSource
from ruth.vas.exporter import FrameExporter, open_exporter

if TYPE_CHECKING:
    from conftest import Roots
    from faults.tracer import Failing, Ran

CAMERA = "front-door"
WIDTH, HEIGHT = 16, 8
FRAME = bytes(WIDTH * HEIGHT * 3 // 2)
UNLINKAT, UNLINK = 263, 87
RUNS_MOST = 60  # in the short form


def nothing(_: str) -> None:
    """Where messages go."""


class Exporting:
    """A decoder's process: it opens an exporter, hands it three frames, and closes it."""

    def __init__(self, roots: Roots) -> None:
        self._roots = roots
        self._camera = roots.export / CAMERA

    def prepare(self) -> None:
        """There is nothing yet, not even the export root."""
        shutil.rmtree(self._roots.export, ignore_errors=True)

    def set_up(self) -> None:
        """As in a process that has not exported before."""
        for name in ("ruth.vas.ring", "ruth.vas.files"):
            sys.modules.pop(name, None)

    def play(self) -> None:
        """As README.md has it. Nothing may escape into the decoder."""
        exporter = open_exporter(CAMERA, WIDTH, HEIGHT, environ=self._roots.environ(), report=nothing)
        for timestamp_ns in (1, 2):
            buffer = exporter.begin_frame()
            if buffer is not None:
                buffer[:] = FRAME
                assert exporter.commit(timestamp_ns)
        exporter.publish(FRAME, 3)
        exporter.close()
        assert exporter.published in ((0,) if exporter.problem else (3,))

    def judge(self, ran: Ran, failing: Failing | None) -> None:
        """Nothing escapes, and no reader takes what is left, if anything is, for an export."""
        assert (ran.code, ran.escaped) == (0, "")
        with ExportSource(str(self._roots.export), CAMERA) as source:
            assert not isinstance(source.try_read(), Unchanged)
            assert isinstance(source.try_read(), Absent)
        left = {path.name for path in self._camera.iterdir()} if self._camera.exists() else set()
        if failing is None or ran.failed != UNLINKAT:
            assert not {name for name in left if name.endswith(".tmp")}
        if "frame.meta" in left:
            assert unpack_ring((self._camera / "frame.meta").read_bytes()).closed


class Replacing(Exporting):
    """A decoder's process that replaces the export of one that was killed."""

    def prepare(self) -> None:
        """The killed one's export is in place, with two frames, and a reader is bound to it."""
        super().prepare()
        killed = open_exporter(CAMERA, WIDTH, HEIGHT, environ=self._roots.environ(), report=nothing)
        assert isinstance(killed, FrameExporter)
        assert killed.publish(FRAME, 1)
        assert killed.publish(FRAME, 2)
        kill(killed)
        self._reader = ExportSource(str(self._roots.export), CAMERA)
        assert isinstance(self._reader.try_read(), Fresh)

    def play(self) -> None:
        """Takes over, and is killed in its turn."""
        exporter = open_exporter(CAMERA, WIDTH, HEIGHT, environ=self._roots.environ(), report=nothing)
        assert exporter.publish(FRAME, 3) is exporter.enabled

    def judge(self, ran: Ran, failing: Failing | None) -> None:
        """The old export is as it was, or the new one is there; in between there is only none."""
        assert (ran.code, ran.escaped) == (0, "")
        outcome = self._reader.try_read()
        if isinstance(outcome, Absent):  # told to poll again, where the new files were not there yet
            outcome = self._reader.try_read()
        self._reader.close()
        if failing is None:
            assert isinstance(outcome, Fresh)
            assert (outcome.record.frame_id, outcome.record.timestamp_ns, outcome.session) == (0, 3, 2)
        if isinstance(outcome, Fresh):
            assert outcome.record.timestamp_ns == 3
        with ExportSource(str(self._roots.export), CAMERA) as source:
            found = source.try_read()
            assert isinstance(found, Fresh | Absent)
            if isinstance(found, Fresh):
                assert found.record.timestamp_ns in (2, 3)
            else:
                assert not (self._camera / "frame.data").exists()


class ExportingVersion1(Exporting):
    """The stand-in's exporter of version 1: three frames, and the end."""

    def play(self) -> None:
        """As the stand-in does it."""
        exporter = Version1Exporter(str(self._roots.export), CAMERA, WIDTH, HEIGHT, nothing)
        for _ in range(3):
            buffer = exporter.begin_frame()
            if buffer is not None:
                buffer[:] = FRAME
                exporter.commit(0)
        exporter.close()

    def judge(self, ran: Ran, failing: Failing | None) -> None:
        """Nothing escapes; nothing is left, or what VAS leaves, or what could not be removed."""
        assert (ran.code, ran.escaped) == (0, ""), failing
        left = list(self._camera.iterdir()) if self._camera.exists() else []
        if ran.failed not in (UNLINK, UNLINKAT):
            # A temporary file that the next writer cuts, and an empty file of a start that failed.
            assert all(path.name == "frame.tmp" or path.stat().st_size == 0 for path in left)


@pytest.mark.soak
@pytest.mark.parametrize("make", [Exporting, Replacing, ExportingVersion1])
def test_every_system_call_of_a_writer_fails(roots: Roots, soaking: bool, make: type[Exporting]) -> None:
    """Whichever call of a writer fails, once or for ever: decoding goes on, and no half export is left.

    The longer form has every error for every call, the short one some of them.
    """
    looped = loop(make(roots), every_error=soaking, most=None if soaking else RUNS_MOST)
    print(f"{make.__name__}: {looped.calls} calls, {looped.runs} runs")  # noqa: T201 - shown with -rP
    assert looped.calls > 30

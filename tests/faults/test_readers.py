from __future__ import annotations

import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

import ruth
from faults.loop import loop
from harness.exports import DATA_V1, DATA_V2, META_V1, META_V2, next_frame, put
from harness.open_descriptors import left_of
from harness.published import FRAME, exporter_of
from launch.launcher.claim import claim
from ruth.agent.agent import StreamAgent
from ruth.agent.state import STATE_SIZE, parse_state
from ruth.agent.state_reader import StateReader
from ruth.agent.state_writer import AgentIdentity, StateWriter
from ruth.export.outcome import Absent, Fresh, Torn, Unchanged
from ruth.export.source import ExportSource
from ruth.subscription.subscription import Subscription

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Roots
    from faults.tracer import Failing, Ran

POLLS = 3
RUNS_MOST = 60  # in the short form


class Outsider:
    """A process that reads what others write."""

    def __init__(self, roots: Roots) -> None:
        self._roots = roots
        self._camera = roots.export / "front-door"
        self._descriptors = 0
        self._held: list[str] = []

    def set_up(self) -> None:
        """Looks what it holds, as at the end that must be all."""
        self._held = left_of(self._roots.export)
        self._descriptors = len(os.listdir("/proc/self/fd"))

    def assert_nothing_held(self) -> None:
        """Nothing of the export, and no descriptor."""
        assert left_of(self._roots.export) == self._held
        assert len(os.listdir("/proc/self/fd")) == self._descriptors


class Reading(Outsider):
    """A reader that meets an export of version 1, one of version 2, none, and another; each for some looks.

    What it meets is renamed into place by its own process, which alone knows the moment: that fails, too.
    """

    def prepare(self) -> None:
        """Three exports beside each other, and a link that leads to none of them yet."""
        shutil.rmtree(self._roots.export, ignore_errors=True)
        for name, meta, data in (("1", META_V1, DATA_V1), ("2", META_V2, DATA_V2), ("3", META_V2, DATA_V2)):
            directory = self._roots.export / name
            directory.mkdir(parents=True)
            put(directory, next_frame(meta) if name == "3" else meta, data)

    def play(self) -> None:
        """Looks never raise; when calls succeed again, the newest frame is found and nothing more held."""
        source = ExportSource(str(self._roots.export), "front-door")
        outcomes = []
        for number in (None, "1", "2", None, "3"):
            with suppress(OSError):
                if self._camera.exists():
                    self._camera.rename(self._roots.export / f"was-{number}")
            with suppress(OSError):
                if number is not None:
                    (self._roots.export / number).rename(self._camera)
            for _ in range(POLLS):
                outcome = source.try_read()
                outcomes.append(outcome)
                if isinstance(outcome, Fresh):
                    pixels = source.pixels(outcome)
                    if pixels is not None:
                        assert pixels.intact() in (True, False)
                        pixels.close()
        os.getppid()  # from here on nothing fails
        assert all(isinstance(outcome, Fresh | Unchanged | Torn | Absent) for outcome in outcomes)
        fresh = [outcome for outcome in outcomes if isinstance(outcome, Fresh)]
        assert len({(outcome.session, outcome.record) for outcome in fresh}) == len(fresh), "decided twice"
        if not self._camera.exists():
            (self._roots.export / "3").rename(self._camera)
        newest = source.try_read()
        assert isinstance(newest, Fresh | Unchanged), newest
        source.close()
        self.assert_nothing_held()

    def judge(self, ran: Ran, failing: Failing | None) -> None:
        """Nothing escapes."""
        assert (ran.code, ran.escaped) == (0, ""), failing


class Attached(Outsider):
    """A model runtime that attaches to a subscription, takes what there is, and lets go."""

    def prepare(self) -> None:
        """An export with a frame, the state of an agent that has allowed it, and what attaching imports."""
        assert callable(ruth.attach)
        shutil.rmtree(self._roots.export, ignore_errors=True)
        shutil.rmtree(self._roots.state, ignore_errors=True)
        camera = self._roots.export / "front-door"
        camera.mkdir(parents=True)
        self.publish(camera)
        with ExportSource(str(self._roots.export), "front-door") as source:
            fresh = source.try_read()
            assert isinstance(fresh, Fresh)
            self._taken = fresh.record
            ring = source.ring
            found = (source.version, 1, *(ring.identity[1:] if ring is not None else (0, 0)))
        agent = StreamAgent("front-door")
        agent.subscribe(Subscription("front-door", "person", 5.0))
        agent.start()
        descriptor = claim(str(self._roots.state), "front-door", 1)
        memory = bytearray(STATE_SIZE)
        writer = StateWriter(agent).initialise(memoryview(memory), AgentIdentity(os.getpid(), 1, 1, 0))
        writer.write_export(*found)
        agent.start_export()
        agent.observe(self._taken.frame_id, self._taken.timestamp_ns)
        writer.write_frame(2000)
        os.pwrite(descriptor, memory, 0)
        os.close(descriptor)

    def publish(self, camera: Path) -> None:
        """One frame, in version 1."""
        put(camera, META_V1, DATA_V1)

    def play(self) -> None:
        """A frame that is given out is the one that was allowed; attaching may be refused, by an OSError."""
        export, state = str(self._roots.export), str(self._roots.state)
        try:
            stream = ruth.attach("front-door", "person", export_root=export, state_root=state)
        except OSError:
            return
        frames = [stream.next_frame(0.01), stream.latest()]
        os.getppid()  # from here on nothing fails
        for frame in frames:
            assert frame is None or (frame.frame_id, frame.timestamp_ns) == (
                self._taken.frame_id,
                self._taken.timestamp_ns,
            )
            assert frame is None or frame.intact in (True, False)
        frames.append(stream.latest())
        assert frames[-1] is not None
        stream.close()
        del frames, frame, stream
        self.assert_nothing_held()

    def judge(self, ran: Ran, failing: Failing | None) -> None:
        """Nothing else escapes."""
        assert (ran.code, ran.escaped) == (0, ""), failing


class AttachedToRing(Attached):
    """The same, where the export is of version 2."""

    def publish(self, camera: Path) -> None:
        """One frame, by an exporter that lives."""
        self._exporter = exporter_of(self._roots, camera.name)
        assert self._exporter.publish(FRAME, 1000)


class Claiming(Outsider):
    """A launcher that makes a camera's state ready for an agent, and an outsider who reads it."""

    def prepare(self) -> None:
        """There is no state yet."""
        shutil.rmtree(self._roots.state, ignore_errors=True)

    def play(self) -> None:
        """Claims, reads, lets go. OSError says that it could not be had."""
        with suppress(OSError):
            descriptor = claim(str(self._roots.state), "front-door", 1)
            with StateReader(str(self._roots.state), "front-door") as reader:
                assert reader.alive()
                assert reader.read() is None
            os.close(descriptor)

    def judge(self, ran: Ran, failing: Failing | None) -> None:
        """No process holds it any more, it is not a valid record, and the next one can claim it."""
        assert (ran.code, ran.escaped) == (0, ""), failing
        descriptor = claim(str(self._roots.state), "front-door", 1)
        assert parse_state(os.pread(descriptor, STATE_SIZE, 0)) is None
        os.close(descriptor)


@pytest.mark.soak
@pytest.mark.parametrize("make", [Reading, Attached, AttachedToRing, Claiming])
def test_every_system_call_of_a_reader_fails(
    roots: Roots,
    soaking: bool,
    make: type[Reading | Attached | Claiming],
) -> None:
    """Whichever call of a reader fails, once or for ever: it finds less, and goes on when calls succeed.

    The longer form has every error for every call, the short one some of them.
    """
    looped = loop(make(roots), every_error=soaking, most=None if soaking else RUNS_MOST)
    print(f"{make.__name__}: {looped.calls} calls, {looped.runs} runs")  # noqa: T201 - shown with -rP
    assert looped.calls > 20

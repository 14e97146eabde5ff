"""Rhythm: how many frames are seen, and given to models, when they do not come evenly; both export versions.

An agent as ``ruth up`` launches it, with two models' runtimes attached, beside a bare reader in C of the
same export: one that waits by inotify (version 1), one that waits on the futex word and walks the ring
(version 2). They run in turn, in rounds; the others are stopped meanwhile.
"""

from __future__ import annotations

import mmap
import os
import signal
from array import array
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from benchmarks.agents import Watch, launch
from benchmarks.bare import bare_missing, rhythm_functions
from benchmarks.cost import cpu_ns_of
from benchmarks.renamed_cameras import HEADS as CAMERAS
from benchmarks.renamed_cameras import cameras_table
from benchmarks.result import Chart, Result, Series, Table
from benchmarks.rhythm_feed import CAMERA, COUNTS_BYTES, SLOTS, Feeder, run_model
from benchmarks.samples import order_of, ratio_by_round, summary_of
from benchmarks.schedules import INTERVAL_S, RHYTHMS, moments, stamps
from benchmarks.watched import HEADS as WATCHED
from benchmarks.watched import watched_table
from ruth.export.layout import META_SIZE_V2, VERSION_1, VERSION_2
from ruth.futex import address_of
from ruth.identity import META_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from benchmarks.result import Cell
    from benchmarks.rhythm_feed import Played
    from benchmarks.stage import Stage

NAME: Final = "rhythm"
ABOUT: Final = "frames with jitter, in pairs, in bursts, after stalls: seen, given, latency; both versions"

OURS: Final = "Ruth"
BARE: Final = "bare"
UNCAPPED: Final = "audit"
CAPPED: Final = "person"  # at most 5 a second (benchmarks.agents.MODELS)
VERSIONS: Final = (VERSION_1, VERSION_2)
QUICK: Final = ("steady", "pairs", "12 at once, 0.1 ms apart")
_LOG_ENTRIES: Final = 2**20
_LOG_BYTES: Final = 8 + 16 * _LOG_ENTRIES

Cells = tuple["Cell", ...]


@dataclass(slots=True)
class Measured:
    """What one arm did with one rhythm.

    Attributes:
        seconds: How long it was, by the times of the frames.
        published: Frames.
        seen: Of those, observed.
        uncapped: Frames that the model without a cap was given.
        capped: Frames that the model with a cap of 5 was given.
        cpu_ns: CPU time of agent or bare reader.
        rounds: Nanoseconds from publishing to seeing, by round.

    """

    seconds: float = 0.0
    published: int = 0
    seen: int = 0
    uncapped: int = 0
    capped: int = 0
    cpu_ns: int = 0
    rounds: list[array[int]] = field(default_factory=list)


class RhythmCamera:
    """One export with its agent, two runtimes and a bare reader; all but the writer can be stopped."""

    def __init__(self, stage: Stage, version: int) -> None:
        self._stage = stage
        folder = stage.new_folder()
        root, self._state_root = folder / "vas", folder / "ruth"
        self._feeder = Feeder(stage, version, root)
        self._launched = launch(stage, root, self._state_root, [CAMERA])
        (self.agent,) = self._launched.pids
        self._watch = Watch(self._state_root, CAMERA)
        self._log = _shared(folder / "log", _LOG_BYTES)
        self._bare = stage.worker(_follow, version, str(root / CAMERA), str(folder / "log"))
        self._counts = {model: _shared(folder / model, COUNTS_BYTES) for model in (UNCAPPED, CAPPED)}
        self._runtimes = [
            stage.worker(run_model, str(root), str(self._state_root), model, str(folder / model))
            for model in self._counts
        ]
        stage.wait_until(self._all_begun, "agent, runtimes and the bare reader follow", 60)
        self._stop((self._bare, *self._launched.pids, *self._runtimes))

    def play(self, by: str, name: str, seconds: float, seed: int, measured: Measured) -> None:
        """Lets one arm follow a rhythm, and adds what it did."""
        pids = (self._bare,) if by == BARE else (self.agent, *self._runtimes)
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        self._feeder.warm()
        counts = [counts[0] for counts in self._counts.values()]
        logged, frames, cpu_ns = self._log[0], self._watch.frames, cpu_ns_of(pids[:1])
        due = moments(name, seconds, seed)
        captured = stamps(name, due)
        played = self._feeder.play(due, captured, None if by == BARE else self._state_root)
        self._stage.check_workers()
        measured.seconds += captured[-1] - captured[0] + INTERVAL_S
        measured.published += len(due)
        measured.cpu_ns += cpu_ns_of(pids[:1]) - cpu_ns
        if by == BARE:
            seen = dict(self._log_entries(logged))
            measured.seen += sum(played.first_id + number in seen for number in range(len(due)))
            measured.rounds.append(_latencies_of(played, seen))
        else:
            measured.seen += self._watch.frames - frames
            uncapped, capped = (new[0] - old for new, old in zip(self._counts.values(), counts, strict=True))
            measured.uncapped += uncapped
            measured.capped += capped
            measured.rounds.append(played.latencies_ns)
        self._stop(pids)

    def end(self) -> None:
        """Ends all of it."""
        for pid in self._launched.pids:
            os.kill(pid, signal.SIGCONT)
        self._launched.end()
        self._stage.end_workers([self._feeder.pid, self._bare, *self._runtimes])

    def _all_begun(self) -> bool:
        self._feeder.warm()
        return bool(
            self._log[0] and self._watch.frames and all(counts[0] for counts in self._counts.values())
        )

    def _log_entries(self, first: int) -> Iterable[tuple[int, int]]:
        return ((self._log[1 + 2 * entry], self._log[2 + 2 * entry]) for entry in range(first, self._log[0]))

    @staticmethod
    def _stop(pids: Iterable[int]) -> None:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)


def run(stage: Stage) -> Result:
    """Measures, as the module says."""
    problem = bare_missing()
    if problem:
        note = f"All of it was left out, since its writer is in C: {problem}."
        nothing = (
            Table("left out", headers, ((None,) * len(headers),)) for headers in (HEADS, CAMERAS, WATCHED)
        )
        return Result(NAME, tuple(nothing), notes=(note,))
    rounds, seconds = (1, 1.0) if stage.quick else (2, 6.0)
    measured: dict[tuple[int, str, str], Measured] = {}
    for version in VERSIONS:
        camera = RhythmCamera(stage, version)
        for number in range(rounds):
            for name in QUICK if stage.quick else RHYTHMS:
                stage.say(f"version {version}, {name}, round {number + 1} of {rounds}")
                for by in order_of((OURS, BARE), number):
                    own = measured.setdefault((version, name, by), Measured())
                    camera.play(by, name, seconds, number, own)
        camera.end()
    many, notes = cameras_table(stage)
    tables = (
        Table("Rhythms, 25 frames per second in the mean", HEADS, tuple(rows_of(measured))),
        many,
        watched_table(stage),
    )
    return Result(NAME, tables, tuple(charts_of(measured)), (RING_NOTE, *notes))


RING_NOTE: Final = (
    f"The ring of version 2 has {SLOTS} slots; its frames carry the times of the camera, those of version 1 "
    "that of writing. A cap of 5 allows 1 of a group that was written at once."
)
HEADS: Final = (
    "export",
    "rhythm",
    "by",
    "frames",
    "seen, %",
    "given without a cap, %",
    "given with a cap of 5, a second",
    "median, us",
    "p99, us",
    "x bare",
    "CPU, us per frame",
)


def rows_of(measured: Mapping[tuple[int, str, str], Measured]) -> Iterable[Cells]:
    """A row an arm and rhythm."""
    for (version, name, by), own in measured.items():
        bare = measured[version, name, BARE]
        times = [sample / 1e3 for samples in own.rounds for sample in samples]
        summary = summary_of(times) if times else None
        compared = any(len(a) and len(b) for a, b in zip(own.rounds, bare.rounds, strict=True))
        yield (
            f"v{version}",
            name,
            by,
            own.published,
            own.seen / own.published * 100,
            None if by == BARE else own.uncapped / own.published * 100,
            None if by == BARE else own.capped / own.seconds,
            None if summary is None else summary.median,
            None if summary is None else summary.p99,
            ratio_by_round(own.rounds, bare.rounds) if compared else None,
            own.cpu_ns / own.published / 1e3,
        )


def charts_of(measured: Mapping[tuple[int, str, str], Measured]) -> Iterable[Chart]:
    """Shares seen, one chart a version."""
    for version in VERSIONS:
        names = tuple(dict.fromkeys(name for found, name, _ in measured if found == version))
        yield Chart(
            f"frames seen, version {version}",
            "%",
            names,
            tuple(
                Series(by, tuple(map(partial(_share, measured, version, by), names))) for by in (OURS, BARE)
            ),
        )


def _share(
    measured: Mapping[tuple[int, str, str], Measured], version: int, by: str, name: str
) -> float | None:
    own = measured[version, name, by]
    return own.seen / own.published * 100


def _latencies_of(played: Played, seen: Mapping[int, int]) -> array[int]:
    """Of the frames after which nothing came for a while, as the agent's are known."""
    found = array("q")
    rows = zip(played.published_ns, played.followed, strict=True)
    for frame_id, (published_ns, followed) in enumerate(rows, played.first_id):
        if followed and frame_id in seen:
            found.append(seen[frame_id] - published_ns)
    return found


def _shared(path: Path, size: int) -> memoryview:
    path.write_bytes(bytes(size))
    with path.open("r+b") as file:
        return memoryview(mmap.mmap(file.fileno(), size)).cast("Q")


def _follow(version: int, folder: str, log_path: str) -> None:
    with open(log_path, "r+b") as file:
        log = mmap.mmap(file.fileno(), _LOG_BYTES)
    if version == VERSION_1:
        problem = rhythm_functions().follow_renamed(folder.encode(), address_of(log, 0), _LOG_ENTRIES)
        raise OSError(problem, os.strerror(problem))
    with open(f"{folder}/{META_NAME}", "rb") as file:
        meta = mmap.mmap(file.fileno(), META_SIZE_V2, mmap.MAP_SHARED, mmap.PROT_READ)
    rhythm_functions().follow_ring(address_of(meta, 0), address_of(log, 0), _LOG_ENTRIES)

"""What was to be reached (docs/goals.md) beside what was measured. Pure: records to a table.

A figure is found in the tables that benchmarks pass on, by its row and its header, so that it is never
written twice. What was not measured is not judged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from benchmarks import (
    cameras,
    decode,
    gate,
    idle,
    many,
    notice,
    off,
    publish,
    rhythm,
    version1,
    view,
    watched,
)
from benchmarks.result import Table, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks.record import Record
    from benchmarks.result import Cell

Key: TypeAlias = "tuple[Cell, ...]"

REACHED: Final = "yes"
BEHIND: Final = "no"


class Goal(NamedTuple):
    """One thing to reach.

    Attributes:
        what: In words.
        goal: In words.
        found: The figure, from the records; None if it was not measured.
        good: Whether a figure is as good as it has to be.

    """

    what: str
    goal: str
    found: Callable[[Mapping[str, Record]], float | None]
    good: Callable[[float], bool]


def cell(records: Mapping[str, Record], name: str, table: int, key: Key, header: str) -> float | None:
    """The number below ``header`` in the row that begins with ``key``; None if there is none.

    Args:
        records: By benchmark.
        name: The benchmark.
        table: Which of its tables, from 0.
        key: First cells of the row; a None fits every cell.
        header: A header of the table.

    """
    if name not in records:
        return None
    found = records[name].result.tables[table]
    place = found.headers.index(header)
    for row in found.rows:
        if all(wanted is None or wanted == here for wanted, here in zip(key, row, strict=False)):
            value = row[place]
            return float(value) if isinstance(value, int | float) else None
    return None


def reach_table(records: Mapping[str, Record]) -> Table:
    """Every goal, what was found, and whether that is enough."""
    rows = []
    for goal in GOALS:
        found = goal.found(records)
        reached = None if found is None else REACHED if goal.good(found) else BEHIND
        rows.append((goal.what, goal.goal, shown(found), reached))
    return Table("Reached", ("what", "to reach", "measured", "reached"), tuple(rows))


def _at_most(
    what: str, most: float, unit: str, name: str, table: int, key: Key, header: str, scale: float = 1.0
) -> Goal:
    def found(records: Mapping[str, Record]) -> float | None:
        value = cell(records, name, table, key, header)
        return None if value is None else value * scale

    return Goal(what, f"<= {most:g}{unit}", found, lambda value: value <= most)


def _publishing(readers: int, most: float) -> Goal:
    what = f"publish a 1080p frame, {readers} reader{'' if readers == 1 else 's'}"
    return _at_most(what, most, " x memcpy", publish.NAME, 0, ("1080p", readers, "Ruth"), "x memcpy")


def _least_cpu(records: Mapping[str, Record]) -> float | None:
    """CPU of publisher and 8 readers, in those of the best peer."""
    header = "CPU of all, us per frame"
    figures = {
        name: cell(records, publish.NAME, 0, ("1080p", 8, name), header)
        for name in publish.ARMS
        if name not in publish.FLOORS
    }
    own = figures.pop("Ruth")
    others = [value for value in figures.values() if value is not None]
    return own / min(others) if own is not None and others else None


def _ahead(setting: str) -> Callable[[Mapping[str, Record]], float | None]:
    """The median of Ruth in those of the best peer."""

    def found(records: Mapping[str, Record]) -> float | None:
        figures = {name: cell(records, notice.NAME, 0, (setting, name), "median, us") for name in notice.ARMS}
        own = figures.pop(notice.OURS)
        others = [value for value in figures.values() if value is not None]
        return own / min(others) if own is not None and others else None

    return found


def _slowest_decoding(table: int) -> Callable[[Mapping[str, Record]], float | None]:
    """The arm that decodes slowest, in frames per second without Ruth."""

    def found(records: Mapping[str, Record]) -> float | None:
        arms = decode.PACED if table == 0 else decode.FLAT_OUT
        figures = [cell(records, decode.NAME, table, (arm,), "x without Ruth") for arm in arms]
        return min((value for value in figures if value is not None), default=None)

    return found


def _differing_recordings(records: Mapping[str, Record]) -> float | None:
    if decode.NAME not in records:
        return None
    texts = [str(row[-1]) for table in records[decode.NAME].result.tables for row in table.rows]
    counts = [text.split() for text in texts]
    return float(sum(int(words[2]) - int(words[0]) for words in counts))


def _most_cameras(records: Mapping[str, Record]) -> float | None:
    """The most cameras of which no frame was missed."""
    if cameras.NAME not in records:
        return None
    frames = records[cameras.NAME].result.tables[0]
    missed = frames.headers.index("missed")
    found = [row[0] for row in frames.rows if row[1] == cameras.OURS and row[missed] == 0]
    return float(max((number for number in found if isinstance(number, int)), default=0))


def _rhythm(export: str, header: str, most: str = "") -> Callable[[Mapping[str, Record]], float | None]:
    """The least figure of Ruth over rhythms whose name begins so; of shares seen, in the bare reader's."""

    def found(records: Mapping[str, Record]) -> float | None:
        if rhythm.NAME not in records:
            return None
        figures = []
        for name in rhythm.RHYTHMS:
            own, bare = (
                cell(records, rhythm.NAME, 0, (export, name, by), header) for by in (rhythm.OURS, rhythm.BARE)
            )
            if own is not None and name.startswith(most):
                figures.append(own / bare if bare else own)
        return min(figures, default=None)

    return found


_THOUSAND: Final = (1_000, cameras.OURS)

GOALS: Final = (
    _publishing(0, 1.08),
    _publishing(1, 1.08),
    _publishing(8, 1.20),
    Goal("CPU of publisher and 8 readers", "<= 1 x the best peer's", _least_cpu, lambda value: value <= 1),
    _at_most(
        "publish to decision, flat out", 3, " us", notice.NAME, 0, (notice.FLAT_OUT, "Ruth"), "median, us"
    ),
    Goal("the same", "< 1 x the best peer's", _ahead(notice.FLAT_OUT), lambda value: value < 1),
    *(
        _at_most(
            f"publish to decision, {setting}",
            0.7,
            " x iceoryx2",
            notice.NAME,
            0,
            (setting, "Ruth"),
            "x iceoryx2",
        )
        for setting in (notice.PACED, notice.AWAKE)
    ),
    _at_most(
        "one decision, 4 models, compiled",
        80,
        " ns",
        gate.NAME,
        0,
        (4, gate.COMPILED),
        "median, ns per decision",
    ),
    _at_most(
        "one decision, 4 models, in Python",
        80,
        " ns",
        gate.NAME,
        0,
        (4, gate.AGENT),
        "median, ns per decision",
    ),
    *(
        _at_most(
            f"one model process, {cameras_:,} cameras x {fps} fps, {what}",
            most,
            " us",
            many.NAME,
            0,
            (cameras_, fps, many.ONE_WAIT),
            header,
        )
        for cameras_, fps, what, most, header in (
            (100, 10, "CPU per frame", 40, "CPU, us a frame"),
            (100, 10, "p99", 2_000, "p99, us"),
            (1_000, 5, "CPU per frame", 25, "CPU, us a frame"),
        )
    ),
    _at_most("view of an allowed 1080p frame", 2, " us", view.NAME, 0, (view.KNOWN,), "median, us"),
    _at_most(
        "private memory of an agent, 1,000 cameras",
        1.0,
        " MB",
        cameras.NAME,
        1,
        _THOUSAND,
        "private memory, MB",
    ),
    _at_most("one more agent, launched", 0.6, " ms", cameras.NAME, 1, _THOUSAND, "one more, ms"),
    _at_most("frames missed, 1,000 cameras", 0, "", cameras.NAME, 0, _THOUSAND, "missed"),
    _at_most("p99 to the decision, 1,000 cameras", 1_000, " us", cameras.NAME, 0, _THOUSAND, "p99, us"),
    _at_most(
        "CPU per frame and agent, 1,000 cameras",
        18,
        " us",
        cameras.NAME,
        0,
        _THOUSAND,
        "CPU, us per frame and agent",
    ),
    Goal("cameras without a frame missed", ">= 2,000", _most_cameras, lambda value: value >= 2_000),
    *(
        _at_most(
            f"CPU of an agent on version 1, {cameras} camera{'s' if cameras > 1 else ''}",
            0.5,
            " % of a core",
            version1.NAME,
            0,
            (cameras, version1.OURS),
            "CPU of one, % of a core",
        )
        for cameras in version1.COUNTS
    ),
    _at_most(
        "version 1 at 25 fps, steady, rename to decision",
        1.3,
        " x a bare inotify reader",
        rhythm.NAME,
        0,
        ("v1", "steady", rhythm.OURS),
        "x bare",
    ),
    Goal(
        "version 1, every rhythm, share of frames observed",
        ">= 1 x a bare inotify reader's",
        _rhythm("v1", "seen, %"),
        lambda value: value >= 0.999,
    ),
    Goal(
        "version 2, 12 at once in 12 slots, share of frames observed",
        "100 %",
        _rhythm("v2", "seen, %", "12 at once"),
        lambda value: value >= 1,
    ),
    Goal(
        "the same, given with a cap of 5",
        "4.9 to 5.0 a second, and one at an end",
        _rhythm("v2", "given with a cap of 5, a second", "12 at once"),
        lambda value: 4.9 <= value <= 5.2,
    ),
    _at_most(
        "private memory of an agent, 1,000 cameras of version 1",
        0.06,
        " MB",
        rhythm.NAME,
        1,
        (1_000,),
        "private memory, MB",
    ),
    _at_most(
        "writing version 1 while an agent watches, 640 x 360",
        1.05,
        " x not watched",
        rhythm.NAME,
        2,
        ("640 x 360", watched.WATCHED),
        "x not watched",
    ),
    _at_most("files made, flag off", 0, "", off.NAME, 1, (off.FILES,), "found"),
    _at_most("bytes allocated, flag off", 0, "", off.NAME, 1, (off.ALLOCATED,), "found"),
    *(
        _at_most(f"wake-ups per second, {name}", 1.05, "", idle.NAME, 0, (name,), "wake-ups per second")
        for name in (idle.ABSENT, idle.FROZEN)
    ),
    Goal(
        "decoding at a camera's pace, slowest arm",
        ">= 0.98 x without Ruth",
        _slowest_decoding(0),
        lambda value: value >= 0.98,
    ),
    Goal(
        "decoding flat out, slowest arm",
        ">= 0.98 x without Ruth",
        _slowest_decoding(1),
        lambda value: value >= 0.98,
    ),
    Goal("recordings that differ by a byte", "0", _differing_recordings, lambda value: value == 0),
)

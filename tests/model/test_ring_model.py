from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeAlias

import pytest

from model.memory import C11, X86, History, Machine
from model.ring_histories import SESSIONS, Fate, fates, frames_of
from model.ring_readers import CHECKS, Checks, FindingReader, Kept, MappingReader, PreadReader, WalkingReader
from model.ring_waiting import HABITS, Habits, WaitingMappingReader, WaitingPreadReader
from model.ring_writer import RULES, Rules, Writer
from model.search import Found, Search

if TYPE_CHECKING:
    from collections.abc import Callable

    from model.ring_waiting import Kept as Waiting
    from model.ring_writer import ExportWords
    from model.search import Reader

SLOT_COUNTS = (2, 3, 4)
DEFECT_SLOTS = 2
WALKED_SLOTS = 3
"""With which two slots lie between; with four, all that three preads can meet takes a minute of CPU."""


def finding_reader(slot_count: int, checks: Checks = CHECKS) -> FindingReader:
    """Looks for any frame of any session."""
    ids = range(frames_of(slot_count))
    return FindingReader(slot_count, [(epoch, frame_id) for epoch in SESSIONS for frame_id in ids], checks)


MakesReader: TypeAlias = "Callable[..., Reader[Kept]]"
MakesWaitingReader: TypeAlias = "Callable[[ExportWords, int, Habits], Reader[Waiting]]"
READERS: tuple[tuple[Machine, MakesReader], ...] = (
    (X86, PreadReader),
    (X86, WalkingReader),
    (X86, finding_reader),
    (X86, MappingReader),
    (C11, MappingReader),
)


def test_no_reader_is_ever_deceived_and_none_is_blind(
    record_property: Callable[[str, object], None],
) -> None:
    """No torn or mispaired frame is accepted, ids never run back, and every frame can be accepted.

    One writer of K + 3 frames that dies after any of its stores and comes back in new files or in the same
    ones; K slots; readers that load through a mapping, on x86-64 and with fences in C11, or read with preads,
    the newest frame, those before it as well, or one that another process took.
    """
    began, total = time.process_time(), 0
    for slot_count in SLOT_COUNTS:
        for machine, make in READERS:
            if make is WalkingReader and slot_count > WALKED_SLOTS:
                continue
            reader = make(slot_count)
            search, states, histories = Search(reader), 0, 0
            for fate in fates(machine, slot_count):
                found = search(fate.history)
                due = fate.slots_filled if isinstance(reader, FindingReader) else fate.published
                assert not found.trace, described(fate, found)
                assert found.accepted == due, fate.name
                states, histories = states + found.states, histories + 1
            total += states
            name = f"{slot_count} slots, {type(reader).__name__}, {machine.name}"
            print(f"{name}: {histories} histories, {states} states")  # noqa: T201 - shown with -rP
    record_property("states", total)
    print(f"all: {total} states, {time.process_time() - began:.0f} s of CPU")  # noqa: T201
    assert total > 1_000_000


def described(fate: Fate, found: Found) -> str:
    """A counterexample for people."""
    return "\n".join((f"the writer {fate.name}", *found.trace))


@pytest.mark.parametrize(
    ("machine", "make"),
    [(X86, WaitingPreadReader), (X86, WaitingMappingReader), (C11, WaitingMappingReader)],
    ids=["preads on x86-64", "mapping on x86-64", "mapping with fences in C11"],
)
def test_nobody_sleeps_through_a_frame_or_the_end(machine: Machine, make: MakesWaitingReader) -> None:
    """Who waits for the wake word has met all that it counted, and who lets go has met the last frame."""
    found = waiting(machine, make)
    assert found.trace == ()
    frames = frames_of(DEFECT_SLOTS)
    assert found.accepted == {(1, frame_id) for frame_id in range(frames + 1)}  # the last one: the end


def waiting(
    machine: Machine,
    make: MakesWaitingReader,
    rules: Rules = RULES,
    habits: Habits = HABITS,
) -> Found:
    """A writer that publishes some frames and ends, and a reader that waits for them."""
    writer, frames = Writer(DEFECT_SLOTS, rules), frames_of(DEFECT_SLOTS)
    program = [*writer.live(frames), *writer.close()]
    return Search(make(writer.export, frames, habits))(History(machine, writer.initial, program))


# --- seeded defects: each one is caught -------------------------------------------------------------------

WRITER_DEFECTS: dict[str, tuple[Machine, MakesReader, Rules]] = {
    "no odd mark on the slot": (X86, MappingReader, Rules(slot_odd=False)),
    "no odd mark on the slot, preads": (X86, PreadReader, Rules(slot_odd=False)),
    "no odd mark on the newest record": (X86, MappingReader, Rules(newest_odd=False)),
    "no odd mark on the newest record, preads": (X86, PreadReader, Rules(newest_odd=False)),
    "fence missing after the slot is marked": (C11, MappingReader, Rules(slot_fence=False)),
    "fence missing after the newest record is marked": (C11, MappingReader, Rules(newest_fence=False)),
    "slot completed by a relaxed store": (C11, MappingReader, Rules(slot_release=False)),
    "newest record completed by a relaxed store": (C11, MappingReader, Rules(newest_release=False)),
    "ids reset without an epoch": (X86, MappingReader, Rules(new_epoch=False)),
    "ids reset without an epoch, preads": (X86, PreadReader, Rules(new_epoch=False)),
    "sequences reset in the same files": (X86, MappingReader, Rules(sequences_go_on=False)),
    "sequences reset in the same files, preads": (X86, PreadReader, Rules(sequences_go_on=False)),
    "epoch changed outside the sequence": (X86, MappingReader, Rules(epoch_inside=False)),
    "fence missing before the epoch": (C11, MappingReader, Rules(epoch_fence=False)),
}

READER_DEFECTS: dict[str, tuple[Machine, MakesReader, Checks]] = {
    "odd records count": (X86, MappingReader, Checks(even=False)),
    "odd records count, preads": (X86, PreadReader, Checks(even=False)),
    "no re-check of the newest record": (X86, MappingReader, Checks(newest_again=False)),
    "no re-check of the newest record, preads": (X86, PreadReader, Checks(newest_again=False)),
    "no re-check of the slot": (X86, MappingReader, Checks(slot_again=False)),
    "no re-check of the slot, preads": (X86, PreadReader, Checks(slot_again=False)),
    "no re-check of the slot, finding": (X86, finding_reader, Checks(slot_again=False)),
    "re-check before the payload": (X86, MappingReader, Checks(after_use=False)),
    "re-check before the payload, preads": (X86, PreadReader, Checks(after_use=False)),
    "re-check before the payload, finding": (X86, finding_reader, Checks(after_use=False)),
    "slot's frame not compared": (X86, MappingReader, Checks(same_frame=False)),
    "slot's frame not compared, preads": (X86, PreadReader, Checks(same_frame=False)),
    "first load of the newest sequence not acquire": (C11, MappingReader, Checks(newest_acquire=False)),
    "first load of the slot's sequence not acquire": (C11, MappingReader, Checks(slot_acquire=False)),
    "fence missing before the newest sequence again": (C11, MappingReader, Checks(newest_fence=False)),
    "fence missing after use": (C11, MappingReader, Checks(use_fence=False)),
    "geometry read outside the sequence": (X86, MappingReader, Checks(geometry_inside=False)),
    "geometry read outside the sequence, preads": (X86, PreadReader, Checks(geometry_inside=False)),
    "epoch not compared": (X86, MappingReader, Checks(epoch=False)),
    "epoch not compared, preads": (X86, PreadReader, Checks(epoch=False)),
    "slot's timestamp not compared": (X86, MappingReader, Checks(same_time=False)),
    "slot's timestamp not compared, preads": (X86, PreadReader, Checks(same_time=False)),
    "slot's timestamp not compared, finding": (X86, finding_reader, Checks(same_time=False)),
    "data of another session": (X86, MappingReader, Checks(data_inode=False)),
    "data of another session, preads": (X86, PreadReader, Checks(data_inode=False)),
    "two preads that agree": (X86, PreadReader, Checks(three_preads=False)),
    "odd slots count, walking": (X86, WalkingReader, Checks(even=False)),
    "no re-check of the slots, walking": (X86, WalkingReader, Checks(slot_again=False)),
    "slots' sequences not taken before, walking": (X86, WalkingReader, Checks(slot_before=False)),
    "slot's frame not compared, walking": (X86, WalkingReader, Checks(same_frame=False)),
    "epoch not compared after the slots, walking": (X86, WalkingReader, Checks(walk_epoch=False)),
}

WAITING_DEFECTS: dict[str, tuple[Machine, MakesWaitingReader, Rules | Habits]] = {
    "wake counts before the record is complete": (X86, WaitingMappingReader, Rules(wake_last=False)),
    "wake counted by a relaxed store": (C11, WaitingMappingReader, Rules(wake_release=False)),
    "closed by a relaxed store": (C11, WaitingMappingReader, Rules(closed_release=False)),
    "wake taken after the record": (X86, WaitingMappingReader, Habits(wake_first=False)),
    "wake taken after the record, preads": (X86, WaitingPreadReader, Habits(wake_first=False)),
    "wake not taken by an acquire load": (C11, WaitingMappingReader, Habits(wake_acquire=False)),
    "flags taken after the record": (X86, WaitingMappingReader, Habits(flags_first=False)),
    "flags not taken by an acquire load": (C11, WaitingMappingReader, Habits(flags_acquire=False)),
    "wake taken from a torn poll": (X86, WaitingPreadReader, Habits(torn_keeps_wake=False)),
}


@pytest.mark.parametrize("name", [*WRITER_DEFECTS, *READER_DEFECTS])
def test_a_seeded_defect_is_caught(name: str) -> None:
    """A rule of writer or reader that is left out leads to a frame that is wrong, and the search says how."""
    machine, make, broken = WRITER_DEFECTS.get(name) or READER_DEFECTS[name]
    rules = broken if isinstance(broken, Rules) else RULES
    reader = make(DEFECT_SLOTS, broken) if isinstance(broken, Checks) else make(DEFECT_SLOTS)
    search = Search(reader)
    for fate in fates(machine, DEFECT_SLOTS, rules):
        found = search(fate.history)
        if found.trace:
            print(described(fate, found))  # noqa: T201 - shown with -rP
            assert found.trace[-1].startswith(("took", "accepted", "bound"))
            return
    raise AssertionError(f"not caught: {name}")


@pytest.mark.parametrize("name", WAITING_DEFECTS)
def test_a_seeded_defect_of_waiting_is_caught(name: str) -> None:
    """Without one of the rules of waiting a reader sleeps through a frame, or leaves before the last."""
    machine, make, broken = WAITING_DEFECTS[name]
    if isinstance(broken, Rules):
        found = waiting(machine, make, broken)
    else:
        found = waiting(machine, make, habits=broken)
    print("\n".join(found.trace))  # noqa: T201 - shown with -rP
    assert found.trace
    assert found.trace[-1].startswith(("waits for", "lets go"))


def test_every_rule_of_the_model_has_its_defect() -> None:
    """No rule or check stands in the model for show: leaving out any single one of them is caught."""
    defects = (WRITER_DEFECTS, READER_DEFECTS, WAITING_DEFECTS)
    left_out = [broken for seeded in defects for *_, broken in seeded.values()]
    for whole in (RULES, CHECKS, HABITS):
        for rule in whole._fields:
            assert any(
                type(broken) is type(whole) and broken == whole._replace(**{rule: False})
                for broken in left_out
            ), rule

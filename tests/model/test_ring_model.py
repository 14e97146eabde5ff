from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

import pytest

from model.memory import ARM, C11, X86, History, Machine
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
USUAL = 400_000
"""States of the usual form, at least."""


def finding_reader(slot_count: int, checks: Checks = CHECKS) -> FindingReader:
    """Looks for any frame of any session."""
    ids = range(frames_of(slot_count))
    return FindingReader(slot_count, [(epoch, frame_id) for epoch in SESSIONS for frame_id in ids], checks)


IN_THE_THIRD = 2 * 31
"""Which histories are of a writer that dies after store 31 of 61."""

MakesReader: TypeAlias = "Callable[..., Reader[Kept]]"
MakesWaitingReader: TypeAlias = "Callable[[ExportWords, int, Habits], Reader[Waiting]]"
READERS: tuple[tuple[Machine, MakesReader], ...] = (
    (X86, PreadReader),
    (X86, WalkingReader),
    (X86, finding_reader),
    (X86, MappingReader),
    (ARM, PreadReader),
    (ARM, WalkingReader),
    (ARM, finding_reader),
    (ARM, MappingReader),
    (C11, MappingReader),
)
USUALLY: dict[int, tuple[tuple[Machine, MakesReader], ...]] = {
    2: tuple(pair for pair in READERS if pair not in ((X86, WalkingReader), (C11, MappingReader))),
    3: ((ARM, PreadReader), (ARM, finding_reader)),
    4: (),
}
"""What the usual form goes through; with --soak, all of :data:`READERS` with each number of slots."""


@pytest.mark.soak
def test_no_reader_is_ever_deceived_and_none_is_blind(
    soaking: bool,
    record_property: Callable[[str, object], None],
) -> None:
    """No torn or mispaired frame is accepted, ids never run back, and every frame can be accepted.

    One writer of K + 3 frames that dies after any of its stores and comes back in new files or in the same
    ones; K slots; on x86-64, on 64-bit Arm with the document's fences, releases and acquires, and in C11;
    readers that load through a mapping, or read with preads, the newest frame, those before it too, or one
    that another process took.
    """
    began, total = time.process_time(), 0
    for slot_count in SLOT_COUNTS:
        for machine, make in READERS:
            if make is WalkingReader and slot_count > WALKED_SLOTS:
                continue
            if not soaking and (machine, make) not in USUALLY[slot_count]:
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
    assert total > USUAL


def described(fate: Fate, found: Found) -> str:
    """A counterexample for people."""
    return "\n".join((f"the writer {fate.name}", *found.trace))


@pytest.mark.parametrize(
    ("machine", "make"),
    [
        (X86, WaitingPreadReader),
        (X86, WaitingMappingReader),
        (ARM, WaitingPreadReader),
        (ARM, WaitingMappingReader),
        (C11, WaitingMappingReader),
    ],
    ids=lambda value: getattr(value, "name", None) or value.__name__,
)
def test_nobody_sleeps_through_a_frame_or_the_end(machine: Machine, make: MakesWaitingReader) -> None:
    """Who waits for the wake word has met all that it counted, and who releases it has met the last frame."""
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
    "ids reset without an epoch": (X86, MappingReader, Rules(new_epoch=False)),
    "ids reset without an epoch, preads": (X86, PreadReader, Rules(new_epoch=False)),
    "sequences reset in the same files": (X86, MappingReader, Rules(sequences_go_on=False)),
    "sequences reset in the same files, preads": (X86, PreadReader, Rules(sequences_go_on=False)),
    "epoch changed outside the sequence": (X86, MappingReader, Rules(epoch_inside=False)),
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
    "wake taken after the record": (X86, WaitingMappingReader, Habits(wake_first=False)),
    "wake taken after the record, preads": (X86, WaitingPreadReader, Habits(wake_first=False)),
    "flags taken after the record": (X86, WaitingMappingReader, Habits(flags_first=False)),
    "wake taken from a torn poll": (X86, WaitingPreadReader, Habits(torn_keeps_wake=False)),
}


# Each fence, release and acquire, left out: what it is, and whom it deceives on a machine that needs it.
ORDERS: dict[str, tuple[Rules | Checks, tuple[MakesReader, ...]]] = {
    "fence after the slot is marked": (Rules(slot_fence=False), (MappingReader, PreadReader)),
    "release of the slot's even sequence": (Rules(slot_release=False), (MappingReader, PreadReader)),
    "fence after the newest record is marked": (Rules(newest_fence=False), (MappingReader, PreadReader)),
    "release of the newest record's even sequence": (
        Rules(newest_release=False),
        (MappingReader, PreadReader),
    ),
    "fence before the epoch": (Rules(epoch_fence=False), (MappingReader, PreadReader)),
    "acquire of the newest record's sequence": (
        Checks(newest_acquire=False),
        (MappingReader, PreadReader),
    ),
    "fence before the newest record's sequence again": (
        Checks(newest_fence=False),
        (MappingReader, PreadReader),
    ),
    # Who took the newest record by preads knows that frame's pixels; who polls for a frame does not.
    "acquire of the slot's sequence": (Checks(slot_acquire=False), (MappingReader, finding_reader)),
    "fence after the pixels": (Checks(use_fence=False), (MappingReader, PreadReader, finding_reader)),
    "fence after the slots' sequences": (Checks(walk_acquire=False), (WalkingReader,)),
    "fence after the slots' fields": (Checks(walk_fence=False), (WalkingReader,)),
}
WAITING_ORDERS: dict[str, Rules | Habits] = {
    "release of the wake word": Rules(wake_release=False),
    "release of the flags": Rules(closed_release=False),
    "acquire of the wake word": Habits(wake_acquire=False),
    "acquire of the flags": Habits(flags_acquire=False),
}
WEAK = {MappingReader: (ARM, C11), WaitingMappingReader: (ARM, C11)}
"""Machines that need them; a pread is not an access of C11."""


def weak_machines(make: object) -> tuple[Machine, ...]:
    """Where one left out has to be caught."""
    return WEAK.get(make, (ARM,))  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize("name", [*WRITER_DEFECTS, *READER_DEFECTS])
def test_a_seeded_defect_is_caught(name: str) -> None:
    """A rule of writer or reader that is left out leads to a frame that is wrong, and the search says how."""
    machine, make, broken = WRITER_DEFECTS.get(name) or READER_DEFECTS[name]
    assert_caught(machine, make, broken)


def assert_caught(machine: Machine, make: MakesReader, broken: Rules | Checks) -> None:
    """Some history deceives the reader."""
    rules = broken if isinstance(broken, Rules) else RULES
    reader = make(DEFECT_SLOTS, broken) if isinstance(broken, Checks) else make(DEFECT_SLOTS)
    search = Search(reader)
    for fate in fates(machine, DEFECT_SLOTS, rules):
        found = search(fate.history)
        if found.trace:
            print(machine.name, described(fate, found))  # noqa: T201 - shown with -rP
            assert found.trace[-1].startswith(("took", "accepted", "bound"))
            return
    raise AssertionError(f"not caught: {make.__name__}, {machine.name}")


@pytest.mark.parametrize("name", ORDERS)
def test_a_missing_fence_release_or_acquire_is_caught(name: str) -> None:
    """Without it a frame is wrong on 64-bit Arm, for readers of each kind, and in C11."""
    broken, readers = ORDERS[name]
    for make in readers:
        for machine in weak_machines(make):
            assert_caught(machine, make, broken)


@pytest.mark.parametrize("name", ORDERS)
def test_x86_cannot_show_a_missing_fence(name: str) -> None:
    """It keeps the order by itself: the same readers are right there without, so only a model can tell.

    The writer dies in the midst of its third frame, and comes back in either way.
    """
    broken, readers = ORDERS[name]
    whole, rules = RULES, broken if isinstance(broken, Rules) else RULES
    for make in readers:
        reader = make(DEFECT_SLOTS, broken) if isinstance(broken, Checks) else make(DEFECT_SLOTS)
        found = [
            Search(reader)(fate.history)
            for fate in islice(fates(X86, DEFECT_SLOTS, rules), IN_THE_THIRD, IN_THE_THIRD + 2)
        ]
        right = [
            Search(make(DEFECT_SLOTS))(fate.history)
            for fate in islice(fates(X86, DEFECT_SLOTS, whole), IN_THE_THIRD, IN_THE_THIRD + 2)
        ]
        assert [(one.accepted, one.trace) for one in found] == [(one.accepted, ()) for one in right]


@pytest.mark.parametrize("name", WAITING_ORDERS)
def test_a_missing_release_or_acquire_of_waiting_is_caught(name: str) -> None:
    """Without it a reader sleeps through a frame, or leaves before the last one; on x86-64 it does not."""
    broken = WAITING_ORDERS[name]
    rules = broken if isinstance(broken, Rules) else RULES
    habits = broken if isinstance(broken, Habits) else HABITS
    makers: tuple[MakesWaitingReader, ...] = (WaitingMappingReader, WaitingPreadReader)
    for make in makers:
        for machine in weak_machines(make):
            found = waiting(machine, make, rules, habits)
            assert found.trace, (machine.name, make)
            assert found.trace[-1].startswith(("waits for", "releases"))
        assert waiting(X86, make, rules, habits).trace == ()


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
    assert found.trace[-1].startswith(("waits for", "releases"))


def test_every_rule_of_the_model_has_its_defect() -> None:
    """No rule or check is in the model for show: leaving out any single one of them is caught."""
    defects = (WRITER_DEFECTS, READER_DEFECTS, WAITING_DEFECTS)
    left_out = [broken for seeded in defects for *_, broken in seeded.values()]
    left_out += [*(broken for broken, _ in ORDERS.values()), *WAITING_ORDERS.values()]
    for whole in (RULES, CHECKS, HABITS):
        for rule in whole._fields:
            assert any(
                type(broken) is type(whole) and broken == whole._replace(**{rule: False})
                for broken in left_out
            ), rule

"""What becomes of version 2's writer: it lives, or dies after any store and comes back in either way."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from model.memory import History
from model.ring_writer import RULES, Writer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model.memory import Machine
    from model.ring_writer import Rules

SESSIONS = (1, 2)


class Fate(NamedTuple):
    """One history of writers.

    Attributes:
        history: All their stores.
        name: What happened, for people.
        published: The frames that were completed, as (epoch, frame_id).
        slots_filled: Those, and one whose slot only was completed.

    """

    history: History
    name: str
    published: frozenset[tuple[int, int]]
    slots_filled: frozenset[tuple[int, int]]


def frames_of(slot_count: int) -> int:
    """How many frames the first writer publishes if it lives: each slot is filled again, and more."""
    return slot_count + 3


def fates(machine: Machine, slot_count: int, rules: Rules = RULES) -> Iterator[Fate]:
    """The writer dies after each of its stores, and comes back in new files, or in the same ones.

    Who comes back publishes slot_count + 1 frames: every slot is filled again, one of them
    twice. The last two histories are of a writer that dies after its last store.
    """
    frames = frames_of(slot_count)
    stores = len(History(machine, Writer(slot_count).initial, Writer(slot_count, rules).live(frames)).stores)
    for dies_after in range(stores + 1):
        for in_new_files in (True, False):
            writer = Writer(slot_count, rules)
            program = [
                *writer.live(frames, dies_after),
                *writer.come_back(in_new_files=in_new_files, frames=slot_count + 1),
            ]
            where = "new files" if in_new_files else "the same files"
            yield _fate(History(machine, writer.initial, program), f"dies after store {dies_after}, {where}")


def _fate(history: History, name: str) -> Fate:
    def done(step: str) -> frozenset[tuple[int, int]]:
        return frozenset(store.frame for store in history.stores if store.step == step and store.frame)

    return Fate(history, name, done("newest sequence becomes even"), done("slot sequence becomes even"))

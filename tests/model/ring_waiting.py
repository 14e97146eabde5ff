"""Waiting for version 2's wake word: who sleeps must know all that the word has counted.

The word counts frames, and at last the end. A reader waits for it to differ from the value it took, so a
frame that this value counts already, and that the reader has not met, is slept through: until the next one,
or for ever. Records are reduced to their sequence here, which tells one from the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from model.memory import ACQUIRE, RELAXED, Fence, Load, Pread
from model.ring_writer import CLOSED
from model.search import Ended

if TYPE_CHECKING:
    from model.ring_writer import ExportWords
    from model.search import Poll


class Kept(NamedTuple):
    """What a waiting reader keeps.

    Attributes:
        given: Sequence of the record that it took last.
        wake: The value to wait for.
        known: How many frames it had met when it took that value, or knew that a later one replaces them.

    """

    given: int = 0
    wake: int = 0
    known: int = 0


class Habits(NamedTuple):
    """What a waiting reader keeps to; each can be broken.

    Attributes:
        wake_acquire: wake is taken with an acquire load; with preads: an acquire fence follows the first one.
        wake_first: wake is taken before the record.
        flags_acquire: So are the flags; with preads: an acquire fence follows the second one.
        flags_first: The flags are taken before the record.
        torn_keeps_wake: Where the record changed during a poll, the value to wait for stays the one before.

    """

    wake_acquire: bool = True
    wake_first: bool = True
    flags_acquire: bool = True
    flags_first: bool = True
    torn_keeps_wake: bool = True


HABITS: Final = Habits()


class _WaitingReader:
    """What both have in common: what follows from what was taken."""

    def __init__(self, export: ExportWords, frames: int, habits: Habits = HABITS) -> None:
        """Follows ``export``, in which ``frames`` frames are published before the end."""
        self._export = export
        self._frames = frames
        self._habits = habits

    @property
    def start(self) -> Kept:
        """It begins with the first record, which holds no frame."""
        return Kept()

    def polls(self, kept: Kept) -> dict[str, Poll[Kept]]:
        """It only looks."""
        return {"poll": self._poll(kept)}

    def _poll(self, kept: Kept) -> Poll[Kept]:
        raise NotImplementedError

    def _after(self, kept: Kept, sequence: int, *, closed: bool) -> Ended[Kept]:
        """What follows a poll that found the record's sequence unchanged; ``kept.wake`` is of that poll."""
        kept = kept._replace(known=sequence // 2)
        if sequence % 2 == 0 and sequence != kept.given:
            return Ended(kept._replace(given=sequence), ((1, kept.known - 1),))
        return self._unbind(kept) if closed else self._sleep(kept)

    def _unbind(self, kept: Kept) -> Ended[Kept]:
        """The export is closed, and the look brought nothing new."""
        last = 2 * self._frames
        if kept.given == last:
            return Ended(kept, ((1, self._frames),))
        return Ended(kept, problem=f"releases a closed export at sequence {kept.given} of {last}")

    def _sleep(self, kept: Kept) -> Ended[Kept]:
        """Waits for ``wake`` to differ."""
        if kept.wake <= kept.known:
            return Ended(kept)
        missed = f"frame {kept.known}" if kept.known < self._frames else "the end"
        return Ended(kept, problem=f"waits for wake to differ from {kept.wake}, and never met {missed}")


def _order(habit: bool) -> str:
    return ACQUIRE if habit else RELAXED


class WaitingMappingReader(_WaitingReader):
    """``follow()`` of tests/contract/reader.c."""

    def _poll(self, kept: Kept) -> Poll[Kept]:
        habits, export = self._habits, self._export
        wake = flags = None
        if habits.wake_first:
            wake = yield Load(export.wake, _order(habits.wake_acquire))
        if habits.flags_first:
            flags = yield Load(export.flags, _order(habits.flags_acquire))
        sequence = yield Load(export.newest.sequence, ACQUIRE)
        yield Fence()
        again = yield Load(export.newest.sequence)
        if wake is None:
            wake = yield Load(export.wake, ACQUIRE)
        if flags is None:
            flags = yield Load(export.flags, ACQUIRE)
        kept = kept._replace(wake=wake)
        if sequence != again:
            kept = kept._replace(known=sequence // 2)
            return self._unbind(kept) if flags & CLOSED else self._sleep(kept)
        return self._after(kept, sequence, closed=bool(flags & CLOSED))


class WaitingPreadReader(_WaitingReader):
    """``read()`` of ruth/export/ring_reader.py, and the wait that follows it."""

    def _poll(self, kept: Kept) -> Poll[Kept]:
        habits, export = self._habits, self._export
        sequence, wake = yield Pread((export.newest.sequence, export.wake), fenced=habits.wake_acquire)
        (flags,) = yield Pread((export.flags,), fenced=habits.flags_acquire)
        again, late = yield Pread((export.newest.sequence, export.wake))
        if not habits.wake_first:
            wake = late
        if again != sequence:
            return self._sleep(kept if habits.torn_keeps_wake else kept._replace(wake=wake))
        return self._after(kept._replace(wake=wake), sequence, closed=bool(flags & CLOSED))

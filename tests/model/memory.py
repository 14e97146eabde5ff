"""What a reader of shared memory can meet: one writer's stores, and the loads of readers that only read.

A reader cannot disturb the writer, and readers cannot disturb each other. So the writer's stores, numbered in
the order of its program, are a fixed :class:`History`, and all interleavings of one writer with any number of
readers are covered by one reader which, at each load, may meet **any** store to that word that it does not
know to be overwritten. How much it knows is all that an order of memory is about:

* x86-64 keeps the order of stores and of loads: who has met a store knows all stores before it;
* 64-bit Arm reorders any two accesses of different words, unless a barrier, a release or an acquire stands
  between them. A load that meets a release store, or a store after a release fence, learns what was before
  that store or fence; and it may use this only if it is an acquire load, or after an acquire fence. For the
  same word, no later load meets an earlier store (coherence), and who meets a store knows what is known by
  a process that meets an earlier one to the same word;
* C11 promises less: without the last of these (C++20, "release sequence").

This is the view-based reading for programs without a cycle of reads and writes between threads, which readers
that store nothing cannot make. Its litmus tests: ``test_memory.py``. That the Arm of this file allows just
what comes of really reordering stores and loads: ``test_reordering.py``.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import product
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Word: TypeAlias = str  # the name of one naturally aligned word: "newest sequence", "slot 1 frame_id"
Value: TypeAlias = Any  # numbers and tuples; a process that loads one knows what it must be

RELAXED: Final = "relaxed"
RELEASE: Final = "release"
ACQUIRE: Final = "acquire"


class Store(NamedTuple):
    """One store of one word, by the writer.

    Attributes:
        step: What it is in the writer's program: the name that code, document and model share.
        word: Where.
        value: What.
        order: ``RELEASE`` or ``RELAXED``; on x86-64 it makes no difference.
        frame: (epoch, frame_id) of the frame that it publishes, or None.

    """

    step: str
    word: Word
    value: Value
    order: str = RELAXED
    frame: tuple[int, int] | None = None

    def __str__(self) -> str:
        if self.frame is None:
            return self.step
        return f"{self.step}, frame {self.frame[1]} of epoch {self.frame[0]}"


class Fence(NamedTuple):
    """A release fence of the writer, or an acquire fence of a reader."""

    step: str = "fence"


class Load(NamedTuple):
    """One load of one word, by a reader.

    Attributes:
        word: Which.
        order: ``ACQUIRE`` or ``RELAXED``; on x86-64 it makes no difference.
        still: A word and a value that a later load, after an acquire fence, has to meet if anything is to
            come of this poll. What makes that impossible is left out: it would only be followed to its end
            in nothing.

    """

    word: Word
    order: str = RELAXED
    still: tuple[Word, Value] | None = None


class Pread(NamedTuple):
    """Loads of several words by one pread(2), or by a copy of pixels: in any order.

    A system call is not a barrier: on Arm, nothing but a fence keeps one pread before the next.

    Attributes:
        words: Which.
        still: As for a load; without a fence behind this pread, only where loads keep their order.
        only: Values that must be returned, for the same reason; None for any.
        fenced: An acquire fence follows.

    """

    words: tuple[Word, ...]
    still: tuple[Word, Value] | None = None
    only: tuple[Value | None, ...] | None = None
    fenced: bool = False


class Machine(NamedTuple):
    """An order of memory.

    Attributes:
        name: For people.
        keeps_order: Whether stores are seen, and loads done, in the order of the program.
        carries_words: Whether a store carries all that an earlier one to the same word carries.

    """

    name: str
    keeps_order: bool
    carries_words: bool


X86: Final = Machine("x86-64", keeps_order=True, carries_words=True)
ARM: Final = Machine("64-bit Arm", keeps_order=False, carries_words=True)
C11: Final = Machine("C11", keeps_order=False, carries_words=False)


class Met(NamedTuple):
    """A store as a load meets it.

    Attributes:
        time: Its number; 0 is what the files were made with.
        value: What it stored.
        carries: All stores up to this number are known to a process that uses what it carries.

    """

    time: int
    value: Value
    carries: int


class View(NamedTuple):
    """What a reader knows of the past: a lower bound of the store that each of its loads can meet.

    Attributes:
        known: Of every word, it meets the last store up to this number, or a later one.
        met: Words of which it has met a store after ``known``, with that store's number.
        pending: What relaxed loads were told so far; an acquire fence makes it ``known``.

    """

    known: int
    met: tuple[tuple[Word, int], ...]
    pending: int

    def floor(self, word: Word) -> int:
        """The number from which on stores to ``word`` can be met."""
        for name, time in self.met:
            if name == word:
                return time
        return self.known

    def knows_no_more_than(self, other: View) -> bool:
        """Whether a reader with ``other`` can see nothing that one with this view could not see."""
        return (
            self.known <= other.known
            and self.pending <= other.pending
            and all(time <= other.floor(word) for word, time in self.met)
        )


NOTHING: Final = View(0, (), 0)


class History:
    """All stores of one writer, or of one after the other, in the order of their programs.

    Args:
        machine: The order of memory.
        initial: What each word holds before the first store.
        program: The stores and fences.

    """

    def __init__(
        self, machine: Machine, initial: dict[Word, Value], program: Iterable[Store | Fence]
    ) -> None:
        self.machine = machine
        self.stores: list[Store] = []
        self._times: dict[Word, list[int]] = {word: [0] for word in initial}
        self._met: dict[Word, list[Met]] = {word: [Met(0, value, 0)] for word, value in initial.items()}
        fenced = 0
        for step in program:
            if isinstance(step, Fence):
                fenced = len(self.stores)
                continue
            self.stores.append(step)
            time = len(self.stores)
            carries = time if machine.keeps_order or step.order == RELEASE else fenced
            if machine.carries_words:
                carries = max(carries, self._met[step.word][-1].carries)
            self._times[step.word].append(time)
            self._met[step.word].append(Met(time, step.value, carries))

    def value_at(self, word: Word, time: int) -> Value:
        """What ``word`` holds after store number ``time``, to a process that sees everything at once."""
        return self._met[word][bisect_right(self._times[word], time) - 1].value

    def meetable(self, word: Word, since: int) -> list[Met]:
        """The stores to ``word`` that can be met by a process that knows all up to number ``since``."""
        return self._met[word][bisect_right(self._times[word], since) - 1 :]

    def load(self, view: View, asked: Load) -> Iterator[tuple[Met, View]]:
        """Each store that a load can meet, and what its reader knows then."""
        word = asked.word
        acquires = asked.order == ACQUIRE or self.machine.keeps_order
        last = self._last_met(asked.still)
        for met in self.meetable(word, view.floor(word)):
            if met.carries >= last:
                continue
            known = max(view.known, met.carries) if acquires else view.known
            later = [(name, time) for name, time in view.met if name != word and time > known]
            if met.time > known:
                later.append((word, met.time))
            yield met, View(known, tuple(sorted(later)), max(view.pending, met.carries, known))

    def fence(self, view: View) -> View:
        """What a reader knows after an acquire fence."""
        return View(view.pending, tuple(pair for pair in view.met if pair[1] > view.pending), view.pending)

    def pread(self, view: View, asked: Pread) -> Iterator[tuple[tuple[Value, ...], View]]:
        """What one pread can return, and what its reader knows then."""
        if not self.machine.keeps_order:
            yield from self._unordered(view, asked)
            return
        # By what was returned so far: the earliest moment at which that is possible. Whatever can be met
        # after it can be met after any later one as well.
        results: dict[tuple[Value, ...], int] = {(): view.known}
        for position in range(len(asked.words)):
            longer: dict[tuple[Value, ...], int] = {}
            for met in self._counting(asked, position, view.known):
                for values, known in results.items():
                    found, later = (*values, met.value), max(known, met.time)
                    longer[found] = min(longer.get(found, later), later)
            results = longer
        for values, known in results.items():
            yield values, View(known, (), known)

    def _unordered(self, view: View, asked: Pread) -> Iterator[tuple[tuple[Value, ...], View]]:
        """As :meth:`pread`, where loads of different words have no order: each meets what it may alone."""
        assert self.machine.carries_words  # or what is met first could tell more than what is met later
        last = self._last_met(asked.still if asked.fenced else None)
        choices: list[list[Met]] = []
        for position, word in enumerate(asked.words):
            earliest: dict[
                Value, Met
            ] = {}  # who meets a value later can meet no more than who meets it first
            for met in self.meetable(word, view.floor(word)):
                if met.carries < last and (asked.only is None or asked.only[position] in (None, met.value)):
                    earliest.setdefault(met.value, met)
            choices.append([*earliest.values()])
        for chosen in product(*choices):
            met_now = {word: met.time for word, met in zip(asked.words, chosen, strict=True)}
            pending = max(view.pending, view.known, *(met.carries for met in chosen))
            if pending >= last:
                continue
            known = pending if asked.fenced else view.known
            later = {**dict(view.met), **met_now}
            yield (
                tuple(met.value for met in chosen),
                View(
                    known,
                    tuple(sorted((word, time) for word, time in later.items() if time > known)),
                    pending,
                ),
            )

    def _counting(self, asked: Pread, position: int, since: int) -> list[Met]:
        """The stores that a word of a pread can meet, without those of which nothing can come."""
        found = self.meetable(asked.words[position], since)
        if asked.only is not None and asked.only[position] is not None:
            found = [met for met in found if met.value == asked.only[position]]
        last = self._last_met(asked.still)
        return [met for met in found if met.time < last]

    def _last_met(self, still: tuple[Word, Value] | None) -> int:
        """The number of the store after which a word never has a value again; beyond all if none is given."""
        beyond = len(self.stores) + 1
        if still is None:
            return beyond
        word, value = still
        ends = [*self._times[word][1:], beyond]
        return max(
            (end for met, end in zip(self._met[word], ends, strict=True) if met.value == value), default=0
        )

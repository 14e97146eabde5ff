"""Litmus tests of the memory that the model assumes, and of the search itself."""

from __future__ import annotations

from collections import deque
from itertools import product
from typing import TYPE_CHECKING

import pytest

from model.memory import (
    ACQUIRE,
    C11,
    NOTHING,
    RELAXED,
    RELEASE,
    X86,
    Fence,
    History,
    Load,
    Machine,
    Pread,
    Store,
)
from model.ring_readers import FindingReader, MappingReader, PreadReader
from model.ring_writer import Writer
from model.search import Ended, Search

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model.memory import Value, View
    from model.ring_readers import Kept
    from model.search import Poll, Reader


class Loads:
    """A reader that does one thing after the other, and keeps what it loaded."""

    start: tuple[Value, ...] = ()

    def __init__(self, *steps: Load | Fence | Pread) -> None:
        self._steps = steps

    def polls(self, kept: tuple[Value, ...]) -> dict[str, Poll[tuple[Value, ...]]]:
        """It reads once."""
        return {} if kept else {"poll": self._poll()}

    def _poll(self) -> Poll[tuple[Value, ...]]:
        loaded: list[Value] = []
        for step in self._steps:
            value = yield step
            if isinstance(step, Pread):
                loaded += value
            elif isinstance(step, Load):
                loaded.append(value)
        return Ended(tuple(loaded))


def outcomes(machine: Machine, program: list[Store | Fence], *steps: Load | Fence | Pread) -> set[object]:
    """All that the loads can return; every word is 0 at first."""
    initial: dict[str, Value] = dict.fromkeys(("data", "more", "flag"), 0)
    return set(Search(Loads(*steps))(History(machine, initial, program)).kept) - {()}


DATA, MORE, FLAG = Store("data", "data", 1), Store("more", "more", 1), Store("flag", "flag", 1)
ALL = set(product((0, 1), (0, 1)))
IN_ORDER = ALL - {(1, 0)}


@pytest.mark.parametrize(
    ("program", "loads", "possible"),
    [
        ([DATA, FLAG], [Load("flag"), Load("data")], ALL),
        ([DATA, FLAG], [Load("flag", ACQUIRE), Load("data")], ALL),
        ([DATA, FLAG._replace(order=RELEASE)], [Load("flag"), Load("data")], ALL),
        ([DATA, FLAG._replace(order=RELEASE)], [Load("flag", ACQUIRE), Load("data")], IN_ORDER),
        ([DATA, FLAG._replace(order=RELEASE)], [Load("flag"), Fence(), Load("data")], IN_ORDER),
        ([DATA, Fence(), FLAG], [Load("flag", ACQUIRE), Load("data")], IN_ORDER),
        ([DATA, Fence(), FLAG], [Load("flag"), Fence(), Load("data")], IN_ORDER),
        ([DATA, Fence(), FLAG], [Load("flag"), Load("data")], ALL),
        # A release store orders what is before it, not what follows it: why step 1 needs a fence.
        ([FLAG._replace(order=RELEASE), DATA], [Load("data", ACQUIRE), Load("flag")], ALL),
        ([FLAG, Fence(), DATA], [Load("data"), Fence(), Load("flag")], IN_ORDER),
        # An acquire load orders what follows it, not what is before it: why a re-check needs a fence.
        ([FLAG, Fence(), DATA], [Load("data"), Load("flag", ACQUIRE)], ALL),
        # A fence comes too late for what was loaded in between.
        ([DATA, Fence(), FLAG], [Load("flag"), Load("data"), Fence()], ALL),
    ],
)
def test_message_passing(
    program: list[Store | Fence], loads: list[Load | Fence], possible: set[object]
) -> None:
    """Who has met the flag may miss the data unless both sides say otherwise; on x86-64 it never does."""
    assert outcomes(C11, program, *loads) == possible
    assert outcomes(X86, program, *loads) == IN_ORDER


@pytest.mark.parametrize("machine", [X86, C11])
def test_one_word_never_runs_backwards(machine: Machine) -> None:
    """Two loads of one word in a row never meet a later store first, with or without order (coherence)."""
    program: list[Store | Fence] = [DATA, DATA._replace(value=2)]
    found = outcomes(machine, program, Load("data"), Load("data"))
    assert found == {(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)}


def test_relaxed_stores_of_two_words_are_seen_in_any_order() -> None:
    """Without order, each of two words may be new while the other is old; with it, only the first stored."""
    loads = (Load("more"), Load("data"))
    assert outcomes(C11, [DATA, MORE], *loads) == ALL
    assert outcomes(X86, [DATA, MORE], *loads) == IN_ORDER


def test_one_pread_has_no_order() -> None:
    """Within a pread each word may be loaded first; between two preads nothing moves."""
    assert outcomes(X86, [DATA, FLAG], Pread(("flag", "data"))) == ALL
    assert outcomes(X86, [DATA, FLAG], Pread(("flag",)), Pread(("data",))) == IN_ORDER


# --- what the search leaves out ---------------------------------------------------------------------------


class InFull:
    """A reader of which nothing is left out, although nothing can come of it."""

    def __init__(self, reader: Reader[Kept]) -> None:
        self._reader = reader
        self.start = reader.start

    def polls(self, kept: Kept) -> dict[str, Poll[Kept]]:
        """As the reader's."""
        return {name: self._full(poll) for name, poll in self._reader.polls(kept).items()}

    def _full(self, poll: Poll[Kept]) -> Poll[Kept]:
        value: Value = None
        try:
            asked = next(poll)
            while True:
                if isinstance(asked, Load):
                    asked = asked._replace(still=None)
                elif isinstance(asked, Pread):
                    asked = asked._replace(still=None, only=None)
                value = yield asked
                asked = poll.send(value)
        except StopIteration as end:
            ended: Ended[Kept] = end.value
            return ended


def resumed(machine: Machine, frames: int, dies_after: int) -> History:
    """A writer that dies and one that goes on in its files."""
    writer = Writer(2)
    program = [*writer.live(frames, dies_after), *writer.come_back(in_new_files=False, frames=1)]
    return History(machine, writer.initial, program)


@pytest.mark.parametrize("dies_after", [20, 31, 36])
@pytest.mark.parametrize("machine", [X86, C11])
def test_what_is_left_out_changes_nothing(machine: Machine, dies_after: int) -> None:
    """What a poll can only end in nothing after is left out, and the search finds the same with it."""
    history = resumed(machine, 3, dies_after)
    readers: list[Reader[Kept]] = [MappingReader(2)]
    if machine is X86:
        readers += [PreadReader(2), FindingReader(2, [(1, 0), (1, 1), (1, 2), (2, 0)])]
    states = states_in_full = 0
    for reader in readers:
        found, full = Search(reader)(history), Search(InFull(reader))(history)
        states, states_in_full = states + found.states, states_in_full + full.states
        assert found[1:] == full[1:]
        assert len(found.accepted) >= 2
        assert found.states <= full.states
    assert states < states_in_full


def interleaved(history: History, reader: Reader[Kept]) -> set[Kept]:
    """All that a reader can keep if it and the writer are simply interleaved, store by store, on x86-64."""
    assert history.machine.keeps_order
    last = len(history.stores)
    visited: set[tuple[Kept, str, tuple[Value, ...], int]] = set()
    waiting: deque[tuple[Kept, str, tuple[Value, ...], int]] = deque()

    def visit(kept: Kept, name: str, sent: tuple[Value, ...], time: int) -> None:
        if (kept, name, sent, time) not in visited:
            visited.add((kept, name, sent, time))
            waiting.append((kept, name, sent, time))

    for name in reader.polls(reader.start):
        visit(reader.start, name, (), 0)
    while waiting:
        kept, name, sent, time = waiting.popleft()
        poll = reader.polls(kept)[name]
        try:
            asked = next(poll)
            for value in sent:
                asked = poll.send(value)
        except StopIteration as end:
            for name in reader.polls(end.value.kept):
                visit(end.value.kept, name, (), time)
            continue
        for later in range(time, last + 1) if isinstance(asked, Load) else (time,):
            value = history.value_at(asked.word, later) if isinstance(asked, Load) else None
            visit(kept, name, (*sent, value), later)
    return {kept for kept, *_ in visited}


@pytest.mark.parametrize("dies_after", [19, 24, 33])
def test_views_are_interleavings(dies_after: int) -> None:
    """On x86-64 the search finds exactly what interleaving the reader with the writer finds."""
    history, reader = resumed(X86, 3, dies_after), MappingReader(2)
    assert Search(reader)(history).kept == interleaved(history, reader)


def test_a_view_that_knows_less_can_meet_more() -> None:
    """What is taken for knowing no more can indeed meet every store that the other can."""
    history = History(C11, dict.fromkeys(("data", "more", "flag"), 0), [DATA, MORE, Fence(), FLAG, DATA])
    views = list(some_views(history))
    pairs = [(less, more) for less in views for more in views if less.knows_no_more_than(more)]
    assert len(pairs) > len(views)
    for less, more in pairs:
        for word in ("data", "more", "flag"):
            met = [met.time for met, _ in history.load(less, Load(word))]
            assert {met.time for met, _ in history.load(more, Load(word))} <= set(met)


def some_views(history: History) -> Iterator[View]:
    """Views that three loads and a fence lead to."""
    views = {NOTHING}
    for _ in range(3):
        views |= {
            later
            for view in views
            for word in ("data", "more", "flag")
            for order in (ACQUIRE, RELAXED)
            for _, later in history.load(view, Load(word, order))
        }
    return iter(views | {history.fence(view) for view in views})

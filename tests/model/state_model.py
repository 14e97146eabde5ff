"""``agent.state`` as single stores and loads: one agent after the other writes it, others read it by preads.

Its byte map: ``ruth/agent/state.py``. The writer's steps, which ``ruth/agent/state_writer.py`` and, in C,
``launch/agent/native/agent.c`` and ``start.c`` have::

    1  sequence becomes odd        a release fence follows
    2  fields
    3  sequence becomes even       a release store
    4  wake + 1                    a release store
    5  futex wake

A reader's steps, of ``ruth/agent/state_read.py``: the sequence and wake; the whole record; the sequence
again; an acquire fence behind each of the first two. The record counts if both sequences, and the one in it,
are equal and even.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from model.memory import RELAXED, RELEASE, Fence, History, Pread, Store
from model.search import Ended

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from model.memory import Machine, Value, Word
    from model.search import Asked, Poll

SEQUENCE, WAKE, VERSION = "sequence", "wake", "version"
FIELDS: Final = (VERSION, "agent", "export", "inode", "decision", "allowed", "kept")
"""Of which a reader learns which agent it is, which export it is bound to, and what it allowed."""
EMPTY: Final = dict.fromkeys((SEQUENCE, WAKE, *FIELDS), 0)
_VERSION: Final = 3  # another one is refused, whatever is beside it
_BOUND: Final = {"export": 2, "inode": 7}
_UNBOUND: Final = {"export": 0, "inode": 0}


class Rules(NamedTuple):
    """What an agent keeps to. Each rule can be broken, to see that the search finds out.

    Attributes:
        odd: Step 1 marks the record.
        odd_fence: A release fence after step 1.
        even_release: Step 3 is a release store.
        wake_release: Step 4 is a release store.
        wake_last: Step 4 follows the others.
        goes_on: The next agent does not begin the sequence again.

    """

    odd: bool = True
    odd_fence: bool = True
    even_release: bool = True
    wake_release: bool = True
    wake_last: bool = True
    goes_on: bool = True


class Checks(NamedTuple):
    """What a reader keeps to. Each can be left out.

    Attributes:
        even: A sequence that is odd does not count.
        again: The sequence is taken again after the record.
        three: The record lies between two preads of the sequence; not two whole reads that agree.
        first_fence: An acquire fence behind the first pread.
        second_fence: And behind the second.
        torn_keeps_wake: After a poll in which a change ended, the value to wait for stays the one before.

    """

    even: bool = True
    again: bool = True
    three: bool = True
    first_fence: bool = True
    second_fence: bool = True
    torn_keeps_wake: bool = True


RULES: Final = Rules()
CHECKS: Final = Checks()


class Agents:
    """Those that write one file, one after the other.

    Attributes:
        records: By an even sequence, what the fields were; several, if an agent began it again.
        counted: By a value of wake, the sequence that it was counted for.

    """

    def __init__(self, rules: Rules = RULES) -> None:
        self._rules = rules
        self._held: dict[Word, Value] = dict(EMPTY)
        self._completes = 0  # the even sequence of the change under way
        self.records: dict[int, set[tuple[Value, ...]]] = {0: {self._fields}}
        self.counted = {0: 0}

    @property
    def _fields(self) -> tuple[Value, ...]:
        return tuple(self._held[field] for field in FIELDS)

    def live(self, agent: int, dies_after: int | None = None) -> Iterator[Store | Fence]:
        """One agent, which dies after so many stores, or lives on."""
        stores = 0
        for step in self._program(agent):
            if isinstance(step, Store):
                if stores == dies_after:
                    return
                stores += 1
                self._held[step.word] = step.value
                if step.word == SEQUENCE and step.value % 2 == 0:
                    self.records.setdefault(step.value, set()).add(self._fields)
                elif step.word == WAKE:
                    self.counted[step.value] = self._completes
            yield step

    def _program(self, agent: int) -> Iterator[Store | Fence]:
        """It begins, binds, allows a frame; the first one also skips one, loses its export and finds it."""
        if not self._rules.goes_on:
            yield Store("sequence reset", SEQUENCE, 0)
        fresh = dict.fromkeys(FIELDS, 0) | {"agent": agent}
        # The version goes first, and comes last: it says that the rest is there.
        yield from self._change(*fresh.items(), (VERSION, _VERSION))
        yield from self._change(*_BOUND.items())
        yield from self._allow(1)
        if agent == 1:
            yield from self._change(("decision", "skip"))
            yield from self._change(*_UNBOUND.items())
            yield from self._change(*_BOUND.items())
            yield from self._allow(2)

    def _allow(self, number: int) -> Iterator[Store | Fence]:
        frame = (self._held["agent"], number)
        yield from self._change(("decision", "allow"), ("allowed", number), ("kept", frame))

    def _change(self, *fields: tuple[Word, Value]) -> Iterator[Store | Fence]:
        rules, odd = self._rules, self._held[SEQUENCE] | 1
        self._completes = odd + 1
        wake = Store("wake + 1", WAKE, self._held[WAKE] + 1, RELEASE if rules.wake_release else RELAXED)
        if not rules.wake_last:
            yield wake
        if rules.odd:
            yield Store("sequence becomes odd", SEQUENCE, odd)
        if rules.odd_fence:
            yield Fence()
        for word, value in fields:
            yield Store("fields", word, value)
        even = RELEASE if rules.even_release else RELAXED
        yield Store("sequence becomes even", SEQUENCE, odd + 1, even)
        if rules.wake_last:
            yield wake


def lives(machine: Machine, rules: Rules = RULES) -> Iterator[tuple[History, Agents]]:
    """An agent lives; it dies after each of its stores, and another follows in the same file."""
    agents = Agents(rules)
    yield History(machine, EMPTY, agents.live(1)), agents
    for dies_after in range(len(History(machine, EMPTY, Agents(rules).live(1)).stores) + 1):
        agents = Agents(rules)
        yield History(machine, EMPTY, [*agents.live(1, dies_after), *agents.live(2)]), agents


class Kept(NamedTuple):
    """What a reader keeps.

    Attributes:
        sequence: Of the record that it took last.
        wake: The value that it waits for to differ.

    """

    sequence: int = 0
    wake: int = 0


class StateReader:
    """Takes the record, and waits for it to change."""

    start = Kept()

    def __init__(self, agents: Agents, checks: Checks = CHECKS) -> None:
        """Reads what ``agents`` write; each record that it takes is judged by theirs."""
        self._agents = agents
        self._checks = checks

    def polls(self, kept: Kept) -> dict[str, Poll[Kept]]:
        """It only polls."""
        return {"poll": self._poll(kept)}

    def _poll(self, kept: Kept) -> Poll[Kept]:
        checks = self._checks
        take = self._between if checks.three else self._agreed
        sequence, wake, fields = yield from take()
        counted = self._agents.counted[wake]
        if fields is None and sequence % 2:  # a change under way, which will move wake
            problem = _slept_through(wake, counted) if counted > sequence else None
            return Ended(kept._replace(wake=wake), problem=problem)
        if fields is None and checks.torn_keeps_wake:
            return Ended(kept)
        after = Kept(kept.sequence if fields is None else sequence, wake)
        if fields is not None and not self._was(sequence, fields):
            return Ended(after, problem=f"took {dict(zip(FIELDS, fields, strict=True))}, which never was so")
        if after.sequence < kept.sequence:
            return Ended(after, problem=f"took record {sequence} after record {kept.sequence}")
        problem = _slept_through(wake, counted) if counted > after.sequence else None
        return Ended(after, ((0, after.sequence),), problem)

    def _was(self, sequence: int, fields: tuple[Value, ...]) -> bool:
        """Whether a record was so, or would be refused."""
        return fields[0] != _VERSION or fields in self._agents.records.get(sequence, ())

    def _between(self) -> Generator[Asked, Value, tuple[int, int, tuple[Value, ...] | None]]:
        """The record by one pread, between two that take the sequence; returns that of the last one."""
        checks = self._checks
        sequence, wake = yield Pread((SEQUENCE, WAKE), fenced=checks.first_fence)
        if checks.even and sequence % 2:  # what stands in the record means nothing
            (again,) = yield Pread((SEQUENCE,))
            return again, wake, None
        still = (SEQUENCE, sequence) if checks.again else None
        _, *fields = yield Pread(
            (SEQUENCE, *FIELDS), still, only=(sequence, *[None] * len(FIELDS)), fenced=checks.second_fence
        )
        if not checks.again:
            return sequence, wake, tuple(fields)
        (again,) = yield Pread((SEQUENCE,))
        return again, wake, tuple(fields) if again == sequence else None

    def _agreed(self) -> Generator[Asked, Value, tuple[int, int, tuple[Value, ...] | None]]:
        words = (SEQUENCE, WAKE, *FIELDS)
        first = yield Pread(words, fenced=self._checks.first_fence)
        second = yield Pread(words, only=first)
        agree = first == second and first[0] % 2 == 0
        return first[0], first[1], first[2:] if agree else None


def _slept_through(wake: int, counted: int) -> str:
    return f"waits for wake to differ from {wake}, and never took record {counted}"

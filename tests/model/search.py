"""Goes through everything that a reader can meet in a history, breadth first, and judges what it accepts.

A reader is written as what it does: generators that yield loads and fences and are sent what was loaded.
From the same values a generator always goes on in the same way, so what it was sent is all of its state. A
state of the search is that, what the reader keeps between two polls, and its :class:`~model.memory.View`.

Between two polls, a reader that knows less can meet everything that one knowing more can meet, and it looks
for ever. So of states that keep the same, only those that know least are gone on from, and a poll that ends
with what it began with is not gone on from at all.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeAlias, TypeVar

from model.memory import NOTHING, Fence, Load, Pread

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from model.memory import History, Value, View

Asked: TypeAlias = Load | Fence | Pread
Kept = TypeVar("Kept")
Poll: TypeAlias = "Generator[Asked, Value, Ended[Kept]]"


class Ended(NamedTuple, Generic[Kept]):
    """How a poll ended.

    Attributes:
        kept: What the reader keeps of it.
        accepted: The frames it accepted, as (epoch, frame_id).
        problem: What is wrong with what it did, or None.

    """

    kept: Kept
    accepted: tuple[tuple[int, int], ...] = ()
    problem: str | None = None


class Reader(Protocol[Kept]):
    """A reader's program."""

    @property
    def start(self) -> Kept:
        """What it keeps before its first poll."""

    def polls(self, kept: Kept) -> dict[str, Poll[Kept]]:
        """What it may do next, by name; new generators."""


class Found(NamedTuple):
    """What a search came to.

    Attributes:
        states: How many were visited.
        accepted: Every frame that some reader can accept.
        kept: All that a reader can have kept between two polls.
        trace: The steps to the first problem, the problem last; empty if there is none.

    """

    states: int
    accepted: frozenset[tuple[int, int]]
    kept: frozenset[object]
    trace: tuple[str, ...]


class _State(NamedTuple, Generic[Kept]):
    kept: Kept
    poll: str
    sent: tuple[Value, ...]
    view: View


class Search(Generic[Kept]):
    """Goes through what a reader can do, in as many histories as one likes."""

    def __init__(self, reader: Reader[Kept]) -> None:
        self._reader = reader
        # The same in every history: how the reader goes on from what it was sent.
        self._answers: dict[tuple[Kept, str, tuple[Value, ...]], Asked | Ended[Kept]] = {}

    def __call__(self, history: History) -> Found:
        """Visits every state of the reader in ``history``, or those up to the first problem."""
        between: dict[Kept, list[View]] = {}
        came_from: dict[_State[Kept], _State[Kept] | None] = {}
        accepted: set[tuple[int, int]] = set()
        waiting: deque[_State[Kept]] = deque()

        def start_from(kept: Kept, view: View, previous: _State[Kept] | None) -> None:
            least = between.setdefault(kept, [])
            if any(known.knows_no_more_than(view) for known in least):
                return
            least[:] = [known for known in least if not view.knows_no_more_than(known)]
            least.append(view)
            for name in self._reader.polls(kept):
                visit(_State(kept, name, (), view), previous)

        def visit(state: _State[Kept], previous: _State[Kept] | None) -> None:
            known = len(came_from)
            came_from.setdefault(state, previous)  # hashed once: there are millions
            if len(came_from) > known:
                waiting.append(state)

        def found(*trace: str) -> Found:
            return Found(len(came_from), frozenset(accepted), frozenset(between), trace)

        start_from(self._reader.start, NOTHING, None)
        while waiting:
            state = waiting.popleft()
            asked = self._asked(state)
            if isinstance(asked, Ended):
                accepted.update(asked.accepted)
                if asked.problem is not None:
                    trace = _trace(history, self._reader, came_from, state)
                    return found(*trace, asked.problem)
                if asked.kept != state.kept:
                    start_from(asked.kept, state.view, state)
                continue
            for after in _next_states(history, asked, state):
                visit(after, state)
        return found()

    def _asked(self, state: _State[Kept]) -> Asked | Ended[Kept]:
        key = state[:3]
        asked = self._answers.get(key)
        if asked is None:
            asked = self._answers[key] = _next(self._reader.polls(state.kept)[state.poll], state.sent)
        return asked


def _next(poll: Poll[Kept], sent: tuple[Value, ...]) -> Asked | Ended[Kept]:
    try:
        asked = next(poll)
        for value in sent:
            asked = poll.send(value)
    except StopIteration as end:
        ended: Ended[Kept] = end.value
        return ended
    return asked


def _next_states(history: History, asked: Asked, state: _State[Kept]) -> Iterator[_State[Kept]]:
    kept, poll, sent, view = state
    for value, later in _met(history, asked, view):
        yield _State(kept, poll, (*sent, value), later)


def _met(history: History, asked: Asked, view: View) -> Iterator[tuple[Value, View]]:
    if isinstance(asked, Load):
        return ((met.value, later) for met, later in history.load(view, asked))
    if isinstance(asked, Fence):
        return iter(((None, history.fence(view)),))
    return history.pread(view, asked)


def _trace(
    history: History,
    reader: Reader[Kept],
    came_from: dict[_State[Kept], _State[Kept] | None],
    last: _State[Kept],
) -> Iterator[str]:
    """The reader's steps to a state, each with how far the writer must have come by then."""
    path: list[_State[Kept]] = []
    state: _State[Kept] | None = last
    while state is not None:
        path.append(state)
        state = came_from[state]
    for before, after in zip(path[::-1], path[-2::-1], strict=False):
        if not after.sent:
            yield f"the next poll: {after.poll}"
            continue
        asked = _next(reader.polls(before.kept)[before.poll], before.sent)
        moment = max((after.view.known, *(time for _, time in after.view.met)))
        where = "no store yet"
        if moment:
            where = f"store {moment}: {history.stores[moment - 1]}"
        value = after.sent[-1]
        if isinstance(asked, Fence):
            yield f"fence, so that it knows all up to {where}"
        elif isinstance(asked, Load):
            yield f"loads {asked.word}: {value}   (the writer has come to {where})"
        elif isinstance(asked, Pread):
            pairs = ", ".join(f"{word}: {one}" for word, one in zip(asked.words, value, strict=True))
            yield f"preads {pairs}   (the writer has come to {where})"

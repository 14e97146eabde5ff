"""A machine that reorders: each thread performs its accesses in any order that its processor allows.

Memory is one, and every thread sees it (x86-64 and 64-bit Arm are multi-copy atomic), so whatever can happen
is some order of all accesses in which no two of one thread that must keep their order are exchanged. All such
orders are gone through. That is slow and plain: short programs are shown with it, which store and load on
both sides, and that :mod:`model.memory`, by which long ones are searched, allows just what comes of it.

What must keep its order: "Arm Architecture Reference Manual" (DDI 0487), B2.3, "Ordering relation";
"Intel 64 Architecture Software Developer's Manual", volume 3, 9.2. Left out, as no program here relies on
it: dependencies, and that a store-release comes before a later load-acquire. No program here loads what it
stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from model.memory import ACQUIRE, RELAXED, RELEASE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FULL: Final = "full"


class Access(NamedTuple):
    """One access of one word, or a fence.

    Attributes:
        word: Which; empty for a fence.
        stores: What it stores; None for a load, and for a fence.
        order: ``RELAXED``; ``RELEASE`` of a store; ``ACQUIRE`` of a load; of a fence those two, or ``FULL``.

    """

    word: str = ""
    stores: int | None = None
    order: str = RELAXED

    @property
    def is_fence(self) -> bool:
        """Whether it is one."""
        return not self.word

    @property
    def is_store(self) -> bool:
        """Whether it is one."""
        return self.stores is not None


Program: TypeAlias = "Sequence[Access]"


def store(word: str, value: int = 1, order: str = RELAXED) -> Access:
    """A store."""
    return Access(word, value, order)


def load(word: str, order: str = RELAXED) -> Access:
    """A load."""
    return Access(word, None, order)


def fence(order: str) -> Access:
    """A fence: dmb ish, or dmb ishld for ``ACQUIRE``; on x86-64 only ``FULL`` is an instruction, mfence."""
    return Access("", None, order)


class Processor(NamedTuple):
    """Which of two accesses of one thread may be exchanged.

    Attributes:
        name: For people.
        ordered: Whether it keeps the order of stores and of loads: only a load may pass an earlier store.

    """

    name: str
    ordered: bool


X86_64: Final = Processor("x86-64", ordered=True)
ARM_64: Final = Processor("64-bit Arm", ordered=False)


def keeps(processor: Processor, program: Program, earlier: int, later: int) -> bool:
    """Whether two accesses of a program are performed in its order, by themselves or by what lies between."""
    first, second = program[earlier], program[later]
    if first.word == second.word:
        return True  # coherence
    between = {access.order for access in program[earlier + 1 : later] if access.is_fence}
    if FULL in between or (processor.ordered and not (first.is_store and not second.is_store)):
        return True
    if processor.ordered:
        return False
    return (
        (first.order == ACQUIRE and not first.is_store)
        or (second.order == RELEASE and second.is_store)
        or (RELEASE in between and second.is_store)
        or (ACQUIRE in between and not first.is_store)
    )


Outcome: TypeAlias = tuple[tuple[int, ...], ...]


def outcomes(processor: Processor, *programs: Program) -> set[Outcome]:
    """Of every order that can be: what the loads of each thread returned. Every word is 0 at first."""
    before: list[list[int]] = []
    for program in programs:
        needed = [0] * len(program)  # by access, a bit for each earlier one that comes before it
        for later in range(len(program)):
            for earlier in range(later):
                accesses = program[earlier], program[later]
                if not any(one.is_fence for one in accesses) and keeps(processor, program, earlier, later):
                    needed[later] |= 1 << earlier
        before.append(needed)
    found: set[Outcome] = set()
    seen: set[tuple[object, ...]] = set()
    fences = tuple(sum(1 << at for at, one in enumerate(program) if one.is_fence) for program in programs)
    waiting: list[tuple[tuple[int, ...], dict[str, int], dict[tuple[int, int], int]]] = [(fences, {}, {})]
    while waiting:
        done, memory, loaded = waiting.pop()
        state = done, tuple(sorted(memory.items())), tuple(sorted(loaded.items()))
        if state in seen:
            continue
        seen.add(state)
        steps = [*_next_accesses(programs, before, done)]
        for thread, at in steps:
            access = programs[thread][at]
            performed = tuple(one | (1 << at) if thread == number else one for number, one in enumerate(done))
            if access.stores is None:
                waiting.append((performed, memory, {**loaded, (thread, at): memory.get(access.word, 0)}))
            else:
                waiting.append((performed, {**memory, access.word: access.stores}, loaded))
        if not steps:
            found.add(
                tuple(
                    tuple(value for (of, _), value in sorted(loaded.items()) if of == thread)
                    for thread in range(len(programs))
                )
            )
    return found


def _next_accesses(
    programs: Sequence[Program], before: list[list[int]], done: tuple[int, ...]
) -> Iterator[tuple[int, int]]:
    """Which access of which thread can be performed now."""
    for thread, program in enumerate(programs):
        for at in range(len(program)):
            if not done[thread] >> at & 1 and before[thread][at] & ~done[thread] == 0:
                yield thread, at

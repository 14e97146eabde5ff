"""The record of an agent, on x86-64 and 64-bit Arm: no reader takes a mixture or sleeps through a change."""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from model.memory import ARM, X86, Machine
from model.search import Found, Search
from model.state_model import CHECKS, RULES, Checks, Rules, StateReader, lives
from ruth.agent.agent import StreamAgent
from ruth.agent.state import FRAME_ID_OFFSET, SEQUENCE_OFFSET, STATE_SIZE, WAKE_OFFSET
from ruth.agent.state_writer import AgentIdentity, StateWriter

if TYPE_CHECKING:
    from collections.abc import Callable

BOTH = (X86, ARM)
SAMPLE = {X86: 9, ARM: 2}
"""Of the lives, the usual form takes one in so many."""


def first_problem(
    machine: Machine, rules: Rules = RULES, checks: Checks = CHECKS, *, every: int = 1
) -> tuple[Found | None, int]:
    """The search that found one, and how many states were visited; ``every`` so many lives."""
    states = 0
    for history, agents in islice(lives(machine, rules), 0, None, every):
        found = Search(StateReader(agents, checks))(history)
        states += found.states
        if found.trace:
            return found, states
        if rules == RULES and checks == CHECKS:
            assert {sequence for _, sequence in found.accepted} == set(agents.records), "a reader is blind"
    return None, states


@pytest.mark.soak
@pytest.mark.parametrize("machine", BOTH, ids=lambda one: one.name)
def test_no_reader_takes_a_mixture_or_sleeps_through_a_change(
    machine: Machine, soaking: bool, record_property: Callable[[str, object], None]
) -> None:
    """Each record taken is one that an agent left whole, none older than the last, and each can be taken.

    An agent dies after any of its stores and another goes on in its file. A reader that waits for the wake
    word has taken all that the word counted.
    """
    began = time.process_time()
    found, states = first_problem(machine, every=1 if soaking else SAMPLE[machine])
    assert found is None, "\n".join(found.trace)
    print(f"{machine.name}: {states} states, {time.process_time() - began:.0f} s of CPU")  # noqa: T201
    record_property("states", states)


DEFECTS: dict[str, tuple[Rules | Checks, str]] = {
    "no odd mark": (Rules(odd=False), "x86-64"),
    "wake counts before the record is complete": (Rules(wake_last=False), "x86-64"),
    "an agent begins the sequence again": (Rules(goes_on=False), "x86-64"),
    "odd records count": (Checks(even=False), "x86-64"),
    "the sequence is not taken again": (Checks(again=False), "x86-64"),
    "two whole reads that agree": (Checks(three=False), "x86-64"),
    "wake taken from a torn poll": (Checks(torn_keeps_wake=False), "x86-64"),
    "fence after the odd mark": (Rules(odd_fence=False), "64-bit Arm"),
    "release of the wake word": (Rules(wake_release=False), "64-bit Arm"),
    "release of the even sequence": (Rules(even_release=False), "64-bit Arm"),
    "fence after the sequence": (Checks(first_fence=False), "64-bit Arm"),
    "fence after the record": (Checks(second_fence=False), "64-bit Arm"),
}
"""What is left out, and the machine that shows it: 64-bit Arm shows those of x86-64 as well."""


@pytest.mark.parametrize("name", DEFECTS)
def test_a_seeded_defect_is_caught(name: str) -> None:
    """One rule left out leads to a record that never was, or a change slept through; a fence on Arm only."""
    broken, shown_by = DEFECTS[name]
    rules = broken if isinstance(broken, Rules) else RULES
    checks = broken if isinstance(broken, Checks) else CHECKS
    for machine in BOTH[:1] if checks == Checks(three=False) else BOTH:  # seconds on either
        expected = machine is ARM or shown_by == X86.name
        found, _ = first_problem(machine, rules, checks, every=1 if expected else SAMPLE[machine])
        assert (found is not None) is expected, machine.name
        if found is not None:
            print(machine.name, *found.trace, sep="\n")  # noqa: T201 - shown with -rP


def test_the_real_writer_has_its_fences() -> None:
    """On a machine that keeps no order: after the odd sequence, before the even one, and before wake.

    So in each change; at the second fence of each, what it writes is there.
    """
    memory = memoryview(bytearray(STATE_SIZE))
    words, halves = memory.cast("Q"), memory.cast("I")
    met: list[tuple[int, int, int]] = []

    def fence() -> None:
        met.append((words[SEQUENCE_OFFSET // 8], halves[WAKE_OFFSET // 4], words[FRAME_ID_OFFSET // 8]))

    agent = StreamAgent("front-door")
    agent.start()
    agent.observe(1, 500)
    writer = StateWriter(agent, 0, fence)
    writer.initialise(memory, AgentIdentity(1, 2, 3, 4))
    agent.observe(7, 1_000)
    writer.write_frame(2_000)
    writer.write_export(2, 1)
    writer.write_confinement(1)
    changes = [met[at : at + 3] for at in range(0, len(met), 3)]
    for number, change in enumerate(changes):
        assert [one[:2] for one in change] == [
            (2 * number + 1, number),
            (2 * number + 1, number),
            (2 * number + 2, number),
        ]
    assert [frame_id for *_, frame_id in changes[1]] == [0, 7, 7]
    assert (len(changes), halves[WAKE_OFFSET // 4]) == (4, 4)


def test_every_rule_of_the_model_has_its_defect() -> None:
    """No rule or check is in the model for show."""
    left_out = [broken for broken, _ in DEFECTS.values()]
    for whole in (RULES, CHECKS):
        for rule in whole._fields:
            assert whole._replace(**{rule: False}) in [one for one in left_out if type(one) is type(whole)], (
                rule
            )

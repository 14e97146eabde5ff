"""Steps in C of either version of an export: the same as in Python."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from doubles.handwritten_exports import HandwrittenRenamed, HandwrittenRing
from harness.twins import MS, Frames, Twins, taken
from ruth.agent.state import OBSERVED_OFFSET
from ruth.subscription.gate import Decision
from ruth.subscription.subscription import Subscription

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import TypeAlias

    from harness.compiled_steps import StepLibrary

    Export: TypeAlias = Callable[[Path], Frames]

UINT64_MAX = 2**64 - 1

both_versions = pytest.mark.parametrize("export", [HandwrittenRenamed, HandwrittenRing])


@both_versions
def test_frames_are_taken_in_c_from_the_first_one_on(library: StepLibrary, export: Export) -> None:
    """Every frame is decided on in C; the decisions are those of the gate."""
    with Twins(library, export) as twins:
        assert taken(twins, 50) == 50
        assert twins.compiled.taken == twins.compiled.agent.frames == 51


@both_versions
def test_an_inactive_subscription_is_skipped_in_c(library: StepLibrary, export: Export) -> None:
    """It keeps no other out of C, and each of its frames is skipped."""
    with Twins(library, export, inactive="plate") as twins:
        assert taken(twins, 10) == 10
        plate = twins.compiled.agent.subscription("plate")
        assert plate is not None
        assert (plate.allowed, plate.skipped, plate.last_decision) == (0, 11, Decision.SKIP_INACTIVE)


@both_versions
def test_a_frame_for_which_no_short_form_stands_is_handed_over(library: StepLibrary, export: Export) -> None:
    """Time that runs backwards is the table's; the frames after it are taken in C again."""
    with Twins(library, export) as twins:
        assert taken(twins, 15) == 15
        assert taken(twins, 1, -10_000 * MS) == 0
        assert taken(twins, 30) == 30


def test_an_id_that_is_not_above_the_last_one_is_handed_over(library: StepLibrary) -> None:
    """Within one ring, whether such a frame is decided on is not for C."""
    with Twins(library, HandwrittenRing) as twins:
        assert taken(twins, 3) == 3
        assert not twins.frame(ids=0)
        assert not twins.frame(ids=-3)
        assert not twins.compiled.in_c
        assert taken(twins, 5) == 1  # three of them below ids of before, one of them taken in Python


def test_an_id_that_did_not_grow_is_another_session_of_version_1(library: StepLibrary) -> None:
    """A video server restarted is followed in C."""
    with Twins(library, HandwrittenRenamed) as twins:
        assert taken(twins, 3) == 3
        twins.camera.frame(40 * MS, -3)
        twins.step()
        assert twins.compiled.export == (1, 2)
        assert twins.compiled.in_c


@both_versions
@pytest.mark.parametrize("ids", [2, 7, 2**40, 2**63])
def test_gaps_between_frames_are_counted_in_c(library: StepLibrary, export: Export, ids: int) -> None:
    """Ids that are jumped over are missed frames, however many."""
    with Twins(library, export) as twins:
        assert twins.frame(ids=ids)
        assert twins.compiled.agent.missed == ids - 1
        assert twins.compiled.in_c


def test_more_frames_may_be_missed_than_64_bits_count(library: StepLibrary) -> None:
    """Hostile ids leave an agent with any number of missed frames; C adds to it."""
    with Twins(library, HandwrittenRing) as twins:
        twins.compiled.come_to_python()
        for one in (twins.plain, twins.compiled):
            one.agent.missed = 2**64 - 3
        for _ in range(3):
            twins.frame(ids=7)
        assert twins.compiled.in_c
        assert twins.compiled.agent.missed == 2**64 - 3 + 18


@both_versions
def test_the_moment_at_which_a_frame_was_observed_is_noted(library: StepLibrary, export: Export) -> None:
    """observed_ns of the record is CLOCK_MONOTONIC when the frame was taken in C."""
    with Twins(library, export) as twins:
        before = time.monotonic_ns()
        assert taken(twins) == 1
        observed_ns = int.from_bytes(twins.compiled.memory[OBSERVED_OFFSET : OBSERVED_OFFSET + 8], "little")
        assert before <= observed_ns <= time.monotonic_ns()


def test_an_agent_without_subscriptions_is_followed(library: StepLibrary) -> None:
    """Frames are counted for an agent that has nothing to decide for."""
    with Twins(library, HandwrittenRing, {}) as twins:
        assert taken(twins, 20) == 20


def test_time_that_runs_backwards_concerns_no_subscription_without_a_cap(library: StepLibrary) -> None:
    """Where no subscription has a cap, no timestamp matters, and C goes on."""
    with Twins(library, HandwrittenRing, {"audit": None}) as twins:
        assert taken(twins, 3, -40 * MS) == 3


@pytest.mark.parametrize(("cap", "in_c"), [(1e-300, 0), (2e-10, 3), (1e9, 3), (1e10, 3)], ids=str)
def test_intervals_of_any_length_are_kept(library: StepLibrary, cap: float, in_c: int) -> None:
    """One that 64 bits do not hold has no short form; one of 0 ns has."""
    with Twins(library, HandwrittenRing, {"odd": cap}) as twins:
        assert taken(twins, 3) == in_c


def test_an_inactive_subscription_may_have_any_interval(library: StepLibrary) -> None:
    """It is not looked at, however long it is."""
    with Twins(library, HandwrittenRing, {"slow": 1e-300, "audit": None}, inactive="slow") as twins:
        assert taken(twins, 3) == 3


def test_the_last_frame_that_a_timestamp_can_tell(library: StepLibrary) -> None:
    """Timestamps up to 2^64 - 1 are compared without overflow."""
    with Twins(library, HandwrittenRing, {"person": 5, "slow": 1e-9}, before=_from_zero) as twins:
        for timestamp_ns in (0, 2**63, UINT64_MAX - 1, UINT64_MAX):
            twins.frame(timestamp_ns - twins.camera.record.timestamp_ns)
            assert twins.compiled.agent.timestamp_ns == timestamp_ns
        assert twins.compiled.in_c


def _from_zero(camera: HandwrittenRing) -> None:
    camera.change(timestamp_ns=0)


def test_a_stopped_agent_does_not_go_to_c(library: StepLibrary) -> None:
    """An agent that does not run skips every frame, and C knows no such decision."""
    with Twins(library, HandwrittenRing) as twins:
        twins.compiled.come_to_python()
        twins.compiled.agent.stop()
        assert not twins.compiled.compiled.run(twins.compiled.loop)


def test_a_subscription_that_raises_keeps_its_agent_out_of_c(
    library: StepLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A subscription fails alone: what it raises when it is asked never ends the agent."""

    def fail(_: Subscription) -> None:
        raise LookupError

    with Twins(library, HandwrittenRing) as twins:
        twins.compiled.come_to_python()
        monkeypatch.setattr(Subscription, "short_form", fail)
        assert taken(twins, 3) == 0


@pytest.mark.parametrize("field", ["interval", "allowed"])
def test_numbers_that_no_field_holds_keep_their_agent_out_of_c(library: StepLibrary, field: str) -> None:
    """What is wrong with one subscription never ends the agent: all are judged in Python, each alone."""
    with Twins(library, HandwrittenRing) as twins:
        twins.compiled.come_to_python()
        for one in (twins.plain, twins.compiled):
            setattr(one.agent.subscriptions[0], field, -5)
        twins.frame()
        assert not twins.compiled.in_c

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from handwritten import HandwrittenRenamed, HandwrittenRing
from ruth.agent.state import OBSERVED_OFFSET
from ruth.subscription.gate import Decision
from twins import MS, Frames, Twins, taken

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import TypeAlias

    from launch.native.library import Native

    Export: TypeAlias = Callable[[Path], Frames]

both_versions = pytest.mark.parametrize("export", [HandwrittenRenamed, HandwrittenRing])


@both_versions
def test_frames_that_come_one_like_the_other_are_taken_by_the_loop(native: Native, export: Export) -> None:
    """Every frame after the first is the loop's; the decisions are those of the gate."""
    with Twins(native, export) as twins:
        assert taken(twins, 50) == 50


@both_versions
def test_a_parked_subscription_is_skipped_by_the_loop(native: Native, export: Export) -> None:
    """A subscription that is not active keeps no other from the loop, and each of its frames is skipped."""
    with Twins(native, export, parked="plate") as twins:
        assert taken(twins, 10) == 10
        plate = twins.followed.agent.subscription("plate")
        assert plate is not None
        assert (plate.allowed, plate.skipped, plate.last_decision) == (0, 11, Decision.SKIP_INACTIVE)


@both_versions
@pytest.mark.parametrize(
    ("step_ns", "ids"),
    [(-1000 * MS, 1), (40 * MS, 0), (40 * MS, -3)],
    ids=["time runs backwards", "the same id", "an id of before"],
)
def test_a_frame_unlike_the_others_is_left_to_python(
    native: Native, export: Export, step_ns: int, ids: int
) -> None:
    """The loop takes no frame about which there is more to be asked than whether it came too early."""
    with Twins(native, export) as twins:
        assert taken(twins, 3) == 3
        twins.frame(step_ns, ids)
        assert twins.followed.taken == 3


@both_versions
def test_the_moment_at_which_the_loop_observed_a_frame_is_noted(native: Native, export: Export) -> None:
    """observed_ns of the record is CLOCK_MONOTONIC when the loop took the frame."""
    with Twins(native, export) as twins:
        before = time.monotonic_ns()
        assert taken(twins) == 1
        observed_ns = int.from_bytes(twins.followed.memory[OBSERVED_OFFSET : OBSERVED_OFFSET + 8], "little")
        assert before <= observed_ns <= time.monotonic_ns()

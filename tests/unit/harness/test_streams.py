"""The rules of tests/harness/streams.py.

What it expects of an agent is what docs/specification.md says, and its follower sees what there is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doubles.stepped_agent import SteppedAgent
from doubles.video_server import FRAME_INTERVAL_NS, timestamp_ns
from harness.agents import CAPS, record
from harness.published import FRAME, exporter_of
from harness.streams import Follower, advance, judged_alone

if TYPE_CHECKING:
    from conftest import Roots

FRAMES = range(200)


def allowed_by_hand(max_fps: float | None, timestamps: list[int]) -> list[int]:
    """Which frames a cap allows, by the specification alone: none closer to the last than the interval."""
    interval_ns = 0 if max_fps is None else int(1e9 / max_fps)
    allowed: list[int] = []
    for number, at_ns in enumerate(timestamps):
        if not allowed or at_ns - timestamps[allowed[-1]] >= interval_ns:
            allowed.append(number)
    return allowed


def test_times_are_a_cameras_own() -> None:
    """A frame's time is always the same, rises with its id, is 6 ms off at most, and is its camera's."""
    times = [timestamp_ns("a", frame) for frame in FRAMES]
    assert times == [timestamp_ns("a", frame) for frame in FRAMES]
    assert times == sorted(set(times))
    assert all(abs(at - times[0] - n * FRAME_INTERVAL_NS) <= 12_000_000 for n, at in enumerate(times))
    assert times != [timestamp_ns("b", frame) for frame in FRAMES]


def test_what_is_expected_is_what_the_rule_says() -> None:
    """Allowed, skipped and last frame of each model are those that the rule, applied by hand, gives."""
    found = advance("a", None, FRAMES)
    times = [timestamp_ns("a", frame) for frame in FRAMES]
    for model, (model_id, cap) in zip(found.models, CAPS.items(), strict=True):
        allowed = allowed_by_hand(cap, times)
        assert (model.model_id, model.allowed, model.last_frame_id) == (model_id, len(allowed), allowed[-1])
        assert model.skipped == len(times) - len(allowed)


@pytest.mark.parametrize("cut", [1, 7, 100, 199])
def test_it_goes_on_where_it_was(cut: int) -> None:
    """Frames expected in two parts come to the same as in one, wherever the cut is."""
    before = advance("a", None, FRAMES[:cut])
    assert advance("a", before, FRAMES[cut:]) == advance("a", None, FRAMES)


def test_frames_left_out_are_missed() -> None:
    """Ids between two that are shown count as missed, and nothing before the first one does."""
    assert advance("a", None, [3, 4, 8, 10]).missed == 4
    assert advance("a", None, [3]).missed == 0


def test_a_follower_sees_each_frame(roots: Roots) -> None:
    """What a follower sees after each frame is what is expected, of a whole stream and from a record on."""
    exporter = exporter_of(roots, "a")
    with SteppedAgent(roots, dict(CAPS), "a") as agent, Follower(roots, "a") as follower:
        exporter.publish(FRAME, timestamp_ns("a", 0))
        agent.step()
        before = record(roots, "a")
        expected = judged_alone(before, [(frame, timestamp_ns("a", frame)) for frame in range(1, 30)])
        for frame in range(1, 30):
            exporter.publish(FRAME, timestamp_ns("a", frame))
            agent.step()
            found = follower.wait_for(frame)
            assert found == expected[frame - 1] == advance("a", None, range(frame + 1))
    exporter.close()


def test_a_follower_waits_in_vain(roots: Roots) -> None:
    """A frame that does not come is an AssertionError that names it."""
    with (
        SteppedAgent(roots, dict(CAPS), "a"),
        Follower(roots, "a") as follower,
        pytest.raises(AssertionError, match="frame 5 not observed"),
    ):
        follower.wait_for(5, deadline_s=0.05)

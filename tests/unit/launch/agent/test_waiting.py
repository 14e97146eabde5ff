from __future__ import annotations

import pytest

from launch.agent.waiting import QUIET_AFTER_NS, QUIET_POLL_NS, SHORT_POLL_NS, poll_interval


@pytest.mark.parametrize("since_ns", [0, 1, 40_000_000, QUIET_AFTER_NS - 1])
def test_while_frames_come_a_look_is_short(since_ns: int) -> None:
    """Every 10 ms, whatever the rhythm of the frames is: none is learned."""
    assert poll_interval(since_ns) == SHORT_POLL_NS == 10_000_000


@pytest.mark.parametrize("since_ns", [QUIET_AFTER_NS, 2**63, 2**64 - 1])
def test_once_none_has_come_for_a_second_a_look_comes_once_a_second(since_ns: int) -> None:
    """Just under a second, so that what was replaced is found within one."""
    assert poll_interval(since_ns) == QUIET_POLL_NS == 980_000_000

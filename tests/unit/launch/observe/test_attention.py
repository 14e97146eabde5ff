from __future__ import annotations

from launch.observe.attention import STATES, attention, summary
from launch.screen.colour import STATE_COLOURS


def test_the_order() -> None:
    """What decides nothing, what gets nothing, what has missed something, then the rest."""
    places = [
        attention("dead", had_frames=True, missed=0),
        attention("dead", had_frames=True, missed=0, ended=True),
        *(attention(state, had_frames=True, missed=0) for state in STATES[1:5]),
        attention("idle", had_frames=True, missed=0),
        attention("idle", had_frames=False, missed=9),
        attention("running", had_frames=True, missed=1),
        attention("running", had_frames=True, missed=0),
    ]
    assert places == sorted(set(places))


def test_the_summary_counts_what_there_is() -> None:
    """States in the same order, and only those that there are."""
    assert summary(["running", "idle", "running", "dead"]) == "cameras: 4 (1 dead, 1 idle, 2 running)"
    assert summary([]) == "cameras: 0 (none)"


def test_every_coloured_state_is_one() -> None:
    """Colours and order know the same words."""
    assert set(STATE_COLOURS) <= set(STATES)

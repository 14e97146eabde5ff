"""How frames come to an agent, as its record says it. Pure; what is an expression here is compiled to C.

An arrival is one frame, or several that come within :data:`TOGETHER_NS` of each other, as a burst over Wi-Fi
or a stall that ends. The longest gap is that of the last one or two windows of :data:`WINDOW_FRAMES` frames.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ruth.export.layout import slots_for

if TYPE_CHECKING:
    from ruth.agent.state import AgentRecord

TOGETHER_NS: Final = 5_000_000
WINDOW_FRAMES: Final = 64


def begins_arrival(frames: int, gap_ns: int) -> bool:
    """Whether a frame begins an arrival.

    Args:
        frames: Observed so far, this one included.
        gap_ns: Since the frame before it was observed.

    """
    return frames == 1 or gap_ns >= TOGETHER_NS


def begins_window(frames: int) -> bool:
    """Whether a frame begins a window, of so many observed so far, this one included."""
    return frames % WINDOW_FRAMES == 0


def longest_gap_ns(record: AgentRecord) -> int:
    """Longest time between two frames of the present window and the one before; 0 before the second frame."""
    return max(record.gap_ns, record.gap_before_ns)


def frames_together(frames: int, missed: int, arrivals: int) -> int:
    """How many frames come at once, in the mean of all arrivals; those that were missed came with others.

    Args:
        frames: Observed.
        missed: Never seen.
        arrivals: As the record has them.

    """
    return round((frames + missed) / arrivals) if arrivals else 0


def slots_needed(frames: int, missed: int, arrivals: int, slots: int) -> int | None:
    """Slots that a ring needs to hold what comes at once; None if it holds it, or if no ring does.

    Frames that were missed alone prove nothing: an agent that was stopped misses some, too.

    Args:
        frames: Observed.
        missed: Never seen.
        arrivals: As the record has them.
        slots: That the ring has.

    """
    together = frames_together(frames, missed, arrivals)
    return slots_for(together) if missed and together > slots else None

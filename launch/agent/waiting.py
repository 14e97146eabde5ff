"""For how long an agent waits where nothing wakes it. Pure: it knows no clock. Nanoseconds, all of it.

What it waits on: :mod:`launch.agent.waiter`, and ``launch/agent/native/wait.c``, into which this is compiled.
"""

from __future__ import annotations

from typing import Final

SHORT_POLL_NS: Final = 10_000_000  # between polls while frames come
QUIET_POLL_NS: Final = 980_000_000  # between polls once none has come for a second; no wait is longer
QUIET_AFTER_NS: Final = 1_000_000_000
# After so many wake-ups in a row that brought no frame, a pause bounds what a writer gone wild can cost.
EMPTY_WAKES: Final = 4
EMPTY_WAKE_PAUSE_NS: Final = 1_000_000


def poll_interval(since_frame_ns: int) -> int:
    """How long to wait for the next poll, so long after the last frame was observed."""
    return SHORT_POLL_NS if since_frame_ns < QUIET_AFTER_NS else QUIET_POLL_NS

"""From a watch to an output: writes what has happened as soon as it is seen, within bounds."""

from __future__ import annotations

import select
import time
from typing import TYPE_CHECKING, Protocol

from launch.observe.follow.changes import FrameSeen
from launch.observe.follow.watch import POLL_NS
from ruth.units import NANOSECONDS

if TYPE_CHECKING:
    from typing import TextIO

    from launch.observe.follow.changes import Change
    from launch.observe.follow.watch import Watch


class ChangeWriter(Protocol):
    """What turns a change into text."""

    def text(self, change: Change) -> str:
        """Whole lines."""


def follow(
    watch: Watch, writer: ChangeWriter, out: TextIO, frames: int | None = None, seconds: float | None = None
) -> None:
    """Writes every change to ``out`` until a bound is reached.

    Whatever holds up ``out`` holds up nothing else: frames that are decided meanwhile are a gap.

    Args:
        watch: What to follow.
        writer: Makes the lines.
        out: Where to; flushed after each poll.
        frames: End after so many frames; None for any number.
        seconds: End after so long; None for never.

    Raises:
        BrokenPipeError: No process reads ``out`` any more.

    """
    end_ns = None if seconds is None else time.monotonic_ns() + round(seconds * NANOSECONDS)
    shown = 0
    while True:
        found = watch.poll()
        for change in found:
            out.write(writer.text(change))
            shown += isinstance(change, FrameSeen)
        if found:
            out.flush()
        elif _nobody_reads(out):
            raise BrokenPipeError
        now_ns = time.monotonic_ns()
        if shown == frames or (end_ns is not None and now_ns >= end_ns):
            return
        watch.wait(POLL_NS if end_ns is None else end_ns - now_ns)


def _nobody_reads(out: TextIO) -> bool:
    """Whether the reader of a pipe has gone: without a frame there is no write that would tell."""
    poll = select.poll()
    poll.register(out.fileno(), 0)
    return any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))

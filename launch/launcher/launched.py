"""What came of one launch, and how it is said: a line per camera launched, one line for all left alone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMED_MAX: Final = 3  # cameras left alone


class Launched(NamedTuple):
    """What came of one launch; ``started`` and ``running`` in the order of the configuration.

    Attributes:
        started: Camera and pid.
        running: What was said of cameras that had a live agent already, or were just being launched; they
            were left alone.
        failed: Camera, and what went wrong.
        notes: What is so of all of them, and should be known.

    """

    started: tuple[tuple[str, int], ...] = ()
    running: tuple[tuple[str, str], ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    def lines(self) -> str:
        """What was launched, for stdout."""
        return "".join(f"{camera_id}: agent {pid}\n" for camera_id, pid in self.started)

    def messages(self) -> Iterator[str]:
        """What else came of it, for stderr, a line each."""
        for text in dict.fromkeys(text for _, text in self.running):
            yield left_alone([camera_id for camera_id, found in self.running if found == text], text)
        yield from (f"{camera_id}: {text}" for camera_id, text in self.failed)
        yield from self.notes


def left_alone(cameras: list[str], text: str) -> str:
    """One line for several cameras of which the same is to be said.

    Args:
        cameras: At least one.
        text: What is said of one of them, beginning with ``has`` or ``is``.

    """
    if len(cameras) > 1:
        verb, rest = text.split(" ", 1)
        text = f"{ {'has': 'have', 'is': 'are'}.get(verb, verb) } {rest}"
    more = len(cameras) - _NAMED_MAX
    return f"{', '.join(cameras[:_NAMED_MAX])}{f' and {more} more' if more > 0 else ''}: {text}"


def say(descriptor: int, text: str) -> None:
    """Writes to a descriptor. Loses it rather than fail: agents come first."""
    remaining = text.encode(errors="backslashreplace")
    try:
        while remaining:
            remaining = remaining[os.write(descriptor, remaining) :]
    except OSError:
        return  # closed, or no process reads it


def report(launched: Launched) -> None:
    """Says what was launched on stdout, and all else on stderr."""
    say(1, launched.lines())
    say(2, "".join(f"ruth: {line}\n" for line in launched.messages()))

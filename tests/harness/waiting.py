"""Waiting in tests: on a condition or a block, with a deadline, never a bare sleep."""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Found = TypeVar("Found")


def wait_until(condition: Callable[[], Found], what: str, deadline_s: float = 60.0) -> Found:
    """The first true value of ``condition()``; AssertionError naming ``what`` when the deadline passes."""
    deadline = time.monotonic() + deadline_s
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {deadline_s:g} s: {what}")
        time.sleep(0.005)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fails if its block takes longer, also out of a system call that blocks."""

    def late(*_: object) -> None:
        raise AssertionError(f"blocked for more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

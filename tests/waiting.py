"""Waiting in tests: on a condition, with a deadline, never a bare sleep."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Found = TypeVar("Found")


def wait_until(condition: Callable[[], Found], what: str, deadline_s: float = 10.0) -> Found:
    """The first true value of ``condition()``; AssertionError naming ``what`` when the deadline passes."""
    deadline = time.monotonic() + deadline_s
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {deadline_s:g} s: {what}")
        time.sleep(0.005)

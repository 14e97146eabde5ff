"""The order of loads and stores: x86-64 keeps it, on 64-bit Arm the fences of libruth do, elsewhere nothing.

Python has no fences. So on Arm a protocol calls one of these at each step that has to be visible before the
next; on x86-64 they are None, and not called. Which steps those are: ``ruth/vas/ring.py``,
``ruth/export/ring_reader.py``, ``ruth/agent/state_writer.py``, ``ruth/agent/state_read.py``. That they are
enough, and each is needed: ``tests/model``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from ruth import atomics

if TYPE_CHECKING:
    from collections.abc import Callable

ORDERED_MACHINES: Final = frozenset({"x86_64", "amd64"})
FENCED_MACHINES: Final = frozenset({"aarch64", "arm64"})

_FENCES: Final = atomics.load() if os.uname().machine.lower() in FENCED_MACHINES else None

release_fence: Callable[[], None] | None = None if _FENCES is None else _FENCES.fence_release
"""Stores and loads before it are visible before every store after it."""

acquire_fence: Callable[[], None] | None = None if _FENCES is None else _FENCES.fence_acquire
"""Loads before it are done before every load and store after it."""


def fenced_pread(descriptor: int, size: int, offset: int) -> bytes:
    """As :func:`os.pread`, between two acquire fences: a system call is no barrier."""
    if acquire_fence is None:
        return os.pread(descriptor, size, offset)
    acquire_fence()
    content = os.pread(descriptor, size, offset)
    acquire_fence()
    return content


pread: Callable[[int, int, int], bytes] = os.pread if _FENCES is None else fenced_pread
"""pread(2) that keeps its place among the loads before and after it, on this machine."""


def version_2_problem() -> str | None:
    """Why version 2 is neither read nor written on this machine; None if it is."""
    machine = os.uname().machine
    fenced = machine.lower() in FENCED_MACHINES and atomics.load() is not None
    return machine_problem(machine, fenced=fenced)


def machine_problem(machine: str, *, fenced: bool) -> str | None:
    """Why version 2 is refused on a machine, or None if it is not.

    Args:
        machine: ``os.uname().machine``.
        fenced: Whether fences can be had: libruth is compiled.

    """
    if machine.lower() in ORDERED_MACHINES or (fenced and machine.lower() in FENCED_MACHINES):
        return None
    needed = "a machine that keeps the order of stores (x86-64)"
    if machine.lower() in FENCED_MACHINES:
        needed += ", or on 64-bit Arm the compiled libruth, which is not here"
    return f"version 2 needs {needed}, this is {machine}"

"""What is compiled, in tests, met between two of their preads by whatever a writer may do there."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

from harness.compiled_steps import StepLibrary

if TYPE_CHECKING:
    from collections.abc import Callable

# Put before what is compiled: each of its preads and stores is followed by a call of a process that asked for
# it.
INTERRUPTED = b"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>
void (*after_pread)(void);
void (*after_store)(uintptr_t);
ssize_t interrupted_pread(int file, void *bytes, size_t size, off_t offset) {
    ssize_t got = syscall(SYS_pread64, file, bytes, size, offset);
    if (after_pread) after_pread();
    return got;
}
#define pread interrupted_pread
#undef atomic_store_explicit
#define atomic_store_explicit(place, value, order) \\
    (*(place) = (value), after_store ? after_store((uintptr_t)(place)) : (void)0)
"""


class Interrupted:
    """What is compiled, and what happens after its n-th pread, counted from 1 on since :meth:`restart`.

    Attributes:
        library: The functions.
        preads: How many there were.
        stores: Addresses of the stores into a state record, in their order.

    """

    def __init__(self, path: str) -> None:
        library = ctypes.CDLL(path)
        self.library = StepLibrary(path)
        self._callback = ctypes.CFUNCTYPE(None)(self._interrupt)
        self._store_callback = ctypes.CFUNCTYPE(None, ctypes.c_size_t)(self._store)
        for name, function in (("after_pread", self._callback), ("after_store", self._store_callback)):
            ctypes.c_void_p.in_dll(library, name).value = ctypes.cast(function, ctypes.c_void_p).value
        self.restart(lambda _: None)

    def restart(self, then: Callable[[int], None]) -> None:
        """Counts from now on; ``then`` is called after each pread, with its number."""
        self.preads = 0
        self.stores: list[int] = []
        self._then = then

    def _store(self, address: int) -> None:
        self.stores.append(address)

    def _interrupt(self) -> None:
        self.preads += 1
        self._then(self.preads)

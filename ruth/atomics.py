"""Loads of and stores into shared words in a fixed order, by libruth (``ruth/native/include/ruth_ring.h``).

x86-64 keeps the order of loads and of stores, and there Python does without. Elsewhere an order needs fences,
which Python lacks; these functions have them. Each address is one of this process, valid as long as its
mapping is open (:func:`ruth.futex.address_of`).
"""

from __future__ import annotations

import ctypes
import os
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

LIBRARY: Final = os.path.join(os.path.dirname(os.path.abspath(__file__)), "native", "libruth.so")
ABI: Final = 1  # RUTH_RING_ABI


class Atomics(NamedTuple):
    """The functions of ``ruth_ring.h``, which says what each does.

    Attributes:
        begin: ``ruth_ring_begin(meta, slot)``.
        commit: ``ruth_ring_commit(meta, slot, frame_id, timestamp_ns, picture)``.
        close: ``ruth_ring_close(meta)``.
        newest: ``ruth_ring_newest(meta, head)``; 1 or 0.
        slot: ``ruth_ring_slot(meta, slot, record)``; 1 or 0.
        still: ``ruth_ring_still(meta, slot, record)``; 1 or 0.
        pread: ``ruth_pread(file, to, size, offset)``; bytes read, or a negative errno.
        fence_acquire: ``ruth_fence_acquire()``.
        fence_release: ``ruth_fence_release()``.

    """

    begin: Callable[[int, int], None]
    commit: Callable[[int, int, int, int, int], None]
    close: Callable[[int], None]
    newest: Callable[[int, ctypes.Array[ctypes.c_char]], int]
    slot: Callable[[int, int, ctypes.Array[ctypes.c_char]], int]
    still: Callable[[int, int, ctypes.Array[ctypes.c_char]], int]
    pread: Callable[[int, ctypes.Array[ctypes.c_char], int, int], int]
    fence_acquire: Callable[[], None]
    fence_release: Callable[[], None]


_ADDRESS: Final = ctypes.c_void_p
_SLOT: Final = ctypes.c_uint32
_U64: Final = ctypes.c_uint64
_FUNCTIONS: Final[tuple[tuple[str, type[ctypes.c_int | ctypes.c_int64] | None, tuple[type, ...]], ...]] = (
    ("ruth_ring_begin", None, (_ADDRESS, _SLOT)),
    ("ruth_ring_commit", None, (_ADDRESS, _SLOT, _U64, _U64, ctypes.c_uint32)),
    ("ruth_ring_close", None, (_ADDRESS,)),
    ("ruth_ring_newest", ctypes.c_int, (_ADDRESS, _ADDRESS)),
    ("ruth_ring_slot", ctypes.c_int, (_ADDRESS, _SLOT, _ADDRESS)),
    ("ruth_ring_still", ctypes.c_int, (_ADDRESS, _SLOT, _ADDRESS)),
    ("ruth_pread", ctypes.c_int64, (ctypes.c_int, _ADDRESS, ctypes.c_size_t, ctypes.c_int64)),
    ("ruth_fence_acquire", None, ()),
    ("ruth_fence_release", None, ()),
)


@cache
def load(library: str = LIBRARY) -> Atomics | None:
    """The functions; None if the library is not compiled here, or is of another ABI."""
    try:
        # With the interpreter's lock held: none of them waits, and to drop it costs more than most of them.
        loaded = ctypes.PyDLL(library)
        if loaded.ruth_ring_abi() != ABI:
            return None
        functions = []
        for name, returned, arguments in _FUNCTIONS:
            function = loaded[name]
            function.argtypes, function.restype = arguments, returned
            functions.append(function)
    except (OSError, AttributeError):
        return None
    return Atomics(*functions)

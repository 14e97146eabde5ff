"""Loads what was compiled, if it is there and of this source; a launcher does, for all agents."""

from __future__ import annotations

import ctypes
import os
import stat
from typing import TYPE_CHECKING, Final, NamedTuple

from launch.native.source import LIBRARY, SEAL_SIZE, seal_of, signature_of, whole_source
from ruth.descriptor import close_descriptor

if TYPE_CHECKING:
    from collections.abc import Callable

VARIABLE: Final = "RUTH_NATIVE"
OFF: Final = ("false", "0", "no", "off")
GoOn: Final = ctypes.PYFUNCTYPE(None, ctypes.c_size_t)
SIZE_MAX: Final = 2**24  # of a library; it has some 20 KB


class Native(NamedTuple):
    """What is compiled. The first three take the address of a context (:mod:`launch.native.context`).

    Attributes:
        follow_ring: Version 2. Returns 0 or an errno, as :meth:`ruth.futex.FutexWord.wait`.
        follow_renamed: Version 1. Returns nothing.
        watch: Waits for exports of version 2, and follows them. Returns 1 if no time to wait is left, else 0.
        start_each: Forks processes that do so (:mod:`launch.native.starter`): takes an array of contexts, how
            many, an array for pids, and what a child calls once there is something for Python to do.

    """

    follow_ring: Callable[[int], int]
    follow_renamed: Callable[[int], None]
    watch: Callable[[int], int]
    start_each: Callable[[ctypes.Array[ctypes.c_uint64], int, ctypes.Array[ctypes.c_int64], object], None]


def load(library: str = LIBRARY) -> tuple[Native | None, str | None]:
    """Its functions; or None, and why agents do without.

    Args:
        library: What :func:`launch.native.build.build` made.

    """
    if ruled_out():
        return None, f"{VARIABLE} is {os.environ[VARIABLE]!r}"
    try:
        problem = _damage(library)
        if problem is not None:
            return None, problem
        wanted = signature_of(whole_source())
        native = functions_of(library)
        built_from = ctypes.c_uint32.in_dll(ctypes.CDLL(library), "signature").value
    except (OSError, ValueError, AttributeError) as error:
        return None, str(error)
    if built_from != wanted:
        return None, "it was compiled from another source"
    return native, None


def functions_of(library: str) -> Native:
    """The functions of a library that was judged before.

    Raises:
        OSError: It cannot be loaded.
        AttributeError: It has not all of them.

    """
    loaded = ctypes.CDLL(library)
    # As os.fork() does, it forks with the interpreter's lock held (PyDLL).
    start_each = ctypes.PyDLL(library).start_each
    start_each.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, GoOn)
    start_each.restype = None
    followers = loaded.follow_ring, loaded.follow_renamed, loaded.watch
    for function, result in zip(followers, (ctypes.c_int, None, ctypes.c_int), strict=True):
        function.argtypes, function.restype = (ctypes.c_void_p,), result
    return Native(*followers, start_each)


def ruled_out() -> bool:
    """Whether whoever launches wants agents to do without."""
    return os.environ.get(VARIABLE, "").lower() in OFF


def _damage(library: str) -> str | None:
    """Why it must not be loaded: what is cut short ends by a signal whoever loads it (dlopen(3))."""
    try:
        descriptor = os.open(library, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return "it is not compiled"
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return f"{library} is no regular file"
        content = os.pread(descriptor, SIZE_MAX, 0)
    finally:
        close_descriptor(descriptor)
    if seal_of(content[:-SEAL_SIZE]) != content[-SEAL_SIZE:]:
        return f"{library} is not as it was compiled"
    return None

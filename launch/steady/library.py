"""Loads the compiled steady loops, if they are there and of this source; a launcher does, for all agents."""

from __future__ import annotations

import ctypes
import os
import stat
from typing import TYPE_CHECKING, Final, NamedTuple

from launch.steady.source import LIBRARY, SEAL_SIZE, seal_of, signature_of, whole_source
from ruth.descriptor import close_descriptor

if TYPE_CHECKING:
    from collections.abc import Callable

VARIABLE: Final = "RUTH_STEADY_LOOP"
OFF: Final = ("false", "0", "no", "off")
SIZE_MAX: Final = 2**24  # of a library; it has some 20 KB


class Loops(NamedTuple):
    """Both loops. Each takes the address of its context (:mod:`launch.steady.follower`).

    Attributes:
        follow_ring: Version 2. Returns 0 or an errno, as :meth:`ruth.futex.FutexWord.wait`.
        follow_renamed: Version 1. Returns nothing.

    """

    follow_ring: Callable[[int], int]
    follow_renamed: Callable[[int], None]


def load(library: str = LIBRARY) -> tuple[Loops | None, str | None]:
    """The loops; or None, and why agents do without.

    Args:
        library: What :func:`launch.steady.build.build` made.

    """
    if ruled_out():
        return None, f"{VARIABLE} is {os.environ[VARIABLE]!r}"
    try:
        problem = _damage(library)
        if problem is not None:
            return None, problem
        wanted = signature_of(whole_source())
        loaded = ctypes.CDLL(library)
        built_from = ctypes.c_uint32.in_dll(loaded, "signature").value
        loops = Loops(loaded.follow_ring, loaded.follow_renamed)
    except (OSError, ValueError, AttributeError) as error:
        return None, str(error)
    if built_from != wanted:
        return None, "they were compiled from another source"
    for function, result in ((loaded.follow_ring, ctypes.c_int), (loaded.follow_renamed, None)):
        function.argtypes = (ctypes.c_void_p,)
        function.restype = result
    return loops, None


def ruled_out() -> bool:
    """Whether whoever launches wants agents to do without."""
    return os.environ.get(VARIABLE, "").lower() in OFF


def _damage(library: str) -> str | None:
    """Why it must not be loaded: what is cut short ends by a signal whoever loads it (dlopen(3))."""
    try:
        descriptor = os.open(library, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return "they are not compiled"
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return f"{library} is no regular file"
        content = os.pread(descriptor, SIZE_MAX, 0)
    finally:
        close_descriptor(descriptor)
    if seal_of(content[:-SEAL_SIZE]) != content[-SEAL_SIZE:]:
        return f"{library} is not as it was compiled"
    return None

"""Loads the compiled steady loop, if it is there and of this source: by the launcher, for all its agents."""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING, Final, TypeAlias

from launch.steady.source import LIBRARY, signature_of, whole_source

if TYPE_CHECKING:
    from collections.abc import Callable

Follow: TypeAlias = "Callable[[int], int]"
"""``follow`` of ``loop.c``: takes the address of a context (:mod:`launch.steady.follower`)."""

VARIABLE: Final = "RUTH_STEADY_LOOP"
OFF: Final = ("false", "0", "no", "off")


def load(library: str = LIBRARY) -> tuple[Follow | None, str]:
    """The loop's function; or None, and why agents do without.

    Args:
        library: What :func:`launch.steady.build.build` made.

    """
    if os.environ.get(VARIABLE, "").lower() in OFF:
        return None, f"{VARIABLE} is {os.environ[VARIABLE]!r}"
    try:
        wanted = signature_of(whole_source())
        loaded = ctypes.CDLL(library)
        built_from = ctypes.c_uint64.in_dll(loaded, "signature").value
        follow = loaded.follow
    except (OSError, ValueError, AttributeError) as error:
        return None, "it is not compiled" if not os.path.exists(library) else str(error)
    if built_from != wanted:
        return None, "it was compiled from another source"
    follow.argtypes = (ctypes.c_void_p,)
    follow.restype = ctypes.c_int
    return follow, ""

"""What is to be measured without any Python around it, compiled once a process (``bare.c``, ``rhythm.c``)."""

from __future__ import annotations

import ctypes
import tempfile
from functools import cache
from pathlib import Path

from launch.agent.native.build import compile_library, compiler

_FOLDER = Path(__file__).parent


def bare_missing() -> str | None:
    """Why there is none, or None."""
    return None if compiler() else "there is no C compiler (apt install gcc libc6-dev)"


@cache
def bare() -> ctypes.CDLL:
    """The functions of ``bare.c``. Raises RuntimeError if they cannot be compiled."""
    functions = _compiled("bare.c")
    functions.decide_in_a_row.argtypes = (ctypes.c_void_p, ctypes.c_void_p, *(ctypes.c_uint64,) * 3)
    functions.wait_for_ever.argtypes = (ctypes.c_void_p, ctypes.c_uint64)
    return functions


@cache
def rhythm_functions() -> ctypes.CDLL:
    """The functions of ``rhythm.c``. Raises RuntimeError if they cannot be compiled."""
    functions = _compiled("rhythm.c")
    pointer, number = ctypes.c_void_p, ctypes.c_uint64
    functions.publish_renamed.argtypes = (ctypes.c_int, number, pointer, pointer, number, pointer)
    functions.feed_renamed.argtypes = (pointer, *(number,) * 3, pointer, pointer, number, *(pointer,) * 3)
    functions.feed_renamed.restype = ctypes.c_int64
    functions.follow_renamed.argtypes = (ctypes.c_char_p, pointer, number)
    functions.be_woken.argtypes = (ctypes.c_char_p,)
    functions.follow_ring.argtypes = (pointer, pointer, number)
    functions.follow_ring.restype = None
    return functions


def _compiled(source: str) -> ctypes.CDLL:
    with tempfile.TemporaryDirectory(prefix="ruth-bench-") as folder:
        library = f"{folder}/library.so"
        problem = compile_library((_FOLDER / source).read_bytes(), library)
        if problem is not None:
            raise RuntimeError(problem)
        return ctypes.CDLL(library)

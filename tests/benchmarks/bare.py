"""What is to be measured without any Python around it, compiled once a process (``bare.c``)."""

from __future__ import annotations

import ctypes
import tempfile
from functools import cache
from pathlib import Path

from launch.native.build import compile_library, compiler

_SOURCE = Path(__file__).with_name("bare.c")


def bare_missing() -> str | None:
    """Why there is none, or None."""
    return None if compiler() else "there is no C compiler (apt install gcc libc6-dev)"


@cache
def bare() -> ctypes.CDLL:
    """The functions of ``bare.c``. Raises RuntimeError if they cannot be compiled."""
    with tempfile.TemporaryDirectory(prefix="ruth-bench-") as folder:
        library = f"{folder}/bare.so"
        problem = compile_library(_SOURCE.read_bytes(), library)
        if problem is not None:
            raise RuntimeError(problem)
        functions = ctypes.CDLL(library)
    functions.decide_in_a_row.argtypes = (ctypes.c_void_p, ctypes.c_void_p, *(ctypes.c_uint64,) * 3)
    functions.wait_for_ever.argtypes = (ctypes.c_void_p, ctypes.c_uint64)
    return functions

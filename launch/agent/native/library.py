"""Loads what was compiled, if it is there and of this source; a launcher does, for all agents."""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING, Final, NamedTuple

from launch.agent.native.source import LIBRARY, signature_of, whole_source
from ruth.order import machine_problem

if TYPE_CHECKING:
    from collections.abc import Callable

VARIABLE: Final = "RUTH_NATIVE"
OFF: Final = ("false", "0", "no", "off")
Then: Final = ctypes.PYFUNCTYPE(None, ctypes.c_size_t)


class NativeLibrary(NamedTuple):
    """What is compiled. Each address is one of :class:`launch.agent.native.compiled.Compiled`.

    Attributes:
        run: Steps an agent and waits, until Python has something to do.
        start_each: Forks processes that do so (:mod:`launch.agent.native.starter`): takes an array of starts,
            how many, an array for pids, and what a child calls once there is something for Python to do.
        note_end_in: The record at this address will say by which signal, by whom and when its agent is
            told to end (docs/decisions/0053).

    """

    run: Callable[[int], None]
    start_each: Callable[[ctypes.Array[ctypes.c_uint64], int, ctypes.Array[ctypes.c_int64], object], None]
    note_end_in: Callable[[int], None]


def load(library: str = LIBRARY) -> tuple[NativeLibrary | None, str | None]:
    """Its functions; or None, and why agents do without.

    Args:
        library: What :func:`launch.agent.native.build.build` made.

    """
    if ruled_out():
        return None, f"{VARIABLE} is {os.environ[VARIABLE]!r}"
    problem = machine_problem(os.uname().machine, fenced=True)  # it has its own
    if problem is not None:
        return None, problem
    if not os.path.lexists(library):
        return None, "it is not compiled"
    if not os.path.isfile(library):  # nothing to be opened and waited for
        return None, f"{library} is not a file"
    try:
        wanted = signature_of(whole_source())
        native = functions_of(library)
        built_from = ctypes.c_uint32.in_dll(ctypes.CDLL(library), "signature").value
    except (OSError, ValueError, AttributeError) as error:
        return None, str(error)
    if built_from != wanted:
        return None, "it was compiled from another source"
    return native, None


def functions_of(library: str) -> NativeLibrary:
    """The functions of a library that was judged before.

    Raises:
        OSError: It cannot be loaded.
        AttributeError: It has not all of them.

    """
    run = ctypes.CDLL(library).agent_run
    run.argtypes, run.restype = (ctypes.c_void_p,), None
    # As os.fork() does, it forks with the interpreter's lock held (PyDLL).
    start_each = ctypes.PyDLL(library).start_each
    start_each.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, Then)
    start_each.restype = None
    note_end_in = ctypes.CDLL(library).note_end_in
    note_end_in.argtypes, note_end_in.restype = (ctypes.c_uint64,), None
    return NativeLibrary(run, start_each, note_end_in)


def ruled_out() -> bool:
    """Returns whether the user has switched compiled code off."""
    return os.environ.get(VARIABLE, "").lower() in OFF

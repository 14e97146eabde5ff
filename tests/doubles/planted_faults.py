"""``ruth`` whose agents a test can break from outside: what tests start in place of ``ruth`` to see one die.

    RUTH_NATIVE=off python tests/doubles/planted_faults.py up CONFIG
    PLANTED_LIBRARY=/path/of/a.so python tests/doubles/planted_faults.py up CONFIG

Agents take real-time signals, one for each :class:`Fault`. A test sends them at a moment of its own choosing;
what happens then is the real thing, and the product has no hook for it. In the first form agents are in
Python, and all is the product's own code but the source of their frames. In the second they begin in C, in a
library that is compiled from the product's own source and ``planted.c`` (:func:`compile_planted`).
"""

from __future__ import annotations

import atexit
import ctypes
import mmap
import os
import resource
import signal
import sys
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import launch.agent.process
import launch.launcher.child
from launch.agent.native.build import compile_library
from launch.agent.native.library import functions_of
from launch.agent.native.source import whole_source
from launch.cli.main import main
from ruth.export.source import ExportSource
from ruth.futex import address_of
from ruth.subscription.subscription import Subscription

if TYPE_CHECKING:
    from collections.abc import Callable

    from ruth.export.files import Opener
    from ruth.subscription.gate import Decision
    from ruth.subscription.subscription import ShortForm

FAULTY_MODEL: Final = "plate"
LIBRARY_VARIABLE: Final = "PLANTED_LIBRARY"
MIB: Final = 2**20
LEAKED_BYTES: Final = 24 * MIB
NO_LIMIT: Final = 99
"""Exit code of an agent that was to grow beyond its limit and met none."""
ESCAPED: Final = 98
"""Exit code of an agent that came back into its launcher's code, and ended there."""
_SMALLEST: Final = 32
_LIMIT_SOUGHT: Final = 16 * 1024 * MIB

_kept: list[object] = []
_shortened: mmap.mmap


class Fault(IntEnum):
    """What can be planted, by the signal that brings it about."""

    NULL_POINTER = signal.SIGRTMIN + 1
    ABORT = signal.SIGRTMIN + 2
    BUS_ERROR = signal.SIGRTMIN + 3
    STACK_OVERFLOW = signal.SIGRTMIN + 4
    EXCEPTION = signal.SIGRTMIN + 5
    ENDLESS_LOOP = signal.SIGRTMIN + 6
    MEMORY_BEYOND_LIMIT = signal.SIGRTMIN + 7
    MEMORY_LEAK = signal.SIGRTMIN + 8
    DESCRIPTOR_LEAK = signal.SIGRTMIN + 9
    GATE_RAISES = signal.SIGRTMIN + 10
    ANOTHER_EXCEPTION = signal.SIGRTMIN + 11


class PlantedError(Exception):
    """What a faulty gate raises."""


class PlantedDeath(BaseException):
    """What an agent dies of that dies of an exception: no subscription may take it for its own."""


def dereference_null() -> None:
    """The C library reads at address 0: SIGSEGV."""
    ctypes.string_at(0)


def abort() -> None:
    """Aborts, by the C library: SIGABRT."""
    os.abort()


def read_beyond_the_file() -> None:
    """A load from a mapping whose file was shortened: SIGBUS."""
    _shortened[0]


def map_and_shorten() -> mmap.mmap:
    """A page of a file that has no page any more: the launcher's, as an agent could make none."""
    descriptor = os.memfd_create("shortened")
    try:
        os.ftruncate(descriptor, mmap.PAGESIZE)
        memory = mmap.mmap(descriptor, mmap.PAGESIZE)
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)
    return memory


def overflow_the_stack() -> None:
    """C calls Python calls C, until the kernel grants the stack no further page: SIGSEGV."""
    sys.setrecursionlimit(2**31 - 1)

    def deeper() -> None:
        native()

    native = ctypes.CFUNCTYPE(None)(deeper)
    native()


def raise_out_of_the_loop() -> None:
    """An exception that nothing in an agent expects."""
    raise PlantedDeath


def loop_for_ever() -> None:
    """Never comes back."""
    while True:
        pass


def grow_beyond_the_limit() -> None:
    """Takes memory until not even a small object can be had; it touches hardly a page of it."""
    size = 16 * MIB
    taken = 0
    while taken < _LIMIT_SOUGHT:
        try:
            _kept.append(bytes(size))
            taken += size
        except MemoryError as error:
            if size < _SMALLEST:
                raise PlantedDeath from error
            size //= 2
    os._exit(NO_LIMIT)


def leak_memory() -> None:
    """Keeps memory, every page of it in use."""
    _kept.append(bytearray(os.urandom(mmap.PAGESIZE)) * (LEAKED_BYTES // mmap.PAGESIZE))


def leak_descriptors() -> None:
    """Opens until EMFILE, and keeps all of it."""
    try:
        while True:
            os.dup(0)
    except OSError:
        return


def break_one_gate() -> None:
    """From now on the decision of one model raises, and so does what may be decided without it."""
    judge, short_form = Subscription.judge, Subscription.short_form

    def faulty_judge(subscription: Subscription, frame_id: int, timestamp_ns: int) -> Decision:
        if subscription.model_id == FAULTY_MODEL:
            raise PlantedError
        return judge(subscription, frame_id, timestamp_ns)

    def faulty_short_form(subscription: Subscription) -> ShortForm | None:
        if subscription.model_id == FAULTY_MODEL:
            raise PlantedError
        return short_form(subscription)

    Subscription.judge = faulty_judge  # type: ignore[method-assign]
    Subscription.short_form = faulty_short_form  # type: ignore[method-assign]


_ACTIONS: Final[dict[Fault, Callable[[], None]]] = {
    Fault.NULL_POINTER: dereference_null,
    Fault.ABORT: abort,
    Fault.BUS_ERROR: read_beyond_the_file,
    Fault.STACK_OVERFLOW: overflow_the_stack,
    Fault.EXCEPTION: raise_out_of_the_loop,
    Fault.ENDLESS_LOOP: loop_for_ever,
    Fault.MEMORY_BEYOND_LIMIT: grow_beyond_the_limit,
    Fault.MEMORY_LEAK: leak_memory,
    Fault.DESCRIPTOR_LEAK: leak_descriptors,
    Fault.GATE_RAISES: break_one_gate,
    Fault.ANOTHER_EXCEPTION: raise_out_of_the_loop,
}


class PlantedSource(ExportSource):
    """An agent's source of frames, in whose process the faults can be brought about."""

    __slots__ = ()

    def __init__(self, root: str, camera_id: str, opener: Opener) -> None:
        super().__init__(root, camera_id, opener)
        for fault, act in _ACTIONS.items():
            signal.signal(fault, lambda *_, act=act: act())


def compile_planted(library: str) -> None:
    """Compiles what agents do in C with the faults of ``planted.c`` in it."""
    limits = {
        "LIMIT_SOUGHT": _LIMIT_SOUGHT,
        "STEP": 16 * MIB,
        "NO_LIMIT": NO_LIMIT,
        "LEAKED_BYTES": LEAKED_BYTES,
    }
    defined = "".join(f"#define PLANTED_{name} {value}u\n" for name, value in limits.items()).encode()
    planted = Path(__file__).with_suffix(".c").read_bytes()
    before, loop, after = whole_source().partition(b'#line 1 "loop.c"')
    problem = compile_library(
        before + defined + b'#line 1 "planted.c"\n' + planted + loop + after, library, "-DSIGNATURE=0u"
    )
    assert problem is None, problem


def plant_in_c(library: str) -> None:
    """Has agents begin in C, in that library; and come to Python for the faults that only Python can do."""
    native, loaded = functions_of(library), ctypes.CDLL(library)
    ctypes.c_void_p.in_dll(loaded, "planted_shortened").value = address_of(_shortened, 0)
    adopt_start = launch.agent.process.AgentProcess.adopt_start

    def act_and_adopt(process: launch.agent.process.AgentProcess, state: int) -> NoReturn:
        _ACTIONS[Fault(ctypes.c_int.in_dll(loaded, "planted_fault").value)]()
        adopt_start(process, state)

    launch.agent.process.AgentProcess.adopt_start = act_and_adopt  # type: ignore[method-assign]
    launch.launcher.child.load = lambda: (native, None)  # type: ignore[assignment]


def tell_an_escape(launcher: int) -> None:
    """At the end of the interpreter, which only the launcher may come to: agents end where they are."""
    if os.getpid() != launcher:
        os._exit(ESCAPED)


if __name__ == "__main__":
    _shortened = map_and_shorten()
    atexit.register(tell_an_escape, os.getpid())
    _, most = resource.getrlimit(resource.RLIMIT_STACK)
    resource.setrlimit(resource.RLIMIT_STACK, (MIB, most))  # a small stack overflows before Python counts
    launch.agent.process.ExportSource = PlantedSource  # type: ignore[misc]
    if LIBRARY_VARIABLE in os.environ:
        plant_in_c(os.environ[LIBRARY_VARIABLE])
    sys.exit(main())

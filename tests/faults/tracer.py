"""Runs code in a child process and makes one of its system calls fail: the n-th of all, once or for ever.

By ptrace(2), so every call is met, by whatever code: Python, ctypes or the C library. The call is not made at
all, but for close(2), which releases its descriptor also where it fails; its caller gets the error. x86-64.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import time
import traceback
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_TRACEME, _CONT, _KILL, _GETREGS, _SETREGS, _SYSCALL, _SETOPTIONS = 0, 7, 8, 12, 13, 24, 0x4200
_TRACE_SYSGOOD, _EXIT_KILL = 1, 1 << 20
_SYSCALL_STOP: Final = signal.SIGTRAP | 0x80
_R_RAX, _R_ORIG_RAX, _REGISTERS = 10, 15, 27  # positions in struct user_regs_struct (sys/user.h)

CLOSE: Final = 3
GETPPID: Final = 110  # ends the part of a program that is traced; nothing else here calls it
# They do not return, or cannot fail: rt_sigreturn, exit, exit_group, restart_syscall, get*id, sched_yield,
# uname, munmap of a whole mapping, rt_sigprocmask (the C library is so sure of it that it aborts); and brk,
# which returns no error but the break as it is.
NEVER_FAIL: Final = frozenset({14, 15, 60, 231, 219, 39, 102, 104, 107, 108, 110, 111, 186, 24, 63, 11, 12})

ESCAPED: Final = 70  # the exit code of a child out of which an exception came

_libc = ctypes.CDLL(None, use_errno=True)
_ptrace = _libc.ptrace
_ptrace.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
_ptrace.restype = ctypes.c_long
_registers = (ctypes.c_ulonglong * _REGISTERS)()


class Failing(NamedTuple):
    """Which call fails: the number of the first one, from 1; with what; and whether all like it do then."""

    number: int
    error: int
    for_ever: bool

    def __str__(self) -> str:
        return f"call {self.number}, {errno.errorcode[self.error]}{', for ever' * self.for_ever}"


class Ran(NamedTuple):
    """What came of a program.

    Attributes:
        calls: The numbers of the calls it made while it was traced.
        failed: The number of the call that failed first, or None if it made too few.
        code: Its exit code; below 0, the signal that ended it.
        escaped: The traceback of the exception that came out of it, if any.
        late: Whether it had to be killed, because its time was up.

    """

    calls: tuple[int, ...]
    failed: int | None
    code: int
    escaped: str
    late: bool


def run(
    set_up: Callable[[], object],
    program: Callable[[], object],
    failing: Failing | None = None,
    seconds: float = 10.0,
) -> Ran:
    """Runs ``set_up`` and ``program`` in a child, the latter traced until it calls os.getppid() or ends."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _become(set_up, program, reader, writer)
    os.close(writer)
    calls, failed, code, late = _trace(pid, failing, time.monotonic() + seconds)
    with os.fdopen(reader, "rb") as told:
        escaped = told.read().decode()
    return Ran(tuple(calls), failed, code, escaped, late)


def _become(set_up: Callable[[], object], program: Callable[[], object], reader: int, writer: int) -> None:
    """The child: stops, so that its parent can get ready, and runs."""
    code = ESCAPED
    try:
        os.close(reader)
        set_up()
        _ptrace(_TRACEME, 0, None, None)
        os.kill(os.getpid(), signal.SIGSTOP)
        program()
        os.getppid()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - told to the parent
        text = traceback.format_exc()
        os.getppid()
        os.write(writer, text.encode()[:60_000])
    finally:
        os._exit(code)


def _trace(pid: int, failing: Failing | None, deadline: float) -> tuple[list[int], int | None, int, bool]:
    calls: list[int] = []
    failed: int | None = None
    entering = True
    pending = False
    _, status = os.waitpid(pid, 0)
    _ptrace(_SETOPTIONS, pid, None, _TRACE_SYSGOOD | _EXIT_KILL)
    request, delivered = _SYSCALL, 0
    while True:
        _ptrace(request, pid, None, delivered)
        late = not _wait(pid, deadline)
        if late:
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            return calls, failed, os.waitstatus_to_exitcode(status), late
        stopped = os.WSTOPSIG(status)
        delivered = 0 if stopped == _SYSCALL_STOP else stopped
        if stopped != _SYSCALL_STOP:
            continue
        _ptrace(_GETREGS, pid, None, ctypes.addressof(_registers))
        if not entering:
            if pending:
                _registers[_R_RAX] = 2**64 - (failing.error if failing else 0)
                _ptrace(_SETREGS, pid, None, ctypes.addressof(_registers))
            entering, pending = True, False
            continue
        entering = False
        number = _registers[_R_ORIG_RAX]
        if number == GETPPID:
            request = _CONT
            continue
        calls.append(number)
        if failing is not None and number not in NEVER_FAIL:
            if failed is None and len(calls) >= failing.number:
                failed, pending = number, True
            elif failing.for_ever and number == failed:
                pending = True
        if pending and number != CLOSE:
            _registers[_R_ORIG_RAX] = 2**64 - 1  # no call at all
            _ptrace(_SETREGS, pid, None, ctypes.addressof(_registers))


def _wait(pid: int, deadline: float) -> bool:
    """Whether the child has stopped or ended before the deadline."""
    while time.monotonic() < deadline:
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WSTOPPED | os.WNOWAIT | os.WNOHANG):
            return True
        os.sched_yield()
    return False

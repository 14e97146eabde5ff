"""Futex wait and wake on a word of a shared mapping: the one home of these two system calls.

Mechanism only. *Whether* to wait, and how long, is decided in ``launch`` by whoever is a process; the
exporter only ever wakes. FUTEX_WAIT works on a read-only shared mapping and answers EFAULT, not a signal,
when the file below it was shortened (futex(2); measured, docs/decisions/0002-futex-in-ruth.md).

The word is read and written as an unsigned 32-bit integer in native byte order; the operations are the
shared ones (no FUTEX_PRIVATE_FLAG), since waiter and waker are different processes.
"""

from __future__ import annotations

import ctypes
import errno
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mmap import mmap

# System call numbers of futex(2), by machine (Linux, asm/unistd.h). Elsewhere there is no futex for us.
_SYSCALL_BY_MACHINE: Final = {
    "x86_64": 202,
    "aarch64": 98,
    "riscv64": 98,
    "ppc64le": 221,
    "s390x": 238,
}
_FUTEX_WAIT: Final = 0
_FUTEX_WAKE: Final = 1
_ALL_WAITERS: Final = 2**31 - 1
_PYBUF_SIMPLE: Final = 0

WOKEN: Final = 0
CHANGED: Final = errno.EAGAIN
TIMED_OUT: Final = errno.ETIMEDOUT


class _Timespec(ctypes.Structure):
    """``struct timespec`` (clock_gettime(3))."""

    _fields_ = (("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long))


class _PyBuffer(ctypes.Structure):
    """``Py_buffer`` of the stable ABI (docs.python.org, "Buffer Protocol")."""

    _fields_ = (
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.py_object),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_char_p),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("suboffsets", ctypes.c_void_p),
        ("internal", ctypes.c_void_p),
    )


# No argtypes: with them ctypes converts every argument anew, which doubles the cost of a call. Plain ints
# pass as C int, which is what each of these arguments is; only the addresses are pointers, made once.
_syscall = ctypes.CDLL(None, use_errno=True).syscall
_NUMBER: Final = _SYSCALL_BY_MACHINE.get(os.uname().machine, -1)


def available() -> bool:
    """Whether this machine's futex system call number is known."""
    return _NUMBER >= 0


def address_of(mapping: mmap, offset: int) -> int:
    """The address of byte ``offset`` of ``mapping``, valid until the mapping is closed.

    ``ctypes.from_buffer`` would want a writable mapping; the buffer protocol does not.

    Raises:
        ValueError: ``offset`` lies outside the mapping, or the mapping is closed.

    """
    view = _PyBuffer()
    get, release = ctypes.pythonapi.PyObject_GetBuffer, ctypes.pythonapi.PyBuffer_Release
    get(ctypes.py_object(mapping), ctypes.byref(view), _PYBUF_SIMPLE)
    try:
        if not 0 <= offset <= view.len - 4:
            raise ValueError(f"offset {offset} of a mapping of {view.len} bytes")
        return int(view.buf) + offset
    finally:
        release(ctypes.byref(view))


class FutexWord:
    """One futex word inside a mapping. Keeps the mapping alive, not open: its owner closes it."""

    __slots__ = ("_address", "_mapping", "_timeout_ns", "_timespec", "_timespec_address")

    def __init__(self, mapping: mmap, offset: int) -> None:
        self._address = ctypes.c_void_p(address_of(mapping, offset))
        self._mapping = mapping
        self._timespec = _Timespec(0, 0)
        self._timespec_address = ctypes.c_void_p(ctypes.addressof(self._timespec))
        self._timeout_ns = 0

    def __repr__(self) -> str:
        return f"FutexWord(address={self._address.value:#x})"

    def wait(self, expected: int, timeout_ns: int) -> int:
        """Sleeps while the word equals ``expected``, at most ``timeout_ns`` nanoseconds.

        Returns:
            :data:`WOKEN`, :data:`CHANGED` (it did not equal ``expected``), :data:`TIMED_OUT`, or another
            errno: EINTR, EFAULT (the file was shortened), ENOSYS. Never raises for any of them.

        """
        if timeout_ns != self._timeout_ns:
            self._timespec.tv_sec, self._timespec.tv_nsec = divmod(timeout_ns, 1_000_000_000)
            self._timeout_ns = timeout_ns
        if _syscall(_NUMBER, self._address, _FUTEX_WAIT, expected, self._timespec_address) == 0:
            return WOKEN
        return ctypes.get_errno()

    def wake(self) -> None:
        """Wakes every waiter. Never raises: without waiters, or without futexes, nothing happens."""
        _syscall(_NUMBER, self._address, _FUTEX_WAKE, _ALL_WAITERS)

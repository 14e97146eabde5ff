"""Futex wait and wake on a word of a shared mapping: the one home of these system calls.

Mechanism only. *Whether* to wait, and how long, is decided by who waits: an agent's process in ``launch``, a
model runtime in ``ruth.runtime``; the exporter only ever wakes. FUTEX_WAIT works on a read-only shared
mapping and answers EFAULT, not a signal, when the file below it was shortened (futex(2); measured,
docs/decisions/0002-futex-in-ruth.md).

The word is read and written as an unsigned 32-bit integer in native byte order; the operations are the
shared ones (no FUTEX_PRIVATE_FLAG), since waiter and waker are different processes. A :class:`Bell` is the
exception: a word of one process, waited for beside a shared one by futex_waitv(2) (Linux 5.16).
"""

from __future__ import annotations

import ctypes
import errno
import os
import time
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
_FUTEX_CMP_REQUEUE: Final = 4
_PRIVATE: Final = 128
_FUTEX_WAITV_NUMBER: Final = 449  # the same on every machine above, as for all calls added since 2018
_WORD_OF_32_BITS: Final = 2  # FUTEX2_SIZE_U32 (linux/futex.h)
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


# No argtypes: with them ctypes converts every argument again, which doubles the cost of a call. Plain ints
# pass as C int, which is what each of these arguments is; only the addresses are pointers, made once.
_syscall = ctypes.CDLL(None, use_errno=True).syscall
_NUMBER: Final = _SYSCALL_BY_MACHINE.get(os.uname().machine, -1)
# struct futex_waitv is value, address, flags and a reserved half: three u64 on a little-endian machine.
_TwoWaits = ctypes.c_uint64 * 6
_Deadline = ctypes.c_int64 * 2


def available() -> bool:
    """Whether this machine's futex system call number is known."""
    return _NUMBER >= 0


_get_buffer, _release_buffer = ctypes.pythonapi.PyObject_GetBuffer, ctypes.pythonapi.PyBuffer_Release


def address_of(mapping: mmap, offset: int) -> int:
    """The address of byte ``offset`` of ``mapping``, valid until the mapping is closed.

    ``ctypes.from_buffer`` needs a writable mapping; the buffer protocol does not.

    Raises:
        ValueError: ``offset`` lies outside the mapping, or the mapping is closed.

    """
    view = _PyBuffer()
    _get_buffer(ctypes.py_object(mapping), ctypes.byref(view), _PYBUF_SIMPLE)
    try:
        if not 0 <= offset <= view.len - 4:
            raise ValueError(f"offset {offset} of a mapping of {view.len} bytes")
        return int(view.buf) + offset
    finally:
        _release_buffer(ctypes.byref(view))


class FutexWord:
    """One futex word inside a mapping. Keeps the mapping alive, not open: its owner closes it."""

    __slots__ = ("_address", "_mapping", "_timeout_ns", "_timespec", "_timespec_address", "address")

    def __init__(self, mapping: mmap, offset: int) -> None:
        self.address = address_of(mapping, offset)
        self._address = ctypes.c_void_p(self.address)
        self._mapping = mapping
        self._timespec = _Timespec(0, 0)
        self._timespec_address = ctypes.c_void_p(ctypes.addressof(self._timespec))
        self._timeout_ns = 0

    def __repr__(self) -> str:
        return f"FutexWord(address={self.address:#x})"

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

    def has_changed(self, expected: int) -> bool:
        """Whether the word no longer equals ``expected``. Never sleeps, and never raises.

        The kernel is asked, since a load through the mapping of a file that was shortened would be a SIGBUS:
        FUTEX_CMP_REQUEUE compares first, and then wakes no waiter and requeues none.
        """
        moved = _syscall(
            _NUMBER, self._address, _FUTEX_CMP_REQUEUE, 0, None, self._address, ctypes.c_uint32(expected)
        )
        return bool(moved != 0 and ctypes.get_errno() == CHANGED)

    def wake(self) -> None:
        """Wakes every waiter. Never raises: without waiters, or without futexes, nothing happens."""
        _syscall(_NUMBER, self._address, _FUTEX_WAKE, _ALL_WAITERS)


class Bell:
    """A futex word of this process, by which one thread, or a signal handler, ends the wait of another.

    A process that waits takes :attr:`rung` first, then looks whether there is anything to wait for, and waits
    for another number than the one taken; so a ring in between is not slept through.
    """

    __slots__ = ("_address", "_beside", "_number")

    def __init__(self) -> None:
        self._number = ctypes.c_uint32(0)
        self._address = ctypes.addressof(self._number)
        self._beside: FutexWord | None = None

    @property
    def rung(self) -> int:
        """How often it was rung, modulo 2^32."""
        return self._number.value

    def ring(self) -> None:
        """Ends every wait that took an earlier number. Never raises."""
        self._number.value += 1
        _syscall(_NUMBER, ctypes.c_void_p(self._address), _FUTEX_WAKE | _PRIVATE, _ALL_WAITERS)
        if self._beside is not None:
            self._beside.wake()

    def wait(self, rung: int, timeout_ns: int, word: FutexWord | None = None, expected: int = 0) -> int:
        """Sleeps until it is rung, or until ``word`` is woken, at most ``timeout_ns`` nanoseconds.

        Where the kernel cannot wait for two words (before 5.16, or forbidden by a filter), it waits for the
        shared one, which :meth:`ring` wakes too; a ring in the microsecond before such a wait is then only
        heard when its time is over.

        Args:
            rung: The number of rings known of.
            timeout_ns: Nanoseconds, at least 0.
            word: A word to wait for beside this one.
            expected: What that word is expected to hold.

        Returns:
            As :meth:`FutexWord.wait`; CHANGED as well if it has been rung since ``rung`` was taken.

        """
        if word is None:
            timeout = _Deadline(*divmod(timeout_ns, 1_000_000_000))
            if _syscall(
                _NUMBER, ctypes.c_void_p(self._address), _FUTEX_WAIT | _PRIVATE, rung, ctypes.byref(timeout)
            ):
                return ctypes.get_errno()
            return WOKEN
        two = _TwoWaits(
            expected, word.address, _WORD_OF_32_BITS, rung, self._address, _WORD_OF_32_BITS | _PRIVATE
        )
        deadline = _Deadline(*divmod(time.monotonic_ns() + timeout_ns, 1_000_000_000))
        if _syscall(_FUTEX_WAITV_NUMBER, two, 2, 0, ctypes.byref(deadline), time.CLOCK_MONOTONIC) >= 0:
            return WOKEN
        error = ctypes.get_errno()
        if error not in (errno.ENOSYS, errno.EPERM):
            return error
        self._beside = word
        return CHANGED if self.rung != rung else word.wait(expected, timeout_ns)

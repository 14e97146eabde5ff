"""System calls that Python has no function for, with errors as OSError."""

from __future__ import annotations

import ctypes
import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

# Errors that mean "this kernel has it not", and no other thing when the arguments are right: not built in
# (ENOSYS), switched off at boot (EOPNOTSUPP, landlock(7)), or an option newer than the kernel (EINVAL).
_ABSENT: Final = frozenset((errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL))
# What a filter answers that was put around this process: a container engine's, a unit's SystemCallFilter=.
_REFUSED: Final = errno.EPERM

# Made here, before any fork: a ctypes library made in a child costs it 800 KB of memory (launch.agent.title).
_libc = ctypes.CDLL(None, use_errno=True)
# As it is, for a call that is made once a frame: plain integers are passed as C int.
syscall = _libc.syscall
syscall.restype = ctypes.c_long
_prctl = _libc.prctl


def system_call(name: str, number: int, *arguments: int | bytes) -> int:
    """The system call ``number``; integers are passed as 64-bit words, bytes as their address.

    Args:
        name: Of the call, for the error.
        number: On this machine.
        arguments: At most six.

    Raises:
        OSError: It failed; ``filename`` is ``name``.

    """
    words = [ctypes.c_char_p(one) if isinstance(one, bytes) else ctypes.c_ulong(one) for one in arguments]
    result: int = syscall(ctypes.c_long(number), *words)
    if result < 0:
        raise last_error(name)
    return result


class Call(NamedTuple):
    """A system call to be made later, by Python or by code that runs without it (:mod:`launch.agent.native`).

    Attributes:
        name: Of the call, for the error.
        number: On this machine.
        arguments: At most six; of memory its address, which stays valid.

    """

    name: str
    number: int
    arguments: tuple[int, ...]

    def make(self) -> None:
        """Makes it. Raises OSError if it fails."""
        system_call(self.name, self.number, *self.arguments)


def last_error(name: str) -> OSError:
    """What the last call that failed in this thread failed with; ``name`` is its file name."""
    return OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), name)


def process_control(option: int, *arguments: int) -> None:
    """prctl(2).

    Raises:
        OSError: It failed; ``filename`` is ``prctl``.

    """
    words = [ctypes.c_ulong(one) for one in (*arguments, 0, 0, 0, 0)[:4]]
    if _prctl(option, *words) != 0:
        raise last_error("prctl")


@contextmanager
def unless_absent(refused: list[str]) -> Iterator[None]:
    """Passes over what is not to be had here; any other failure is raised.

    Args:
        refused: Gets the name of the call if a filter refuses it (EPERM), though the kernel may have it.

    """
    try:
        yield
    except OSError as error:
        if error.errno == _REFUSED:
            refused.append(str(error.filename))
        elif error.errno not in _ABSENT:
            raise

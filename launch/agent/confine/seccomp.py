"""A seccomp filter (seccomp(2)): the few system calls that an agent has a use for, and the paths it may open.

Landlock cannot say "this camera's directory, also when it is made again": its rules are tied to inodes. A
filter cannot read a path either, as it sees only the argument, an address. But it can compare the address. So
the paths of this camera lie in memory of their own, made read-only and sealed (mseal(2), Linux 6.10):
no code in this process can change, move or unmap it, and openat(2) is let through only for these
addresses, for reading, and inotify_add_watch(2) for these.

One call writes: pwrite(2) of the notice, one byte at its place in this agent's own state. Its descriptor, its
size and its offset are compared, so that no other file, byte or memory of tmpfs can be had by it.

Everything that is not listed is refused, rather than what is known to do harm: a process may slow, chown or
signal others of its user in more ways than are listed anywhere.

Only for machines whose numbers of system calls are known (:mod:`launch.agent.confine.numbers`). Elsewhere
this measure is absent.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import struct
import sys
from typing import TYPE_CHECKING, Final

from launch.agent.confine.numbers import MSEAL, Numbers, numbers_here
from launch.agent.confine.system_call import Call, last_error, syscall, system_call, unless_absent
from launch.agent.notice import NOTICE_SIZE
from ruth.agent.state import NOTIFY_OFFSET

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SET_MODE_FILTER, _GET_ACTION_AVAIL = 1, 2

# What is allowed with any arguments: launch/agent/confine/numbers.py. Besides, with some: a traceback goes to
# 1 or 2, which stay what they are, so that no other file takes their numbers; mmap(2) duplicates its
# descriptor in Python. Shared memory without a file, and what grows as a stack does, counts against no limit.
_FIRST_OF_ITS_OWN: Final = 3
_GROWS_DOWN: Final = 0x100  # MAP_GROWSDOWN
_WRITING: Final = os.O_ACCMODE | os.O_CREAT | os.O_TRUNC
_SHARED_ANONYMOUS: Final = mmap.MAP_SHARED | mmap.MAP_ANONYMOUS

# struct seccomp_data (linux/seccomp.h): nr, arch, instruction pointer, six arguments.
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_LOAD, _AND, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06  # linux/bpf_common.h
_RETURN_ALLOW: Final = 0x7FFF0000
_RETURN_ERRNO: Final = 0x00050000
_RETURN_EPERM: Final = _RETURN_ERRNO | errno.EPERM
_INSTRUCTION = struct.Struct("=HBBI")
_PROGRAM = struct.Struct("@HP")  # struct sock_fprog: length, address

_SIZE: Final = 2 * mmap.PAGESIZE  # a path has at most 4096 bytes (PATH_MAX)
_AT_FDCWD: Final = -100


def _numbers() -> Numbers:
    """Of this machine. Raises OSError (ENOSYS) where they are not known, and nothing is :func:`available`."""
    numbers = numbers_here()
    if numbers is None:
        raise OSError(errno.ENOSYS, f"no numbers of system calls are known for {os.uname().machine}")
    return numbers


def available(refused: list[str]) -> bool:
    """Whether filters can be had, and this machine has the numbers of system calls that this file knows.

    Args:
        refused: As for :func:`launch.agent.confine.system_call.unless_absent`.

    """
    numbers = numbers_here()
    if numbers is None:
        return False
    with unless_absent(refused):
        system_call(
            "seccomp", numbers.seccomp, _GET_ACTION_AVAIL, 0, _RETURN_ERRNO.to_bytes(4, sys.byteorder)
        )
        return True
    return False


def can_seal(refused: list[str]) -> bool:
    """Whether mseal(2) can be had; ``refused`` as for :func:`available`."""
    with unless_absent(refused):
        system_call("mseal", MSEAL, 0, 0, 0)  # of nothing
        return True
    return False


class PathPage:
    """Memory for path names, made before the fork: a child gets a copy of its own, which it can seal."""

    __slots__ = ("_memory", "address", "addresses", "used")

    def __init__(self, names: Iterable[str]) -> None:
        """Maps it.

        Args:
            names: Paths that are the same for every agent. One more can follow (:class:`SealedPaths`).

        """
        self._memory = mmap.mmap(-1, _SIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        self.used = 0
        self.addresses: dict[str, int] = {}
        for name in names:
            self.addresses[name] = self.address + self.used
            self.used += self.put(os.fsencode(name) + b"\0")

    @property
    def next_address(self) -> int:
        """Where the path of one more agent will lie."""
        return self.address + self.used

    def put(self, content: bytes) -> int:
        """Writes ``content`` behind what is there. Returns its length."""
        self._memory[self.used : self.used + len(content)] = content
        return len(content)


class SealedPaths:
    """The page's paths and one camera's own: made before the fork, sealed in the child.

    Args:
        page: What all agents share.
        path: The camera's.

    Raises:
        OSError: The path is too long.

    """

    __slots__ = ("_addresses", "_content", "_openat", "_page")

    def __init__(self, page: PathPage, path: str) -> None:
        self._page = page
        self._openat = _numbers().openat
        self._content = os.fsencode(path) + b"\0"
        if page.used + len(self._content) > _SIZE:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), path)
        # As ctypes passes them, made once: a frame of version 1 is opened at each poll.
        self._addresses = {
            name: ctypes.c_void_p(address)
            for name, address in (*page.addresses.items(), (path, page.next_address))
        }

    @property
    def addresses(self) -> dict[str, int]:
        """Where in the page each path lies that openat(2) may be given."""
        return {path: address.value or 0 for path, address in self._addresses.items()}

    @property
    def content(self) -> bytes:
        """The path, as :meth:`write` writes it."""
        return self._content

    @property
    def address(self) -> int:
        """Where it is written."""
        return self._page.next_address

    def write(self) -> None:
        """Writes the path into the page, which is then to be sealed."""
        self._page.put(self._content)

    @property
    def sealing(self) -> tuple[Call, ...]:
        """Seals the page, for the life of the process that makes these calls."""
        page = self._page.address, _SIZE
        return Call("mprotect", _numbers().mprotect, (*page, mmap.PROT_READ)), Call(
            "mseal", MSEAL, (*page, 0)
        )

    def open(self, path: str, flags: int, *, dir_fd: int | None = None) -> int:
        """As :func:`os.open`, by the address of ``path`` in the page; once sealed.

        Raises:
            OSError: As open(2); EPERM for a path that is not in the page.

        """
        address = self._addresses.get(path)
        if address is None:
            raise PermissionError(errno.EPERM, "not a path of this camera", path)
        descriptor: int = syscall(self._openat, _AT_FDCWD if dir_fd is None else dir_fd, address, flags, 0)
        if descriptor < 0:
            raise last_error(path)
        return descriptor


def _argument(number: int) -> int:
    """Where the lower half of an argument, counted from 0, lies in ``struct seccomp_data``."""
    return _ARGUMENTS + 8 * number


def program(paths: Sequence[int] | None, state: int, numbers: Numbers) -> bytes:
    """The filter, as the kernel takes it.

    Args:
        paths: Addresses that openat and inotify_add_watch may be given; None: any.
        state: Descriptor of ``agent.state``, the one that pwrite may be given.
        numbers: Of the machine.

    """
    instructions: list[tuple[int, int, str | None, str | None]] = []
    labels: dict[str, int] = {}

    def add(code: int, value: int, then: str | None = None, otherwise: str | None = None) -> None:
        instructions.append((code, value, then, otherwise))

    def here(label: str) -> None:
        labels[label] = len(instructions)

    def one_of(addresses: Sequence[int], then: str) -> None:
        """The path, which is the second argument, or the call is refused."""
        for address in addresses:
            skipped = f"{then}, not {address}"
            add(_LOAD, _argument(1) + 4)
            add(_EQUAL, address >> 32, None, skipped)
            add(_LOAD, _argument(1))
            add(_EQUAL, address & 0xFFFFFFFF, then)
            here(skipped)
        add(_RETURN, _RETURN_EPERM)

    def exactly(argument: int, value: int) -> None:
        """A whole argument, both halves, or the call is refused."""
        add(_LOAD, _argument(argument) + 4)
        add(_EQUAL, value >> 32, None, "refuse")
        add(_LOAD, _argument(argument))
        add(_EQUAL, value & 0xFFFFFFFF, None, "refuse")

    add(_LOAD, _ARCHITECTURE)
    add(_EQUAL, numbers.architecture, None, "refuse")
    add(_LOAD, _NUMBER)
    add(_EQUAL, numbers.openat, "openat")
    add(_EQUAL, numbers.add_watch, "watch")
    add(_EQUAL, numbers.mmap, "mmap")
    add(_EQUAL, numbers.fcntl, "fcntl")
    add(_EQUAL, numbers.write, "write")
    add(_EQUAL, numbers.pwrite, "notice")
    add(_EQUAL, numbers.close, "close")
    for number in numbers.allowed.values():
        add(_EQUAL, number, "allow")
    add(_RETURN, _RETURN_EPERM)
    here("watch")
    if paths is None:
        add(_RETURN, _RETURN_ALLOW)
    else:
        one_of(paths, "allow")
    here("openat")
    if paths is not None:
        one_of(paths, "flags")
    here("flags")
    add(_LOAD, _argument(2))
    add(_AND, _WRITING)
    add(_EQUAL, os.O_RDONLY, "allow", "refuse")
    here("close")
    add(_LOAD, _argument(0))
    add(_AT_LEAST, _FIRST_OF_ITS_OWN, "allow", "refuse")
    here("mmap")
    add(_LOAD, _argument(3))
    add(_AND, _GROWS_DOWN)
    add(_EQUAL, 0, None, "refuse")
    add(_LOAD, _argument(3))
    add(_AND, _SHARED_ANONYMOUS)
    add(_EQUAL, _SHARED_ANONYMOUS, "refuse", "allow")
    here("fcntl")
    add(_LOAD, _argument(1))
    add(_EQUAL, fcntl.F_DUPFD_CLOEXEC, "allow", "refuse")
    here("notice")
    exactly(0, state)
    exactly(2, NOTICE_SIZE)
    exactly(3, NOTIFY_OFFSET)
    add(_RETURN, _RETURN_ALLOW)
    here("write")
    add(_LOAD, _argument(0))
    add(_EQUAL, 1, "allow")
    add(_EQUAL, 2, "allow")
    here("refuse")
    add(_RETURN, _RETURN_EPERM)
    here("allow")
    add(_RETURN, _RETURN_ALLOW)

    def distance(label: str | None, index: int) -> int:
        return 0 if label is None else labels[label] - index - 1

    return b"".join(
        _INSTRUCTION.pack(code, distance(then, index), distance(otherwise, index), value)
        for index, (code, value, then, otherwise) in enumerate(instructions)
    )


class Filter:
    """A filter to install, in memory that a child inherits.

    Args:
        paths: As for :func:`program`.
        state: The same.

    """

    __slots__ = ("_code", "_program")

    def __init__(self, paths: Sequence[int] | None, state: int) -> None:
        content = program(paths, state, _numbers())
        self._code = ctypes.create_string_buffer(content, len(content))
        described = _PROGRAM.pack(len(content) // _INSTRUCTION.size, ctypes.addressof(self._code))
        self._program = ctypes.create_string_buffer(described, len(described))

    @property
    def installation(self) -> Call:
        """Filters the calls of the thread that makes it, from then on, for good. Wants no_new_privs."""
        return Call("seccomp", _numbers().seccomp, (_SET_MODE_FILTER, 0, ctypes.addressof(self._program)))

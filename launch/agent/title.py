"""Gives a process the name that ps, pgrep and htop show, whatever the length of a camera's id.

The kernel shows the memory between ``arg_start`` and ``arg_end``. prctl(PR_SET_MM, PR_SET_MM_MAP) moves the
two elsewhere, without privilege (prctl(2); Linux 3.18, CONFIG_CHECKPOINT_RESTORE), so the name's length does
not depend on how long the command line happened to be. Why this and no package:
docs/decisions/0003-dependencies.md.
"""

from __future__ import annotations

import ctypes
import mmap
import struct
from typing import Final

from ruth.agent.proc_stat import read_stat

# Numbers of fields in /proc/self/stat (proc(5)).
_BEFORE_BREAK: Final = (26, 27, 45, 46, 47)  # start_code, end_code, start_data, end_data, start_brk
_START_STACK: Final = 28
_ARG_START, _ARG_END, _ENV_START, _ENV_END = 48, 49, 50, 51
_PR_SET_NAME: Final = 15
_PR_SET_MM: Final = 35
_PR_SET_MM_MAP: Final = 14
_NO_EXECUTABLE_CHANGE: Final = 0xFFFFFFFF

# struct prctl_mm_map (linux/prctl.h): start_code to env_end as 11 u64, auxv pointer and size, exe_fd.
_MM_MAP = struct.Struct("=11QQII")

# Looked up here, not where they are used: this module is imported before the fork, and a ctypes library made
# in a child costs that child some 800 KB of memory that it would else share (measured).
_libc = ctypes.CDLL(None)
_prctl = _libc.prctl
_sbrk = _libc.sbrk
_sbrk.restype = ctypes.c_size_t

_SIZE: Final = mmap.PAGESIZE
_LONGEST: Final = _SIZE - 2
_SHORT: Final = 15  # bytes of the short name (prctl(2), PR_SET_NAME)


class Title:
    """The name of this process and, each by its own copy, of every child forked from now on.

    From now on the kernel shows, as this process's command line, its arguments joined by spaces; until
    :meth:`restore`. A kernel without CONFIG_CHECKPOINT_RESTORE shows the command line as before, and
    :meth:`set` sets the short name only.

    Attributes:
        address: Where the command line is from now on.

    Raises:
        OSError: There is no /proc.

    """

    __slots__ = ("_memory", "_shown_before", "address")

    def __init__(self) -> None:
        fields = read_stat("self")
        self._shown_before = int(fields[_ARG_START]), int(fields[_ARG_END])
        # Readers of /proc read it as long as it is shown: this object must live until then.
        self._memory = mmap.mmap(-1, _SIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        # With a last byte that is not NUL the kernel shows all up to the first NUL (fs/proc/base.c,
        # get_mm_cmdline), so that a title, up to a page of it, needs no system call in the child.
        self._memory[-1] = 1
        with open("/proc/self/cmdline", "rb") as cmdline:
            self._write(_terminated(b" ".join(cmdline.read().split(b"\0")[:-1])))
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        _show(self.address, self.address + _SIZE)

    def set(self, title: str) -> None:
        """Shows ``title``, and its beginning as the short name.

        Args:
            title: ASCII, without NUL.

        """
        name, line = texts_of(title)
        _prctl(_PR_SET_NAME, ctypes.c_char_p(name), 0, 0, 0)
        self._write(line)

    def _write(self, line: bytes) -> None:
        self._memory[: len(line)] = line

    def restore(self) -> None:
        """Shows this process's own command line again; from then on no process reads the memory."""
        _show(*self._shown_before)


def texts_of(title: str) -> tuple[bytes, bytes]:
    """The short name, and what is to be at :attr:`Title.address`; both end with NUL.

    Args:
        title: ASCII, without NUL.

    """
    text = title.encode("ascii")
    return text[:_SHORT] + b"\0", _terminated(text)


def _terminated(text: bytes) -> bytes:
    return text[:_LONGEST] + b"\0"


def _show(start: int, end: int) -> None:
    """Has the kernel take the bytes from ``start`` to ``end`` for this process's command line."""
    fields = read_stat("self")
    layout = _MM_MAP.pack(
        *(int(fields[number]) for number in _BEFORE_BREAK),
        _sbrk(0),
        int(fields[_START_STACK]),
        start,
        end,
        int(fields[_ENV_START]),
        int(fields[_ENV_END]),
        0,
        0,
        _NO_EXECUTABLE_CHANGE,
    )
    _prctl(_PR_SET_MM, _PR_SET_MM_MAP, ctypes.c_char_p(layout), ctypes.c_ulong(len(layout)), 0)

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
from typing import Final, NamedTuple

from ruth.agent.proc_stat import (
    END_CODE,
    END_DATA,
    ENV_END,
    ENV_START,
    START_BREAK,
    START_CODE,
    START_DATA,
    START_STACK,
    read_stat,
)

_BEFORE_BREAK: Final = (START_CODE, END_CODE, START_DATA, END_DATA, START_BREAK)
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

# The title's memory: as long as the process lives, since the kernel reads it whenever somebody looks.
_kept: list[mmap.mmap] = []


class MemoryLayout(NamedTuple):
    """Where the parts of this process lie, and of each child of fork; see prctl(2), PR_SET_MM."""

    before_break: tuple[int, ...]
    start_stack: int
    environment: tuple[int, int]

    @classmethod
    def of_this_process(cls) -> MemoryLayout:
        """As the kernel says now. Raises OSError without /proc."""
        fields = read_stat("self")
        return cls(
            tuple(int(fields[number]) for number in _BEFORE_BREAK),
            int(fields[START_STACK]),
            (int(fields[ENV_START]), int(fields[ENV_END])),
        )


def set_title(title: str, process: MemoryLayout) -> bool:
    """Shows ``title`` as this process's command line, and its first 15 bytes as its name.

    Args:
        title: ASCII, without NUL.
        process: Of this process, or of the one that forked it.

    Returns:
        Whether the kernel took the command line; the short name is set in any case. A kernel without
        CONFIG_CHECKPOINT_RESTORE refuses, and the process is found by its old command line.

    """
    text = title.encode("ascii") + b"\0"
    _prctl(_PR_SET_NAME, ctypes.c_char_p(text[:15]), 0, 0, 0)
    memory = mmap.mmap(-1, len(text), mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory[:] = text
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    layout = _MM_MAP.pack(
        *process.before_break,
        _sbrk(0),
        process.start_stack,
        start,
        start + len(text),
        *process.environment,
        0,
        0,
        _NO_EXECUTABLE_CHANGE,
    )
    size = ctypes.c_ulong(len(layout))
    if _prctl(_PR_SET_MM, _PR_SET_MM_MAP, ctypes.c_char_p(layout), size, 0) != 0:
        return False
    _kept.append(memory)
    return True

"""Numbers of system calls, which are each machine's own: those of x86-64 and of 64-bit Arm.

From ``asm/unistd.h`` and ``linux/audit.h`` of the kernel. A call that a machine does not have is not in its
table: 64-bit Arm has no stat and no poll.
"""

from __future__ import annotations

import os
import sys
from typing import Final, NamedTuple


class Numbers(NamedTuple):
    """One machine's.

    Attributes:
        architecture: AUDIT_ARCH_*, by which a filter tells whose numbers a call has.
        seccomp: Of the calls with their name; so on.
        allowed: All that an agent does once it watches its camera, whatever the arguments: it looks, maps,
            waits and decides, and dies. tgkill and, in musl, tkill are how abort(3) ends a process; whom else
            they could signal is Landlock's to refuse.

    """

    architecture: int
    seccomp: int
    mprotect: int
    openat: int
    write: int
    close: int
    mmap: int
    pwrite: int
    fcntl: int
    add_watch: int
    allowed: dict[str, int]


MSEAL: Final = 462  # the same on every machine, as for all calls added since 2018

NUMBERS: Final = {
    "x86_64": Numbers(
        0xC000003E, seccomp=317, mprotect=10, openat=257, write=1, close=3, mmap=9, pwrite=18, fcntl=72,
        add_watch=254,
        allowed={
            "read": 0, "stat": 4, "fstat": 5, "lstat": 6, "poll": 7, "lseek": 8, "mprotect": 10, "munmap": 11,
            "brk": 12, "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "pread64": 17,
            "sched_yield": 24, "mremap": 25, "madvise": 28, "nanosleep": 35, "getpid": 39, "exit": 60,
            "uname": 63, "gettimeofday": 96, "gettid": 186, "tkill": 200, "futex": 202,
            "restart_syscall": 219, "clock_gettime": 228, "clock_nanosleep": 230, "exit_group": 231,
            "tgkill": 234, "newfstatat": 262, "ppoll": 271, "inotify_init1": 294, "getrandom": 318,
            "statx": 332,
        },
    ),
    "aarch64": Numbers(
        0xC00000B7, seccomp=277, mprotect=226, openat=56, write=64, close=57, mmap=222, pwrite=68, fcntl=25,
        add_watch=27,
        allowed={
            "inotify_init1": 26, "lseek": 62, "read": 63, "pread64": 67, "ppoll": 73, "newfstatat": 79,
            "fstat": 80, "exit": 93, "exit_group": 94, "futex": 98, "nanosleep": 101, "clock_gettime": 113,
            "clock_nanosleep": 115, "sched_yield": 124, "restart_syscall": 128, "tkill": 130, "tgkill": 131,
            "rt_sigaction": 134, "rt_sigprocmask": 135, "rt_sigreturn": 139, "uname": 160,
            "gettimeofday": 169, "getpid": 172, "gettid": 178, "brk": 214, "munmap": 215, "mremap": 216,
            "mprotect": 226, "madvise": 233, "getrandom": 278, "statx": 291,
        },
    ),
}  # fmt: skip


def numbers_here() -> Numbers | None:
    """Those of this machine; None if they are not known, or this process is one of 32 bits."""
    return NUMBERS.get(os.uname().machine) if sys.maxsize > 2**32 else None

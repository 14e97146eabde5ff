"""Runs a command under a filter that answers EPERM to some system calls, as container engines' profiles do.

    python tests/doubles/filtered.py NUMBER[,NUMBER...] COMMAND [ARGUMENT...]

Numbers are those of x86-64.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

_LOAD, _EQUAL, _RETURN = 0x20, 0x15, 0x06  # linux/bpf_common.h
_ALLOW, _EPERM = 0x7FFF0000, 0x00050001
_SECCOMP, _SET_MODE_FILTER, _NO_NEW_PRIVS = 317, 1, 38


def instruction(code: int, value: int, then: int = 0, otherwise: int = 0) -> bytes:
    """One instruction of the filter."""
    return struct.pack("=HBBI", code, then, otherwise, value)


def main() -> None:
    """Installs the filter and becomes the command."""
    numbers = [int(number) for number in sys.argv[1].split(",")]
    compared = (
        instruction(_EQUAL, number, then=len(numbers) - index) for index, number in enumerate(numbers)
    )
    code = instruction(_LOAD, 0) + b"".join(compared)
    code += instruction(_RETURN, _ALLOW) + instruction(_RETURN, _EPERM)
    kept = ctypes.create_string_buffer(code, len(code))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(code) // 8, ctypes.addressof(kept)))
    libc = ctypes.CDLL(None)
    if libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.syscall(_SECCOMP, _SET_MODE_FILTER, 0, program):
        sys.exit("no filter can be installed here")
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - that is what this program is for


if __name__ == "__main__":
    main()

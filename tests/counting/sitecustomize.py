"""Counts branches in every process of a test run: Python loads this module at start (site(5), PYTHONPATH).

Which line followed which is kept in one file that all processes map (:mod:`counting.arcs`), a byte for each
pair. Nothing is written at a process's end, so nothing is lost with one that is killed, leaves by os._exit,
or may write no file: an agent was given the mapping with its fork, and a store needs no system call.
"""

from __future__ import annotations

import mmap
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

_GENERATORS = 0x20 | 0x80 | 0x200  # code flags: generator, coroutine, asynchronous generator


class Run:
    """One call of one function, or of a generator until it yields: takes the events of sys.settrace."""

    __slots__ = ("_base", "_last")

    def __init__(self, base: int, last: int) -> None:
        self._base = base
        self._last = last

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        """Notes a line that follows another, or a return behind the last one."""
        if event == "line":
            _note(self._base, self._last, frame.f_lineno)
            self._last = frame.f_lineno
        elif event == "return" and not _yields(frame):
            _note(self._base, self._last, -frame.f_code.co_firstlineno)


def _yields(frame: FrameType) -> bool:
    if not frame.f_code.co_flags & _GENERATORS:
        return False
    code, after = frame.f_code.co_code, frame.f_lasti + 2
    return after < len(code) and code[after] == _resume


def _note(base: int, before: int, after: int) -> None:
    _counts[base + (before + _HALF) * 2 * _HALF + after + _HALF] = 1


def start(frame: FrameType, _event: str, _: object) -> Run | None:
    """What sys.settrace takes: notes nothing of files that are not counted."""
    base = _bases.get(frame.f_code.co_filename)
    if base is None:
        return None
    code = frame.f_code
    goes_on = code.co_flags & _GENERATORS and code.co_code[frame.f_lasti + 1] != 0
    return Run(base, frame.f_lineno if goes_on else -code.co_firstlineno)


_path = os.environ.get("RUTH_TEST_COUNTS")
if _path:
    sys.path.insert(1, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    from opcode import opmap

    from counting.arcs import HALF as _HALF
    from counting.arcs import bases

    del sys.path[1]
    _bases = bases()
    _resume = opmap["RESUME"]  # at which a generator goes on
    try:
        _descriptor = os.open(_path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        _descriptor = -1  # another user's process, or one that sees other files: it is not counted
    if _descriptor >= 0:
        _counts = mmap.mmap(_descriptor, 0)
        os.close(_descriptor)
        sys.settrace(start)

"""What the kernel says of a running process, and strace(1): its calls, and calls that fail on demand."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from harness.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Processes

RT_SIGTIMEDWAIT, FUTEX, CLOCK_NANOSLEEP = 128, 202, 230  # their numbers on x86-64


def strace_here() -> str:
    """The path of strace; without one, or where processes may not be traced, the test is skipped."""
    found = shutil.which("strace")
    if found is None:
        pytest.skip("strace is missing: apt install strace")
    tried = subprocess.run([found, "-o", os.devnull, "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip(f"processes cannot be traced here: {tried.stderr.strip()}")
    return found


def counted_calls(log: Path) -> Counter[str]:
    """How often each system call was made, by the log that strace wrote of one process."""
    return Counter(re.findall(r"^(?!syscall_)(\w+)\(", log.read_text(), re.MULTILINE))


def handles(pid: int, number: int) -> bool:
    """Whether a process has a handler for a signal (proc(5), SigCgt)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("SigCgt"):
            return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    raise AssertionError(f"/proc/{pid}/status has no SigCgt")


class FailingCall(NamedTuple):
    """A system call that fails: with what, the how-manieth, and whether all that follow fail as well."""

    call: str
    error: str
    number: int
    for_ever: bool = False

    def __str__(self) -> str:
        return f"{self.call}.{self.error}.{self.number}" + ".for-ever" * self.for_ever

    @property
    def options(self) -> tuple[str, ...]:
        """What strace is told."""
        failing = f"inject={self.call}:error={self.error}:when={self.number}" + "+" * self.for_ever
        return ("-e", f"trace={self.call}", "-e", failing)


@contextmanager
def traced(processes: Processes, pid: int, log: Path, *options: str) -> Iterator[None]:
    """Traces a process while the block runs; what strace says of it is in ``log`` afterwards."""
    messages = log.with_suffix(".messages")
    with messages.open("wb") as stream:
        tracer = processes.start(strace_here(), "-p", str(pid), "-o", log, *options, stderr=stream)
    wait_until(lambda: b"attach" in messages.read_bytes(), f"{pid} is traced")
    if b"Operation not permitted" in messages.read_bytes():
        pytest.skip("a process that is not a child cannot be traced here (ptrace_scope?)")
    try:
        yield
    finally:
        tracer.terminate()
        tracer.wait(timeout=60)


def system_call(pid: int) -> int | None:
    """Number of the system call that a process is blocked in, or None if it is not (proc(5))."""
    first = Path(f"/proc/{pid}/syscall").read_text().split()[0]
    return None if first == "running" else int(first)

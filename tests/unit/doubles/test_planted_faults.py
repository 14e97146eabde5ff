"""The rules of tests/doubles/planted_faults.py.

Each fault is what it is called, in a process of its own that nothing else ails.
"""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from doubles import planted_faults as planted
from doubles.planted_faults import LEAKED_BYTES, MIB, Fault

# No core dump, a small stack, and 64 MiB beyond what a Python has: as an agent has them.
_CONFINED = f"""
import resource, sys
sys.path.insert(0, {str(Path(planted.__file__).parents[1])!r})
from doubles import planted_faults as planted
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_STACK, ({MIB}, {MIB}))
resource.setrlimit(resource.RLIMIT_DATA, ({128 * MIB}, {128 * MIB}))
planted._shortened = planted.map_and_shorten()
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    """What becomes of a process that runs some code after the faults were made ready."""
    return subprocess.run(
        [sys.executable, "-c", _CONFINED + code], capture_output=True, text=True, timeout=60, cwd="/dev/shm"
    )


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault.NULL_POINTER, -signal.SIGSEGV),
        (Fault.ABORT, -signal.SIGABRT),
        (Fault.BUS_ERROR, -signal.SIGBUS),
        (Fault.STACK_OVERFLOW, -signal.SIGSEGV),
        (Fault.EXCEPTION, 1),
        (Fault.MEMORY_BEYOND_LIMIT, 1),
    ],
)
def test_a_deadly_fault(fault: Fault, code: int) -> None:
    """A fault that kills does so by the signal or exit code that tests take it for."""
    assert run(f"planted._ACTIONS[{int(fault)}]()").returncode == code


def test_a_leak_of_memory() -> None:
    """A leak is resident memory: as much as it says."""
    code = """
import psutil
before = psutil.Process().memory_info().rss
planted.leak_memory()
print(psutil.Process().memory_info().rss - before)
"""
    assert int(run(code).stdout) == pytest.approx(LEAKED_BYTES, rel=0.1)


def test_a_leak_of_descriptors() -> None:
    """After a leak of descriptors none is left to be opened."""
    code = """
import os
planted.leak_descriptors()
try:
    os.open("/", os.O_RDONLY)
except OSError as error:
    print(error.errno)
"""
    done = run(code)
    assert done.stdout == f"{errno.EMFILE}\n", done.stderr


def test_a_broken_gate() -> None:
    """A broken gate is a fault of one model, and all others are judged as before."""
    code = """
from ruth.subscription.subscription import Subscription, judge_each
models = [Subscription("a", name) for name in ("person", planted.FAULTY_MODEL, "audit")]
judge_each(models, 1, 1)
planted.break_one_gate()
judge_each(models, 2, 2)
print(*(model.last_decision.name for model in models))
"""
    assert run(code).stdout == "ALLOW SKIP_FAULT ALLOW\n"


def test_every_fault_has_a_signal_of_its_own() -> None:
    """Each fault has an action, and a real-time signal that brings it about."""
    assert set(planted._ACTIONS) == set(Fault)
    assert all(signal.SIGRTMIN < fault <= signal.SIGRTMAX for fault in Fault)


def test_an_escape_is_told() -> None:
    """A process other than the launcher that ends its interpreter has an exit code of its own."""
    code = """
import atexit, os
atexit.register(planted.tell_an_escape, os.getpid())
child = os.fork()
if child:
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
    done = run(code)
    assert (done.returncode, done.stdout) == (0, f"{planted.ESCAPED}\n")

from __future__ import annotations

import errno
import gc
import mmap
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.waiting import wait_until
from ruth.futex import (
    _SYSCALL_BY_MACHINE,
    CHANGED,
    TIMED_OUT,
    WOKEN,
    Bell,
    FutexWord,
    address_of,
    available,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Processes, Roots

SIZE = 4096
OFFSET = 64
MILLISECOND = 1_000_000
LONG = 30_000 * MILLISECOND

# Waits on a read-only mapping of the file it is given, and ends with the result as its exit code.
WAITER = f"""
import mmap, os, signal, sys
from ruth.futex import FutexWord
signal.signal(signal.SIGUSR1, lambda *_: None)
page = mmap.mmap(os.open(sys.argv[1], os.O_RDONLY), {SIZE}, mmap.MAP_SHARED, mmap.PROT_READ)
word = FutexWord(page, {OFFSET})
print("ready", flush=True)
sys.exit(word.wait(0, {LONG}))
"""

# Shortens the file below its own mapping, then wakes and waits; ends with the result of the wait.
SHORTENER = f"""
import mmap, os, sys
from ruth.futex import FutexWord
descriptor = os.open(sys.argv[1], os.O_RDWR)
page = mmap.mmap(descriptor, {SIZE}, mmap.MAP_SHARED, mmap.PROT_READ)
word = FutexWord(page, {OFFSET})
os.ftruncate(descriptor, 0)
word.wake()
assert not word.has_changed(1)  # it cannot be told
sys.exit(word.wait(0, {LONG}))
"""


@pytest.fixture
def page(roots: Roots) -> Path:
    """A file of one page of zeros on a real tmpfs."""
    roots.export.mkdir()
    path = roots.export / "page"
    path.write_bytes(bytes(SIZE))
    return path


@contextmanager
def mapped(path: Path, protection: int = mmap.PROT_READ) -> Iterator[mmap.mmap]:
    """The file, mapped as another process sees it."""
    descriptor = os.open(path, os.O_RDWR if protection & mmap.PROT_WRITE else os.O_RDONLY)
    try:
        with mmap.mmap(descriptor, SIZE, mmap.MAP_SHARED, protection) as mapping:
            yield mapping
    finally:
        os.close(descriptor)


def store(path: Path, value: int) -> None:
    """Sets the word, as its writer would."""
    with mapped(path, mmap.PROT_READ | mmap.PROT_WRITE) as mapping:
        mapping[OFFSET : OFFSET + 4] = value.to_bytes(4, sys.byteorder)


def start_waiter(processes: Processes, path: Path) -> subprocess.Popen[bytes]:
    """A process that waits for the word to differ from 0, and sleeps when this returns."""
    waiter = processes.start(sys.executable, "-c", WAITER, path, stdout=subprocess.PIPE)
    assert waiter.stdout is not None
    assert waiter.stdout.readline() == b"ready\n"
    stat = Path(f"/proc/{waiter.pid}/stat")
    # From here on there is nothing else that it could sleep for.
    wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "S", "the waiter sleeps")
    return waiter


def test_this_machine_has_futexes() -> None:
    """On a machine whose system call number is known, waiting and waking is available."""
    assert available() is (os.uname().machine in _SYSCALL_BY_MACHINE)


def test_a_wake_reaches_every_waiter_of_other_processes_at_once(page: Path, processes: Processes) -> None:
    """One wake ends the wait of all processes that map the same file, each through a read-only mapping."""
    waiters = [start_waiter(processes, page) for _ in range(3)]
    with mapped(page) as mapping:
        FutexWord(mapping, OFFSET).wake()
        assert [waiter.wait(timeout=60) for waiter in waiters] == [WOKEN] * 3


def test_a_wake_reaches_only_its_own_word(page: Path, processes: Processes) -> None:
    """A waiter sleeps on while another word of the same page is woken."""
    waiter = start_waiter(processes, page)
    with mapped(page) as mapping:
        FutexWord(mapping, OFFSET + 4).wake()
        FutexWord(mapping, 0).wake()
        assert waiter.poll() is None
        FutexWord(mapping, OFFSET).wake()
        assert waiter.wait(timeout=60) == WOKEN


def test_a_wake_without_waiters_does_nothing(page: Path) -> None:
    """Waking is remembered by no process: the next wait sleeps until its time is over."""
    with mapped(page) as mapping:
        word = FutexWord(mapping, OFFSET)
        word.wake()
        assert word.wait(0, MILLISECOND) == TIMED_OUT


@pytest.mark.parametrize("value", [1, 2**31 - 1, 2**31, 2**32 - 1])
def test_a_word_that_differs_is_not_waited_for(page: Path, value: int) -> None:
    """A wait for a value that the word does not have answers CHANGED at once, over all 32 bits."""
    store(page, value)
    with mapped(page) as mapping:
        word = FutexWord(mapping, OFFSET)
        assert word.wait(0, LONG) == CHANGED
        assert word.wait(value - 1, LONG) == CHANGED
        assert word.wait(value, MILLISECOND) == TIMED_OUT


@pytest.mark.parametrize("value", [0, 1, 2**31, 2**32 - 1])
def test_whether_a_word_has_changed_is_asked_without_waiting(page: Path, value: int) -> None:
    """On a read-only mapping, of any value; no process is woken."""
    page.write_bytes(bytes(OFFSET) + value.to_bytes(4, "little") + bytes(SIZE - OFFSET - 4))
    with page.open("rb") as file, mmap.mmap(file.fileno(), SIZE, mmap.MAP_SHARED, mmap.PROT_READ) as mapping:
        word = FutexWord(mapping, OFFSET)
        assert [word.has_changed(value ^ change) for change in (0, 1, 2**31)] == [False, True, True]


def test_a_wait_lasts_as_long_as_it_was_given(page: Path) -> None:
    """TIMED_OUT comes no earlier than the timeout of that very call, longer or shorter than the last one."""
    with mapped(page) as mapping:
        word = FutexWord(mapping, OFFSET)
        for timeout_ns in (0, 20 * MILLISECOND, MILLISECOND, 40 * MILLISECOND):
            began = time.monotonic_ns()
            assert word.wait(0, timeout_ns) == TIMED_OUT
            assert time.monotonic_ns() - began >= timeout_ns


def test_a_signal_ends_a_wait(page: Path, processes: Processes) -> None:
    """A wait that a handled signal interrupts answers EINTR and does not raise."""
    waiter = start_waiter(processes, page)
    waiter.send_signal(signal.SIGUSR1)
    assert waiter.wait(timeout=60) == errno.EINTR


def test_a_shortened_file_is_an_answer_and_not_a_signal(page: Path, processes: Processes) -> None:
    """When the file ends before the word, wake does nothing, wait answers EFAULT, and there is no SIGBUS."""
    shortener = processes.start(sys.executable, "-c", SHORTENER, page)
    assert shortener.wait(timeout=60) == errno.EFAULT


def test_a_file_shortened_meanwhile_does_not_kill_its_waiter(page: Path, processes: Processes) -> None:
    """A process that is asleep when the file is shortened lives on, and ends its wait like any other."""
    waiter = start_waiter(processes, page)
    os.truncate(page, 0)
    waiter.send_signal(signal.SIGUSR1)
    assert waiter.wait(timeout=60) in (errno.EINTR, errno.EFAULT)


def test_a_word_must_be_aligned(page: Path) -> None:
    """A word that is not at a multiple of four answers EINVAL; waking it does nothing."""
    with mapped(page) as mapping:
        word = FutexWord(mapping, OFFSET + 1)
        word.wake()
        assert word.wait(0, LONG) == errno.EINVAL


@pytest.mark.parametrize("offset", [0, 1, OFFSET, SIZE - 4])
def test_an_address_is_where_the_kernel_mapped_the_file(page: Path, offset: int) -> None:
    """The address of a byte is the mapping's start, as /proc shows it, plus the offset."""
    with mapped(page) as mapping, open("/proc/self/maps") as maps:
        (line,) = (line for line in maps if str(page) in line)
        assert address_of(mapping, offset) == int(line.split("-")[0], 16) + offset


@pytest.mark.parametrize("offset", [-1, SIZE - 3, SIZE, 2**63 - 1])
def test_no_address_outside_the_mapping(page: Path, offset: int) -> None:
    """A word that does not lie wholly inside the mapping is a ValueError."""
    with mapped(page) as mapping:
        with pytest.raises(ValueError, match=f"offset {offset} of a mapping of {SIZE} bytes"):
            address_of(mapping, offset)
        with pytest.raises(ValueError, match="offset"):
            FutexWord(mapping, offset)


def test_no_address_of_a_closed_mapping(page: Path) -> None:
    """A closed mapping has no addresses: a ValueError, never a stale number."""
    with mapped(page) as mapping:
        pass
    with pytest.raises(ValueError, match="closed"):
        address_of(mapping, OFFSET)


def test_a_word_does_not_hold_its_mapping_open(page: Path) -> None:
    """A process that owns the mapping can close it while a word of it exists: no buffer is left exported."""
    with mapped(page) as mapping:
        word = FutexWord(mapping, OFFSET)
        mapping.close()
        assert mapping.closed
    del word


def test_a_word_keeps_its_mapping_alive(page: Path) -> None:
    """While a word exists, its mapping is not collected under it."""
    descriptor = os.open(page, os.O_RDONLY)
    word = FutexWord(mmap.mmap(descriptor, SIZE, mmap.MAP_SHARED, mmap.PROT_READ), OFFSET)
    os.close(descriptor)
    gc.collect()
    assert word.wait(0, MILLISECOND) == TIMED_OUT


def test_a_word_shows_its_address(page: Path) -> None:
    """The repr of a word tells where it is."""
    with mapped(page) as mapping:
        assert repr(FutexWord(mapping, OFFSET)) == f"FutexWord(address={address_of(mapping, OFFSET):#x})"


@pytest.fixture
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Takes futex_waitv away: a system call that this kernel does not have either answers ENOSYS."""
    if request.param == "waits for one":
        monkeypatch.setattr("ruth.futex._FUTEX_WAITV_NUMBER", -1)
    return str(request.param)


both_kernels = pytest.mark.parametrize("kernel", ["waits for two", "waits for one"], indirect=True)


def in_a_thread(wait: Callable[[], int]) -> tuple[threading.Thread, list[int]]:
    """A thread that waits, asleep when this returns, and what its wait will answer."""
    answers: list[int] = []
    thread = threading.Thread(target=lambda: answers.append(wait()))
    thread.start()
    stat = Path(f"/proc/self/task/{thread.native_id}/stat")
    wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "S", "the thread sleeps")
    return thread, answers


def test_a_ring_ends_a_wait(page: Path) -> None:
    """A ring ends the wait of another thread for the bell alone."""
    bell = Bell()
    thread, answers = in_a_thread(lambda: bell.wait(0, LONG))
    bell.ring()
    thread.join(5)
    assert answers in ([WOKEN], [CHANGED])
    assert bell.rung == 1


def test_a_ring_in_between_is_not_slept_through() -> None:
    """A wait for a number that has gone by answers at once."""
    bell = Bell()
    rung = bell.rung
    bell.ring()
    assert bell.wait(rung, LONG) == CHANGED
    assert bell.wait(bell.rung, MILLISECOND) == TIMED_OUT


@both_kernels
def test_a_ring_ends_a_wait_for_a_word(page: Path, kernel: str) -> None:
    """A ring ends a wait that is for a shared word as well, and a process that shares the word lets it."""
    bell = Bell()
    with mapped(page) as mapping:
        word = FutexWord(mapping, OFFSET)
        thread, answers = in_a_thread(lambda: bell.wait(0, LONG, word, 0))
        bell.ring()
        thread.join(5)
    assert answers in ([WOKEN], [CHANGED])


@both_kernels
def test_a_wake_of_the_word_ends_it_too(page: Path, processes: Processes, kernel: str) -> None:
    """A wait for both ends when the shared word is woken, through a read-only mapping."""
    bell = Bell()
    with mapped(page) as mapping:
        word = FutexWord(mapping, OFFSET)
        thread, answers = in_a_thread(lambda: bell.wait(0, LONG, word, 0))
        store(page, 1)
        FutexWord(mapping, OFFSET).wake()
        thread.join(5)
    assert answers == [WOKEN]


@both_kernels
def test_either_having_changed_is_an_answer(page: Path, kernel: str) -> None:
    """A wait for both answers CHANGED at once if either is not what was expected, over all 32 bits."""
    bell = Bell()
    with mapped(page) as mapping:
        word = FutexWord(mapping, OFFSET)
        assert bell.wait(0, LONG, word, 2**32 - 1) == CHANGED
        assert bell.wait(0, MILLISECOND, word, 0) == TIMED_OUT
        bell.ring()
        assert bell.wait(0, LONG, word, 0) == CHANGED
        store(page, 2**32 - 1)
        assert bell.wait(1, MILLISECOND, word, 2**32 - 1) == TIMED_OUT


@both_kernels
def test_a_wait_for_both_lasts_as_long_as_it_was_given(page: Path, kernel: str) -> None:
    """TIMED_OUT comes no earlier than the timeout of that very call."""
    bell = Bell()
    with mapped(page) as mapping:
        word = FutexWord(mapping, OFFSET)
        for timeout_ns in (0, 20 * MILLISECOND, MILLISECOND):
            began = time.monotonic_ns()
            assert bell.wait(0, timeout_ns, word, 0) == TIMED_OUT
            assert time.monotonic_ns() - began >= timeout_ns


@both_kernels
def test_a_word_cut_away_is_an_answer_for_both(page: Path, kernel: str) -> None:
    """When the file ends before the word, a wait for both answers EFAULT, and there is no SIGBUS."""
    bell = Bell()
    with mapped(page) as mapping:
        word = FutexWord(mapping, OFFSET)
        os.truncate(page, 0)
        assert bell.wait(0, LONG, word, 0) == errno.EFAULT

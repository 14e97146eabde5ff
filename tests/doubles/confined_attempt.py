"""A real agent that, once confined, makes one attempt that it must not succeed in. Run by test_confinement.

    python tests/doubles/confined_attempt.py CAMERA ATTEMPT [ARGUMENT]

The attempt is made inside :meth:`launch.agent.process.AgentProcess.run`, right after the real confinement
was applied.
Prints "refused ERRNO", "MemoryError" or "done", to the stdout it already has open.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import mmap
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING, NoReturn

from launch.agent.confine.confinement import Confinement, Prepared
from launch.agent.process import AgentProcess
from launch.launcher.claim import claim
from launch.roots import export_root_here, state_root_here
from ruth.agent.agent import StreamAgent
from ruth.agent.proc_stat import read_stat
from ruth.agent.state import NOTIFY_OFFSET
from ruth.export.source import ExportSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from ruth.agent.measure import Measure
    from ruth.export.files import Opener

LANDLOCK_ALONE = "CONFINED_BY_LANDLOCK_ALONE"

_libc = ctypes.CDLL(None, use_errno=True)
_page = ctypes.c_void_p(0)
_stack_begins = int(read_stat("self")[28])
_outside = socket.socket()  # made before the confinement: a descriptor that an agent might inherit


def check(result: int) -> None:
    """Raises what a C function left in errno."""
    if result in (-1, 2**64 - 1):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def raw(number: int, *arguments: int | bytes) -> None:
    """A system call by its number on x86-64."""
    words = [ctypes.c_char_p(one) if isinstance(one, bytes) else ctypes.c_ulong(one) for one in arguments]
    check(_libc.syscall(ctypes.c_long(number), *words))


def bound(camera_id: str, opener: Opener) -> ExportSource:
    """The camera's export, bound."""
    source = ExportSource(export_root_here(), camera_id, opener)
    source.try_read()
    assert source.ring is not None
    assert source.ring.data_map is not None
    return source


def make_writable(camera_id: str, opener: Opener) -> None:
    """Mprotect of the mapped pixels."""
    source = bound(camera_id, opener)
    address = _address_of(memoryview(source.ring.data_map))
    check(_libc.mprotect(ctypes.c_void_p(address), 4096, mmap.PROT_READ | mmap.PROT_WRITE))


def store(camera_id: str, opener: Opener) -> None:
    """A store into the mapped pixels: ends in SIGSEGV."""
    source = bound(camera_id, opener)
    ctypes.memset(_address_of(memoryview(source.ring.data_map)), 0, 1)


def _address_of(view: memoryview) -> int:
    import numpy as np

    return int(np.frombuffer(view, np.uint8).ctypes.data)


def map_writable(camera_id: str, opener: Opener) -> None:
    """A shared writable mapping of a descriptor that the agent has."""
    with open_meta(camera_id, opener, os.O_RDONLY) as descriptor:
        mmap.mmap(descriptor, 4096, mmap.MAP_SHARED, mmap.PROT_WRITE)


class open_meta:  # noqa: N801 - a context, used like a function
    """frame.meta of a camera, through whatever opens files."""

    def __init__(self, camera_id: str, opener: Opener, flags: int) -> None:
        folder = opener(f"{export_root_here()}/{camera_id}", os.O_RDONLY | os.O_DIRECTORY)
        self._descriptor = opener("frame.meta", flags, dir_fd=folder)

    def __enter__(self) -> int:
        return self._descriptor

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def through_own_directory(camera_id: str, opener: Opener, path: str) -> None:
    """Another path, from the descriptor of the camera's own directory."""
    folder = opener(f"{export_root_here()}/{camera_id}", os.O_RDONLY | os.O_DIRECTORY)
    os.open(path, os.O_RDONLY, dir_fd=folder)


def change_the_page(_camera: str, opener: Opener, how: str) -> None:
    """Every way to put another path where the sealed one lies."""
    address = opener.__self__._page.address  # type: ignore[attr-defined]
    page = ctypes.c_void_p(address)
    if how == "mprotect":
        check(_libc.mprotect(page, 4096, mmap.PROT_READ | mmap.PROT_WRITE))
    elif how == "munmap":
        check(_libc.munmap(page, 4096))
    elif how == "mremap":
        _libc.mremap.restype = ctypes.c_size_t
        check(_libc.mremap(page, 4096, 8192, 1))
    elif how == "map over it":
        _libc.mmap.restype = ctypes.c_size_t
        check(_libc.mmap(page, 4096, 3, 0x32, -1, 0))
    elif how == "store":
        ctypes.memset(page, 0, 1)


def another_file_as_stdout(*_: object) -> None:
    """Puts the own state where the filter lets things be written."""
    check(_libc.close(1))
    number = fcntl.fcntl(_state[0], fcntl.F_DUPFD_CLOEXEC, 1)
    os.write(number, bytes(2**20))


def _libc_mmap(size: int, flags: int) -> None:
    _libc.mmap.restype = ctypes.c_size_t
    check(_libc.mmap(None, ctypes.c_size_t(size), mmap.PROT_READ | mmap.PROT_WRITE, flags, -1, 0))


def state_descriptors() -> list[int]:
    """The descriptors of agent.state, which the agent has open for writing."""
    return _state


_state: list[int] = []

ATTEMPTS: dict[str, Callable[..., object]] = {
    "open for writing": lambda camera, opener: open_meta(camera, opener, os.O_RDWR),
    "open for writing by os.open": lambda camera, _: os.open(
        f"{export_root_here()}/{camera}/frame.meta", os.O_RDWR
    ),
    "mprotect": make_writable,
    "store": store,
    "map writable": map_writable,
    "open": lambda _, __, path: os.open(path, os.O_RDONLY),
    "open by the old call": lambda _, __, path: raw(2, path.encode(), 0),
    "openat2": lambda _, __, path: raw(437, 2**64 - 100, path.encode(), bytes(24), 24),
    "open from own directory": through_own_directory,
    "make a file": lambda _, __, path: os.open(path, os.O_CREAT | os.O_WRONLY),
    "unlink": lambda _, __, path: os.unlink(path),
    "rename": lambda _, __, path: os.rename(path, f"{path}.other"),
    "truncate": lambda _, __, path: os.truncate(path, 0),
    "TCP": lambda *_: socket.create_connection(("127.0.0.1", 9)),
    "TCP by a socket it has": lambda _, __, port: _outside.connect(("127.0.0.1", int(port))),
    "abstract socket": lambda _, __, name: socket.socket(socket.AF_UNIX).connect(f"\0{name}"),
    "UDP": lambda *_: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    "signal": lambda _, __, pid: os.kill(int(pid), signal.SIGTERM),
    "signal 0": lambda _, __, pid: os.kill(int(pid), 0),
    "fork": lambda *_: os.fork(),
    "execute": lambda *_: os.execv("/bin/true", ["true"]),  # noqa: S606 - refused by the kernel
    "io_uring": lambda *_: raw(425, 1, bytes(120)),
    "private memory": lambda *_: bytearray(100 * 2**20),
    "memory that grows as a stack does": lambda *_: _libc_mmap(100 * 2**20, 0x2 | 0x20 | 0x100),
    "a little memory": lambda *_: bytearray(10 * 2**20),
    "address space": lambda *_: mmap.mmap(-1, 5 * 2**30, mmap.MAP_PRIVATE, mmap.PROT_READ),
    "abort": lambda *_: os.abort(),
    "change the page": change_the_page,
    "another file as stdout": another_file_as_stdout,
    "raise its limits": lambda *_: check(_libc.setrlimit(9, bytes(16))),
    "priority": lambda _, __, pid: os.setpriority(os.PRIO_PROCESS, int(pid), 19),
    "processors": lambda _, __, pid: os.sched_setaffinity(int(pid), {0}),
    "scheduler": lambda _, __, pid: os.sched_setscheduler(int(pid), os.SCHED_IDLE, os.sched_param(0)),
    "own priority": lambda *_: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
    "chmod": lambda _, __, path: os.chmod(path, 0),
    "chown": lambda _, __, path: os.chown(path, 1, 1),
    "utime": lambda _, __, path: os.utime(path),
    "setxattr": lambda _, __, path: os.setxattr(path, "user.x", b"x"),
    "chdir": lambda _, __, path: os.chdir(path),
    "lock own directory": lambda camera, opener: fcntl.flock(
        opener(f"{export_root_here()}/{camera}", os.O_RDONLY | os.O_DIRECTORY), fcntl.LOCK_EX
    ),
    "grow its state": lambda *_: [os.posix_fallocate(fd, 0, 2**26) for fd in state_descriptors()],
    "cut its state": lambda *_: [os.ftruncate(fd, 0) for fd in state_descriptors()],
    "write its state": lambda *_: [os.pwrite(fd, bytes(2**20), 2**20) for fd in state_descriptors()],
    "write a byte elsewhere": lambda *_: [os.pwrite(fd, b"x", 2**20) for fd in state_descriptors()],
    "write two bytes": lambda *_: [os.pwrite(fd, b"xx", NOTIFY_OFFSET) for fd in state_descriptors()],
    "write its notice": lambda *_: [os.pwrite(fd, b"x", NOTIFY_OFFSET) for fd in state_descriptors()],
    "append to its state": lambda *_: [os.write(fd, b"x") for fd in state_descriptors()],
    "memory file": lambda *_: os.memfd_create("x"),
    "shared memory": lambda *_: mmap.mmap(-1, 4096, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS),
    "System V": lambda *_: raw(29, 0, 4096, 0o1600),
    "pipe": lambda *_: os.pipe(),
    "lease": lambda *_: [fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK) for fd in state_descriptors()],
    "a mapping of its export": lambda camera, opener: bound(camera, opener).close(),
    "nothing": lambda *_: None,
    "a stack of 100 MiB": lambda *_: touch_stack(100 * 2**20),
}


def touch_stack(size: int) -> None:
    """Writes to so much memory below where the stack begins, page by page: it grows, or the process dies."""
    for depth in range(0, size, mmap.PAGESIZE):
        ctypes.memset(_stack_begins - 2**17 - depth, 1, 1)


def say(text: str) -> NoReturn:
    """One line, and the end."""
    os.write(1, f"{text}\n".encode())
    os._exit(0)


def main() -> None:
    """Becomes a confined agent and makes the attempt."""
    camera_id, attempt, *arguments = sys.argv[1:]
    import numpy as np  # imported while files can still be opened

    assert np.uint8

    state = claim(state_root_here(), camera_id, 0)
    _state.append(state)
    confinement = Confinement(export_root_here(), state)
    confinement.limit()
    if os.environ.get(LANDLOCK_ALONE):
        confinement._page = confinement._filter = None  # as on a kernel without filters
    prepared = confinement.prepare(camera_id)

    class Attempt(Prepared):
        """The real confinement, and then what must not succeed."""

        def apply(self) -> Measure:
            measures = super().apply()
            try:
                ATTEMPTS[attempt](camera_id, self.opener, *arguments)
            except MemoryError:
                say("MemoryError")
            except OSError as error:
                say(f"refused {errno.errorcode[error.errno or 0]}")
            say("done")
            return measures

    AgentProcess(StreamAgent(camera_id), export_root_here(), Attempt(*prepared), native=None).run(state, 0)


if __name__ == "__main__":
    main()

"""State records in tests that no agent wrote: valid but for what is forged in them, the lock held or free."""

from __future__ import annotations

import fcntl
import mmap
import os
import time
from typing import TYPE_CHECKING, Final, Self

from doubles.stepped_agent import UNLOCK
from launch.launcher.claim import claim
from ruth.agent.agent import StreamAgent
from ruth.agent.proc_stat import START_TICKS, read_stat
from ruth.agent.state import (
    HEADER_SIZE,
    ID_SIZE,
    LAUNCHER_PID_OFFSET,
    MODEL_ALLOWED_OFFSET,
    MODEL_COUNT_OFFSET,
    MODEL_EARLIER_OFFSET,
    MODEL_SKIPPED_OFFSET,
    OBSERVED_OFFSET,
    PID_OFFSET,
    RUTH_VERSION_OFFSET,
    STATE_SIZE,
    STATE_VERSION,
    VERSION_OFFSET,
)
from ruth.agent.state_writer import AgentIdentity, StateWriter
from ruth.subscription.subscription import Subscription

if TYPE_CHECKING:
    from conftest import Roots

ESCAPES: Final = "\x1b]0;X\x07\ncam 1 running \x9b2J\r"
"""A title for the terminal, a forged row, an erased screen."""

_CAMERA_ID: Final = LAUNCHER_PID_OFFSET + 8


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "little")


def _u64(value: int) -> bytes:
    return value.to_bytes(8, "little")


def _id(text: str) -> bytes:
    return text.encode("latin-1").ljust(ID_SIZE, b"\0")


def _of_version(version: int) -> bytes:
    """The beginning of a record of another version, which names a process that does not hold its lock."""
    return _u32(version).ljust(PID_OFFSET, b"\0") + _u64(1)


FORGERIES: Final = {
    "a model id that is a terminal's command": (HEADER_SIZE, _id(ESCAPES)),
    "a model id that is a path": (HEADER_SIZE, _id("../../etc/passwd")),
    "an empty model id": (HEADER_SIZE, _id("")),
    "a model id that is not ASCII": (HEADER_SIZE, _id("caf\xe9")),
    "another camera's id": (_CAMERA_ID, _id("another")),
    "a camera id that is a terminal's command": (_CAMERA_ID, _id(ESCAPES)),
    "pid 0": (PID_OFFSET, _u64(0)),
    "pid 2^22 + 1": (PID_OFFSET, _u64(2**22 + 1)),
    "pid 2^31": (PID_OFFSET, _u64(2**31)),
    "pid 2^63": (PID_OFFSET, _u64(2**63)),
    "pid 2^64 - 1": (PID_OFFSET, _u64(2**64 - 1)),
    "a launcher's pid of 2^31": (LAUNCHER_PID_OFFSET, _u64(2**31)),
    "more frames allowed than seen": (HEADER_SIZE + MODEL_ALLOWED_OFFSET, _u64(2**63)),
    "more frames skipped than seen": (HEADER_SIZE + MODEL_SKIPPED_OFFSET, _u64(7)),
    "more frames of earlier exports than seen": (HEADER_SIZE + MODEL_EARLIER_OFFSET, _u64(2**64 - 1)),
    "a version of Ruth that is a terminal's command": (RUTH_VERSION_OFFSET, _id(ESCAPES)),
    "no version of Ruth": (RUTH_VERSION_OFFSET, _id("")),
    "a frame before the start": (OBSERVED_OFFSET, _u64(1)),
    "more models than fit": (MODEL_COUNT_OFFSET, _u32(2**32 - 1)),
    "a later version": (VERSION_OFFSET, _of_version(STATE_VERSION + 1)),
    "a version of noise": (VERSION_OFFSET, _of_version(0xFFFFFFFF)),
}
"""What is wrong, and where which bytes make it so."""


class ForgedAgent:
    """A camera's state whose lock this process holds, and whose record says what a test wants it to.

    Args:
        roots: Of the test.
        camera_id: The camera.
        pid: The process that the record names, as if that were the agent; this one by default.

    """

    def __init__(self, roots: Roots, camera_id: str, pid: int | None = None) -> None:
        agent = StreamAgent(camera_id)
        agent.subscribe(Subscription(camera_id, "person", 5))
        self._descriptor = claim(str(roots.state), camera_id, 1)
        named = os.getpid() if pid is None else pid
        ticks = int(read_stat(named)[START_TICKS])
        self.memory = mmap.mmap(self._descriptor, STATE_SIZE)
        self._view = memoryview(self.memory)
        StateWriter(agent).initialise(self._view, AgentIdentity(named, ticks, time.monotonic_ns(), 0))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def forge(self, forgery: tuple[int, bytes]) -> None:
        """Overwrites a part of the record."""
        offset, content = forgery
        self.memory[offset : offset + len(content)] = content

    def close(self) -> None:
        """Gives the lock up; the record stays."""
        if self._descriptor >= 0:
            fcntl.fcntl(
                self._descriptor, fcntl.F_OFD_SETLK, UNLOCK
            )  # the mapping has a descriptor of its own
            os.close(self._descriptor)
            self._descriptor = -1

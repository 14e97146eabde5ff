"""Watches one subscription in its camera's ``agent.state``: reads it, and waits for it to change.

Read with pread, never through a mapping, so that a file cut short is a short read and not a SIGBUS; the
mapping serves the futex wait. Which record counts, and which value of the wake word may be waited on:
:mod:`ruth.agent.state_read`.

Nothing here decides how long any process waits, or whether it is worth it: an agent that is dead, and one
that has nothing to say, look the same.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from mmap import MAP_SHARED, PROT_READ, mmap
from typing import TYPE_CHECKING, Final

from ruth.agent.last_allowed import find_model, holds_record, last_allowed, padded_id, size_up_to
from ruth.agent.state import STATE_SIZE, WAKE_OFFSET
from ruth.agent.state_read import read_whole
from ruth.descriptor import close_descriptor
from ruth.export.files import is_same_file
from ruth.futex import CHANGED, TIMED_OUT, WOKEN, FutexWord
from ruth.identity import STATE_NAME, camera_directory, check_id

if TYPE_CHECKING:
    from ruth.agent.last_allowed import LastAllowed
    from ruth.futex import Bell

_OPEN: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_MAPPED: Final = 4096
# A change takes the agent microseconds. What is still being changed is of a file that no agent writes.
_READS: Final = 50


class SubscriptionRecord:
    """One subscription's part of ``agent.state``, wherever that file is at the moment.

    Args:
        state_root: Folder of all states.
        camera_id: The camera.
        model_id: The model.

    Raises:
        InvalidIdError: One of the ids is invalid.

    Attributes:
        unsubscribed: Whether the last whole record that was read had no such model.

    """

    __slots__ = (
        "_descriptor",
        "_expected",
        "_identity",
        "_index",
        "_padded",
        "_path",
        "_size",
        "unsubscribed",
    )

    def __init__(self, state_root: str, camera_id: str, model_id: str) -> None:
        self._path = f"{camera_directory(state_root, camera_id)}/{STATE_NAME}"
        self._padded = padded_id(check_id("model", model_id))
        self._descriptor = -1
        self._identity = (0, 0)
        self._index: int | None = None
        self._size = 0  # up to the end of that subscription
        self._expected = 0
        self.unsubscribed = False

    def poll(self) -> LastAllowed | None:
        """What the agent last allowed; None if there is no file, no whole record or no such model in it."""
        if self._descriptor < 0 and not self._open():
            return None
        if self._index is not None:
            content = self._read(self._size)
            found = content and last_allowed(content, self._index, self._padded)
            if found or content is None:
                return found or None
        content = self._read(STATE_SIZE)  # another agent's record: its models may be others
        index = self._index = find_model(content, self._padded) if content else None
        self.unsubscribed = index is None and content is not None and holds_record(content)
        if content is None or index is None:
            return None
        self._size = size_up_to(index)
        return last_allowed(content, index, self._padded)

    def compare(self) -> None:
        """Closes the file if it is not the one at its path any more."""
        if self._descriptor >= 0 and not is_same_file(self._path, *self._identity):
            self.close()

    def close(self) -> None:
        """Closes the file. The next poll opens what is at the path then."""
        descriptor, self._descriptor = self._descriptor, -1
        self._index = None
        if descriptor >= 0:
            close_descriptor(descriptor)

    def _open(self) -> bool:
        try:
            descriptor = os.open(self._path, _OPEN)
        except OSError:
            return False
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "not a regular file", self._path)
            self._opened(descriptor)
        except (OSError, ValueError):  # ValueError as well: shorter than what is to be mapped
            close_descriptor(descriptor)
            return False
        self._descriptor = descriptor
        self._identity = (status.st_dev, status.st_ino)
        return True

    def _opened(self, descriptor: int) -> None:
        """What is made of the open file besides."""

    def _read(self, size: int) -> bytes | None:
        """The first bytes of the file, if they can be taken whole."""
        descriptor = self._descriptor
        with suppress(OSError):
            for _ in range(_READS):
                content, wake = read_whole(descriptor, size)
                if wake is not None:
                    self._expected = wake
                if content is not None:
                    return content
        return None


class SubscriptionWatch(SubscriptionRecord):
    """The same, which a process can wait for. Arguments and errors as above."""

    __slots__ = ("_unsure", "_word")

    def __init__(self, state_root: str, camera_id: str, model_id: str) -> None:
        super().__init__(state_root, camera_id, model_id)
        self._word: FutexWord | None = None
        self._unsure = False

    def poll(self) -> LastAllowed | None:
        """As of :class:`SubscriptionRecord`; after a wait that nothing ended, of the file at the path."""
        if self._unsure:
            self._unsure = False
            self.compare()
        return super().poll()

    def wait(self, bell: Bell, rung: int, timeout_ns: int) -> None:
        """Waits until the record has changed since the last poll, or the bell has been rung since ``rung``.

        Args:
            bell: Ends the wait from within this process.
            rung: Its number before that look.
            timeout_ns: Nanoseconds at most.

        """
        if self._word is None:
            bell.wait(rung, timeout_ns)
            return
        result = bell.wait(rung, timeout_ns, self._word, self._expected)
        self._unsure = self._unsure or result not in (
            WOKEN,
            CHANGED,
        )  # no process wakes for a file that is gone
        if result not in (WOKEN, CHANGED, TIMED_OUT, errno.EINTR):
            bell.wait(rung, timeout_ns)  # EFAULT: cut short below its wake word. Never a busy loop

    def close(self) -> None:
        """Closes the file. The next poll opens what is at the path then."""
        self._word = None
        super().close()

    def _opened(self, descriptor: int) -> None:
        self._word = FutexWord(mmap(descriptor, _MAPPED, MAP_SHARED, PROT_READ), WAKE_OFFSET)

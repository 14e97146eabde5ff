"""How an agent tells that its record has changed: twice, whether any process waits for it or not.

The futex word of ``agent.state`` wakes a process that waits for one camera. One byte of that file, written
with pwrite(2), wakes those that watch many cameras through one inotify descriptor, since stores through a
mapping are not seen there. The byte carries nothing: it is always zero (docs/decisions/0043-many-cameras.md).

In C: ``end_change()`` of ``launch/agent/native/agent.c``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from ruth.agent.state import NOTIFY_OFFSET, WAKE_OFFSET
from ruth.futex import FutexWord

if TYPE_CHECKING:
    from mmap import mmap

# Of ``agent.state`` in the process of an agent that a launcher forked. A number that is the same for all
# agents, so that one filter can name it (launch.agent.confine.seccomp).
STATE_DESCRIPTOR: Final = 3
NOTICE_SIZE: Final = 1
_NOTICE: Final = bytes(NOTICE_SIZE)


class Notice:
    """Tells of changes of one record.

    Args:
        memory: The record.
        descriptor: Of its file, open for writing.

    """

    __slots__ = ("_descriptor", "_word")

    def __init__(self, memory: mmap, descriptor: int) -> None:
        self._word = FutexWord(memory, WAKE_OFFSET)
        self._descriptor = descriptor

    def wake(self) -> None:
        """Wakes every process that waits for a change. Never raises."""
        self._word.wake()
        try:  # noqa: SIM105 - contextlib.suppress costs as much as the call itself, once per frame
            os.pwrite(self._descriptor, _NOTICE, NOTIFY_OFFSET)
        except OSError:  # docs/specification.md, "Failure rules": such a reader polls within a second
            pass

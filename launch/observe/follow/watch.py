"""Waits on an agent's record, and says what has changed in it. The agent does not know of it.

The record's file is open and mapped read-only; the wait is on its futex word, which the agent moves after
each change and wakes whether or not a process waits. A death wakes no waiter: so every :data:`POLL_NS` the
lock, the process and the file's name are looked at as well.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

from launch.observe.follow.changes import AgentSeen, ExportSeen, changes, same_agent
from launch.observe.liveness import read_sighting
from ruth.agent.state import WAKE_OFFSET, AgentRecord
from ruth.agent.state_reader import StateReader
from ruth.export.source import why_absent
from ruth.futex import CHANGED, TIMED_OUT, WOKEN, FutexWord
from ruth.units import NANOSECONDS

if TYPE_CHECKING:
    from mmap import mmap

    from launch.observe.follow.changes import Change

POLL_NS: Final = 250_000_000
_PAUSE_NS: Final = 10_000_000


class Watch:
    """One camera's agent, watched from now on, through its death and the start of another.

    Args:
        state_root: Folder of all states.
        export_root: Folder of all exports, for the reason why the agent finds none.
        camera_id: The camera.

    Raises:
        OSError: There is no state that can be read. Later nothing raises: what goes may come again.
        InvalidIdError: ``camera_id`` is not a valid id.

    """

    __slots__ = (
        "_camera_id",
        "_export_root",
        "_last",
        "_map",
        "_polled_ns",
        "_reader",
        "_reason",
        "_seen",
        "_state_root",
        "_wake",
        "_word",
    )

    def __init__(self, state_root: str, export_root: str, camera_id: str) -> None:
        self._state_root = state_root
        self._export_root = export_root
        self._reason: str | None = None
        self._camera_id = camera_id
        self._reader: StateReader | None = None
        self._map: mmap | None = None
        self._word: FutexWord | None = None
        self._wake = 0
        self._last: AgentRecord | None = None
        self._seen: AgentSeen | None = None
        self._polled_ns = -POLL_NS
        self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def poll(self) -> list[Change]:
        """What has happened since the last poll; at first, what agent and export there are."""
        if self._reader is None:
            with suppress(OSError):
                self._open()
        record = None
        if self._reader is not None:
            self._wake = self._reader.wake_word()
            found_record = self._reader.try_read()
            record = (
                found_record if isinstance(found_record, AgentRecord) else None
            )  # refused: below, in words
        news = record is not None and (
            (self._last is not None and not same_agent(self._last, record))
            or (self._seen is not None and self._seen.state != "running" and record != self._last)
        )
        found: list[Change] = []
        now_ns = time.monotonic_ns()
        if news or now_ns - self._polled_ns >= POLL_NS:
            self._polled_ns = now_ns
            found += self._poll_agent()
            if self._reader is not None and not self._reader.is_current():
                self._close()  # what is there now is opened at the next poll
        if record is not None:
            happened = changes(self._last, record)
            # The newest frame that there was before is not news, the export is.
            found += (
                happened if self._last is not None else [c for c in happened if isinstance(c, ExportSeen)]
            )
            self._last = record
            if record.export_version or (self._seen is not None and self._seen.state == "dead"):
                self._reason = None
            elif self._polled_ns == now_ns or any(isinstance(change, ExportSeen) for change in found):
                found = self._with_reason(found, record.session)
        return found

    def wait(self, timeout_ns: int) -> None:
        """Until the record has changed since the last poll, or it is time to poll anyhow.

        Args:
            timeout_ns: At most so long, in nanoseconds; :data:`POLL_NS` at most in any case.

        """
        timeout_ns = min(timeout_ns, POLL_NS)
        if self._word is None:
            time.sleep(timeout_ns / NANOSECONDS)
        elif self._word.wait(self._wake, timeout_ns) not in (WOKEN, CHANGED, TIMED_OUT):
            time.sleep(min(timeout_ns, _PAUSE_NS) / NANOSECONDS)  # EFAULT, EINTR, ...: never a busy loop

    def _poll_agent(self) -> list[Change]:
        sighting = read_sighting(self._state_root, self._camera_id)
        if sighting.alive and sighting.record is None and sighting.refused is None:
            return []  # an agent is being started: what it is, it will say in a moment
        age_s = sighting.age_s(time.monotonic_ns())
        state = sighting.state(age_s)
        seen = AgentSeen(state, sighting.pid, sighting.death.word, sighting.problem)
        if seen == self._seen:
            return []
        self._seen = seen
        return [seen]

    def _with_reason(self, found: list[Change], session: int) -> list[Change]:
        """Says why there is no export: with the news that there is none, and when the reason changes."""
        reason, before = why_absent(self._export_root, self._camera_id), self._reason
        self._reason = reason
        if any(isinstance(change, ExportSeen) for change in found):
            return [c._replace(reason=reason) if isinstance(c, ExportSeen) else c for c in found]
        return [*found, ExportSeen(0, session, reason)] if reason not in (None, before) else found

    def _open(self) -> None:
        reader = StateReader(self._state_root, self._camera_id)
        try:
            self._map = reader.map()
        except ValueError:  # an agent is about to make it
            reader.close()
            return
        except OSError:
            reader.close()
            raise
        self._reader, self._word = reader, FutexWord(self._map, WAKE_OFFSET)

    def _close(self) -> None:
        if self._reader is not None and self._map is not None:
            self._word = None
            self._map.close()
            self._reader.close()
            self._reader = self._map = None

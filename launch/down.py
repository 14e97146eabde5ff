"""``ruth down``: the operator's hand. SIGTERM to live agents, also when their launcher is long gone.

Whom to signal is settled twice: the pid stands in a record that only its live agent writes, and the lock
that proves it alive is asked for again *after* a descriptor of that process is held (pidfd_open(2)), so a
pid that was reused meanwhile cannot be hit.
"""

from __future__ import annotations

import os
import select
import signal
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from launch.state_file import StateReader, known_cameras

if TYPE_CHECKING:
    from collections.abc import Sequence

DEADLINE_S: Final = 2.0


class Downed(NamedTuple):
    """What came of it; camera ids.

    Attributes:
        ended: Pid by camera: signalled, and gone.
        stayed: Pid by camera: signalled, and still there after 2 s, for example because it is stopped.
        refused: What went wrong, by camera.
        without_agent: Cameras that were named and have no live agent.
        launchers: Pids of the launchers that forked the signalled agents.

    """

    ended: dict[str, int]
    stayed: dict[str, int]
    refused: dict[str, str]
    without_agent: list[str]
    launchers: set[int]


def down(state_root: str, cameras: Sequence[str]) -> Downed:
    """Signals the live agents of ``cameras``, or all below ``state_root`` if there are none named.

    Waits for them to end, 2 s at most for all together.

    Raises:
        InvalidIdError: A name is no camera id; nobody was signalled.

    """
    downed = Downed({}, {}, {}, [], set())
    signalled: dict[str, tuple[int, int]] = {}
    readers = {name: _open(state_root, name) for name in (cameras or known_cameras(state_root))}
    try:
        for camera_id, reader in readers.items():
            try:
                found = None if reader is None else _signal_agent(reader, downed)
            except OSError as error:
                downed.refused[camera_id] = error.strerror or str(error)
                continue
            if found is not None:
                signalled[camera_id] = found
            elif cameras:
                downed.without_agent.append(camera_id)
    finally:
        for reader in readers.values():
            if reader is not None:
                reader.__exit__()
    deadline = time.monotonic() + DEADLINE_S
    for camera_id, (pid, descriptor) in signalled.items():
        remaining = max(0.0, deadline - time.monotonic())
        ended = bool(select.select([descriptor], [], [], remaining)[0])  # readable: it has ended
        (downed.ended if ended else downed.stayed)[camera_id] = pid
        os.close(descriptor)
    return downed


def _open(state_root: str, camera_id: str) -> StateReader | None:
    try:
        return StateReader(state_root, camera_id)
    except OSError:
        return None


def _signal_agent(reader: StateReader, downed: Downed) -> tuple[int, int] | None:
    """Pid and pidfd of the signalled agent, or None if there is no live one."""
    record = reader.read() if reader.alive() else None
    if record is None:
        return None
    try:
        descriptor = os.pidfd_open(record.pid)
    except ProcessLookupError:
        return None
    try:
        if not reader.alive():  # it died before we held it: this may be another process by now
            os.close(descriptor)
            return None
        signal.pidfd_send_signal(descriptor, signal.SIGTERM)
    except OSError:
        os.close(descriptor)
        raise
    if record.launcher_pid:
        downed.launchers.add(record.launcher_pid)
    return record.pid, descriptor

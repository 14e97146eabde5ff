"""What the control groups above this process leave it: processes and memory (cgroups(7), both versions)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from launch.prepare.doctor.facts import ResourceLimit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from launch.prepare.doctor.mounts import Mount

# From there on version 1 means "no limit": the largest number of whole pages that it can hold.
_NO_LIMIT: Final = 2**62


class _Files(NamedTuple):
    """The files of one controller in a group's folder, and the line of ``stat`` about what can be freed."""

    limit: str
    used: str
    stat: str = ""
    reclaimable: str = ""


_PIDS: Final = _Files("pids.max", "pids.current")
_MEMORY_V2: Final = _Files("memory.max", "memory.current", "memory.stat", "inactive_file")
_MEMORY_V1: Final = _Files(
    "memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat", "total_inactive_file"
)


def group_rooms(mounts: Sequence[Mount], membership: str) -> tuple[list[ResourceLimit], list[ResourceLimit]]:
    """Limits of tasks and of memory, one a group that has one, of this process's group and all above it.

    Args:
        mounts: All mounts.
        membership: The content of ``/proc/self/cgroup``.

    """
    tasks: list[ResourceLimit] = []
    memory: list[ResourceLimit] = []
    for line in membership.splitlines():
        _, controllers, path = line.split(":", 2)
        names = set(controllers.split(","))
        for mount in mounts:
            unified = mount.filesystem == "cgroup2" and not controllers
            if not unified and not (mount.filesystem == "cgroup" and names & set(mount.options)):
                continue
            for folder in _folders(mount, path):
                tasks += _room(folder, _PIDS)
                memory += _room(folder, _MEMORY_V2 if unified else _MEMORY_V1)
    return tasks, memory


def _folders(mount: Mount, path: str) -> Iterator[str]:
    """The folder of a group and those above it, up to where the hierarchy is mounted."""
    below = os.path.relpath(path, mount.root)
    if below.startswith(".."):  # a group that this mount does not show: its top is the nearest there is
        below = "."
    while True:
        yield os.path.normpath(f"{mount.point}/{below}")
        if below in (".", ""):
            return
        below = os.path.dirname(below) or "."


def _room(folder: str, files: _Files) -> list[ResourceLimit]:
    """The limit of one group, if it has one."""
    limit = _number(f"{folder}/{files.limit}")
    used = _number(f"{folder}/{files.used}")
    if limit is None or used is None or limit >= _NO_LIMIT:
        return []
    if files.stat:
        used = max(0, used - _of_stat(f"{folder}/{files.stat}", files.reclaimable))
    path = f"{folder}/{files.limit}"
    unit = "TasksMax" if files is _PIDS else "MemoryMax"
    return [
        ResourceLimit(path, limit, used, f"raise {path}, or {unit}= of the unit (in a container: its limit)")
    ]


def _number(path: str) -> int | None:
    """The number in a file; None if there is none: no file, or the word "max"."""
    try:
        return int(Path(path).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _of_stat(path: str, name: str) -> int:
    try:
        lines = Path(path).read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.split()[:1] == [name]), 0)

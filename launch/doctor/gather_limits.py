"""Gathers what bounds this process and its children: memory, tasks, descriptors, maps. Reads only."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from launch.doctor.control_groups import group_rooms
from launch.doctor.facts import Room

if TYPE_CHECKING:
    from collections.abc import Sequence

    from launch.doctor.mounts import Mount

# Whoever has one of them is not bound by RLIMIT_NPROC (fork(2)); their bits, capabilities(7).
_EXEMPT: Final = 1 << 21 | 1 << 24  # CAP_SYS_ADMIN, CAP_SYS_RESOURCE
_WHOLE_RANGE: Final = ["0", "0", "4294967295"]  # of the host's own user namespace, user_namespaces(7)


class Limits(NamedTuple):
    """As in :class:`launch.doctor.facts.Host`."""

    memory: tuple[Room, ...]
    tasks: tuple[Room, ...]
    open_files: Room
    descriptors: int | None
    mappings: int
    address_space: int | None


def gather_limits(mounts: Sequence[Mount]) -> Limits:
    """All limits that hold here.

    Raises:
        OSError: There is no /proc.

    """
    group_tasks, group_memory = group_rooms(mounts, _text("/proc/self/cgroup"))
    threads = int(_text("/proc/loadavg").split()[3].split("/")[1])
    tasks = [
        Room("kernel.pid_max", _sysctl("kernel/pid_max"), threads, "sysctl kernel.pid_max=4194304"),
        Room(
            "kernel.threads-max", _sysctl("kernel/threads-max"), threads, "sysctl kernel.threads-max=NUMBER"
        ),
        *group_tasks,
    ]
    per_user, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if per_user != resource.RLIM_INFINITY and not _exempt():
        fix = "ulimit -u NUMBER, or LimitNPROC= of the unit, or nproc in /etc/security/limits.conf"
        tasks.append(Room("RLIMIT_NPROC", per_user, tasks_of_user(os.getuid()), fix))
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    _, address_space = resource.getrlimit(resource.RLIMIT_AS)
    open_now, _, open_max = (int(number) for number in _text("/proc/sys/fs/file-nr").split())
    return Limits(
        memory=(_available(), *group_memory),
        tasks=tuple(tasks),
        open_files=Room("fs.file-max", open_max, open_now, "sysctl fs.file-max=NUMBER"),
        descriptors=None if descriptors == resource.RLIM_INFINITY else descriptors,
        mappings=_sysctl("vm/max_map_count"),
        address_space=None if address_space == resource.RLIM_INFINITY else address_space,
    )


def tasks_of_user(uid: int) -> int:
    """Processes and threads of a user, as far as they can be seen from here."""
    count = 0
    for name in os.listdir("/proc"):
        if not name.isdecimal():
            continue
        try:
            if os.stat(f"/proc/{name}").st_uid == uid:
                count += len(os.listdir(f"/proc/{name}/task"))
        except OSError:
            continue  # it has ended
    return count


def _available() -> Room:
    """What the kernel says can be had without swapping (proc(5), MemAvailable)."""
    lines = _text("/proc/meminfo").splitlines()
    found = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.endswith("kB")}
    total = found["MemTotal"]
    used = total - found.get("MemAvailable", total)
    return Room("available memory", total, used, "end something, or run fewer cameras on this host")


def _exempt() -> bool:
    """Whether RLIMIT_NPROC does not bind this process."""
    if _text("/proc/self/uid_map").split() != _WHOLE_RANGE:
        return False  # root of a container is nobody out here
    lines = _text("/proc/self/status").splitlines()
    held = next((int(line.split()[1], 16) for line in lines if line.startswith("CapEff:")), 0)
    return os.getuid() == 0 or bool(held & _EXEMPT)


def _sysctl(name: str) -> int:
    return int(_text(f"/proc/sys/{name}"))


def _text(path: str) -> str:
    return Path(path).read_text(encoding="ascii", errors="replace")

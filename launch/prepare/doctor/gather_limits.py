"""Gathers what bounds this process and its children: memory, tasks, descriptors, maps. Reads only."""

from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from launch.prepare.doctor.control_groups import group_rooms
from launch.prepare.doctor.facts import ResourceLimit
from launch.screen.messages import describe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from launch.prepare.doctor.mounts import Mount

Found = TypeVar("Found")

# A process that has one of them is not bound by RLIMIT_NPROC (fork(2)); their bits, capabilities(7).
_EXEMPT: Final = 1 << 21 | 1 << 24  # CAP_SYS_ADMIN, CAP_SYS_RESOURCE
_WHOLE_RANGE: Final = ["0", "0", "4294967295"]  # of the host's own user namespace, user_namespaces(7)


class Limits(NamedTuple):
    """As in :class:`launch.prepare.doctor.facts.HostFacts`."""

    memory: tuple[ResourceLimit, ...]
    tasks: tuple[ResourceLimit, ...]
    open_files: ResourceLimit | None
    inotify: ResourceLimit | None
    descriptors: int | None
    mappings: int | None
    address_space: int | None


def gather_limits(mounts: Sequence[Mount], unseen: dict[str, str]) -> Limits:
    """All limits that hold here, as far as they can be told.

    Args:
        mounts: All mounts.
        unseen: Gets, by check, why something could not be looked at: a /proc that shows less, a filter.

    """

    def had(check: str, look: Callable[[], Found], otherwise: Found) -> Found:
        try:
            return look()
        except (OSError, ValueError, LookupError) as error:
            unseen.setdefault(check, describe(error))
            return otherwise

    none: list[ResourceLimit] = []
    group_tasks, group_memory = had("processes", lambda: _groups(mounts), (none, none))
    if "processes" in unseen:
        unseen.setdefault("memory", unseen["processes"])
    per_user = had("processes", _per_user, none)
    host_tasks = had("processes", _host_tasks, none)
    no_room: ResourceLimit | None = None
    no_limits: tuple[int | None, int | None] = (None, None)
    return Limits(
        memory=(*had("memory", _available, none), *group_memory),
        tasks=(*host_tasks, *group_tasks, *per_user),
        open_files=had("descriptors", _open_files, no_room),
        inotify=had("inotify", _inotify, no_room),
        descriptors=had("descriptors", lambda: _rlimit(resource.RLIMIT_NOFILE), no_limits)[0],
        mappings=had("memory maps", _max_map_count, no_limits[0]),
        address_space=had("memory maps", lambda: _rlimit(resource.RLIMIT_AS), no_limits)[1],
    )


def _groups(mounts: Sequence[Mount]) -> tuple[list[ResourceLimit], list[ResourceLimit]]:
    return group_rooms(mounts, _text("/proc/self/cgroup"))


def _host_tasks() -> list[ResourceLimit]:
    threads = int(_text("/proc/loadavg").split()[3].split("/")[1])
    names = ("pid_max", 4194304), ("threads-max", "NUMBER")
    return [
        ResourceLimit(f"kernel.{name}", _sysctl(f"kernel/{name}"), threads, f"sysctl kernel.{name}={value}")
        for name, value in names
    ]


def _per_user() -> list[ResourceLimit]:
    per_user, _ = _rlimit(resource.RLIMIT_NPROC)
    if per_user is None or _exempt():
        return []
    fix = "ulimit -u NUMBER, or LimitNPROC= of the unit, or nproc in /etc/security/limits.conf"
    return [ResourceLimit("RLIMIT_NPROC", per_user, tasks_of_user(os.getuid()), fix)]


def _max_map_count() -> int | None:
    return _sysctl("vm/max_map_count")


def _open_files() -> ResourceLimit | None:
    open_now, _, open_max = (int(number) for number in _text("/proc/sys/fs/file-nr").split())
    return ResourceLimit("fs.file-max", open_max, open_now, "sysctl fs.file-max=NUMBER")


def _inotify() -> ResourceLimit:
    name = "fs.inotify.max_user_instances"
    limit = _sysctl("fs/inotify/max_user_instances")
    return ResourceLimit(name, limit, inotify_instances_of_user(os.getuid()), f"sysctl {name}=NUMBER")


def inotify_instances_of_user(uid: int) -> int:
    """Instances of inotify that processes of a user have open, as far as they can be seen from here."""
    return _sum_of_user(uid, lambda process: sum(map(_is_inotify, os.scandir(f"{process}/fd"))))


def _is_inotify(descriptor: os.DirEntry[str]) -> bool:
    try:
        return os.readlink(descriptor.path) == "anon_inode:inotify"
    except OSError:
        return False


def _rlimit(limit: int) -> tuple[int | None, int | None]:
    """The soft and the hard limit (getrlimit(2)); None for none."""
    try:
        limits = resource.getrlimit(limit)
    except OSError as error:
        raise OSError(error.errno, error.strerror, "prlimit64") from None
    soft, hard = (None if one == resource.RLIM_INFINITY else one for one in limits)
    return soft, hard


def tasks_of_user(uid: int) -> int:
    """Processes and threads of a user, as far as they can be seen from here."""
    return _sum_of_user(uid, lambda process: len(os.listdir(f"{process}/task")))


def _sum_of_user(uid: int, count: Callable[[str], int]) -> int:
    """Counts something of each process of a user, by its folder in /proc; of one that has ended, nothing."""
    found = 0
    for name in os.listdir("/proc"):
        if not name.isdecimal():
            continue
        try:
            if os.stat(f"/proc/{name}").st_uid == uid:
                found += count(f"/proc/{name}")
        except OSError:
            continue
    return found


def _available() -> list[ResourceLimit]:
    """What the kernel says can be had without swapping (proc(5), MemAvailable)."""
    lines = _text("/proc/meminfo").splitlines()
    found = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.endswith("kB")}
    total = found["MemTotal"]
    used = total - found.get("MemAvailable", total)
    return [
        ResourceLimit("available memory", total, used, "end something, or run fewer cameras on this host")
    ]


def _exempt() -> bool:
    """Whether RLIMIT_NPROC does not bind this process."""
    if _text("/proc/self/uid_map").split() != _WHOLE_RANGE:
        return False  # root of a container is the user nobody out here
    lines = _text("/proc/self/status").splitlines()
    held = next((int(line.split()[1], 16) for line in lines if line.startswith("CapEff:")), 0)
    return os.getuid() == 0 or bool(held & _EXEMPT)


def _sysctl(name: str) -> int:
    return int(_text(f"/proc/sys/{name}"))


def _text(path: str) -> str:
    return Path(path).read_text(encoding="ascii", errors="replace")

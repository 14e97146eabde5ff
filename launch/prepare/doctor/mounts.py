"""What is mounted where (proc(5), ``/proc/self/mountinfo``), and in which pages files take memory there."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from launch.roots import nearest_existing_directory
from ruth.export.layout import PAGE_SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence

_HUGE_PAGES: Final = "/sys/kernel/mm/transparent_hugepage"
_HUGE_PAGE_BYTES: Final = 2 * 1024 * 1024
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


class Mount(NamedTuple):
    """One mount.

    Attributes:
        root: Which folder of the filesystem is there.
        point: Where.
        filesystem: Its type.
        options: Of the filesystem, not of this mount of it.

    """

    root: str
    point: str
    filesystem: str
    options: tuple[str, ...]


def read_mounts() -> list[Mount]:
    """All mounts that this process sees.

    Raises:
        OSError: There is no /proc.

    """
    return parse_mounts(Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape"))


def parse_mounts(text: str) -> list[Mount]:
    """The mounts of a mountinfo, in its order: later ones may cover earlier ones."""
    mounts = []
    for line in text.splitlines():
        mount, _, filesystem = line.partition(" - ")
        fields, types = mount.split(" "), filesystem.split(" ")
        if len(fields) >= 6 and len(types) >= 3:
            mounts.append(Mount(_plain(fields[3]), _plain(fields[4]), types[0], tuple(types[2].split(","))))
    return mounts


def mount_of(path: str, mounts: Sequence[Mount]) -> Mount | None:
    """The mount that a path without links lies on; None if there is none."""
    found = None
    for mount in mounts:
        inside = path == mount.point or path.startswith(mount.point.rstrip("/") + "/")
        if inside and (found is None or len(mount.point) >= len(found.point)):
            found = mount
    return found


def page_bytes_of(mount: Mount | None) -> int:
    """In which steps a file on that mount takes memory: a tmpfs with huge=always gives even a byte 2 MiB."""
    if mount is None or mount.filesystem != "tmpfs":
        return PAGE_SIZE
    setting = _text(f"{_HUGE_PAGES}/shmem_enabled")
    denied, forced = "[deny]" in setting, "[force]" in setting
    if denied or not (forced or "huge=always" in mount.options):
        return PAGE_SIZE
    size = _text(f"{_HUGE_PAGES}/hpage_pmd_size").strip()
    return int(size) if size.isdecimal() else _HUGE_PAGE_BYTES


def shared_page_bytes(*folders: str) -> int:
    """The largest :func:`page_bytes_of` the mounts that these folders, existing or not, lie on."""
    try:
        mounts = read_mounts()
    except OSError:
        return PAGE_SIZE
    nearest = (os.path.realpath(nearest_existing_directory(folder)) for folder in folders)
    return max(page_bytes_of(mount_of(folder, mounts)) for folder in nearest)


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def _plain(escaped: str) -> str:
    """A name as it is: blanks and the like are written as three octal digits."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), escaped)

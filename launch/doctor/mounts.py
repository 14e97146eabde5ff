"""What is mounted where (proc(5), ``/proc/self/mountinfo``). Pure but for :func:`read_mounts`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


class Mount(NamedTuple):
    """One mount.

    Attributes:
        root: Which folder of the filesystem stands there.
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


def _plain(escaped: str) -> str:
    """A name as it is: blanks and the like are written as three octal digits."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), escaped)

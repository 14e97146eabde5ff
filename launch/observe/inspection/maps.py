"""What an agent's memory map says. Pure: the text of ``/proc/<pid>/maps`` in, values out."""

from __future__ import annotations

from typing import Final, NamedTuple

from ruth.identity import DATA_NAME, META_NAME, STATE_NAME

_NAMES: Final = frozenset((META_NAME, DATA_NAME, STATE_NAME))
_NATIVE: Final = "native.so"
_DELETED: Final = " (deleted)"
_FIELDS: Final = 6  # address, permissions, offset, device, inode, path (proc(5))


class MappedFile(NamedTuple):
    """One mapping of a file.

    Attributes:
        path: As the kernel names it.
        size: Bytes mapped, a multiple of the page size.
        permissions: As proc(5) has them: ``r--s`` is read-only and shared.
        deleted: Whether the file has no name any more.

    """

    path: str
    size: int
    permissions: str
    deleted: bool

    @property
    def read_only(self) -> bool:
        """Whether a store through this mapping is refused by the kernel."""
        return "w" not in self.permissions


def has_native(maps: str) -> bool:
    """Whether the compiled library of :mod:`launch.agent.native` is in memory, of whatever installation.

    By its name alone: an upgrade under a running agent moves its file elsewhere before it is removed.
    """
    return any(
        line.removesuffix(_DELETED).rpartition("/")[2] == _NATIVE for line in maps.splitlines() if "/" in line
    )


def mapped_files(maps: str, camera_id: str) -> tuple[MappedFile, ...]:
    """The mappings of ``camera_id``'s export and state, in the order of ``maps``."""
    found = []
    for line in maps.splitlines():
        fields = line.split(maxsplit=_FIELDS - 1)
        if len(fields) < _FIELDS:
            continue  # memory without a file
        path = fields[5].removesuffix(_DELETED)
        if path.split("/")[-2:-1] == [camera_id] and path.rpartition("/")[2] in _NAMES:
            start, _, end = fields[0].partition("-")
            found.append(
                MappedFile(path, int(end, 16) - int(start, 16), fields[1], fields[5].endswith(_DELETED))
            )
    return tuple(found)

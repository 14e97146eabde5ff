"""Which cameras were meant: ids and patterns of a user, against the cameras that there are. Pure."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, NamedTuple

from launch.screen.nearest import nearest
from ruth.identity import check_id
from ruth.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

_WILD: Final = frozenset("*?[")
"""None of these is in an id."""


class Selection(NamedTuple):
    """What came of it.

    Attributes:
        cameras: Those that were meant, in the order of all, each once.
        problems: A message for each id or pattern that none is called by.

    """

    cameras: tuple[str, ...]
    problems: tuple[str, ...]


def expand(wanted: Sequence[str], known: Sequence[str]) -> Selection:
    """As :func:`select`, but an id counts as it is, whether it is known or not; none are all of none.

    Raises:
        InvalidIdError: What has no ``*``, ``?`` or ``[`` in it is not a valid id.

    """
    cameras: dict[str, None] = {}
    problems: list[str] = []
    for name in wanted:
        if _WILD.isdisjoint(name):
            cameras[check_id("camera", name)] = None
            continue
        found = select([name], known)
        cameras |= dict.fromkeys(found.cameras)
        problems += found.problems
    return Selection(tuple(cameras), tuple(problems))


def select(wanted: Sequence[str], known: Sequence[str]) -> Selection:
    """Those of ``known`` that ``wanted`` names; all of them if it names none.

    Args:
        wanted: Ids, and patterns as shells have them: ``gate-*``.
        known: All cameras.

    Raises:
        InvalidIdError: What has no ``*``, ``?`` or ``[`` in it is not a valid id.

    """
    if not wanted:
        return Selection(tuple(known), ())
    meant: set[str] = set()
    problems = []
    for name in wanted:
        if _WILD.isdisjoint(name):
            check_id("camera", name)
        found = {camera for camera in known if fnmatchcase(camera, name)}
        if not found:
            problems.append(f"{printable(name)}: no such camera{nearest(name, known)}")
        meant |= found
    return Selection(tuple(camera for camera in known if camera in meant), tuple(problems))

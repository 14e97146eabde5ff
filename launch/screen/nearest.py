"""Did-you-mean suggestions for unknown names: ids, options, verbs and keys of a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

_LISTED_MAX: Final = 5
_SLIP_MIN: Final = 4  # characters of a name; shorter ones are near each other without a slip
_COMPARED_MAX: Final = 100  # characters of a name; no id is longer, and the time grows with the square


def suggestion(name: str, known: Collection[str]) -> str:
    """The end of a message: ``"; did you mean 'yard'?"``; empty if none of ``known`` is close to ``name``."""
    near = closest(name, known)
    return "" if near is None else f"; did you mean {near!r}?"


def nearest(name: str, known: Collection[str]) -> str:
    """The end of a message: ``"; did you mean 'yard'?"``, or ``"; there are: a, b"``; empty if none is known.

    Args:
        name: What was asked for; it is not among ``known``.
        known: The names that exist.

    """
    if (meant := suggestion(name, known)) or not known:
        return meant
    listed = list(known)[:_LISTED_MAX]
    more = len(known) - len(listed)
    return f"; there are: {', '.join(listed)}{f' and {more} more' if more else ''}"


def closest(name: str, known: Collection[str]) -> str | None:
    """The one of ``known`` that ``name`` is most likely a slip of, in any case; None without a good guess."""
    import difflib  # only a slip needs it

    as_known = {one.lower(): one for one in reversed(list(known))}  # of several, the first
    near = difflib.get_close_matches(name[:_COMPARED_MAX].lower(), as_known, n=1)
    return as_known[near[0]] if near else None


def is_slip(name: str, known: str) -> bool:
    """Tells whether ``name`` and ``known`` differ by one slip of a keyboard.

    That is another case, ``_`` or ``.`` for ``-``, or, in names of four characters and more, besides that one
    character more, less or other, or two neighbours swapped. Names with different numbers in them are
    different on purpose: ``gate-1`` is not a slip of ``gate-2``, nor ``yolo`` of ``yolo8``.

    Returns:
        False also if they are the same.

    """
    if name == known or abs(len(name) - len(known)) > 1 or len(name) > _COMPARED_MAX:
        return False
    one, other = _folded(name), _folded(known)
    if [each for each in one if each.isdigit()] != [each for each in other if each.isdigit()]:
        return False
    if min(len(one), len(other)) < _SLIP_MIN:
        return one == other
    while one and other and one[0] == other[0]:
        one, other = one[1:], other[1:]
    while one and other and one[-1] == other[-1]:
        one, other = one[:-1], other[:-1]
    return max(len(one), len(other)) <= 1 or (len(one) == 2 and one == other[::-1])


def _folded(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")

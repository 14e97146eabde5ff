"""What somebody probably meant who named something that is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_LISTED_MAX: Final = 5


def suggestion(name: str, known: Sequence[str]) -> str:
    """The end of a message: ``"; did you mean 'yard'?"``; empty if none of ``known`` is close to ``name``."""
    import difflib  # only a slip needs it

    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def nearest(name: str, known: Sequence[str]) -> str:
    """The end of a message: ``"; did you mean 'yard'?"``, or ``"; there are: a, b"``; empty if none is known.

    Args:
        name: What was asked for; it is not among ``known``.
        known: What there is.

    """
    if (meant := suggestion(name, known)) or not known:
        return meant
    more = len(known) - _LISTED_MAX
    return f"; there are: {', '.join(known[:_LISTED_MAX])}{f' and {more} more' if more > 0 else ''}"

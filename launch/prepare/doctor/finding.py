"""One finding: what was looked at, how bad it is, what is so, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMED_MAX: Final = 3


class Level(Enum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"  # it would stop `ruth up`, for all cameras or for some


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    Attributes:
        check: What was looked at, in a word or two; the same for the same check on every host.
        level: How bad it is.
        text: What is so.
        fix: What to do; None if there is nothing to do.

    Raises:
        ValueError: Something is wrong and there is no fix, or the other way round.

    """

    check: str
    level: Level
    text: str
    fix: str | None = None

    def __post_init__(self) -> None:
        if (self.level is Level.OK) is not (self.fix is None):
            raise ValueError(f"{self.check}: a fix belongs to what is wrong, and to nothing else")


def named(camera_ids: Sequence[str]) -> str:
    """The first few of them, and how many more there are."""
    more = len(camera_ids) - _NAMED_MAX
    return ", ".join(camera_ids[:_NAMED_MAX]) + (f" and {more} more" if more > 0 else "")

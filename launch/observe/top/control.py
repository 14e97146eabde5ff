"""What the user of ``ruth top`` asked for, and how a key changes it. Pure: values in, values out.

| key | does |
|---|---|
| `s`, `n`, `f`, `c` | sorts by need (state), name, FPS or CPU, from the top |
| `<`, `>`, left, right | sorts by the column before or behind |
| `r` | turns the order round |
| `/` | types a filter: Enter keeps it, Esc drops it |
| up, `k`, down, `j`, PgUp, `b`, PgDn, space, Home, `g`, End, `G` | scrolls |
| `?`, `h` | shows the keys; any key goes back |
| `q` | ends |
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Final

ORDERS: Final = ("state", "name", "pid", "fps", "allowed", "cpu", "private", "age", "missed")
"""What rows can be sorted by: what needs a hand first (:mod:`launch.observe.attention`), or a column."""

HELP: Final = (
    "s n f c      sort by need of a hand (state), name, FPS, CPU",
    "< >          sort by the column before, behind; arrows do it, too",
    "r            turn the order round",
    "/            filter: a part of an id, a pattern (gate-*), or a state; Enter, Esc",
    "up down j k  scroll by a line",
    "PgUp PgDn    scroll by a page; b and space, too",
    "Home End     first and last camera; g and G, too",
    "?            these keys; any key goes back",
    "q            end",
    "",
    "A model's column: frames allowed per second, under its cap; in brackets a cap of",
    "its own. MISSED: frames that the agent never saw, since it started.",
)
FILTER_MAX: Final = 64  # characters of the longest id
_ORDER_OF_KEY: Final = {"s": "state", "n": "name", "f": "fps", "c": "cpu"}
_COLUMN_OF_KEY: Final = {"<": -1, "left": -1, ">": 1, "right": 1}
_STEP_OF_KEY: Final = {"up": -1, "k": -1, "down": 1, "j": 1}
_PAGE_OF_KEY: Final = {"page up": -1, "b": -1, "page down": 1, " ": 1}
_FIRST: Final = ("home", "g")
_LAST: Final = ("end", "G")


@dataclass(frozen=True, slots=True)
class Control:
    """What is shown, of all that there is.

    Attributes:
        order: One of :data:`ORDERS`.
        reverse: Whether the order is turned round.
        first: Which row comes first, from 0.
        filter: Rows to show, as :func:`matches` has it; empty for all.
        typing: Whether keys go into the filter.
        help: Whether the keys are shown.

    """

    order: str = ORDERS[0]
    reverse: bool = False
    first: int = 0
    filter: str = ""
    typing: bool = False
    help: bool = False

    def pressed(self, key: str, page: int, rows: int) -> Control:
        """What a key makes of it.

        Args:
            key: As :func:`launch.observe.top.terminal.names_of` names it; not ``q``, unless it is typed.
            page: Rows on the screen.
            rows: Rows that there are.

        """
        if self.typing:
            return self._typed(key)
        if self.help:
            return replace(self, help=False)
        if key in ("?", "h"):
            return replace(self, help=True)
        if key == "/":
            return replace(self, typing=True, filter="", first=0)
        if key == "escape":
            return replace(self, filter="", first=0)
        if key == "r":
            return replace(self, reverse=not self.reverse, first=0)
        if key in _ORDER_OF_KEY:
            return replace(self, order=_ORDER_OF_KEY[key], reverse=False, first=0)
        if key in _COLUMN_OF_KEY:
            place = (ORDERS.index(self.order) + _COLUMN_OF_KEY[key]) % len(ORDERS)
            return replace(self, order=ORDERS[place], reverse=False, first=0)
        return replace(self, first=self._scrolled(key, page, max(0, rows - page)))

    def _scrolled(self, key: str, page: int, last: int) -> int:
        if key in _FIRST:
            return 0
        if key in _LAST:
            return last
        return max(0, min(self.first + _STEP_OF_KEY.get(key, 0) + _PAGE_OF_KEY.get(key, 0) * page, last))

    def _typed(self, key: str) -> Control:
        if key == "enter":
            return replace(self, typing=False)
        if key == "escape":
            return replace(self, typing=False, filter="")
        if key == "backspace":
            return replace(self, filter=self.filter[:-1])
        if len(key) == 1 and key.isprintable() and len(self.filter) < FILTER_MAX:
            return replace(self, filter=self.filter + key, first=0)
        return self


def matches(text: str, camera_id: str, state: str) -> bool:
    """Tells whether a filter leaves a camera: by a part of its id or a pattern, in any case, or by its state.

    Args:
        text: The filter; empty for all.
        camera_id: Of the camera.
        state: One of :data:`launch.observe.attention.STATES`.

    """
    wanted, camera = text.lower(), camera_id.lower()
    return wanted in camera or fnmatchcase(camera, wanted) or state.startswith(wanted)

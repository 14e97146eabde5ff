"""``ruth top`` as it runs: on a terminal screen after screen, elsewhere one JSON object a line."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Final

from launch.terminal import ellipsis_of, in_colour
from launch.top.rates import ordered, rows_of, totals_of
from launch.top.screen import Look, rows_that_fit, screen
from launch.top.terminal import SignalledError, Terminal, die_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from launch.top.rates import Row
    from launch.top.reading import Reader

FIRST_INTERVAL_S: Final = 0.25  # before the first refresh, at the most: a rate needs two readings
_ORDER_OF_KEY: Final = {"c": "cpu", "f": "fps", "n": "name"}
_STEP_OF_KEY: Final = {"up": -1, "k": -1, "down": 1, "j": 1}
_PAGE_OF_KEY: Final = {"page up": -1, "b": -1, "page down": 1, " ": 1}


def run_lines(reader: Reader, interval_s: float, count: int | None, out: TextIO) -> list[Row]:
    """Prints one JSON object a line, each refresh, until ``count`` are printed. Returns the last rows.

    Raises:
        OSError: ``out`` takes nothing more, or the state root cannot be read.

    """
    before = reader.read()
    for printed, due in enumerate(_dues(interval_s), 1):
        time.sleep(max(0.0, due - time.monotonic()))
        now = reader.read()
        rows = rows_of(before, now)
        refresh = {
            "time_ns": time.time_ns(),
            "interval_s": round((now.at_ns - before.at_ns) / 1e9, 3),
            "cameras": [row.as_json() for row in rows],
        }
        out.write(json.dumps(refresh) + "\n")
        out.flush()
        before = now
        if printed == count:
            break
    return rows


def run_screens(
    reader: Reader, interval_s: float, count: int | None, order: str, out: TextIO, keys: int
) -> list[Row]:
    """Draws screens until ``count`` are drawn or the user ends it; the last one stays on the terminal.

    Args:
        reader: Of the cameras.
        interval_s: Seconds between refreshes.
        count: How many refreshes; None for no end.
        order: One of :data:`launch.top.rates.ORDERS`.
        out: A terminal.
        keys: Descriptor to read keys from.

    Returns:
        The last rows.

    Raises:
        OSError: The state root cannot be read, or the terminal has gone.

    """
    top = _Top(out, order)
    try:
        with Terminal(out.fileno(), keys) as terminal:
            terminal.take()
            top.follow(terminal, reader, interval_s, count)
    except SignalledError as signalled:
        die_of(signalled.number)
    out.write("".join(f"{line}\n" for line in top.drawn))
    return top.rows


class _Top:
    """What is on the screen, and what the user asked for.

    Attributes:
        drawn: The lines that were drawn last.
        rows: What they show.

    """

    __slots__ = ("_colour", "_first", "_mark", "_order", "drawn", "rows")

    def __init__(self, out: TextIO, order: str) -> None:
        self._order = order
        self._mark = ellipsis_of(out)
        self._colour = in_colour(out)
        self._first = 0
        self.rows: list[Row] = []
        self.drawn: list[str] = []

    def follow(self, terminal: Terminal, reader: Reader, interval_s: float, count: int | None) -> None:
        """Refreshes and obeys keys until the user or ``count`` ends it."""
        before = reader.read()
        for refreshed, due in enumerate(_dues(interval_s), 1):
            while (remaining := due - time.monotonic()) > 0:
                keys = terminal.wait(remaining)
                if "q" in keys:
                    return
                for key in keys:
                    self._obey(key, terminal)
                if self.drawn:
                    self._draw(terminal)
            now = reader.read()
            self.rows = rows_of(before, now)
            self._draw(terminal)
            before = now
            if refreshed == count:
                return

    def _obey(self, key: str, terminal: Terminal) -> None:
        page = rows_that_fit(terminal.size().lines, len(self.rows))
        last = max(0, len(self.rows) - page)
        self._order = _ORDER_OF_KEY.get(key, self._order)
        self._first += _STEP_OF_KEY.get(key, 0) + _PAGE_OF_KEY.get(key, 0) * page
        if key in ("home", *_ORDER_OF_KEY):
            self._first = 0
        if key == "end":
            self._first = last
        self._first = max(0, min(self._first, last))

    def _draw(self, terminal: Terminal) -> None:
        size = terminal.size()
        look = Look(
            columns=size.columns,
            lines=size.lines,
            order=self._order,
            first=self._first,
            clock=time.strftime("%H:%M:%S"),
            mark=self._mark,
            colour=self._colour,
        )
        self.drawn = screen(ordered(self.rows, self._order), totals_of(self.rows), look)
        terminal.draw(self.drawn)


def _dues(interval_s: float) -> Iterator[float]:
    """When refreshes are due (time.monotonic()); those for which it is too late are left out."""
    due = time.monotonic() + min(interval_s, FIRST_INTERVAL_S)
    while True:
        yield due
        late = max(0.0, time.monotonic() - due)
        due += interval_s * (1 + late // interval_s)

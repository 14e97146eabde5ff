"""``ruth top`` as it runs: on a terminal screen after screen, elsewhere one JSON object a line."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from launch.observe.top.control import matches
from launch.observe.top.rates import ordered, rows_of, totals_of
from launch.observe.top.screen import ScreenOptions, rows_that_fit, screen
from launch.observe.top.terminal import SignalledError, Terminal, die_of
from launch.screen.terminal import ellipsis_of, in_colour
from ruth.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from launch.observe.top.control import Control
    from launch.observe.top.rates import Row
    from launch.observe.top.reading import Reader

FIRST_INTERVAL_S: Final = 0.25  # at most, before the first refresh: a rate needs two readings


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
    reader: Reader, interval_s: float, count: int | None, control: Control, out: TextIO, keys: int
) -> list[Row]:
    """Draws screens until ``count`` are drawn or the user ends it; the last one stays on the terminal.

    Args:
        reader: Of the cameras.
        interval_s: Seconds between refreshes.
        count: How many refreshes; None for no end.
        control: What is shown at first.
        out: A terminal.
        keys: Descriptor to read keys from.

    Returns:
        The last rows.

    Raises:
        OSError: The state root cannot be read, or the terminal has gone.

    """
    top = _Top(out, control, reader.state_root)
    try:
        with Terminal(out.fileno(), keys) as terminal:
            terminal.enter()
            top.follow(terminal, reader, interval_s, count)
    except SignalledError as signalled:
        die_of(signalled.number)
    out.write("".join(f"{line}\n" for line in top.drawn))
    return top.rows


class _Top:
    """What is on the screen, and what the user asked for.

    Args:
        out: A terminal.
        control: What is shown at first.
        root: Folder of all agents' states, which is named where it is empty.

    Attributes:
        drawn: The lines that were drawn last.
        rows: What they show.

    """

    __slots__ = ("_colour", "_control", "_mark", "_root", "drawn", "rows")

    def __init__(self, out: TextIO, control: Control, root: str) -> None:
        self._control = control
        self._root = printable(root)
        self._mark = ellipsis_of(out)
        self._colour = in_colour(out)
        self.rows: list[Row] = []
        self.drawn: list[str] = []

    def follow(self, terminal: Terminal, reader: Reader, interval_s: float, count: int | None) -> None:
        """Refreshes and handles keys until the user or ``count`` ends it."""
        before = reader.read()
        for refreshed, due in enumerate(_dues(interval_s), 1):
            while (remaining := due - time.monotonic()) > 0:
                for key in terminal.wait(remaining):
                    if key == "q" and not self._control.typing:
                        return
                    self._handle_key(key, terminal)
                if self.drawn:
                    self._draw(terminal)
            now = reader.read()
            self.rows = rows_of(before, now)
            self._draw(terminal)
            before = now
            if refreshed == count:
                return

    def _handle_key(self, key: str, terminal: Terminal) -> None:
        rows = len(self._filtered())
        self._control = self._control.pressed(key, rows_that_fit(terminal.size().lines, rows), rows)

    def _filtered(self) -> list[Row]:
        return [row for row in self.rows if matches(self._control.filter, row.camera_id, row.state)]

    def _draw(self, terminal: Terminal) -> None:
        size = terminal.size()
        options = ScreenOptions(
            columns=size.columns,
            lines=size.lines,
            control=self._control,
            clock=time.strftime("%H:%M:%S"),
            mark=self._mark,
            colour=self._colour,
        )
        rows = ordered(self._filtered(), self._control.order, reverse=self._control.reverse)
        totals = totals_of(self.rows)
        if not self.rows:
            totals = replace(totals, cameras=f"cameras: 0 (none below {self._root})")
        self.drawn = screen(rows, totals, options)
        terminal.draw(self.drawn)


def _dues(interval_s: float) -> Iterator[float]:
    """When refreshes are due (time.monotonic()); those for which it is too late are left out."""
    due = time.monotonic() + min(interval_s, FIRST_INTERVAL_S)
    while True:
        yield due
        late = max(0.0, time.monotonic() - due)
        due += interval_s * (1 + late // interval_s)

"""The fault loop, in the manner of SQLite's tests: every system call of a program fails in turn.

A program is run once undisturbed. Then for every call that it made it is run again, with that call failing
once, and with it and all like it failing from there on; after each run what it left behind is judged.
"""

from __future__ import annotations

import errno
from itertools import cycle
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from faults.tracer import NEVER_FAIL, Failing, Ran, run

if TYPE_CHECKING:
    from collections.abc import Iterator

ERRORS: Final = (errno.EIO, errno.ENOMEM, errno.EMFILE, errno.EINTR)


class Scene(Protocol):
    """What is done, and what must hold whichever call of it fails."""

    def prepare(self) -> None:
        """Makes everything as it is before."""

    def set_up(self) -> object:
        """What is done first in the child, where nothing fails yet."""

    def play(self) -> object:
        """What is done then."""

    def judge(self, ran: Ran, failing: Failing | None) -> None:
        """AssertionError if what is left is not as it should be; ``failing`` is None if no call failed."""


class Looped(NamedTuple):
    """What a loop came to: how many calls the program makes, and how many runs there were."""

    calls: int
    runs: int


def loop(scene: Scene, *, every_error: bool, most: int | None = None, seconds: float = 10.0) -> Looped:
    """Goes through all cases.

    Args:
        scene: What is done.
        every_error: Each call fails with each error; else with one of them, in turn.
        most: So many cases at most, evenly spread; None for all.
        seconds: How long one run may last.

    """
    scene.prepare()
    whole = run(scene.set_up, scene.play)
    scene.judge(whole, None)
    runs = 1
    chosen = list(cases(whole, every_error=every_error))
    step = -(-len(chosen) // most) | 1 if most else 1  # odd: both forms, and every error, have a turn
    for failing in chosen[::step]:
        scene.prepare()
        ran = run(scene.set_up, scene.play, failing, seconds)
        runs += 1
        try:
            assert not ran.late, "blocked, or busy for ever"
            assert ran.code >= 0, f"ended by signal {-ran.code}"
            scene.judge(ran, failing)
        except AssertionError as error:
            error.add_note(f"{failing}: system call {ran.failed}, exit {ran.code}\n{ran.escaped}")
            raise
    return Looped(len(whole.calls), runs)


def cases(whole: Ran, *, every_error: bool) -> Iterator[Failing]:
    """Every call that can fail, once and for ever.

    EINTR for ever is not a case: it says that a signal has come, and Python makes such a call again (PEP
    475).
    """
    turns = cycle(ERRORS)
    for number, call in enumerate(whole.calls, 1):
        if call in NEVER_FAIL:
            continue
        for for_ever in (False, True):
            for error in ERRORS if every_error else (next(turns),):
                if error == errno.EINTR and for_ever:
                    error = errno.EIO  # noqa: PLW2901 - as above
                yield Failing(number, error, for_ever)

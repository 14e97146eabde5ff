from __future__ import annotations

import errno
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from faults.loop import loop
from faults.tracer import Failing, run

if TYPE_CHECKING:
    from collections.abc import Callable

    from faults.tracer import Ran

CHDIR = 80


def nothing() -> None:
    """Nothing comes first."""


def errors_of_four_calls() -> None:
    """Makes the same call four times, and lets out what they answered."""
    answers = []
    for _ in range(4):
        try:
            os.chdir("/")
            answers.append(0)
        except OSError as error:
            answers.append(error.errno)
    raise RuntimeError(answers)


@pytest.mark.parametrize(
    ("failing", "answers"),
    [
        (None, "[0, 0, 0, 0]"),
        (Failing(2, errno.EIO, for_ever=False), f"[0, {errno.EIO}, 0, 0]"),
        (Failing(3, errno.ENOMEM, for_ever=True), f"[0, 0, {errno.ENOMEM}, {errno.ENOMEM}]"),
    ],
)
def test_the_call_that_shall_fail_fails_and_no_other(failing: Failing | None, answers: str) -> None:
    """The n-th call gets the error, the calls before it do not, and those after it only if for ever."""
    ran = run(nothing, errors_of_four_calls, failing)
    assert ran.calls[:4] == (CHDIR,) * 4
    assert ran.escaped.endswith(f"RuntimeError: {answers}\n")


def test_a_call_that_fails_is_not_made() -> None:
    """What was asked for has not happened: the caller is told the truth."""

    def change() -> None:
        with suppress(OSError):
            os.chdir("/dev")
        os.getppid()  # from here on nothing fails
        assert os.getcwd() != "/dev"

    assert run(nothing, change, Failing(1, errno.EIO, for_ever=False)).escaped == ""


class Careless:
    """A program with a defect, which a loop must find."""

    def __init__(self, play: Callable[[], object]) -> None:
        self.play = play

    def prepare(self) -> None:
        """Nothing comes first."""

    def set_up(self) -> None:
        """Nothing here either."""

    def judge(self, ran: Ran, failing: Failing | None) -> None:  # noqa: ARG002 - any call
        """Nothing may escape."""
        assert ran.escaped == ""


def lets_an_error_out() -> None:
    """Expects nothing to fail."""
    os.chdir("/")


def asks_for_ever() -> None:
    """Expects that it will succeed at last."""
    while True:
        with suppress(OSError):
            os.chdir("/")
            return


def waits_for_ever() -> None:
    """Waits for what has failed."""
    try:
        os.chdir("/")
    except OSError:
        time.sleep(3600)


@pytest.mark.parametrize("defect", [lets_an_error_out, asks_for_ever, waits_for_ever])
def test_a_defect_is_found(defect: Callable[[], object]) -> None:
    """A program that lets an error out, never gives up, or waits for ever does not get through the loop."""
    with pytest.raises(AssertionError) as found:
        loop(Careless(defect), every_error=False, seconds=0.3)
    assert any("system call 80" in note for note in found.value.__notes__)

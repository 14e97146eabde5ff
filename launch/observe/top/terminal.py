"""A terminal that a screen is drawn on, and that is restored at the end, whatever ends it.

What can be caught is caught: Ctrl-C, Ctrl-Z, SIGQUIT, SIGTERM, SIGHUP, an exception. After SIGKILL nothing
can be done; ``reset`` (reset(1)) then repairs the terminal.
"""

from __future__ import annotations

import os
import select
import signal
import termios
import time
import tty
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

_ENTER: Final = (
    "\x1b[?1049h\x1b[?25l\x1b[2J"  # the alternate screen, no cursor, empty (xterm control sequences)
)
_LEAVE: Final = "\x1b[?25h\x1b[?1049l"
_HOME: Final = "\x1b[H"
_REST_OF_LINE: Final = "\x1b[K"
_REST_OF_SCREEN: Final = "\x1b[J"

_KEYS: Final = {
    b"\x1b[A": "up",
    b"\x1b[B": "down",
    b"\x1bOA": "up",
    b"\x1bOB": "down",
    b"\x1b[5~": "page up",
    b"\x1b[6~": "page down",
    b"\x1b[D": "left",
    b"\x1b[C": "right",
    b"\x1bOD": "left",
    b"\x1bOC": "right",
    b"\x1b[H": "home",  # xterm; then with its application keys, the Linux console and screen, rxvt
    b"\x1bOH": "home",
    b"\x1b[1~": "home",
    b"\x1b[7~": "home",
    b"\x1b[F": "end",
    b"\x1bOF": "end",
    b"\x1b[4~": "end",
    b"\x1b[8~": "end",
    b"\r": "enter",
    b"\n": "enter",
    b"\x7f": "backspace",
    b"\x08": "backspace",
}
_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_KEY_BYTES: Final = 64
_GIVE_BACK_S: Final = 0.5


class SignalledError(BaseException):
    """A signal that ends the process has come; raised so that the terminal is restored first.

    Attributes:
        number: Which.

    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Terminal:
    """The terminal of this process, from :meth:`enter` to the end of its ``with``.

    A signal that ends the process is recorded, and raised in :meth:`wait` and :meth:`draw` alone: an
    exception at any other moment could hit the very code that gives the terminal back.

    Args:
        screen: Descriptor to draw on, a terminal.
        keys: Descriptor to read keys from; if it is not a terminal, there are none.

    """

    __slots__ = (
        "_before",
        "_drawing",
        "_ended",
        "_handlers",
        "_keys",
        "_screen",
        "_suspended",
        "_taken",
        "_wake",
    )

    def __init__(self, screen: int, keys: int) -> None:
        self._screen = screen
        self._keys: int | None = keys if os.isatty(keys) else None
        self._before: list[Any] | None = None
        self._handlers: dict[int, Any] = {}
        self._wake = (-1, -1)
        self._taken = self._suspended = self._drawing = False
        self._ended = 0

    def __enter__(self) -> Self:
        self._wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(self._wake[1], warn_on_full_buffer=False)
        for number, handler in (
            *((ending, self._note) for ending in _ENDING),
            (signal.SIGTSTP, self._suspend),
            (signal.SIGWINCH, _ignore),
        ):
            before = signal.getsignal(number)
            if before is not signal.SIG_IGN:  # nohup(1), or a shell's background
                self._handlers[number] = before
                signal.signal(number, handler)
        return self

    def __exit__(self, *_: object) -> None:
        for number in self._handlers:
            signal.signal(number, signal.SIG_IGN)  # a second signal changes nothing
        if self._taken:
            self._restore()
        signal.set_wakeup_fd(-1)
        for descriptor in self._wake:
            os.close(descriptor)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def enter(self) -> None:
        """Changes to the alternate screen, and reads keys as they are pressed."""
        self._taken = True
        if self._keys is not None:
            self._before = termios.tcgetattr(self._keys)
            tty.setcbreak(self._keys, termios.TCSANOW)
        self._write(_ENTER)

    def size(self) -> os.terminal_size:
        """Columns and lines, now; 80 x 24 of a terminal that does not say."""
        size = os.get_terminal_size(self._screen)
        return size if size.columns and size.lines else os.terminal_size((80, 24))

    def draw(self, lines: Sequence[str]) -> None:
        """Shows ``lines``, at most as many and as long as the screen has, instead of what was there."""
        text = "\r\n".join(line + _REST_OF_LINE for line in lines)
        self._write(_HOME + text + _REST_OF_SCREEN)

    def wait(self, seconds: float) -> list[str]:
        """Waits until keys are pressed, the size changes or the time is up.

        Returns:
            Keys by name: a character, ``"up"``, ``"down"``, ``"left"``, ``"right"``, ``"page up"``,
            ``"page down"``, ``"home"``, ``"end"``, ``"enter"``, ``"backspace"``, ``"escape"``; none if it
            was not a key.

        """
        readable, _, _ = select.select(
            [self._wake[0], *([] if self._keys is None else [self._keys])], [], [], max(0.0, seconds)
        )
        if self._wake[0] in readable:
            with suppress(BlockingIOError):
                os.read(self._wake[0], _KEY_BYTES)
        if self._ended:
            self._raise()
        if self._suspended:
            self._stop_until_continued()
        if self._keys is None or self._keys not in readable:
            return []
        pressed = os.read(self._keys, _KEY_BYTES)
        if not pressed:
            self._keys = None  # the terminal has gone, or was closed: there are no more keys
        return names_of(pressed)

    def _restore(self) -> None:
        self._taken = False
        if self._keys is not None and self._before is not None:
            with suppress(OSError, termios.error):  # it may have gone
                termios.tcsetattr(self._keys, termios.TCSANOW, self._before)
        with suppress(OSError):
            if select.select([], [self._screen], [], _GIVE_BACK_S)[1]:  # else it is held up, as by Ctrl-S
                os.write(self._screen, _LEAVE.encode())

    def _write(self, text: str) -> None:
        remaining = text.encode(errors="replace")
        self._drawing = True
        try:
            while remaining:
                if self._ended:
                    self._raise()
                try:
                    remaining = remaining[os.write(self._screen, remaining) :]
                except BlockingIOError:  # another process has made the terminal non-blocking
                    select.select([self._wake[0]], [self._screen], [])
        finally:
            self._drawing = False

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._ended = number
        if self._drawing:
            self._raise()  # out of a write that blocks

    def _raise(self) -> NoReturn:
        if self._ended == signal.SIGINT:
            raise KeyboardInterrupt
        raise SignalledError(self._ended)

    def _suspend(self, _number: int, _frame: FrameType | None) -> None:
        self._suspended = True

    def _stop_until_continued(self) -> None:
        """Ctrl-Z: the shell gets its terminal back, and this process stops itself until ``fg``."""
        self._suspended = False
        self._restore()
        signal.raise_signal(signal.SIGSTOP)
        self.enter()


def names_of(pressed: bytes) -> list[str]:
    """The keys in what a terminal sent; unknown sequences are passed over."""
    names = []
    while pressed:
        known = next((code for code in _KEYS if pressed.startswith(code)), None)
        if known is not None:
            names.append(_KEYS[known])
            pressed = pressed[len(known) :]
        elif pressed == b"\x1b":
            return [*names, "escape"]
        elif pressed.startswith(b"\x1b"):
            return names
        else:
            names.append(pressed[:1].decode("ascii", "replace"))
            pressed = pressed[1:]
    return names


def die_of(number: int) -> NoReturn:
    """Ends this process by the signal, as if it had not been caught: who started it sees the cause."""
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
    while True:  # blocked by who started it: it comes at some time
        time.sleep(1)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Only the wake-up counts."""

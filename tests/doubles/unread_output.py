"""Places for messages, in tests, that no process reads: writing there in the ordinary way waits for ever."""

from __future__ import annotations

import os
import socket
import termios
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def full_pipe() -> tuple[int, int]:
    """Both ends of a pipe with no room left; the second one is for writing, here and below."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    fill(lambda: os.write(write_end, bytes(4096)))
    fill(lambda: os.write(write_end, b"\0"))
    os.set_blocking(write_end, True)
    return read_end, write_end


def full_socket() -> tuple[int, int]:
    """Both ends of a local stream socket with no room left, as a log daemon's that hangs."""
    ends = socket.socketpair()
    ends[1].setblocking(False)
    fill(lambda: ends[1].send(bytes(4096)))
    fill(lambda: ends[1].send(b"\0"))
    ends[1].setblocking(True)
    return ends[0].detach(), ends[1].detach()


def stopped_terminal() -> tuple[int, int]:
    """Both ends of a terminal whose output was stopped, as by Ctrl-S."""
    master, terminal = os.openpty()
    termios.tcflow(terminal, termios.TCOOFF)
    return master, terminal


def fill(put: Callable[[], int]) -> None:
    """Puts until there is no room."""
    try:
        while True:
            put()
    except BlockingIOError:
        return


UNREAD = (full_pipe, full_socket, stopped_terminal)

"""The viewer of a camera: ports that FFmpeg sends RTP to, where only is noticed whether pictures come.

The ports are ours, so that no stranger gets the pictures. What arrives is thrown away; the receive buffer is
the smallest there is, so what is read is fresh.
"""

from __future__ import annotations

import contextlib
import socket
from typing import Final

from launch.vas.source import LOOPBACK

_DATAGRAM_BYTES_MAX: Final = 2048
_DATAGRAMS_MAX: Final = 64  # of one poll: more than such a buffer holds


class Viewer:
    """One camera's viewer, until :meth:`close`. Raises OSError if it cannot have its ports.

    Attributes:
        ports: UDP ports on the loopback interface for RTP and RTCP.

    """

    def __init__(self) -> None:
        with contextlib.ExitStack() as undo:
            self._rtp, rtcp = (undo.enter_context(_loopback_socket()) for _ in range(2))
            self.ports: tuple[int, int] = (self._rtp.getsockname()[1], rtcp.getsockname()[1])
            self._held = undo.pop_all()

    def arrived(self) -> bool:
        """Whether anything has come since the last poll."""
        count = 0
        with contextlib.suppress(BlockingIOError):
            while count < _DATAGRAMS_MAX:
                self._rtp.recv(_DATAGRAM_BYTES_MAX)
                count += 1
        return count > 0

    def close(self) -> None:
        """Closes the ports."""
        self._held.close()


def _loopback_socket() -> socket.socket:
    with contextlib.ExitStack() as undo:
        opened = undo.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK))
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        opened.bind((LOOPBACK, 0))
        undo.pop_all()
    return opened
